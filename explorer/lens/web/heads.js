// How heads are chosen, in the lens on photos and in that on text.

/** A head is chosen alone, or with others; chosen again, all count. head: from 1, 0 = all. */
function pickHead(lens, head, several) {
  if (!head) return choose(lens, { heads: [] });
  const others = lens.heads.filter((other) => other !== head);
  const alone = lens.heads.length === 1 && lens.heads[0] === head;
  const heads = several ? (others.length < lens.heads.length ? others : [...others, head]) : alone ? [] : [head];
  choose(lens, { heads: heads.sort((a, b) => a - b) });
}

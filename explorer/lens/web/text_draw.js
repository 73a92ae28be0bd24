// Drawing a lens on text: the attention of the token under the pointer, and what is predicted after it.

/** Colours that numbers tint the text with, so that it can be read on them in light and dark. */
const TINTS = { heat: "236 112 32", rate: "45 125 210" };
const HEAT = TINTS.heat.split(" ").map(Number);
const STRONGEST = 0.85;
/** Below and above even attention. */
const LESS = TINTS.rate.split(" ").map(Number);
const tint = (scale, level) => scale === "even" ? tint(level < 0 ? "rate" : "heat", Math.min(Math.abs(level), 1)) : `rgb(${TINTS[scale]} / ${(100 * STRONGEST * level).toFixed(1)}%)`;

function draw(lens) {
  if (!lens.boxes.length) return; // no text yet
  const started = performance.now();
  const token = lens.pointed ?? chosenToken(lens);
  const rows = attentionRows(lens.feed.layer(lens.layer), token, true);
  lens.frames = (lens.frames ?? 0) + 1;
  showControls(lens);
  if (lens.select.value !== lens.colour) lens.select.value = lens.colour;
  paintBoxes(lens, token, rows);
  drawOverview(lens, lens.overview);
  drawMatrix(lens, lens.matrix, token);
  showNext(lens, token);
  showHeads(lens, token, rows);
  markTable(lens, token);
  const { root } = lens;
  Object.assign(root.dataset, { view: lens.feed.view, layer: lens.layer, token: token + 1, frameMs: (performance.now() - started).toFixed(2) });
}

/** Attention as colour while a token is pointed at, or where no number was chosen as colour. */
function paintBoxes(lens, token, rows) {
  const { feed, data } = lens;
  const own = data.colours.find((one) => one.name === lens.colour);
  const byNumber = own && lens.pointed === null;
  const heat = meanOfHeads(rows, data.headCount, feed.count, lens.heads);
  const values = byNumber ? feed.arrays[`colour.${own.name}`].data.subarray((lens.layer - 1) * feed.count, lens.layer * feed.count) : heat;
  const known = values.filter((value, i) => !Number.isNaN(value) && (byNumber || i <= token));
  const [low, high] = known.length ? [byNumber ? Math.min(...known) : 0, Math.max(...known)] : [0, 0];
  const even = !byNumber && lens.against === "even";
  const scale = byNumber ? own.scale : even ? "even" : "heat";
  const level = (i) => (even ? evenLevel(values[i], token + 1) : high > low ? (values[i] - low) / (high - low) : 0);
  const colour = (i) => (Number.isNaN(values[i]) || (!byNumber && i > token) ? "" : tint(scale, level(i)));
  for (const box of lens.boxes) {
    const { node, first, count } = box;
    const inside = Array.from({ length: count }, (_, i) => first + i);
    node.style.background = count > 1 ? sideBySide(box, inside.map(colour), token - first) : colour(first);
    node.toggleAttribute("data-future", !byNumber && first > token);
    node.toggleAttribute("data-chosen", inside.includes(token));
    const share = (i) => i <= token && `${percent(values[i])} of the attention of token ${token + 1}, ${timesEven(values[i] * (token + 1))} even`;
    const number = (i) => (byNumber ? `${own.name}: ${Number.isNaN(values[i]) ? "–" : plainNumber(values[i], own.unit)}` : share(i));
    const hint = (i) => [count > 1 && `${feed.names[i]}, ${feed.parts[i]}`, number(i)].filter(Boolean).join("; ");
    node.title = (inside.includes(lens.pointed) ? [lens.pointed] : inside).map(hint).join("\n");
  }
  if (even) showEvenScale(lens, lens.scale);
  else showScale(lens.scale, [low, high], scale, byNumber ? (value) => plainNumber(value, own.unit) : percent);
  const heads = lens.heads.length ? `head${lens.heads.length > 1 ? "s" : ""} ${lens.heads.join(", ")}` : "mean of all heads";
  const best = heat.indexOf(Math.max(...heat));
  const most = `most to ${quoted(feed, best)} (${percent(heat[best])}; evenly spread, each would get ${percent(1 / (token + 1))})`;
  const words = byNumber ? `${own.explanation} Layer ${lens.layer}.` : `Layer ${lens.layer}, ${heads}: what ${quoted(feed, token)}, token ${token + 1}, attends to; ${most}. What follows it cannot be seen.`;
  setText(lens.caption, words);
  if (lens.pointed === null) setText(lens.said, words);
}

/** The colours of a box's tokens beside each other, in the direction in which they are read; the chosen one is underlined. */
function sideBySide({ toLeft }, colours, chosen) {
  const [way, share] = [toLeft ? "left" : "right", 100 / colours.length];
  const stripes = (list) => `linear-gradient(to ${way}, ${list.map((colour, i) => `${colour || "transparent"} ${i * share}% ${(i + 1) * share}%`).join(", ")})`;
  const marks = stripes(colours.map((_, i) => (i === chosen ? "var(--st-primary-color, #ff4b4b)" : "")));
  const gaps = `repeating-linear-gradient(to ${way}, transparent 0 calc(${share}% - 1px), var(--st-background-color, #fff) calc(${share}% - 1px) ${share}%)`;
  return `${marks} 0 100% / 100% 3px no-repeat, ${gaps}, ${stripes(colours)}`;
}

function showScale(node, [low, high], scale, words) {
  const [from, bar, to] = node.children;
  setText(from, words(low));
  setText(to, words(high));
  bar.style.background = `linear-gradient(to right, ${tint(scale, 0)}, ${tint(scale, 1)})`;
}

function showNext(lens, token) {
  const { feed, data } = lens;
  const column = (layer, title) => {
    const rows = nextTokens(feed, layer, token).map(({ word, number, share }) => {
      const bar = element("i");
      bar.style.width = `${100 * share}%`;
      return element("li", { "data-real": number === feed.tokens[token + 1] }, element("span", { class: "word", title: word }, word), element("span", { class: "bar" }, bar), element("span", { class: "value" }, percent(share)));
    });
    return element("div", {}, element("h6", {}, title), element("ol", {}, ...rows));
  };
  const words = [];
  if (token + 1 < feed.count) {
    const { rank, surprise } = met(feed, data.layers + 1, token + 1);
    words.push(`What follows is ${quoted(feed, token + 1)}: rank ${rank.toLocaleString("en")} of the output, surprise ${plainNumber(surprise, "nats")}.`);
  } else words.push("Nothing follows: this is the end of the text.");
  lens.next.replaceChildren(
    element("p", { class: "caption" }, `After ${quoted(feed, token)}, token ${token + 1}. `, ...words),
    element("div", { class: "pair" }, column(data.layers + 1, "The model says"), column(lens.layer, `What enters layer ${lens.layer} would say`)));
}

function showHeads(lens, token, rows) {
  const { feed, data } = lens;
  [...lens.strips.children].slice(1).forEach((strip, k) => {
    const canvas = strip.children[1];
    const width = feed.count;
    if (canvas.width !== width) canvas.width = width;
    const context = canvas.getContext("2d");
    const row = rows.subarray(k * width, (k + 1) * width);
    const most = Math.max(...row) || 1;
    const pixels = context.createImageData(width, canvas.height);
    for (let i = 0; i <= token; i++) {
      const color = shareColor(row[i], most, token + 1, lens.against === "even");
      for (let y = 0; y < canvas.height; y++) pixels.data.set(color, 4 * (y * width + i));
    }
    context.putImageData(pixels, 0, 0);
    const best = row.indexOf(most);
    const at = lens.read ?? best; // a column that is read stands in the place of the strongest
    setText(strip.children[2], at > token ? "" : `${feed.names[at]} ${percent(row[at])}${lens.read === null || lens.read === undefined ? "" : `, ${timesEven(row[at] * (token + 1))}`}`);
    rowNumbers(row, token).forEach((one, i) => setText(strip.children[3 + i], rowNumber(one)));
    canvas.setAttribute("aria-label", `Head ${k + 1} looks most at ${quoted(feed, best)}, token ${best + 1}, ${percent(most)}`);
    strip.toggleAttribute("data-chosen", lens.heads.includes(k + 1));
  });
}

/** The column of the heads' rows under the pointer; null for none. */
function readColumn(lens, event) {
  const box = event?.currentTarget.getBoundingClientRect();
  lens.read = box ? clamp(Math.floor(((event.clientX - box.left) / box.width) * lens.feed.count), lens.feed.count) : null;
  invalidate(lens);
}

// ---- the colour of a share ----

/** How far a share is from even attention, of what colours show: −1 … 1. */
const evenLevel = (share, seen) => Math.max(Math.log2(share * seen), -EVEN_REACH) / EVEN_REACH;

/** A share as a colour [r, g, b, a]: up to the most of its row, or against even attention. */
function shareColor(share, most, seen, even) {
  if (!even) return [...HEAT, Math.round((255 * share) / (most || 1))];
  const level = evenLevel(share, seen);
  return [...(level < 0 ? LESS : HEAT), Math.round(255 * Math.min(Math.abs(level), 1))];
}

function showEvenScale(lens, scale) {
  const [from, bar, to] = scale.children;
  setText(from, `${timesEven(2 ** -EVEN_REACH)} even`);
  setText(to, `${timesEven(2 ** EVEN_REACH)} even`);
  bar.style.background = `linear-gradient(to right, ${[-1, 0, 1].map((level) => tint("even", level)).join(", ")})`;
  delete scale.dataset.colors;
}

/** Scroll the table to a token's column, unless the pointer is in the table. */
function bringIntoView({ grid, table }, token) {
  const cell = grid.tHead.rows[0].cells[token + 1];
  if (cell && !grid.matches(":hover")) table.scrollLeft = cell.offsetLeft - (table.clientWidth - cell.offsetWidth) / 2;
}

function markTable(lens, token) {
  const marked = lens.marked ?? [];
  for (const node of marked) node.removeAttribute("data-chosen");
  const row = lens.grid.tBodies[0].rows[lens.data.layers + 1 - lens.layer];
  lens.marked = [row, lens.grid.tHead.rows[0].cells[token + 1], ...[...lens.grid.tBodies[0].rows].map((one) => one.cells[token + 1])];
  for (const node of lens.marked) node?.setAttribute("data-chosen", "");
  if (lens.inView === token) return;
  lens.inView = token;
  requestAnimationFrame(() => bringIntoView(lens, token)); // after this frame: it asks for the layout
}

// A text of tokens that show, under the pointer, what might have stood in their place, and that can be clicked.

const shown = new WeakMap(); // the root element → what it shows, kept over reruns

const percent = (share) => (share < 0.0005 ? "<0.1 %" : `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`);

function draw(root, data, send) {
  const box = shown.get(root) ?? {};
  shown.set(root, box);
  box.send = send;
  const text = JSON.stringify([data.before, data.pieces]);
  if (box.text !== text) {
    box.text = text;
    box.hint = element("div", { class: "hint", role: "tooltip", hidden: true });
    box.tokens = data.pieces.map(([piece, colour, said, others], i) => {
      const token = element("button", {
        type: "button", onpointerenter: () => tell(box, i), onpointerleave: () => hide(box), onfocus: () => tell(box, i), onblur: () => hide(box),
        onclick: () => box.send({ number: box.chosen === i + 1 ? 0 : i + 1 }),
      }, piece.replace(/\n/g, "⏎\n") || "\u00b7");
      token.style.background = colour;
      token.setAttribute("aria-label", `${piece}: ${said}`);
      return token;
    });
    box.words = element("div", { class: "words" }, data.before, ...box.tokens);
    root.replaceChildren(box.words, box.hint);
    box.pieces = data.pieces;
  }
  box.chosen = data.chosen;
  box.tokens.forEach((token, i) => token.setAttribute("aria-pressed", String(i + 1 === box.chosen)));
}

function hide(box) {
  box.hint.hidden = true;
}

/** What might have stood there, below the token and within the box. */
function tell(box, i) {
  const [, , said, others] = box.pieces[i];
  box.hint.replaceChildren(element("p", {}, said), ...others.map(([name, share, own]) => {
    const row = element("div", { class: own ? "own" : "" }, element("span", {}, name), element("span", {}, percent(share)));
    row.style.setProperty("--share", share.toFixed(4));
    return row;
  }));
  box.hint.hidden = false;
  const frame = box.words.getBoundingClientRect(), token = box.tokens[i].getBoundingClientRect();
  box.hint.style.left = `${Math.max(0, Math.min(token.left - frame.left, frame.width - box.hint.offsetWidth))}px`;
  const below = token.bottom - frame.top + 4, over = token.top - frame.top - box.hint.offsetHeight - 4;
  box.hint.style.top = `${token.bottom + box.hint.offsetHeight + 8 > window.innerHeight && over > -token.top ? over : below}px`;
}

export default function ({ parentElement, data: [data], setStateValue }) {
  draw(parentElement.querySelector(".drawn"), data, (said) => setStateValue("chosen", said));
}

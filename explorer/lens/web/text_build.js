// The elements of a lens on text: toolbar, tokens, and tables of what the heads see and the layers say.

const NONE = "none";

const percent = (share) => (share > 0 && share < 0.0005 ? "<0.1 %" : `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`);
const rightToLeft = (text) => /\p{Script=Arabic}|\p{Script=Hebrew}|\p{Script=Syriac}|\p{Script=Thaana}|\p{Script=Nko}/u.test(text);
/** A token's name between quotation marks, which keep their sides whatever direction it is read in; with what it is a part of. */
function quoted({ names, parts }, token) {
  const isolated = (text) => (rightToLeft(text) ? `\u2068${text}\u2069` : text);
  return `“${isolated(names[token])}”${parts[token] && ` (${isolated(parts[token])})`}`;
}
const MOST_NARROW = 6; // tokens that a box of one character has room for

function build(lens) {
  const { data } = lens;
  lens.select = element("select", { "aria-label": "Colour of the tokens", onchange: () => choose(lens, { colour: lens.select.value }) },
    element("option", { value: NONE }, "attention of the token"), ...data.colours.map((one) => element("option", { value: one.name }, one.name)));
  lens.text = element("div", { class: "text", role: "list", "aria-label": "Tokens" });
  lens.text.onpointerleave = () => point(lens, null);
  lens.scale = element("div", { class: "scale" }, element("span"), element("i"), element("span"));
  lens.caption = element("p", { class: "caption" });
  lens.next = element("div", { class: "next" });
  lens.strips = element("div", { class: "heads" });
  lens.overview = buildOverview(lens, { title: "" });
  lens.matrix = buildMatrix(lens);
  lens.table = element("div", { class: "table", tabindex: 0, "aria-label": "What each layer would say comes next" });
  lens.said = element("div", { class: "said", "aria-live": "polite" });
  lens.root.replaceChildren(
    element("div", { class: "toolbar" },
      countControl(lens, "layer", "Layer ℓ", "Layer"), headsControl(lens), againstControl(lens),
      element("div", { class: "control" }, element("label", {}, "Colour"), lens.select), keysButton(lens)),
    lens.text, lens.scale, lens.caption,
    element("section", { class: "first" }, element("h5", {}, "What comes next?"), lens.next),
    element("section", {}, element("h5", {}, "Where each head looks"),
      element("p", { class: "caption" }, "One row for each head, one column for each token up to this one; beside it where the head looks most, how evenly, and its shares on some tokens. Point at a column to read it, click a row to choose the head."), lens.strips),
    element("div", { class: "columns wholes" },
      element("section", {}, element("h5", {}, "Every head of every layer"),
        element("p", { class: "caption" }, "Layers down, heads across. A picture is the head's whole attention matrix. Click a cell to open that head; once more, and all heads of the layer count."), lens.overview.figure),
      element("section", {}, lens.matrix.figure)),
    element("section", {}, element("h5", {}, "What each layer would say comes next"),
      element("p", { class: "caption" }, "The logit lens: the head reads the tokens that enter each layer as if they were the last ones. The top row is the model's output; colour is probability. Click a cell to go there."), lens.table),
    lens.said);
  if (lens.feed) layText(lens);
}

/** The boxes of a text: characters that belong together, with the tokens that spell them side by side in each. */
function boxesOf(lens) {
  const { boxes } = lens.feed;
  const starts = boxes.flatMap((text, i) => (text ? [i] : []));
  return starts.map((first, b) => {
    const count = (starts[b + 1] ?? boxes.length) - first;
    const node = element("span", { class: "token", role: "listitem" }, boxes[first]);
    const box = { node, first, count, toLeft: count > 1 && rightToLeft(boxes[first]) };
    const under = (event) => first + tokenUnder(box, event);
    node.onpointermove = (event) => point(lens, under(event));
    node.onclick = (event) => choose(lens, { token: lens.token === 1 + under(event) ? 0 : 1 + under(event) });
    if (count > MOST_NARROW) node.style.setProperty("--tokens", count);
    return box;
  });
}

/** Which token of a box is under the pointer, from 0. */
function tokenUnder({ node, count, toLeft }, { clientX }) {
  const { left, width } = node.getBoundingClientRect();
  const share = (clientX - left) / width;
  return clamp(Math.floor(count * (toLeft ? 1 - share : share)), count);
}

/** The boxes, the heads' rows and the table of a text. */
function layText(lens) {
  const { feed, data } = lens;
  lens.boxes = boxesOf(lens);
  lens.text.replaceChildren(...lens.boxes.map(({ node }) => node));
  lens.strips.replaceChildren(...Array.from({ length: data.headCount }, (_, k) => {
    const canvas = element("canvas", { height: 14, role: "img" });
    const label = element("span", {}, `head ${k + 1}`);
    const best = element("span", { class: "best" });
    const numbers = rowNumbers([], 0).map(() => element("span", { class: "number" }));
    canvas.onpointermove = (event) => readColumn(lens, event);
    canvas.onpointerleave = () => readColumn(lens, null);
    return element("button", { type: "button", class: "strip", style: headStyle(data, k + 1), onclick: (event) => pickHead(lens, k + 1, event) }, label, canvas, best, ...numbers);
  }));
  lens.strips.prepend(element("div", { class: "strip names" }, ...["head", "tokens", "most", ...rowNumbers([], 0).map(([name]) => name)].map((name) => element("span", { class: "number" }, name))));
  const rows = [];
  for (let layer = data.layers + 1; layer >= 1; layer--) {
    const cells = feed.names.map((_, token) => {
      const [first] = nextTokens(feed, layer, token);
      const cell = element("td", { onclick: () => choose(lens, { token: token + 1, layer: Math.min(layer, data.layers) }), onpointerenter: () => point(lens, token), title: `${first.word}: ${percent(first.share)}` }, first.word);
      cell.style.setProperty("--share", first.share.toFixed(3));
      return cell;
    });
    rows.push(element("tr", { "data-layer": layer }, element("th", { scope: "row" }, layer > data.layers ? "output" : `enters ${layer}`), ...cells));
  }
  const head = element("tr", {}, element("th", {}, "after"), ...feed.names.map((name, i) => element("th", { scope: "col", title: feed.parts[i] }, name)));
  lens.grid = element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
  lens.grid.onpointerleave = () => point(lens, null);
  lens.table.replaceChildren(lens.grid);
  lens.table.scrollLeft = lens.table.scrollWidth;
}

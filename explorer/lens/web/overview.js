// Every head of every layer at once: a row for each layer, a column for each head. A cell is a small picture of the head's
// attention, or one of its numbers (lens/heads.py) as colour; a click, or an arrow key, opens the head.
// A lens gives in its manners, as `overview`, what it draws from:
//   numbers(lens, key)               a number of all heads (3,L,K), of lens/heads.py, or undefined until it has come
//   picture(lens, layer, head)       {stamp, paint(canvas)}, or null until it can be drawn; an equal stamp is the same picture
//   says(lens, layer, head)          what a cell's picture shows, in words
//   shape(lens)                      width over height of a cell

function buildOverview(lens, panel) {
  const { data } = lens;
  const choice = (label, key, names) => {
    const select = element("select", { "aria-label": label, onchange: () => choose(lens, { [key]: select.value }) },
      ...Object.entries(names).map(([value, name]) => element("option", { value }, name)));
    return select;
  };
  const made = { kind: "overview", title: "Every head of every layer", ...panel, at: null };
  const names = Object.fromEntries(data.numbers.map(({ key, name }) => [key, name]));
  made.cells = choice("What the cells show", "cells", { pictures: "pictures of attention", ...names });
  made.network = choice("Whose numbers", "network", data.networks);
  made.layers = Array.from({ length: data.layers }, (_, i) => Array.from({ length: data.headCount }, (_, k) => overviewCell(lens, made, i + 1, k + 1)));
  const head = (k) => element("span", { role: "columnheader", style: headStyle(data, k + 1), class: "of" }, String(k + 1));
  const top = element("div", { role: "row" }, element("span", { role: "columnheader", class: "of", title: "Layers down, heads across" }, "ℓ \\ k"), ...Array.from({ length: data.headCount }, (_, k) => head(k)));
  const rows = made.layers.map((cells, i) => element("div", { role: "row" }, element("span", { role: "rowheader", class: "of" }, String(i + 1)), ...cells.map(({ button }) => button)));
  made.grid = element("div", { role: "grid", class: "cells", "aria-label": "Layers down, heads across", style: `--heads: ${data.headCount}` }, top, ...rows);
  made.grid.onpointerleave = () => readCell(lens, made, null);
  made.grid.onkeydown = (event) => onCellKey(lens, made, event);
  made.bar = element("div", { class: "scale", hidden: true }, element("span"), element("i"), element("span"));
  made.verdict = element("p", { class: "verdict" });
  made.caption = element("span");
  made.figure = element("figure", { class: "panel overview" }, made.title ? element("h5", {}, made.title) : "",
    element("div", { class: "control" }, element("label", {}, "Show"), made.cells, made.network), made.verdict, made.grid, made.bar,
    element("figcaption", {}, made.caption));
  return made;
}

function overviewCell(lens, panel, layer, head) {
  const [canvas, number] = [element("canvas"), element("span")];
  const button = element("button", {
    type: "button", role: "gridcell", class: "cell", style: headStyle(lens.data, head), onpointerenter: () => readCell(lens, panel, [layer, head]),
    onfocus: () => readCell(lens, panel, [layer, head]), onblur: () => readCell(lens, panel, null), onclick: (event) => openHead(lens, layer, head, event),
  }, canvas, number);
  return { button, canvas, number, stamp: null };
}

function readCell(lens, panel, at) {
  panel.at = at;
  invalidate(lens);
}

/** Go to a head of a layer; once more, all heads count again; with Shift several of a layer. */
function openHead(lens, layer, head, event = {}) {
  if (layer === lens.layer) return pickHead(lens, head, event);
  pauseAll(lens);
  choose(lens, { layer, heads: [head] });
}

const CELL_STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function onCellKey(lens, panel, event) {
  const step = CELL_STEPS[event.key];
  if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
  const { layers, headCount } = lens.data;
  const layer = 1 + clamp(lens.layer - 1 + step[0], layers);
  const head = 1 + clamp((lens.heads[0] ?? 1) - 1 + (lens.heads.length ? step[1] : 0), headCount);
  choose(lens, { layer, heads: [head] });
  panel.layers[layer - 1][head - 1].button.focus({ preventScroll: true });
  event.preventDefault();
  event.stopPropagation();
}

function drawOverview(lens, panel) {
  const { cells, network } = panel;
  const byNumber = lens.data.numbers.find(({ key }) => key === lens.cells);
  for (const [select, value] of [[cells, lens.cells], [network, lens.network]]) if (select.value !== value) select.value = value;
  network.hidden = !byNumber;
  panel.grid.toggleAttribute("data-numbers", !!byNumber);
  panel.grid.style.setProperty("--shape", lens.manners.overview.shape(lens));
  const said = byNumber ? drawCellNumbers(lens, panel, byNumber) : drawCellPictures(lens, panel);
  const [layer, head] = panel.at ?? [lens.layer, lens.heads.length === 1 ? lens.heads[0] : null];
  setText(panel.verdict, said.verdict ?? "");
  setText(panel.caption, head ? `Layer ${layer}, head ${head}: ${said(layer, head)}` : said.whole);
  const focused = [lens.layer, lens.heads[0] ?? 1];
  panel.layers.forEach((row, i) => row.forEach(({ button }, k) => {
    const chosen = i + 1 === lens.layer && lens.heads.includes(k + 1);
    button.toggleAttribute("data-chosen", chosen);
    button.setAttribute("aria-selected", String(chosen));
    button.tabIndex = i + 1 === focused[0] && k + 1 === focused[1] ? 0 : -1;
  }));
  [...panel.grid.children].forEach((row, i) => row.toggleAttribute("data-row", i === lens.layer));
}

function drawCellPictures(lens, panel) {
  const { picture, says } = lens.manners.overview;
  panel.layers.forEach((row, i) => row.forEach((cell, k) => {
    const drawn = picture(lens, i + 1, k + 1);
    const stamp = drawn?.stamp ?? "";
    if (cell.stamp === stamp) return;
    blankCell(cell);
    cell.stamp = stamp;
    cell.canvas.hidden = !drawn;
    drawn?.paint(cell.canvas);
    cell.button.setAttribute("aria-label", `layer ${i + 1}, head ${k + 1}`);
  }));
  panel.bar.hidden = lens.against !== "even";
  if (!panel.bar.hidden) showEvenScale(lens, panel.bar);
  return Object.assign((layer, head) => says(lens, layer, head), { whole: says(lens) });
}

function blankCell(cell) {
  cell.stamp = null;
  cell.canvas.hidden = true;
  cell.button.style.background = "";
  setText(cell.number, "");
}

function drawCellNumbers(lens, panel, number) {
  const found = lens.manners.overview.numbers(lens, number.key);
  const explained = Object.assign(() => number.explanation, { whole: number.explanation });
  panel.bar.hidden = !found;
  if (!found) {
    panel.layers.flat().forEach((cell) => blankCell(cell));
    return Object.assign(() => `is on its way… ${number.explanation}`, { whole: `On its way… ${number.explanation}` });
  }
  const { data, shape: [, layers, heads] } = found;
  const of = (which, layer, head) => data[(which * layers + layer - 1) * heads + head - 1];
  const value = { own: (l, k) => of(0, l, k), control: (l, k) => of(1, l, k), difference: (l, k) => of(0, l, k) - of(1, l, k) }[lens.network];
  const [all, signed] = [[], lens.network === "difference"];
  for (let l = 1; l <= layers; l++) for (let k = 1; k <= heads; k++) all.push(...(signed ? [Math.abs(value(l, k))] : [of(0, l, k), of(1, l, k)]));
  const known = all.filter((one) => !Number.isNaN(one));
  const [least, most] = known.length ? [Math.min(...known), Math.max(...known)] : [0, 0];
  const limits = signed ? [-most, most] : [least, most];
  const table = lens.data.look[signed ? "signed" : "rate"];
  const words = (one) => (Number.isNaN(one) ? "none" : number.percent ? `${(100 * one).toFixed(1)} %` : `${one.toFixed(number.unit ? 1 : 3)}${number.unit ? ` ${number.unit}` : ""}`);
  const bare = (one) => (Number.isNaN(one) ? "" : number.percent ? (100 * one).toFixed(limits[1] - limits[0] < 0.3 ? 1 : 0) : one.toFixed(number.unit ? 1 : 2).replace(/^0\./, "."));
  const short = (one) => (signed && /[1-9]/.test(bare(Math.abs(one))) ? (one < 0 ? "−" : "+") : "") + bare(Math.abs(one));
  const signs = (one) => (one < 0 ? `−${words(-one)}` : `+${words(one)}`);
  panel.layers.forEach((row, i) => row.forEach((cell, k) => {
    const one = value(i + 1, k + 1);
    const stamp = `${number.key} ${lens.network} ${one} ${limits}`;
    if (cell.stamp === stamp) return;
    cell.stamp = stamp;
    cell.canvas.hidden = true;
    const level = Math.round(255 * Math.min(Math.max((one - limits[0]) / (limits[1] - limits[0] || 1), 0), 1));
    const color = Number.isNaN(one) ? null : [0, 1, 2].map((c) => table[3 * level + c]);
    Object.assign(cell.button.style, { background: color ? `rgb(${color.join(" ")})` : "", color: color ? inkOn(color) : "" });
    setText(cell.number, heads <= 8 ? short(one) : "");
    cell.button.setAttribute("aria-label", `layer ${i + 1}, head ${k + 1}: ${signed ? signs(one) : words(one)}`);
  }));
  showTableScale(panel.bar, limits, table, signed ? signs : words);
  const said = (layer, head) => {
    const [own, control, even] = [0, 1, 2].map((which) => words(of(which, layer, head)));
    return `${own}; ${lens.data.networks.control} ${control}; even attention ${even}. ${number.explanation}`;
  };
  return Object.assign(said, explained, { verdict: extremes(layers, heads, value, signed ? signs : words) });
}

/** The heads of the largest and of the smallest number: "Most: layer 2, head 5, 61 %; least: layer 1, head 3, 2 %". */
function extremes(layers, heads, value, words) {
  let [most, least] = [null, null];
  for (let l = 1; l <= layers; l++)
    for (let k = 1; k <= heads; k++) {
      const one = [value(l, k), l, k];
      if (Number.isNaN(one[0])) continue;
      if (!most || one[0] > most[0]) most = one;
      if (!least || one[0] < least[0]) least = one;
    }
  const place = ([one, l, k]) => `layer ${l}, head ${k}, ${words(one)}`;
  if (!most) return "";
  return words(most[0]) === words(least[0]) ? `All heads alike: ${words(most[0])}` : `Most: ${place(most)}; least: ${place(least)}`;
}

/** A bar of colours with its ends. table: 256 colours. */
function showTableScale(scale, [low, high], table, words) {
  const [from, bar, to] = scale.children;
  setText(from, words(low));
  setText(to, words(high));
  const stops = [0, 51, 102, 153, 204, 255].map((i) => `rgb(${table.slice(3 * i, 3 * i + 3).join(" ")})`);
  const background = `linear-gradient(to right, ${stops.join(", ")})`;
  if (scale.dataset.colors === background) return;
  scale.dataset.colors = background;
  bar.style.background = background;
}

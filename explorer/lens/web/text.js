// The lens on text: tokens as chips, the attention of the token under the pointer, what is foretold in every layer.
// The state: layer, heads (from 1; none = all), token (pinned, from 1; 0 = the last), pointed (or null), colour.
// Tokens count from 1 in what people see, from 0 in arrays.

const PLAY_MS = 800;
const SEND_PAUSE_MS = 150;
const NONE = "none";
const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

const setText = (node, text) => node.textContent === text || (node.textContent = text);
/** Colours that numbers tint the text with, so that it can be read on them in light and dark. */
const TINTS = { heat: "236 112 32", rate: "45 125 210" };
const HEAT = TINTS.heat.split(" ").map(Number);
const STRONGEST = 0.85;
const tint = (scale, level) => `rgb(${TINTS[scale]} / ${(100 * STRONGEST * level).toFixed(1)}%)`;
const percent = (share) => (share > 0 && share < 0.0005 ? "<0.1 %" : `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`);
const short = (value, unit) => `${value.toLocaleString("en", { maximumSignificantDigits: 3 })}${unit ? ` ${unit}` : ""}`;
/** A token as it is written in tables: blanks and line ends can be seen. */
const written = (piece) => (piece === "" ? "·" : piece.replace(/ /g, "␣").replace(/\n/g, "⏎").replace(/\t/g, "⇥"));

// ---- what Python sends ----

/** The feed of a text: pieces, words and arrays; projections become floats when a layer is first looked at. */
function readFeed(bytes) {
  const { header, arrays } = unpackArrays(bytes);
  const layers = new Map();
  const layer = (number) => {
    if (!layers.has(number)) {
      const own = {};
      for (const name of ["query", "key"]) {
        if (arrays[`${name}.${number}`]) own[name] = arrays[`${name}.${number}`];
        if (arrays[`${name}.${number}.scale`]) own[`${name}.scale`] = arrays[`${name}.${number}.scale`];
      }
      layers.set(number, attentionLayer(own));
    }
    return layers.get(number);
  };
  return { ...header, arrays, layer, count: header.pieces.length };
}

/** What is foretold after a token (from 0) by Z^ℓ, ℓ = 1 … L+1: [{word, number, share}], the most probable first. */
function foretold({ arrays: { top, shares }, words, numbers }, layer, token) {
  const [, tokens, count] = top.shape;
  const from = ((layer - 1) * tokens + token) * count;
  return Array.from({ length: count }, (_, i) => ({ word: words[top.data[from + i]], number: numbers[top.data[from + i]], share: shares.data[from + i] }));
}

/** How the token itself was foretold by Z^ℓ of the one before it: its rank and surprise; null for the first. */
function met({ arrays: { rank, surprise }, count }, layer, token) {
  if (!token) return null;
  const at = (layer - 1) * count + token;
  return { rank: rank.data[at], surprise: surprise.data[at] };
}

// ---- building ----

function create(root) {
  const lens = { root, layer: 1, heads: [], token: 0, pointed: null, colour: NONE, at: 0, chips: [] };
  root.tabIndex = 0;
  root.onkeydown = (event) => onKey(lens, event);
  return lens;
}

function update(lens, data, send) {
  const layout = JSON.stringify([data.layers, data.headCount, data.colours.map((one) => one.name)]);
  Object.assign(lens, { data, send });
  if (data.at >= lens.at) Object.assign(lens, { layer: data.layer, heads: data.heads, token: data.token, colour: data.colour });
  lens.layer = Math.min(lens.layer, data.layers);
  if (layout !== lens.layout) build(lens);
  lens.layout = layout;
  invalidate(lens);
}

/** A new text: chips and table anew. */
function take(lens, feed) {
  if (lens.feed?.view === feed.view) return;
  Object.assign(lens, { feed, pointed: null, inView: null });
  if (lens.token > feed.count) lens.token = 0;
  if (lens.layout) layText(lens);
  invalidate(lens);
}

function build(lens) {
  const { data } = lens;
  const slider = element("input", { type: "range", min: 1, max: data.layers, "aria-label": "Layer", title: "Layers count from 1. Keys: [ and ]", oninput: () => choose(lens, { layer: Number(slider.value) }) });
  const shown = element("output", { class: "value" });
  const play = element("button", { type: "button", class: "play", title: "Play through the layers", onclick: () => toggle(lens) }, "▶");
  const chip = (head) => element("button", {
    type: "button", class: "chip", title: head ? `Head ${head}; with Shift or Ctrl: several` : "Mean of all heads (key 0)",
    style: head ? `--head: ${data.headColors[(head - 1) % data.headColors.length]}` : false,
    onclick: (event) => pickHead(lens, head, event.shiftKey || event.ctrlKey || event.metaKey),
  }, head ? String(head) : "mean");
  const chips = Array.from({ length: data.headCount + 1 }, (_, head) => chip(head));
  const colour = element("select", { "aria-label": "Colour of the tokens", onchange: () => choose(lens, { colour: colour.value }) },
    element("option", { value: NONE }, "attention of the token"), ...data.colours.map((one) => element("option", { value: one.name }, one.name)));
  lens.toolbar = { slider, shown, play, chips, colour };
  lens.text = element("div", { class: "text", role: "list", "aria-label": "Tokens" });
  lens.text.onpointerleave = () => point(lens, null);
  lens.scale = element("div", { class: "scale" }, element("span"), element("i"), element("span"));
  lens.caption = element("p", { class: "caption" });
  lens.next = element("div", { class: "next" });
  lens.strips = element("div", { class: "heads" });
  lens.table = element("div", { class: "table", tabindex: 0, "aria-label": "What each layer would say comes next" });
  lens.said = element("div", { class: "said", "aria-live": "polite" });
  lens.root.replaceChildren(
    element("div", { class: "toolbar" },
      element("div", { class: "control layer" }, element("label", {}, "Layer ℓ"), slider, shown, data.layers > 1 ? play : ""),
      element("div", { class: "control", role: "group", "aria-label": "Heads" }, element("label", {}, "Heads"), ...chips),
      element("div", { class: "control" }, element("label", {}, "Colour"), colour)),
    lens.text, lens.scale, lens.caption,
    element("div", { class: "columns" },
      element("section", {}, element("h5", {}, "What comes next?"), lens.next),
      element("section", {}, element("h5", {}, "Where each head looks"),
        element("p", { class: "caption" }, `One row for each head, one column for each token up to this one; the stronger the colour, the more attention, each row up to its own most, which stands at its end. Click a row to choose the head.`), lens.strips)),
    element("section", {}, element("h5", {}, "What each layer would say comes next"),
      element("p", { class: "caption" }, "The logit lens: the head reads the tokens that enter each layer as if they were the last ones. The top row is the model's output; colour is probability. Click a cell to go there."), lens.table),
    lens.said);
  if (lens.feed) layText(lens);
}

function layText(lens) {
  const { feed, data } = lens;
  lens.chips = feed.pieces.map((piece, i) => {
    const body = piece.replace(/\n/g, "⏎\n");
    return element("span", {
      class: "token", role: "listitem", onpointerenter: () => point(lens, i),
      onclick: () => choose(lens, { token: lens.token === i + 1 ? 0 : i + 1 }),
    }, body || "\u00b7");
  });
  lens.text.replaceChildren(...lens.chips);
  lens.strips.replaceChildren(...Array.from({ length: data.headCount }, (_, k) => {
    const canvas = element("canvas", { height: 14, role: "img" });
    const label = element("span", {}, `head ${k + 1}`);
    const best = element("span", { class: "best" });
    const row = element("button", { type: "button", class: "strip", style: `--head: ${data.headColors[k % data.headColors.length]}`, onclick: (event) => pickHead(lens, k + 1, event.shiftKey || event.ctrlKey || event.metaKey) }, label, canvas, best);
    return row;
  }));
  const rows = [];
  for (let layer = data.layers + 1; layer >= 1; layer--) {
    const cells = feed.pieces.map((_, token) => {
      const [first] = foretold(feed, layer, token);
      const cell = element("td", { onclick: () => choose(lens, { token: token + 1, layer: Math.min(layer, data.layers) }), onpointerenter: () => point(lens, token), title: `${first.word}: ${percent(first.share)}` }, first.word);
      cell.style.setProperty("--share", first.share.toFixed(3));
      return cell;
    });
    rows.push(element("tr", { "data-layer": layer }, element("th", { scope: "row" }, layer > data.layers ? "output" : `enters ${layer}`), ...cells));
  }
  const head = element("tr", {}, element("th", {}, "after"), ...feed.pieces.map((piece) => element("th", { scope: "col" }, written(piece))));
  lens.grid = element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
  lens.grid.onpointerleave = () => point(lens, null);
  lens.table.replaceChildren(lens.grid);
  lens.table.scrollLeft = lens.table.scrollWidth;
}

// ---- choosing ----

function point(lens, token) {
  if (token === lens.pointed) return;
  lens.pointed = token;
  invalidate(lens);
}

/** Show a choice at once and tell Python; `at` numbers the choices, so that an older answer cannot undo a newer one. */
function choose(lens, choice) {
  Object.assign(lens, choice);
  lens.at = Math.max(Date.now(), lens.at + 1);
  invalidate(lens);
  clearTimeout(lens.timer);
  lens.timer = setTimeout(() => {
    const { layer, heads, token, colour, at } = lens;
    lens.send?.({ layer, heads, token, colour, at });
  }, SEND_PAUSE_MS);
}

function toggle(lens) {
  if (lens.playing) {
    clearInterval(lens.playing);
    lens.playing = null;
    return choose(lens, {});
  }
  const next = () => choose(lens, { layer: (lens.layer % lens.data.layers) + 1 });
  lens.playing = setInterval(next, PLAY_MS);
  next();
}

function onKey(lens, event) {
  if (event.ctrlKey || event.altKey || event.metaKey || !lens.feed) return;
  const onControl = ["range", "select-one"].includes(event.composedPath()[0].type);
  const { layers, headCount } = lens.data;
  if (event.key in STEPS && !onControl) choose(lens, { token: 1 + clampTo(chosenToken(lens) + STEPS[event.key], lens.feed.count) });
  else if (event.key === "[") choose(lens, { layer: Math.max(lens.layer - 1, 1) });
  else if (event.key === "]") choose(lens, { layer: Math.min(lens.layer + 1, layers) });
  else if (event.key === "Escape") choose(lens, { token: 0 });
  else if (/^\d$/.test(event.key) && Number(event.key) <= headCount) pickHead(lens, Number(event.key));
  else return;
  event.preventDefault();
  event.stopPropagation();
}

const clampTo = (value, count) => Math.min(Math.max(value, 0), count - 1);
/** The token that is looked at, from 0: pointed, or pinned, or the last. */
const chosenToken = (lens) => (lens.token ? Math.min(lens.token, lens.feed.count) : lens.feed.count) - 1;

// ---- drawing ----

function invalidate(lens) {
  lens.frame ??= requestAnimationFrame(() => {
    lens.frame = null;
    if (lens.feed && lens.data && lens.chips.length) draw(lens);
  });
}

function draw(lens) {
  const started = performance.now();
  const token = lens.pointed ?? chosenToken(lens);
  const rows = attentionRows(lens.feed.layer(lens.layer), token, true);
  showToolbar(lens);
  paintChips(lens, token, rows);
  showNext(lens, token);
  showHeads(lens, token, rows);
  markTable(lens, token);
  const { root } = lens;
  Object.assign(root.dataset, { view: lens.feed.view, layer: lens.layer, token: token + 1, frameMs: (performance.now() - started).toFixed(2) });
}

function showToolbar(lens) {
  const { slider, shown, play, chips, colour } = lens.toolbar;
  slider.value = lens.layer;
  setText(shown, `${lens.layer} of ${lens.data.layers}`);
  setText(play, lens.playing ? "❚❚" : "▶");
  play.setAttribute("aria-label", lens.playing ? "Pause" : "Play through the layers");
  chips.forEach((chip, head) => chip.setAttribute("aria-pressed", head ? lens.heads.includes(head) : !lens.heads.length));
  if (colour.value !== lens.colour) colour.value = lens.colour;
}

/** Attention as colour while a token is pointed at, or where no number was chosen as colour. */
function paintChips(lens, token, rows) {
  const { feed, data } = lens;
  const own = data.colours.find((one) => one.name === lens.colour);
  const byNumber = own && lens.pointed === null;
  const heat = meanOfHeads(rows, data.headCount, feed.count, lens.heads);
  const values = byNumber ? feed.arrays[`colour.${own.name}`].data.subarray((lens.layer - 1) * feed.count, lens.layer * feed.count) : heat;
  const known = values.filter((value, i) => !Number.isNaN(value) && (byNumber || i <= token));
  const [low, high] = known.length ? [byNumber ? Math.min(...known) : 0, Math.max(...known)] : [0, 0];
  const scale = byNumber ? own.scale : "heat";
  lens.chips.forEach((chip, i) => {
    const colored = !Number.isNaN(values[i]) && (byNumber || i <= token);
    chip.style.background = colored ? tint(scale, high > low ? (values[i] - low) / (high - low) : 0) : "";
    chip.toggleAttribute("data-future", !byNumber && i > token);
    chip.toggleAttribute("data-chosen", i === token);
    chip.title = byNumber ? `${own.name}: ${Number.isNaN(values[i]) ? "–" : short(values[i], own.unit)}` : "";
  });
  showScale(lens.scale, [low, high], scale, byNumber ? (value) => short(value, own.unit) : percent);
  const heads = lens.heads.length ? `head${lens.heads.length > 1 ? "s" : ""} ${lens.heads.join(", ")}` : "mean of all heads";
  const best = heat.indexOf(Math.max(...heat));
  const most = `most to “${written(feed.pieces[best])}” (${percent(heat[best])}; evenly spread, each would get ${percent(1 / (token + 1))})`;
  const words = byNumber ? `${own.explanation} Layer ${lens.layer}.` : `Layer ${lens.layer}, ${heads}: what “${written(feed.pieces[token])}” (token ${token + 1}) attends to; ${most}. What follows it cannot be seen.`;
  setText(lens.caption, words);
  if (lens.pointed === null) setText(lens.said, words);
}

function showScale(node, [low, high], scale, words) {
  const [from, bar, to] = node.children;
  setText(from, words(low));
  setText(to, words(high));
  bar.style.background = `linear-gradient(to right, ${tint(scale, 0)}, ${tint(scale, 1)})`;
}

function showNext(lens, token) {
  const { feed, data } = lens;
  const real = feed.pieces[token + 1];
  const column = (layer, title) => {
    const rows = foretold(feed, layer, token).map(({ word, number, share }) => {
      const bar = element("i");
      bar.style.width = `${100 * share}%`;
      const row = element("li", { "data-real": number === feed.tokens[token + 1] }, element("span", { class: "word", title: word }, word), element("span", { class: "bar" }, bar), element("span", { class: "value" }, percent(share)));
      return row;
    });
    return element("div", {}, element("h6", {}, title), element("ol", {}, ...rows));
  };
  const outcome = (layer) => met(feed, layer, token + 1);
  const words = [];
  if (real !== undefined) {
    const { rank, surprise } = outcome(data.layers + 1);
    words.push(`What follows is “${written(real)}”: rank ${rank.toLocaleString("en")} of the output, surprise ${short(surprise, "nats")}.`);
  } else words.push("Nothing follows: this is the end of the text.");
  lens.next.replaceChildren(
    element("p", { class: "caption" }, `After “${written(feed.pieces[token])}”, token ${token + 1}. `, ...words),
    element("div", { class: "pair" }, column(data.layers + 1, "The model says"), column(lens.layer, `What enters layer ${lens.layer} would say`)));
}

function showHeads(lens, token, rows) {
  const { feed, data } = lens;
  [...lens.strips.children].forEach((strip, k) => {
    const canvas = strip.children[1];
    const width = feed.count;
    if (canvas.width !== width) canvas.width = width;
    const context = canvas.getContext("2d");
    const row = rows.subarray(k * width, (k + 1) * width);
    const most = Math.max(...row) || 1;
    const pixels = context.createImageData(width, canvas.height);
    for (let i = 0; i < width; i++) {
      const color = [...HEAT, Math.round((255 * row[i]) / most)];
      for (let y = 0; y < canvas.height; y++) pixels.data.set(color, 4 * (y * width + i));
    }
    context.putImageData(pixels, 0, 0);
    const best = row.indexOf(most);
    setText(strip.children[2], `${written(feed.pieces[best])} ${percent(most)}`);
    canvas.setAttribute("aria-label", `Head ${k + 1} looks most at ${feed.pieces[best]}, token ${best + 1}, ${percent(most)}`);
    strip.toggleAttribute("data-chosen", lens.heads.includes(k + 1));
  });
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

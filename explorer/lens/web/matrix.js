// The whole attention matrix of a text: rows are the tokens that look, columns those that they look at. Large for the heads that are
// chosen, small for every head of every layer. What takes longer than a frame is drawn as it comes.

const FRAME_MS = 10; // of one frame, for rows that are still to be computed
const SMALL = 64; // rows and columns of a small matrix at most
const NAMED = 11; // pixels of a cell from which tokens are written beside it
const NAME_PX = 84; // room for those names

// ---- the chosen heads ----

function buildMatrix(lens) {
  const canvas = element("canvas", { role: "img" });
  const caption = element("span");
  const heading = element("h5");
  const bar = element("div", { class: "scale", hidden: true }, element("span"), element("i"), element("span"));
  const made = { title: "Attention matrix", canvas, caption, bar, heading, at: null };
  const keep = element("span", { class: "saves" }, element("button", { type: "button", class: "save", title: "Save the matrix as PNG", onclick: () => savePanel(lens, made, "PNG") }, "PNG"));
  made.figure = element("figure", { class: "panel matrix" }, heading, canvas, bar, element("figcaption", {}, caption), keep);
  canvas.onpointermove = (event) => readMatrix(lens, made, event);
  canvas.onpointerleave = () => readMatrix(lens, made, null);
  canvas.onclick = () => made.at && choose(lens, { token: made.at[0] + 1 });
  return made;
}

/** The mean matrix of the chosen heads, (N,N) row by row, as far as it has been computed. */
function matrixOf(lens) {
  const { feed, layer, heads, data } = lens;
  const key = [feed.view, layer, heads].join();
  if (lens.whole?.key !== key) lens.whole = { key, values: new Float32Array(feed.count ** 2), done: 0 };
  const { whole } = lens;
  const until = performance.now() + FRAME_MS;
  while (whole.done < feed.count && performance.now() < until) {
    const rows = attentionRows(feed.layer(layer), whole.done, true);
    whole.values.set(meanOfHeads(rows, data.headCount, feed.count, heads), whole.done++ * feed.count);
  }
  if (whole.done < feed.count) setTimeout(() => invalidate(lens));
  return whole;
}

/** Where the cells are on the canvas, in its own pixels: names left and on top where cells are large enough for them. */
function matrixPlace(count, width) {
  const named = (width - NAME_PX) / count >= NAMED;
  const margin = named ? NAME_PX : 0;
  return { named, margin, cell: (width - margin) / count };
}

function drawMatrix(lens, panel, token) {
  const { feed, data } = lens;
  const { count } = feed;
  const { values, done } = matrixOf(lens);
  const { canvas } = panel;
  const heads = lens.heads.length ? `head${lens.heads.length > 1 ? "s" : ""} ${lens.heads.join(", ")}` : "the mean of all heads";
  setText(panel.heading, `The whole attention of ${heads}, layer ${lens.layer}`);
  const even = lens.against === "even";
  panel.bar.hidden = !even;
  if (even) showEvenScale(lens, panel.bar);
  const width = Math.max(panel.figure.clientWidth, 200);
  const style = getComputedStyle(lens.root);
  const stamp = [lens.whole.key, done, even, token, width, style.color].join();
  if (panel.stamp !== stamp) {
    panel.stamp = stamp;
    paintMatrix(canvas, { values, count, even, width, token, names: feed.names, color: style.color, paper: style.getPropertyValue("--st-background-color") || "#fff", accent: style.getPropertyValue("--st-primary-color") || "#ff4b4b" });
  }
  setText(panel.caption, panel.at ? pairText(lens, values, ...panel.at) : `Rows look, columns are looked at${even ? "" : "; each row up to its own most"}. Point at a cell to read it, click to go to its row. Above the diagonal lies what cannot be seen.`);
  canvas.setAttribute("aria-label", `Attention matrix of ${heads}, layer ${lens.layer}; ${count} tokens`);
}

/** “cat” (2) → “the” (1): 45 %, 0.9× even. */
function pairText({ feed }, values, query, key) {
  const name = (i) => `${quoted(feed, i)} (${i + 1})`;
  const share = values[query * feed.count + key];
  return `${name(query)} → ${name(key)}: ${key > query ? "cannot be seen" : `${percent(share)}, ${timesEven(share * (query + 1))} even`}`;
}

function paintMatrix(canvas, { values, count, even, width, token, names, color, paper, accent }) {
  const ratio = window.devicePixelRatio || 1;
  const { named, margin, cell } = matrixPlace(count, width);
  Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(width * ratio) });
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.fillStyle = paper;
  context.fillRect(0, 0, width, width);
  const cells = document.createElement("canvas");
  Object.assign(cells, { width: count, height: count });
  const pixels = new ImageData(count, count);
  for (let row = 0; row < count; row++) {
    const shares = values.subarray(row * count, row * count + row + 1);
    const most = Math.max(...shares);
    for (let key = 0; most && key <= row; key++) pixels.data.set(shareColor(shares[key], most, row + 1, even), 4 * (row * count + key));
  }
  cells.getContext("2d").putImageData(pixels, 0, 0);
  context.imageSmoothingEnabled = cell < 1;
  context.drawImage(cells, margin, margin, cell * count, cell * count);
  context.strokeStyle = color;
  context.globalAlpha = 0.3;
  context.beginPath();
  context.moveTo(margin, margin);
  for (let i = 0; i < count; i++) { // a line along the diagonal's steps
    context.lineTo(margin + (i + 1) * cell, margin + i * cell);
    context.lineTo(margin + (i + 1) * cell, margin + (i + 1) * cell);
  }
  context.lineTo(margin, margin + count * cell);
  context.closePath();
  context.stroke();
  context.globalAlpha = 1;
  context.strokeStyle = accent;
  context.lineWidth = 2;
  context.strokeRect(margin, margin + token * cell, (token + 1) * cell, Math.max(cell, 2));
  if (named) nameCells(context, { names, cell, margin, color });
}

function nameCells(context, { names, cell, margin, color }) {
  context.fillStyle = color;
  context.font = `${Math.min(cell - 1, 13)}px ui-monospace, monospace`;
  context.textBaseline = "middle";
  const fit = (name) => (name.length > 10 ? `${name.slice(0, 9)}…` : name);
  names.forEach((name, i) => {
    const at = margin + (i + 0.5) * cell;
    context.textAlign = "right";
    context.fillText(fit(name), margin - 4, at, NAME_PX - 6);
    context.save();
    context.translate(at, margin - 4);
    context.rotate(-Math.PI / 2);
    context.textAlign = "left";
    context.fillText(fit(name), 0, 0, NAME_PX - 6);
    context.restore();
  });
}

function readMatrix(lens, panel, event) {
  panel.at = null;
  if (event) {
    const box = panel.canvas.getBoundingClientRect();
    const { margin, cell } = matrixPlace(lens.feed.count, box.width);
    const [key, query] = [event.clientX - box.left, event.clientY - box.top].map((at) => Math.floor((at - margin) / cell));
    if (key >= 0 && query >= 0) panel.at = [clamp(query, lens.feed.count), clamp(key, lens.feed.count)];
  }
  invalidate(lens);
}

// ---- every head of every layer ----

/** Small matrices of all heads of a layer: (K,n,n) mean shares, n ≤ SMALL; rows are evenly spaced tokens `asked`. */
function smallMatrices(attention, count) {
  const size = Math.min(count, SMALL);
  const asked = Array.from({ length: size }, (_, i) => (size < 2 ? 0 : Math.round((i * (count - 1)) / (size - 1))));
  const values = new Float32Array(attention.heads * size * size);
  const filled = new Float32Array(size);
  const bin = (key) => Math.floor((key * size) / count);
  for (let key = 0; key < count; key++) filled[bin(key)]++;
  asked.forEach((token, row) => {
    const shares = attentionRows(attention, token, true);
    for (let head = 0; head < attention.heads; head++) {
      for (let key = 0; key <= token; key++) values[(head * size + row) * size + bin(key)] += shares[head * count + key] / filled[bin(key)];
    }
  });
  return { size, asked, values };
}

const TEXT_OVERVIEW = {
  shape: () => 1,

  numbers: ({ feed }, key) => feed.arrays[`heads.${key}`],

  picture(lens, layer, head) {
    const { feed, against } = lens;
    const kept = (feed.small ??= new Map());
    if (!kept.has(layer)) {
      if (lens.smallAt === lens.frames) { // one layer a frame
        setTimeout(() => invalidate(lens));
        return null;
      }
      lens.smallAt = lens.frames;
      kept.set(layer, smallMatrices(feed.layer(layer), feed.count));
    }
    const { size, asked, values } = kept.get(layer);
    const paint = (canvas) => {
      Object.assign(canvas, { width: size, height: size });
      const pixels = new ImageData(size, size);
      for (let row = 0; row < size; row++) {
        const shares = values.subarray(((head - 1) * size + row) * size, ((head - 1) * size + row + 1) * size);
        const most = Math.max(...shares);
        for (let key = 0; key < size; key++) if (shares[key]) pixels.data.set(shareColor(shares[key], most, asked[row] + 1, against === "even"), 4 * (row * size + key));
      }
      canvas.getContext("2d").putImageData(pixels, 0, 0);
    };
    return { stamp: `${feed.view}.${layer}.${against}`, paint };
  },

  says(lens, layer, head) {
    if (!layer) return "The attention matrix of every head of every layer";
    const token = lens.pointed ?? chosenToken(lens);
    const row = attentionRows(lens.feed.layer(layer), token, true).subarray((head - 1) * lens.feed.count, head * lens.feed.count);
    return `from ${quoted(lens.feed, token)}: ${rowNumbers(row, token).map((one) => `${one[0]} ${rowNumber(one)}`).join(", ")}`;
  },
};

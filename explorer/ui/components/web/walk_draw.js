// A moment of the walk on a canvas, in CSS pixels.

const LINES = 12; // to the tokens that are attended to most: measures.patches.walk.ATTENDED
const DIM = 0.62; // of the photo, once its patches have left it
const GREY = "#8a8f99";

/** A canvas as large as its box on the screen, in device pixels; returns its context in CSS pixels, cleared. */
function clearedCanvas(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

function coloursOf(element) {
  const css = getComputedStyle(element);
  const read = (name, fallback) => css.getPropertyValue(name).trim() || fallback;
  return {
    text: read("--st-text-color", "#31333f"), primary: read("--st-primary-color", "#3f5bd8"),
    background: read("--st-background-color", "#fff"), font: read("--st-font", "sans-serif"),
  };
}

/** Draw a moment: stage and share of it; alpha of all but the photo. */
function drawMoment(context, scene, layout, colours, { stage, share, alpha }) {
  drawPhoto(context, scene, layout, colours, stage, share);
  context.globalAlpha = alpha;
  if (stage === 0) drawFlight(context, scene, layout, colours, share);
  else if (stage < 3) drawSubspaces(context, scene, layout, colours, stage, share, 1);
  else {
    const gone = eased(share, 0, 0.15);
    if (gone < 1) drawSubspaces(context, scene, layout, colours, stage, share, 1 - gone);
    context.globalAlpha = alpha * eased(share, 0.08, 0.22);
    drawBars(context, scene, layout, colours, share);
  }
  context.globalAlpha = 1;
}

// ---- the photo ----

function drawPhoto(context, scene, layout, colours, stage, share) {
  const { photo, scale } = layout;
  const { grid } = scene;
  const left = stage === 0 ? eased(share, 0.15, 0.75) : 1;
  context.save();
  context.beginPath();
  context.roundRect(photo.x, photo.y, photo.width, photo.height, 6);
  context.clip();
  if (scene.photo) context.drawImage(scene.photo, photo.x, photo.y, photo.width, photo.height);
  context.globalAlpha = (1 - DIM) * left;
  context.fillStyle = colours.background;
  context.fillRect(photo.x, photo.y, photo.width, photo.height);
  context.globalAlpha = stage === 0 ? 0.45 * (1 - left) * eased(share, 0.02, 0.12) : 0;
  context.strokeStyle = "#fff";
  context.lineWidth = 0.6;
  context.beginPath();
  for (let col = 1; col < grid.cols; col++) line(context, [photo.x + scale * (grid.patch / 2 + (col - 0.5) * grid.stride), photo.y], [0, photo.height]);
  for (let row = 1; row < grid.rows; row++) line(context, [photo.x, photo.y + scale * (grid.patch / 2 + (row - 0.5) * grid.stride)], [photo.width, 0]);
  context.stroke();
  context.globalAlpha = 1;
  if (stage === 2) drawAttendedPatches(context, scene, layout, eased(share, 0.05, 0.3));
  const [x, y] = onPhoto(layout, grid, scene.token);
  markTile(context, x, y, Math.max(scale * grid.patch, 8), colours);
  context.restore();
}

function line(context, [x, y], [dx, dy]) {
  context.moveTo(x, y);
  context.lineTo(x + dx, y + dy);
}

/** On the photo, what the marked patch attends to, in the colours of the heads. */
function drawAttendedPatches(context, scene, layout, shown) {
  scene.heads.forEach(({ color }, head) => {
    const most = scene.most[head][0]?.[1] || 1;
    for (const [i, weight] of scene.most[head]) {
      const [x, y] = onPhoto(layout, scene.grid, scene.drawn[i]);
      context.globalAlpha = shown * (0.3 + 0.7 * (weight / most));
      context.fillStyle = color;
      context.beginPath();
      context.arc(x, y, 3.6, 0, 2 * Math.PI);
      context.fill();
    }
  });
  context.globalAlpha = 1;
}

// ---- tokens ----

/** A token as the piece of the photo that it stands for. */
function tile(context, scene, i, x, y, side) {
  const [sx, sy, size] = scene.pieces[i];
  if (scene.photo) context.drawImage(scene.photo, sx, sy, size, size, x - side / 2, y - side / 2, side, side);
}

function markTile(context, x, y, side, colours) {
  for (const [style, width] of [["rgb(0 0 0 / 70%)", 4.4], ["#fff", 3], [colours.primary, 1.8]]) {
    [context.strokeStyle, context.lineWidth] = [style, width];
    context.strokeRect(x - side / 2, y - side / 2, side, side);
  }
}

function drawFlight(context, scene, layout, colours, share) {
  const { grid } = scene;
  const [patch, small] = [layout.scale * grid.patch, tileSide(scene, layout.stage)];
  caption(context, scene.stages[0].caption, layout.stage, colours, context.globalAlpha * eased(share, 0.5, 0.75));
  const places = flight(scene, layout, share);
  places.forEach(({ at, come }, i) => come > 0 && i !== scene.marked && tile(context, scene, i, ...at, patch + (small - patch) * come));
  const { at, come } = places[scene.marked];
  if (come > 0) marked(context, scene, at, 1.8 * small, colours);
}

function marked(context, scene, [x, y], side, colours) {
  tile(context, scene, scene.marked, x, y, side);
  markTile(context, x, y, side, colours);
}

const tileSide = (scene, box) => limited((1.1 * Math.min(box.width, box.height)) / Math.sqrt(scene.drawn.length), 3.5, 9);

function drawSubspaces(context, scene, layout, colours, stage, share, shown) {
  const alpha = context.globalAlpha * shown;
  const framed = stage === 1 ? eased(share, 0.3, 0.55) : 1;
  caption(context, scene.stages[Math.min(stage, 2)].caption, layout.stage, colours, alpha * framed);
  scene.heads.forEach((_, head) => drawSubspace(context, scene, layout, colours, { head, stage, share, alpha, framed }));
  context.globalAlpha = alpha;
}

function drawSubspace(context, scene, layout, colours, { head, stage, share, alpha, framed }) {
  const { name, color } = scene.heads[head];
  const box = layout.panels[head];
  const side = tileSide(scene, stage === 1 ? { width: box.width * framed + layout.stage.width * (1 - framed), height: box.height * framed + layout.stage.height * (1 - framed) } : box);
  context.globalAlpha = alpha * framed;
  frame(context, box, color);
  [context.fillStyle, context.font, context.textAlign] = [color, `600 13px ${colours.font}`, "left"];
  context.fillText(name, box.x + 8, box.y + 17);
  const places = inSubspace(scene, layout, head, stage, share);
  const lined = stage === 2 ? eased(share, 0.05, 0.3) : stage > 2 ? 1 : 0;
  context.globalAlpha = alpha * (1 - 0.65 * lined);
  places.forEach((at, i) => i !== scene.marked && tile(context, scene, i, ...at, side));
  if (lined) drawLines(context, scene, head, places, alpha * lined, side);
  context.globalAlpha = alpha;
  if (stage === 2) drawDistances(context, scene.heads[head], box, colours, alpha, share);
  if (stage === 2) drawPath(context, within(box, ...placeBefore(scene, head)), places[scene.marked], colours);
  marked(context, scene, places[scene.marked], 1.9 * side, colours);
}

/** Below a subspace: how far the marked token is from what it attends to, before and then after. */
function drawDistances(context, { distances: [before, after] }, box, colours, alpha, share) {
  const text = `distance ${before.toFixed(2)}`;
  [context.fillStyle, context.font, context.textAlign] = [colours.text, `12.5px ${colours.font}`, "left"];
  context.globalAlpha = 0.8 * alpha * eased(share, 0.15, 0.35);
  context.fillText(text, box.x + 2, box.y + box.height + 16);
  context.globalAlpha = 0.8 * alpha * eased(share, 0.65, 0.8);
  context.fillText(` → ${after.toFixed(2)}`, box.x + 2 + context.measureText(text).width, box.y + box.height + 16);
  context.globalAlpha = alpha;
}

const placeBefore = ({ before, drawn, marked: i }, head) => before.subarray(2 * (head * drawn.length + i), 2 * (head * drawn.length + i) + 2);

function frame(context, box, color) {
  [context.strokeStyle, context.fillStyle, context.lineWidth] = [color, color, 1.2];
  const alpha = context.globalAlpha;
  context.beginPath();
  context.roundRect(box.x + 0.5, box.y + 0.5, box.width - 1, box.height - 1, 8);
  context.globalAlpha = alpha * 0.07;
  context.fill();
  context.globalAlpha = alpha * 0.8;
  context.stroke();
  context.globalAlpha = alpha;
}

/** Lines to what is attended to: as wide and as strong as their weight. */
function drawLines(context, scene, head, places, alpha, side) {
  const { color } = scene.heads[head];
  const most = scene.most[head][0]?.[1] || 1;
  [context.strokeStyle, context.lineCap] = [color, "round"];
  for (const [i, weight] of [...scene.most[head]].reverse()) {
    const part = weight / most;
    context.globalAlpha = alpha * (0.35 + 0.65 * part);
    context.lineWidth = 0.8 + 2.6 * part;
    context.beginPath();
    context.moveTo(...places[scene.marked]);
    context.lineTo(...places[i]);
    context.stroke();
  }
  context.globalAlpha = alpha;
  for (const [i] of scene.most[head]) {
    const [x, y] = places[i];
    tile(context, scene, i, x, y, 1.4 * side);
    [context.strokeStyle, context.lineWidth] = [color, 1.4];
    context.strokeRect(x - 0.7 * side, y - 0.7 * side, 1.4 * side, 1.4 * side);
  }
}

/** From where the marked token was: a ring there, and a dotted line to where it is. */
function drawPath(context, from, to, colours) {
  [context.strokeStyle, context.lineWidth] = [colours.text, 1.4];
  context.beginPath();
  context.arc(...from, 4, 0, 2 * Math.PI);
  context.stroke();
  context.setLineDash([1, 4]);
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
  context.setLineDash([]);
}

// ---- entries ----

function drawBars(context, scene, layout, colours, share) {
  const { x, y, width, height } = layout.stage;
  const alpha = context.globalAlpha;
  const values = scene.entries;
  const [high, low] = values.reduce(([most, least], value) => [Math.max(most, value), Math.min(least, value)], [0, 0]);
  const at = (value) => y + 14 + ((high - value) / (high - low || 1)) * (height - 24);
  const bars = barsOf(scene, share);
  const step = width / bars.length;
  const faded = scene.threshold === null ? 0 : eased(share, 0.3, 0.6);
  const wide = Math.max(step - (step > 2.5 ? 1 : 0), 0.8);
  bars.forEach(({ value, stays }, i) => {
    const bar = [x + i * step, Math.min(at(value), at(0)), wide, Math.max(Math.abs(at(value) - at(0)), 0.8)];
    for (const [color, part] of [[colours.primary, stays ? 1 : 1 - faded], [GREY, stays ? 0 : 0.7 * faded]]) {
      [context.fillStyle, context.globalAlpha] = [color, alpha * part];
      context.fillRect(...bar);
    }
  });
  context.globalAlpha = alpha;
  [context.strokeStyle, context.fillStyle, context.font, context.lineWidth] = [colours.text, colours.text, `13px ${colours.font}`, 1];
  if (scene.threshold !== null) {
    context.setLineDash([4, 4]);
    context.beginPath();
    line(context, [x, at(scene.threshold)], [width, 0]);
    context.stroke();
    context.setLineDash([]);
    context.textAlign = "right";
    context.fillText(`threshold ηλ = ${plainNumber(scene.threshold, "")}`, x + width, at(scene.threshold) - 6);
  }
  caption(context, "Entries of the marked token, sorted", layout.stage, colours, alpha);
  context.textAlign = "right";
  context.globalAlpha = alpha * eased(share, 0.6, 0.8);
  context.font = `600 15px ${colours.font}`;
  context.fillText(scene.stages[3].caption, x + width, y + 16);
  context.globalAlpha = alpha;
}

// ---- text ----

/** A line above a box; ^{…} and _{…} are set high and low. */
function caption(context, text, box, colours, alpha) {
  const before = context.globalAlpha;
  context.globalAlpha = alpha * 0.8;
  [context.fillStyle, context.textAlign] = [colours.text, "left"];
  let x = box.x;
  for (const { text: piece, raised } of piecesOf(text)) {
    context.font = `${raised ? 10 : 13}px ${colours.font}`;
    context.fillText(piece, x, box.y - 8 - 5 * raised);
    x += context.measureText(piece).width;
  }
  context.globalAlpha = before;
}

/** Text with ^{…} and _{…} as pieces: raised is 1, −1, or 0. */
const piecesOf = (text) => text.split(/([\^_]\{[^}]*\})/).filter(Boolean).map((part) => {
  const raised = part.startsWith("^{") ? 1 : part.startsWith("_{") ? -1 : 0;
  return { text: raised ? part.slice(2, -1) : part, raised };
});

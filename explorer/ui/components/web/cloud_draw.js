// What is drawn on the four canvases: the photos and the cloud, and over each of them what changes with the pointer.

const FEW_POINTS = 3000; // above, dots are squares without an outline: they take a fifth of the time
const DOT_RADIUS = 4.5;
const SMALLEST_DOT = 1.7;
const THUMBNAIL_SIDE = 17;
const FAINT = 0.13; // opacity of points that are not selected
const PAINT = 0.55; // opacity of the points' colours over the photo
const FULL_TURN = 2 * Math.PI;

/** A canvas as large as its box on the screen, in device pixels; returns its context in CSS pixels, cleared. */
function cleared(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

function themeOf(element) {
  const css = getComputedStyle(element);
  const read = (name, fallback) => css.getPropertyValue(name).trim() || fallback;
  return {
    text: read("--st-text-color", "#31333f"),
    primary: read("--st-primary-color", "#3f5bd8"),
    background: read("--st-background-color", "#fff"),
    font: read("--st-font", "sans-serif"),
  };
}

const isPatch = (view, i) => i % perPhoto(view.sheet) >= view.sheet.prefix.length;

// ---- the cloud ----

function dotSize(view) {
  const size = Math.max(SMALLEST_DOT, DOT_RADIUS * Math.min(1, Math.sqrt(900 / view.count)));
  return size * limit(Math.sqrt(view.camera.zoom), 0.8, 2.5);
}

function drawCloud(view) {
  const { context, width, height } = cleared(view.cloud);
  const theme = themeOf(view.cloud);
  view.screen = project(view.places, view.camera, view.dims, width, height);
  drawAxes(context, view, theme, width, height);
  const order = view.dims === 3 ? depthOrder(view.screen) : null;
  const size = dotSize(view);
  const thumbnails = view.marks === "thumbnails" && view.picture.complete && view.picture.naturalWidth > 0;
  const draw = thumbnails ? drawThumbnail : view.count > FEW_POINTS ? drawSquare : drawDot;
  context.strokeStyle = "rgb(128 128 128 / 60%)";
  context.lineWidth = 0.75;
  const pass = (selected) => {
    context.globalAlpha = view.chosen.size && !selected ? FAINT : 1;
    for (let n = 0; n < view.count; n++) {
      const i = order ? order[n] : n;
      if (view.chosen.size && view.chosen.has(i) !== selected) continue;
      const [x, y, depth] = [view.screen[3 * i], view.screen[3 * i + 1], view.screen[3 * i + 2]];
      if (x < -20 || y < -20 || x > width + 20 || y > height + 20) continue;
      const near = view.dims === 3 ? limit(1 + 0.35 * depth, 0.5, 1.5) : 1;
      if (isPatch(view, i)) draw(context, view, i, x, y, size * near);
    }
  };
  pass(false);
  if (view.chosen.size) pass(true);
  context.globalAlpha = 1;
  for (let first = 0; first < view.count; first += perPhoto(view.sheet))
    view.sheet.prefix.forEach((name, k) => drawStar(context, view.screen[3 * (first + k)], view.screen[3 * (first + k) + 1], theme, name === "CLS" ? 5 : 4));
}

function drawDot(context, view, i, x, y, size) {
  context.fillStyle = view.colors[i];
  context.beginPath();
  context.arc(x, y, size, 0, FULL_TURN);
  context.fill();
  context.stroke();
}

function drawSquare(context, view, i, x, y, size) {
  context.fillStyle = view.colors[i];
  context.fillRect(x - size, y - size, 2 * size, 2 * size);
}

function drawThumbnail(context, view, i, x, y, size) {
  const side = THUMBNAIL_SIDE * (size / DOT_RADIUS);
  context.drawImage(view.picture, ...boxOf(view.sheet, i), x - side / 2, y - side / 2, side, side);
  context.strokeStyle = view.colors[i];
  context.lineWidth = Math.max(1, side / 12);
  context.strokeRect(x - side / 2, y - side / 2, side, side);
}

/** What is no patch: a star in the colour of the text, in front of all points, since there are few; CLS has five rays. */
function drawStar(context, x, y, theme, rays) {
  context.save();
  context.fillStyle = theme.text;
  context.strokeStyle = theme.background;
  context.lineWidth = 1.5;
  context.beginPath();
  for (let k = 0; k < 2 * rays; k++) {
    const [reach, turn] = [k % 2 ? rays - 1 : 9.5, (k / (2 * rays)) * FULL_TURN - Math.PI / 2];
    context.lineTo(x + reach * Math.cos(turn), y + reach * Math.sin(turn));
  }
  context.closePath();
  context.stroke();
  context.fill();
  context.restore();
}

function drawAxes(context, view, theme, width, height) {
  context.save();
  context.font = `12px ${theme.font}`;
  [context.strokeStyle, context.fillStyle, context.lineWidth] = [theme.text, theme.text, 1];
  const ends = [[1.15, 0, 0], [0, 1.15, 0], [0, 0, 1.15]].slice(0, view.dims);
  ends.forEach(([x, y, z], axis) => {
    const [x1, y1] = projectOne(x, y, z, view.camera, view.dims, width, height);
    const [x0, y0] = projectOne(-x, -y, -z, view.camera, view.dims, width, height);
    context.globalAlpha = 0.22;
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
    context.stroke();
    context.globalAlpha = 0.85;
    const label = view.axes[axis];
    const wide = context.measureText(label).width;
    context.fillText(label, limit(x1 + 4, 4, width - wide - 4), limit(y1 - 5, 14, height - 6));
  });
  context.restore();
}

function drawCloudOver(view) {
  const { context } = cleared(view.cloudOver);
  const theme = themeOf(view.cloud);
  for (const [token, color] of [[view.picked, theme.primary], [view.pointed, theme.text]]) {
    if (token < 0) continue;
    context.beginPath();
    context.arc(view.screen[3 * token], view.screen[3 * token + 1], Math.max(9, 2 * dotSize(view)), 0, FULL_TURN);
    [context.lineWidth, context.strokeStyle] = [5, theme.background];
    context.stroke();
    [context.lineWidth, context.strokeStyle] = [2.5, color];
    context.stroke();
  }
  const lasso = view.drag && view.drag.lasso;
  if (!lasso || lasso.length < 2) return;
  context.beginPath();
  lasso.forEach(([x, y]) => context.lineTo(x, y));
  context.closePath();
  [context.fillStyle, context.strokeStyle, context.lineWidth] = [theme.primary, theme.primary, 1.5];
  context.globalAlpha = 0.15;
  context.fill();
  context.globalAlpha = 1;
  context.stroke();
}

// ---- the photos ----

function drawPhoto(view) {
  const { context, width } = cleared(view.photo);
  if (!view.picture.complete || !view.picture.naturalWidth) return;
  const sheet = view.sheet;
  const scale = width / sheet.width;
  context.scale(scale, scale);
  context.drawImage(view.picture, 0, 0, sheet.width, sheet.height);
  if (view.paint) paintPatches(context, view);
  if (sheet.stride * scale >= 6 && !view.paint) drawGrid(context, sheet, scale);
  if (view.chosen.size) lightPatches(context, view);
  drawFrames(context, view, scale);
}

/** Each patch in the colour of its point, on the cell around its centre that is its own. */
function paintPatches(context, view) {
  const edge = (view.sheet.patch - view.sheet.stride) / 2;
  context.globalAlpha = PAINT;
  for (let i = 0; i < view.count; i++) {
    if (!isPatch(view, i)) continue;
    const [x, y] = boxOf(view.sheet, i);
    context.fillStyle = view.colors[i];
    context.fillRect(x + edge, y + edge, view.sheet.stride, view.sheet.stride);
  }
  context.globalAlpha = 1;
}

function drawGrid(context, sheet, scale) {
  [context.strokeStyle, context.lineWidth] = ["rgb(255 255 255 / 28%)", 1 / scale];
  const edge = (sheet.patch - sheet.stride) / 2;
  for (let tile = 0; tile < sheet.tiles; tile++) {
    const [left, top] = tileBox(sheet, tile);
    const [x0, y0] = [left + edge, top + edge];
    const [x1, y1] = [x0 + sheet.cols * sheet.stride, y0 + sheet.rows * sheet.stride];
    context.beginPath();
    for (let x = x0; x <= x1; x += sheet.stride) context.moveTo(x, y0), context.lineTo(x, y1);
    for (let y = y0; y <= y1; y += sheet.stride) context.moveTo(x0, y), context.lineTo(x1, y);
    context.stroke();
  }
}

/** The photo goes dark but for the chosen patches; what is no patch lights nothing of its own. */
function lightPatches(context, view) {
  context.fillStyle = "rgb(0 0 0 / 68%)";
  context.fillRect(0, 0, view.sheet.width, view.sheet.height);
  const edge = (view.sheet.patch - view.sheet.stride) / 2;
  for (const i of view.chosen) {
    if (!isPatch(view, i)) continue;
    const [x, y] = boxOf(view.sheet, i);
    const cell = [x + edge, y + edge, view.sheet.stride, view.sheet.stride];
    context.drawImage(view.picture, ...cell, ...cell);
  }
}

function drawFrames(context, view, scale) {
  context.lineWidth = 4 / scale;
  view.frames.forEach((color, tile) => {
    const [x, y, width, height] = tileBox(view.sheet, tile);
    context.strokeStyle = color;
    context.strokeRect(x + 2 / scale, y + 2 / scale, width - 4 / scale, height - 4 / scale);
  });
}

function drawPhotoOver(view) {
  const { context, width } = cleared(view.photoOver);
  const theme = themeOf(view.cloud);
  const scale = width / view.sheet.width;
  for (const [token, color] of [[view.picked, theme.primary], [view.pointed, "#fff"]]) {
    if (token < 0) continue;
    const [x, y, w, h] = boxOf(view.sheet, token).map((value) => value * scale);
    // a dark line on either side shows the outline on every photo
    [context.strokeStyle, context.lineWidth] = ["rgb(0 0 0 / 75%)", 5];
    context.strokeRect(x, y, w, h);
    [context.strokeStyle, context.lineWidth] = [color, 2.5];
    context.strokeRect(x, y, w, h);
  }
  const box = view.drag && view.drag.box;
  if (!box) return;
  const [[x0, y0], [x1, y1]] = box.map(([x, y]) => [x * scale, y * scale]);
  [context.strokeStyle, context.lineWidth, context.fillStyle] = ["#fff", 1.5, "rgb(255 255 255 / 20%)"];
  context.fillRect(x0, y0, x1 - x0, y1 - y0);
  context.strokeRect(x0, y0, x1 - x0, y1 - y0);
}

// ---- the legend ----

function made(name, kind, text = "") {
  const element = document.createElement(name);
  element.className = kind;
  element.textContent = text;
  return element;
}

/** What the colours mean; labels come from Python as data and become text only. */
function showLegend(box, legend, sheet) {
  const parts = [];
  if (legend.kind === "text") parts.push(made("span", "", `Colour: ${legend.text}`));
  if (legend.kind === "bar") {
    const bar = made("span", "bar");
    bar.style.background = `linear-gradient(90deg, ${legend.colors.join(",")})`;
    parts.push(made("span", "", `${legend.label}:`), made("span", "", legend.low), bar, made("span", "", legend.high));
  }
  if (legend.kind === "square") {
    parts.push(made("span", "", `Colour: ${legend.label}`), squareOf(legend.corners));
  }
  for (const { label, color, count } of legend.entries || []) {
    const swatch = made("span", "swatch");
    swatch.style.background = color;
    const entry = made("span", "entry");
    entry.append(swatch, made("span", "", `${label} (${count})`));
    parts.push(entry);
  }
  const [first, registers] = [sheet.prefix.includes("CLS"), sheet.prefix.filter((name) => name.startsWith("register")).length];
  const rest = sheet.prefix.length - first - registers;
  const signs = [["★", first && "CLS"], ["✦", rest && "distillation"], ["✦", registers && `${registers} register${registers > 1 ? "s" : ""}`]];
  for (const [sign, name] of signs.filter(([, name]) => name)) {
    const star = made("span", "entry");
    star.append(made("span", "star", sign), made("span", "", name));
    parts.push(star);
  }
  box.replaceChildren(...parts);
}

/** Four corner colours mixed over a square: a canvas of 2×2 pixels, smoothed when it is enlarged. */
function squareOf(corners) {
  const canvas = made("canvas", "square");
  [canvas.width, canvas.height] = [2, 2];
  const context = canvas.getContext("2d");
  corners.forEach((color, k) => {
    context.fillStyle = color;
    context.fillRect(k % 2, Math.floor(k / 2), 1, 1);
  });
  return canvas;
}

// The tokens as points beside their photos: point at one to see the other, draw a lasso or a rectangle to select.
// What the pointer does is decided here; where things lie, in cloud_geometry.js; how they look, in cloud_draw.js.

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const ZOOM_KEYS = { "+": 1.25, "=": 1.25, "-": 0.8, _: 0.8 };
const CLICK_PIXELS = 5; // a pointer that moves less has clicked
const REACH = { mouse: 14, pen: 14, touch: 26 };
const MORPH_MS = 450;
const REST_MS = 600; // a camera that rests so long goes into the link

/** Draw what changed, once a frame. */
function refresh(view, ...canvases) {
  canvases.forEach((name) => view.stale.add(name));
  if (view.frame || !view.ready) return;
  view.frame = requestAnimationFrame((now) => {
    view.frame = 0;
    const stale = new Set(view.stale);
    view.stale.clear();
    if (view.morph) step(view, now, stale);
    if (stale.has("photo")) drawPhoto(view);
    if (stale.has("cloud")) drawCloud(view);
    if (stale.has("photo") || stale.has("over")) drawPhotoOver(view);
    if (stale.has("cloud") || stale.has("over")) drawCloudOver(view);
    if (view.morph) refresh(view, "cloud");
  });
}

/** Points on the way from their old places to their new ones: the eye can follow a token into the next layer. */
function step(view, now, stale) {
  const { from, to, start } = view.morph;
  const share = limit((now - start) / MORPH_MS, 0, 1);
  const eased = share * share * (3 - 2 * share);
  view.places = share < 1 ? to.map((value, i) => from[i] + (value - from[i]) * eased) : to;
  if (share === 1) view.morph = null;
  stale.add("cloud");
}

// ---- choosing ----

function describe(view, token) {
  const { photo, front, row, col } = placeOf(view.sheet, token);
  const name = view.sheet.tiles > 1 ? `${view.names[photo]}, ` : "";
  const place = front ? `${front} token` : `patch row ${row + 1}, column ${col + 1}`;
  return `${name}${place}: ${view.rates[token].toFixed(2)} nats`;
}

function say(view) {
  const chosen = view.chosen.size ? `${view.chosen.size} of ${view.count} tokens selected` : "";
  const picked = view.picked >= 0 ? describe(view, view.picked) : "";
  const text = [picked, chosen].filter(Boolean).join("; ");
  if (view.said.textContent !== text) view.said.textContent = text;
  view.buttons.clear.disabled = !view.chosen.size;
}

function choose(view, tokens, add = false) {
  view.chosen = new Set(add ? [...view.chosen, ...tokens] : tokens);
  say(view);
  refresh(view, "photo", "cloud");
  view.send("selection", { scene: view.scene, tokens: [...view.chosen].sort((a, b) => a - b) });
}

function pick(view, token) {
  view.picked = token;
  say(view);
  refresh(view, "over");
}

function point(view, token) {
  if (token === view.pointed) return;
  view.pointed = token;
  view.tip.hidden = token < 0;
  if (token >= 0) {
    view.tip.textContent = describe(view, token);
    const [x, y] = [view.screen[3 * token], view.screen[3 * token + 1]];
    const [width, height] = [view.cloud.clientWidth, view.cloud.clientHeight];
    view.tip.style.left = `${limit(x + 14 + view.tip.offsetWidth > width ? x - 14 - view.tip.offsetWidth : x + 14, 0, width)}px`;
    view.tip.style.top = `${limit(y - 14, 4, height - view.tip.offsetHeight - 4)}px`;
  }
  refresh(view, "over");
}

function setMode(view, mode) {
  view.mode = mode;
  view.buttons.lasso.setAttribute("aria-pressed", String(mode === "lasso"));
  view.buttons.move.setAttribute("aria-pressed", String(mode === "move"));
  view.panes.cloud.classList.toggle("lassoing", mode === "lasso");
  view.panes.cloud.classList.toggle("moving", mode === "move");
}

function look(view, camera) {
  view.cameras[view.dims] = view.camera = camera;
  point(view, -1);
  refresh(view, "cloud");
  clearTimeout(view.resting);
  view.resting = setTimeout(() => view.send("camera", cameraText(camera, view.dims, screenSide(view))), REST_MS);
}

const screenSide = (view) => Math.min(view.cloud.clientWidth, view.cloud.clientHeight) || 1;

// ---- pointers ----

function within(element, event) {
  const box = element.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

function onSheet(view, event) {
  const [x, y] = within(view.photo, event);
  const scale = view.sheet.width / view.photo.clientWidth;
  return [x * scale, y * scale];
}

function pinch(view, event) {
  const before = [...view.fingers.values()];
  view.fingers.set(event.pointerId, within(view.cloud, event));
  const after = [...view.fingers.values()];
  const apart = ([[ax, ay], [bx, by]]) => Math.hypot(ax - bx, ay - by) || 1;
  const middle = ([[ax, ay], [bx, by]]) => [(ax + bx) / 2, (ay + by) / 2];
  const [[mx, my], [nx, ny]] = [middle(before), middle(after)];
  const [w, h] = [view.cloud.clientWidth, view.cloud.clientHeight];
  const camera = zoomed(view.camera, apart(after) / apart(before), nx - w / 2, ny - h / 2);
  look(view, { ...camera, x: camera.x + nx - mx, y: camera.y + ny - my });
}

function cloudDown(view, event) {
  const at = within(view.cloud, event);
  view.fingers.set(event.pointerId, at);
  view.panes.cloud.setPointerCapture(event.pointerId);
  if (view.fingers.size > 1) view.drag = { done: true };
  else if (event.button === 0 || event.button === 2)
    view.drag = { start: at, last: at, moved: false, lasso: view.mode === "lasso" && event.button === 0 ? [at] : null, add: event.shiftKey };
}

function cloudMove(view, event) {
  if (view.fingers.size === 2 && view.fingers.has(event.pointerId)) return pinch(view, event);
  const at = within(view.cloud, event);
  const drag = view.drag;
  if (!drag) return event.pointerType !== "touch" && point(view, nearestPoint(view.screen, ...at, REACH.mouse));
  if (drag.done || !drag.start) return;
  drag.moved ||= Math.hypot(at[0] - drag.start[0], at[1] - drag.start[1]) >= CLICK_PIXELS;
  if (drag.moved) point(view, -1);
  if (drag.moved && drag.lasso) drag.lasso.push(at), refresh(view, "over");
  else if (drag.moved) drive(view, at[0] - drag.last[0], at[1] - drag.last[1], event.shiftKey);
  if (drag.moved || drag.lasso) drag.last = at;
}

/** Drag the cloud: in 3-D it turns, with Shift it moves; in 2-D it moves. */
function drive(view, dx, dy, shift) {
  const camera = view.camera;
  if (view.dims === 3 && !shift) look(view, { ...camera, rotation: turned(camera.rotation, dx, dy) });
  else look(view, { ...camera, x: camera.x + dx, y: camera.y + dy });
}

function cloudUp(view, event) {
  const drag = view.drag;
  view.fingers.delete(event.pointerId);
  if (view.fingers.size) return;
  view.drag = null;
  if (!drag || drag.done) return;
  if (!drag.moved) pick(view, nearestPoint(view.screen, ...drag.start, REACH[event.pointerType] || REACH.mouse));
  else if (drag.lasso) choose(view, pointsInPolygon(view.screen, asBox(drag.lasso)), drag.add);
  refresh(view, "over");
}

function photoDown(view, event) {
  if (event.button !== 0) return;
  const at = onSheet(view, event);
  view.panes.photo.setPointerCapture(event.pointerId);
  view.drag = { screen: [event.clientX, event.clientY], corner: at, box: null, add: event.shiftKey };
}

function photoMove(view, event) {
  const at = onSheet(view, event);
  const drag = view.drag;
  if (!drag) return event.pointerType !== "touch" && point(view, patchAt(view.sheet, ...at));
  if (!drag.corner) return;
  if (!drag.box && Math.hypot(event.clientX - drag.screen[0], event.clientY - drag.screen[1]) < CLICK_PIXELS) return;
  point(view, -1);
  drag.box = [drag.corner, at];
  refresh(view, "over");
}

function photoUp(view) {
  const drag = view.drag;
  view.drag = null;
  if (!drag || !drag.corner) return;
  if (drag.box) choose(view, patchesInBox(view.sheet, ...drag.box, view.count), drag.add);
  else pick(view, patchAt(view.sheet, ...drag.corner));
  refresh(view, "over");
}

function onKey(view, event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key in STEPS) pick(view, neighbour(view.sheet, view.picked, STEPS[event.key]));
  else if (event.key in ZOOM_KEYS) look(view, zoomed(view.camera, ZOOM_KEYS[event.key], 0, 0));
  else if (event.key === "Escape") escape(view);
  else if ((event.key === "Enter" || event.key === " ") && view.picked >= 0) toggle(view, view.picked);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function escape(view) {
  view.drag = null;
  if (view.chosen.size) choose(view, []);
  pick(view, -1);
}

function toggle(view, token) {
  const left = [...view.chosen].filter((other) => other !== token);
  choose(view, left.length < view.chosen.size ? left : [...left, token]);
}

function onWheel(view, event) {
  event.preventDefault();
  const [x, y] = within(view.cloud, event);
  const [w, h] = [view.cloud.clientWidth, view.cloud.clientHeight];
  look(view, zoomed(view.camera, Math.exp(-event.deltaY * 0.0015), x - w / 2, y - h / 2));
}

// ---- life ----

function build(root) {
  const find = (selector) => root.querySelector(selector);
  const view = {
    panes: { photo: find(".pane.photo"), cloud: find(".pane.cloud") },
    photo: find(".photo .base"), photoOver: find(".photo .over"), cloud: find(".cloud .base"), cloudOver: find(".cloud .over"),
    buttons: { lasso: find("button.lasso"), move: find("button.move"), reset: find("button.reset"), clear: find("button.clear") },
    said: find(".said"), tip: find(".tip"), legend: find(".legend"), picture: new Image(),
    cameras: { 2: startCamera(2), 3: startCamera(3) }, chosen: new Set(), picked: -1, pointed: -1,
    fingers: new Map(), stale: new Set(), frame: 0, ready: false, drag: null, morph: null, scene: null, sheetDigest: null,
  };
  listen(view);
  setMode(view, "lasso");
  view.resized = new ResizeObserver(() => refresh(view, "photo", "cloud"));
  return view;
}

function listen(view) {
  const { photo, cloud } = view.panes;
  const leave = () => !view.drag && point(view, -1);
  const stop = () => {
    view.fingers.clear();
    view.drag = null;
    refresh(view, "over");
  };
  cloud.onpointerdown = (event) => cloudDown(view, event);
  cloud.onpointermove = (event) => cloudMove(view, event);
  cloud.onpointerup = (event) => cloudUp(view, event);
  photo.onpointerdown = (event) => photoDown(view, event);
  photo.onpointermove = (event) => photoMove(view, event);
  photo.onpointerup = () => photoUp(view);
  for (const pane of [photo, cloud]) [pane.onpointerleave, pane.onpointercancel] = [leave, stop];
  for (const pane of [photo, cloud]) pane.onkeydown = (event) => onKey(view, event);
  cloud.addEventListener("wheel", (event) => onWheel(view, event), { passive: false });
  cloud.ondblclick = view.buttons.reset.onclick = () => look(view, startCamera(view.dims));
  cloud.oncontextmenu = (event) => event.preventDefault();
  view.buttons.lasso.onclick = () => setMode(view, "lasso");
  view.buttons.move.onclick = () => setMode(view, "move");
  view.buttons.clear.onclick = () => choose(view, []);
  view.picture.onload = () => refresh(view, "photo", "cloud");
}

/** Take in what Python sent; the camera, the mode and, while the tokens are the same ones, the selection stay. */
function receive(view, bytes) {
  const { header, body } = unpack(bytes);
  const part = (start, length, kind) => new kind(body.slice(start, start + length * kind.BYTES_PER_ELEMENT).buffer);
  const count = header.count;
  const places = part(0, 3 * count, Float32Array);
  const { axes, dims, frames, marks, names, paint, sheet, scene } = header;
  Object.assign(view, { axes, count, dims, frames, marks, names, paint, sheet });
  view.rates = part(12 * count, count, Float32Array);
  const rgb = part(16 * count, 3 * count, Uint8Array);
  view.colors = Array.from({ length: count }, (_, i) => `rgb(${rgb[3 * i]},${rgb[3 * i + 1]},${rgb[3 * i + 2]})`);
  if (view.scene !== scene) {
    view.chosen = new Set(header.chosen);
    [view.picked, view.pointed] = [-1, -1];
    view.places = null;
  }
  if (!view.scene) view.cameras[dims] = cameraOf(header.camera, dims, screenSide(view)) || view.cameras[dims];
  view.scene = scene;
  view.camera = view.cameras[dims];
  settle(view, places);
  if (view.sheetDigest !== sheet.digest) {
    view.sheetDigest = sheet.digest;
    URL.revokeObjectURL(view.picture.src);
    view.picture.src = URL.createObjectURL(new Blob([body.subarray(19 * count)], { type: "image/jpeg" }));
  }
  view.panes.photo.style.aspectRatio = `${sheet.width} / ${sheet.height}`;
  view.panes.photo.style.maxWidth = `${(560 * sheet.width) / sheet.height}px`;
  view.panes.photo.setAttribute("aria-label", header.altPhoto);
  view.panes.cloud.setAttribute("aria-label", header.alt);
  showLegend(view.legend, header.legend, view.sheet);
}

function settle(view, places) {
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const moved = view.places && view.places.some((value, i) => value !== places[i]);
  view.morph = moved && !still ? { from: view.places, to: places, start: performance.now() } : null;
  if (!view.morph) view.places = places;
}

const views = new WeakMap(); // the element → its view, kept over reruns

export default function ({ parentElement, data, setStateValue }) {
  const element = parentElement.querySelector(".tokens");
  if (!views.has(element)) views.set(element, (element.view = build(parentElement)));
  const view = views.get(element);
  view.send = setStateValue;
  receive(view, data);
  view.ready = true;
  say(view);
  refresh(view, "photo", "cloud");
  view.resized.observe(view.panes.photo);
  view.resized.observe(view.panes.cloud);
  return () => {
    cancelAnimationFrame(view.frame);
    clearTimeout(view.resting);
    view.frame = 0;
    view.resized.disconnect();
  };
}

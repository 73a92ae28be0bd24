// A photo over a grid of patches: point at one to outline it, click or use the arrow keys to pick it.
// Tokens count as in Python: 0 is CLS (nothing picked), 1 + row·cols + col is a patch.

const KEY_PAUSE_MS = 120; // a held arrow key asks for one rerun at its end, not for one at every step
const CRISP_FROM = 2; // below this enlargement, squares of uneven size would look worse than smoothing
const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

// ---- the grid: numbers only ----

const clamp = (value, count) => Math.min(Math.max(value, 0), count - 1);

/** The patch whose centre is nearest to (x, y) in picture pixels. */
function tokenAt({ rows, cols, patch, stride }, x, y) {
  const row = clamp(Math.round((y - patch / 2) / stride), rows);
  const col = clamp(Math.round((x - patch / 2) / stride), cols);
  return 1 + row * cols + col;
}

const place = ({ cols }, token) => [Math.floor((token - 1) / cols), (token - 1) % cols];

/** The neighbour in a direction; the middle patch if none is picked yet. */
function tokenBeside(grid, token, [down, right]) {
  const { rows, cols } = grid;
  if (!token) return 1 + Math.floor(rows / 2) * cols + Math.floor(cols / 2);
  const [row, col] = place(grid, token);
  return 1 + clamp(row + down, rows) * cols + clamp(col + right, cols);
}

// ---- what is shown ----

function outline(element, grid, token) {
  element.hidden = !token;
  if (!token) return;
  const { width, height, patch, stride } = grid;
  const [row, col] = place(grid, token);
  const box = { left: (col * stride) / width, top: (row * stride) / height, width: patch / width, height: patch / height };
  for (const [side, share] of Object.entries(box)) element.style[side] = `${100 * share}%`;
}

function describe(grid, token) {
  if (!token) return "CLS token";
  const [row, col] = place(grid, token);
  return `patch row ${row + 1}, column ${col + 1}`;
}

/** Touches an image only if its bytes changed: nothing flickers on a rerun. */
function showImage(image, url) {
  image.hidden = !url;
  if (url && image.getAttribute("src") !== url) image.src = url;
}

function sharpen(view) {
  const enlargement = view.photo.clientWidth / view.grid.width;
  view.photo.classList.toggle("crisp", view.crisp && enlargement >= CRISP_FROM);
}

function show(view) {
  outline(view.hover, view.grid, view.pointed);
  outline(view.selected, view.grid, view.token);
  const text = describe(view.grid, view.token);
  if (view.said.textContent !== text) view.said.textContent = text;
}

// ---- picking ----

/** Show the choice at once and tell Python. `at` numbers the choices, so that an older answer cannot undo a newer one. */
function pick(view, token, pause = 0) {
  view.token = token;
  view.at = Math.max(Date.now(), view.at + 1);
  show(view);
  clearTimeout(view.timer);
  view.timer = setTimeout(() => view.send("pick", { token, at: view.at }), pause);
}

function pointedToken(view, event) {
  const box = view.photo.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * view.grid.width;
  const y = ((event.clientY - box.top) / box.height) * view.grid.height;
  return tokenAt(view.grid, x, y);
}

function point(view, token) {
  view.pointed = token;
  outline(view.hover, view.grid, token);
}

function onKey(view, event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key in STEPS) pick(view, tokenBeside(view.grid, view.token, STEPS[event.key]), KEY_PAUSE_MS);
  else if (event.key === "Escape" && view.token) pick(view, 0);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function build(root) {
  const find = (selector) => root.querySelector(selector);
  const view = { photo: find(".photo"), base: find(".base"), overlay: find(".overlay"), said: find(".said") };
  Object.assign(view, { hover: find(".hover"), selected: find(".selected"), token: 0, pointed: 0, at: 0 });
  view.photo.onpointermove = (event) => event.pointerType !== "touch" && point(view, pointedToken(view, event));
  view.photo.onpointerleave = () => point(view, 0);
  view.photo.onclick = (event) => {
    const token = pointedToken(view, event);
    pick(view, token === view.token ? 0 : token);
  };
  view.photo.onkeydown = (event) => onKey(view, event);
  view.resized = new ResizeObserver(() => sharpen(view));
  return view;
}

const views = new WeakMap(); // the photo element → its view, kept over reruns

export default function ({ parentElement, data, setStateValue }) {
  const photo = parentElement.querySelector(".photo");
  if (!views.has(photo)) views.set(photo, build(parentElement));
  const view = views.get(photo);
  view.send = setStateValue;
  view.grid = data.grid;
  view.crisp = data.crisp;
  if (data.at >= view.at) view.token = data.selected;
  if (view.pointed > data.grid.rows * data.grid.cols) view.pointed = 0;
  photo.setAttribute("aria-label", data.alt);
  photo.style.aspectRatio = `${data.grid.width} / ${data.grid.height}`;
  photo.style.maxWidth = `${(80 * data.grid.width) / data.grid.height}vh`; // at most 80 % of the window's height
  showImage(view.base, data.picture);
  showImage(view.overlay, data.overlay);
  show(view);
  sharpen(view);
  view.resized.observe(photo);
  return () => {
    clearTimeout(view.timer);
    view.resized.disconnect();
  };
}

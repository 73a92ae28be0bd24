// A layer as a film of one token: its clock, its buttons and its words. Where things lie is in walk_scene.js, how they
// look in walk_draw.js. It plays while it is in sight; a click on a stage holds it. Who wants less motion gets none.

const STAGE_MS = [6500, 5500, 7500, 6500];
const LONGEST_FRAME_MS = 100; // a tab that was away goes on where it was
const SEEN = 0.3; // share of the film that is in sight when it plays

const wantsStill = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

function createWalk(root) {
  const walk = { root, stage: 0, passed: 0, playing: !wantsStill(), seen: false, frame: 0, last: 0 };
  walk.play = element("button", { type: "button", class: "play", onclick: () => setPlaying(walk, !walk.playing) });
  walk.steps = element("div", { class: "steps", role: "group", "aria-label": "Stages of a layer", onkeydown: (event) => onArrow(walk, event) });
  walk.canvas = element("canvas", { role: "img" });
  walk.formula = element("div", { class: "formula" });
  walk.sentence = element("p", {});
  walk.words = element("div", { class: "words" }, walk.formula, walk.sentence);
  root.replaceChildren(element("div", { class: "controls" }, walk.play, walk.steps), walk.canvas, walk.words);
  root.addEventListener("transitionend", () => invalidate(walk)); // of its colour: the theme has changed
  walk.resized = new ResizeObserver(() => invalidate(walk));
  walk.sight = new IntersectionObserver(([entry]) => {
    walk.seen = entry.isIntersecting;
    invalidate(walk);
  }, { threshold: SEEN });
  return walk;
}

/** Take what the page says; the film goes on at the stage where it is. */
function receive(walk, data) {
  const { header, arrays } = unpackArrays(data);
  if (walk.scene?.name === header.name) return;
  const { jpeg, drawn, ...numbers } = arrays;
  const scene = { ...header, drawn: drawn.data };
  for (const [name, array] of Object.entries(numbers)) scene[name] = floats(array);
  scene.marked = scene.drawn.indexOf(scene.token);
  scene.most = scene.heads.map((_, head) => attended(scene, head, LINES));
  Object.assign(walk, { scene, stage: Math.min(walk.stage, scene.stages.length - 1) });
  const buttons = scene.stages.map(({ title }, stage) => element("button", { type: "button", onclick: () => hold(walk, stage) }, `${stage + 1} ${title}`));
  walk.steps.replaceChildren(...buttons);
  say(walk);
  createImageBitmap(new Blob([jpeg.data], { type: "image/jpeg" })).then((photo) => {
    const ratio = photo.width / header.grid.width;
    const { cols, patch, stride } = header.grid;
    scene.pieces = Array.from(scene.drawn, (token) => [((token - 1) % cols) * stride, Math.floor((token - 1) / cols) * stride, patch].map((pixel) => pixel * ratio));
    scene.photo = photo;
    invalidate(walk);
  });
}

// ---- the clock ----

const shareOf = (walk) => (wantsStill() ? 1 : Math.min(walk.passed / STAGE_MS[walk.stage], 1));

/** Draw soon, and as long as something moves. */
function invalidate(walk) {
  walk.frame ||= requestAnimationFrame((now) => {
    walk.frame = 0;
    if (!walk.scene?.photo) return;
    const moves = walk.seen && (walk.playing || shareOf(walk) < 1);
    if (moves && walk.last) walk.passed += Math.min(now - walk.last, LONGEST_FRAME_MS);
    walk.last = moves ? now : 0;
    if (walk.playing && walk.passed >= STAGE_MS[walk.stage]) enter(walk, (walk.stage + 1) % walk.scene.stages.length);
    draw(walk);
    if (moves) invalidate(walk);
  });
}

function draw(walk) {
  const width = walk.canvas.clientWidth;
  if (!width) return;
  const { scene, stage } = walk;
  const layout = layoutOf(width, scene.grid, scene.heads.length);
  const share = shareOf(walk);
  walk.canvas.style.height = `${layout.height}px`;
  const alpha = walk.playing && !wantsStill() ? 1 - eased(share, 0.96, 1) * (stage === scene.stages.length - 1) : 1;
  drawMoment(clearedCanvas(walk.canvas, width, layout.height), scene, layout, coloursOf(walk.root), { stage, share, alpha });
  walk.steps.children[stage].style.setProperty("--passed", `${100 * share}%`);
}

/** Go to the start of a stage. */
function enter(walk, stage) {
  Object.assign(walk, { stage, passed: 0 });
  say(walk);
}

/** Stay at a stage: what it does is shown once. */
function hold(walk, stage) {
  walk.playing = false;
  enter(walk, stage);
  invalidate(walk);
}

function setPlaying(walk, playing) {
  walk.playing = playing;
  say(walk);
  invalidate(walk);
}

function onArrow(walk, event) {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by) return;
  const count = walk.scene.stages.length;
  hold(walk, (walk.stage + by + count) % count);
  walk.steps.children[walk.stage].focus();
  event.preventDefault();
  event.stopPropagation();
}

// ---- words ----

/** The stage in words; they are read aloud where it is held, not while it plays. */
function say(walk) {
  const { scene, stage, playing } = walk;
  const { title, formula, sentence } = scene.stages[stage];
  walk.words.setAttribute("aria-live", playing ? "off" : "polite");
  setMarked(walk.formula, formula);
  setMarked(walk.sentence, sentence);
  walk.canvas.setAttribute("aria-label", `${title}: ${walk.sentence.textContent}`);
  setText(walk.play, playing ? "❚❚" : "▶");
  walk.play.setAttribute("aria-label", playing ? "Pause" : "Play");
  [...walk.steps.children].forEach((button, i) => {
    if (i === stage) button.setAttribute("aria-current", "step");
    else button.removeAttribute("aria-current");
  });
}

/** Text as nodes: ^{…} is set high, _{…} low. */
function setMarked(node, text) {
  if (node.dataset.text === text) return;
  node.dataset.text = text;
  node.replaceChildren(...piecesOf(text).map(({ text: piece, raised }) => (raised ? element(raised > 0 ? "sup" : "sub", {}, piece) : piece)));
}

const walks = new WeakMap(); // the root element → its walk, kept over reruns

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".walk");
  if (!walks.has(root)) walks.set(root, (root.walk = createWalk(root)));
  const walk = walks.get(root);
  receive(walk, data);
  walk.resized.observe(walk.canvas);
  walk.sight.observe(walk.canvas);
  return () => {
    cancelAnimationFrame(walk.frame);
    walk.frame = 0;
    walk.resized.disconnect();
    walk.sight.disconnect();
  };
}

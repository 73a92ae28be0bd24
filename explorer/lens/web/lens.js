// The lens: pictures of one photo that share a pointer, a layer and heads; everything is drawn here, at once.
// Its state is that of choice.js and shot, of a film, from 0; token 0 is the whole photo.

const MANNERS = {
  chosen: ["layer", "heads", "token", "shot"],
  more: (lens) => ({ view: lens.data.view, have: layersInHand(lens) }),
  steps: { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] },
  beside: ({ data, token }, direction) => tokenBeside(data.views[data.view], token, direction),
  after(lens, choice) {
    if ("token" in choice) lens.pointed = null;
    share(lens);
    say(lens);
  },
  thing: "the patch", home: "the whole photo, CLS where there is a class token",
  overview: PHOTO_OVERVIEW,
  playMs: 700, lastRests: 2, pauses: true, joinsDigits: true, tellsAtOnce: true,
};

function createLens(root) {
  const lens = Object.assign(createChoice(root, MANNERS), { shot: 0, panels: [] });
  lens.listener = (view) => (view === null || view in (lens.data?.views ?? {})) && invalidate(lens);
  lens.resized = new ResizeObserver(() => invalidate(lens));
  return lens;
}

function update(lens, data, send) {
  const layout = JSON.stringify([data.sections, data.layers, data.headCount, data.toolbar, data.shots], (key, value) => (key === "chart" ? !!value : value));
  const other = lens.data && lens.data.view !== data.view;
  follow(lens, data, send, layout);
  lens.shot = Math.min(lens.shot, Math.max(data.shots.length - 1, 0));
  if (other || lens.token > data.views[data.view].rows * data.views[data.view].cols) lens.pointed = null;
  const charts = data.sections.flatMap((section) => section.panels).filter((panel) => panel.kind === "chart");
  lens.panels.filter((panel) => panel.kind === "chart").forEach((panel, i) => (panel.chart = charts[i].chart));
  lens.root.setAttribute("aria-label", data.alt);
  store.listeners.add(lens.listener);
  store.lenses.add(lens);
  lens.resized.observe(lens.root);
}

function close(lens) {
  store.listeners.delete(lens.listener);
  store.lenses.delete(lens);
  lens.resized.disconnect();
  clearTimeout(lens.timer);
  pauseAll(lens);
}

// ---- choosing ----

function pointedToken(lens, panel, event) {
  const box = panel.canvas.getBoundingClientRect();
  const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  const { data } = lens;
  return tokenAt(data.views[data.view], x, y);
}

/** The other lenses of the page follow. */
function share(lens) {
  for (const other of store.lenses) {
    if (other === lens || other.data.page !== lens.data.page) continue;
    Object.assign(other, choiceOf(lens), { layer: Math.min(lens.layer, other.data.layers), at: lens.at, pointed: null });
    invalidate(other);
  }
}

const layersInHand = (lens) => Object.fromEntries(Object.keys(lens.data.views).map((view) => [view, [...feedsOf(view).layers.keys()]]));

/** The views whose layer has not come yet. */
const missing = (lens) => Object.keys(lens.data.views).filter((view) => !feedsOf(view).layers.has(layerOn(lens.data, lens.layer, view)));

/** A layer that is not here yet is asked for, once. */
function ask(lens) {
  if (!lens.data.attention || lens.layer === lens.data.layer) return;
  const wanted = `${missing(lens).join()}.${lens.layer}`;
  if (!missing(lens).length || lens.asked === wanted) return;
  lens.asked = wanted;
  report(lens);
}

// ---- words ----

/** The text alternative of the attention: where it goes most, and how much goes to CLS and others in front. */
function say(lens) {
  const scene = sceneOf(lens);
  const where = `Layer ${scene.layer}, ${headsName(scene.heads)}, ${tokenName(scene.grid, scene.token)}`;
  if (!scene.heat) return setText(lens.said, where);
  const best = scene.heat.indexOf(Math.max(...scene.heat));
  const most = tokenName(scene.grid, best + 1);
  setText(lens.said, `${where}: looks most at ${most} (${percent(scene.heat[best])})${toFront(scene)}.`);
}

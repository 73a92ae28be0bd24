// The lens: pictures of one photo that share a pointer, a layer and heads; everything is drawn here, at once.
// The state: layer, heads (from 1; none = all), token (pinned; 0 = CLS), pointed (under the pointer, or null), shot (of a
// film, from 0).

const SEND_PAUSE_MS = 150; // a held key asks for one rerun at its end, not for one at every step
const PLAY_MS = 700;
const LAST_RESTS = 2; // steps for which a film stays at its end
const DIGITS_MS = 700; // two digits within this time are one number

function createLens(root) {
  const lens = { root, layer: 1, heads: [], token: 0, shot: 0, pointed: null, at: 0, lastSent: 0, typed: "", panels: [] };
  lens.listener = (view) => (view === null || view in (lens.data?.views ?? {})) && invalidate(lens);
  lens.resized = new ResizeObserver(() => invalidate(lens));
  root.tabIndex = 0;
  root.onkeydown = (event) => onKey(lens, event);
  return lens;
}

/** Take what the page says; its choice counts unless the user has chosen something newer here. */
function update(lens, data, send) {
  const layout = JSON.stringify([data.sections, data.layers, data.headCount, data.toolbar, data.shots], (key, value) => (key === "chart" ? !!value : value));
  const other = lens.data && lens.data.view !== data.view;
  Object.assign(lens, { data, send });
  if (data.at >= lens.at) Object.assign(lens, { layer: data.layer, heads: data.heads, token: data.token, shot: data.shot });
  lens.layer = Math.min(lens.layer, data.layers);
  lens.shot = Math.min(lens.shot, Math.max(data.shots.length - 1, 0));
  if (other || lens.token > data.views[data.view].rows * data.views[data.view].cols) lens.pointed = null;
  if (layout !== lens.layout) build(lens);
  lens.layout = layout;
  const charts = data.sections.flatMap((section) => section.panels).filter((panel) => panel.kind === "chart");
  lens.panels.filter((panel) => panel.kind === "chart").forEach((panel, i) => (panel.chart = charts[i].chart));
  lens.root.setAttribute("aria-label", data.alt);
  store.listeners.add(lens.listener);
  store.lenses.add(lens);
  lens.resized.observe(lens.root);
  invalidate(lens);
}

function close(lens) {
  store.listeners.delete(lens.listener);
  store.lenses.delete(lens);
  lens.resized.disconnect();
  clearTimeout(lens.timer);
  for (const timer of Object.values(lens.playing ?? {})) clearInterval(timer);
  lens.playing = null;
}

// ---- choosing ----

function pointedToken(lens, panel, event) {
  const box = panel.canvas.getBoundingClientRect();
  const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  const { data } = lens;
  return tokenAt(data.views[data.view], x, y);
}

function point(lens, token) {
  if (token === lens.pointed) return;
  lens.pointed = token;
  invalidate(lens);
}

/** Show a choice at once and tell Python. `at` numbers the choices, so that an older answer cannot undo a newer one. */
function choose(lens, choice) {
  Object.assign(lens, choice);
  lens.at = Math.max(Date.now(), lens.at + 1);
  if ("token" in choice) lens.pointed = null;
  invalidate(lens);
  share(lens);
  say(lens);
  report(lens);
}

/** The other lenses of the page follow. */
function share(lens) {
  const { layer, heads, token, shot, at } = lens;
  for (const other of store.lenses) {
    if (other === lens || other.data.page !== lens.data.page) continue;
    Object.assign(other, { layer: Math.min(layer, other.data.layers), heads, token, shot, at, pointed: null });
    invalidate(other);
  }
}

/** Tell Python: at once, unless it was told just now. */
function report(lens) {
  clearTimeout(lens.timer);
  const wait = Math.max(0, lens.lastSent + SEND_PAUSE_MS - performance.now());
  lens.timer = setTimeout(() => {
    lens.lastSent = performance.now();
    const { layer, heads, token, shot, at, data } = lens;
    lens.send?.({ view: data.view, layer, heads, token, shot, at, have: layersInHand(lens) });
  }, wait);
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
  lens.at = Math.max(Date.now(), lens.at + 1);
  report(lens);
}

/** Play what counts up, "layer" or "shot", from one to the next and, after a rest at the last, round again; or stop. */
function toggle(lens, what) {
  if (lens.playing?.[what]) {
    pause(lens, what);
    return choose(lens, {});
  }
  let rested = LAST_RESTS; // a start at the last goes round at once
  const next = () => {
    const [at, last] = what === "layer" ? [lens.layer - 1, lens.data.layers - 1] : [lens.shot, lens.data.shots.length - 1];
    if (at === last && rested < LAST_RESTS) return void rested++;
    rested = 0;
    const then = at === last ? 0 : at + 1;
    choose(lens, what === "layer" ? { layer: then + 1 } : { shot: then });
  };
  (lens.playing ??= {})[what] = setInterval(next, PLAY_MS);
  next();
}

/** Stop playing: who moves the slider wants to look. */
function pause(lens, what) {
  clearInterval(lens.playing?.[what]);
  delete lens.playing?.[what];
}

/** Two digits in quick succession are one head where there are that many. */
function typedHead(lens, digit) {
  const now = performance.now();
  const typed = now - (lens.typedAt ?? -DIGITS_MS) < DIGITS_MS ? lens.typed + digit : digit;
  lens.typed = Number(typed) <= lens.data.headCount ? typed : digit;
  lens.typedAt = now;
  return Number(lens.typed);
}

function onKey(lens, event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const { layers, headCount, views, view, shots } = lens.data;
  const onSlider = event.composedPath()[0].type === "range";
  if (event.key in STEPS && !onSlider) choose(lens, { token: tokenBeside(views[view], lens.token, STEPS[event.key]) });
  else if (event.key === "[") choose(lens, { layer: Math.max(lens.layer - 1, 1) });
  else if (event.key === "]") choose(lens, { layer: Math.min(lens.layer + 1, layers) });
  else if (",.".includes(event.key) && shots.length) choose(lens, { shot: clamp(lens.shot + (event.key === "." ? 1 : -1), shots.length) });
  else if (event.key === "Escape") choose(lens, { token: 0 });
  else if (/^\d$/.test(event.key)) {
    const head = typedHead(lens, event.key);
    if (head <= headCount) choose(lens, { heads: head ? [head] : [] });
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

// ---- words ----

/** The text alternative of the attention: where it goes most, and how much goes to CLS. */
function say(lens) {
  const scene = sceneOf(lens);
  const where = `Layer ${scene.layer}, ${headsName(scene.heads)}, ${tokenName(scene.grid, scene.token)}`;
  if (!scene.heat) return setText(lens.said, where);
  const best = scene.heat.indexOf(Math.max(...scene.heat));
  const most = tokenName(scene.grid, best + 1);
  setText(lens.said, `${where}: looks most at ${most} (${percent(scene.heat[best])}); ${percent(scene.onCls)} goes to CLS.`);
}

// What is chosen in a lens, on photos or on text, and how: sliders that play, head buttons, keys; and how Python is told.
// The state: layer, heads (from 1; none = all), token (pinned; 0 = none), pointed (under the pointer, or null), how attention is
// shown (WAYS, see lens/heads.py), at (number of the last choice). A lens has `build` and `draw` of its own, and says in its manners what else it does in its own way:
//   chosen       the names of what is chosen; more(lens): what Python is told besides
//   steps        arrow key → direction; beside(lens, direction): the token there
//   after        called with the lens and a choice after each
//   thing, home  what a token is, and where Escape goes, in words
//   playMs       how long a step takes while playing; lastRests: steps for which it stays at the last
//   pauses       a moved slider stops playing: who moves it wants to look
//   joinsDigits  two digits in quick succession are one head; else a digit is a click on the head's button
//   tellsAtOnce  Python is told at once, unless it was told just now; else after a rest

const SEND_PAUSE_MS = 150; // a held key asks for one rerun at its end, not for one at every step
const DIGITS_MS = 700; // two digits within this time are one number

/** What counts up: the layers, and the shots of a film, views that take the lens's place one at a time. */
const COUNTS = {
  layer: {
    first: 1, count: ({ layers }) => layers, shown: ({ layer, data }) => `${layer} of ${data.layers}`,
    help: "Layers count from 1. Keys: [ and ]", play: "Play through the layers",
  },
  shot: {
    first: 0, count: ({ shots }) => shots?.length, shown: ({ shot, data }) => data.shots[shot]?.name ?? "",
    help: "Keys: , and .", play: "Play the film",
  },
};
const COUNT_KEYS = { "[": ["layer", -1], "]": ["layer", 1], ",": ["shot", -1], ".": ["shot", 1] };

const WAYS = { against: "range", cells: "pictures", network: "own" };

const clamp = (value, count) => Math.min(Math.max(value, 0), count - 1);

function createChoice(root, manners) {
  const lens = { root, manners, layer: 1, heads: [], token: 0, pointed: null, ...WAYS, at: 0, lastSent: 0, typed: "", playing: {} };
  root.tabIndex = 0;
  root.onkeydown = (event) => onKey(lens, event);
  return lens;
}

/** What is chosen in a lens or, `from`, in what the page says. */
const choiceOf = (lens, from = lens) => Object.fromEntries([...lens.manners.chosen, ...Object.keys(WAYS)].map((name) => [name, from[name]]));

/** Take what the page says; its choice counts unless the user has chosen something newer here.
 *
 * Most answers repeat what is drawn already, as a choice is drawn before Python hears of it: then nothing is drawn. */
function follow(lens, data, send, layout) {
  const drawn = choiceOf(lens);
  Object.assign(lens, { data, send });
  if (data.at >= lens.at) Object.assign(lens, choiceOf(lens, data));
  lens.layer = Math.min(lens.layer, data.layers);
  hear(lens);
  if (layout !== lens.layout) build(Object.assign(lens, { layout, sliders: {}, headButtons: [], againstButtons: [] }));
  const blank = Object.fromEntries(["at", ...Object.keys(drawn)].map((name) => [name, null]));
  const style = getComputedStyle(lens.root);
  const told = JSON.stringify([{ ...data, ...blank }, style.color, style.getPropertyValue("--st-primary-color")]);
  if (told !== lens.told || JSON.stringify(choiceOf(lens)) !== JSON.stringify(drawn)) invalidate(lens);
  lens.told = told;
}

function invalidate(lens) {
  lens.frame ??= requestAnimationFrame(() => {
    lens.frame = null;
    draw(lens);
  });
}

function point(lens, token) {
  if (token === lens.pointed) return;
  lens.pointed = token;
  invalidate(lens);
}

/** Show a choice at once and tell Python. */
function choose(lens, choice) {
  Object.assign(lens, choice);
  invalidate(lens);
  report(lens);
  lens.manners.after?.(lens, choice);
}

/** Tell Python. `at` numbers what it is told, so that an older answer cannot undo a newer choice. */
function report(lens) {
  const { tellsAtOnce, more } = lens.manners;
  lens.at = Math.max(Date.now(), lens.at + 1);
  clearTimeout(lens.timer);
  const rested = tellsAtOnce ? performance.now() - lens.lastSent : 0;
  lens.timer = setTimeout(() => {
    lens.lastSent = performance.now();
    lens.send?.({ ...choiceOf(lens), at: lens.at, ...more?.(lens) });
  }, Math.max(0, SEND_PAUSE_MS - rested));
}

/** A head is chosen alone, or with others by a click with Shift or Ctrl; chosen again, all count. head: from 1, 0 = all. */
function pickHead(lens, head, { shiftKey, ctrlKey, metaKey } = {}) {
  if (!head) return choose(lens, { heads: [] });
  const others = lens.heads.filter((other) => other !== head);
  const alone = lens.heads.length === 1 && lens.heads[0] === head;
  const several = shiftKey || ctrlKey || metaKey;
  const heads = several ? (others.length < lens.heads.length ? others : [...others, head]) : alone ? [] : [head];
  choose(lens, { heads: heads.sort((a, b) => a - b) });
}

// ---- playing ----

/** Play what counts up from one to the next and, after its rests at the last, round again; or stop. */
function toggle(lens, what) {
  if (lens.playing[what]) {
    pause(lens, what);
    return choose(lens, {});
  }
  const { playMs, lastRests } = lens.manners;
  const { first, count } = COUNTS[what];
  let rested = lastRests; // a start at the last goes round at once
  const next = () => {
    const [at, last] = [lens[what] - first, count(lens.data) - 1];
    if (at === last && rested < lastRests) return void rested++;
    rested = 0;
    choose(lens, { [what]: first + (at === last ? 0 : at + 1) });
  };
  lens.playing[what] = setInterval(next, playMs);
  next();
}

function pause(lens, what) {
  clearInterval(lens.playing[what]);
  delete lens.playing[what];
}

const pauseAll = (lens) => Object.keys(lens.playing).forEach((what) => pause(lens, what));

/** Go to a layer or shot. */
function go(lens, what, value) {
  if (lens.manners.pauses) pause(lens, what);
  choose(lens, { [what]: value });
}

// ---- keys ----

function onKey(lens, event) {
  if (event.ctrlKey || event.altKey || event.metaKey || (keysShown(lens) && event.key !== "?")) return;
  const { key } = event;
  const { steps, beside } = lens.manners;
  const onControl = ["range", "select-one"].includes(event.composedPath()[0].type);
  const [what, by] = COUNT_KEYS[key] ?? [];
  const count = what && COUNTS[what].count(lens.data);
  if (key in steps && !onControl) choose(lens, { token: beside(lens, steps[key]) });
  else if (count) choose(lens, { [what]: COUNTS[what].first + clamp(lens[what] - COUNTS[what].first + by, count) });
  else if (key === "?") showKeys(lens);
  else if (key === "Escape") choose(lens, { token: 0 });
  else if (/^\d$/.test(key)) onDigit(lens, key);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function onDigit(lens, digit) {
  const { headCount } = lens.data;
  if (!lens.manners.joinsDigits) return Number(digit) <= headCount && pickHead(lens, Number(digit));
  const now = performance.now();
  const typed = now - (lens.typedAt ?? -DIGITS_MS) < DIGITS_MS ? lens.typed + digit : digit;
  Object.assign(lens, { typed: Number(typed) <= headCount ? typed : digit, typedAt: now });
  const head = Number(lens.typed);
  if (head <= headCount) choose(lens, { heads: head ? [head] : [] });
}

// ---- controls ----

/** The slider of what counts up, with what it stands at and a button that plays it. */
function countControl(lens, what, label, name = label) {
  const { first, count, help, play: title } = COUNTS[what];
  const all = count(lens.data);
  const slider = element("input", {
    type: "range", min: first, max: first + all - 1, "aria-label": name, title: help, oninput: () => go(lens, what, Number(slider.value)),
  });
  const value = element("output", { class: "value" });
  const play = element("button", { type: "button", class: "play", title, onclick: () => toggle(lens, what) }, "▶");
  lens.sliders[what] = { slider, value, play };
  return element("div", { class: "control layer" }, element("label", {}, label), slider, value, all > 1 ? play : "");
}

/** A head's colour, and what is written on it. */
function headStyle({ look }, head) {
  const color = look.heads[(head - 1) % look.heads.length];
  return `--head: ${color}; --ink: ${inkOn(channels(color))}`;
}

function headsControl(lens) {
  const button = (head) => element("button", {
    type: "button", class: "chip", title: head ? `Head ${head}; with Shift or Ctrl: several` : "Mean of all heads (key 0)",
    style: head ? headStyle(lens.data, head) : false, onclick: (event) => pickHead(lens, head, event),
  }, head ? String(head) : "mean");
  lens.headButtons = Array.from({ length: lens.data.headCount + 1 }, (_, head) => button(head));
  return element("div", { class: "control", role: "group", "aria-label": "Heads" }, element("label", {}, "Heads"), ...lens.headButtons);
}

/** What attention's colours are relative to. */
function againstControl(lens) {
  const button = ([key, name]) => element("button", { type: "button", class: "chip", "data-key": key, title: AGAINST_HELP[key], onclick: () => choose(lens, { against: key }) }, name);
  const buttons = Object.entries(lens.data.againsts).map(button);
  lens.againstButtons.push(...buttons);
  return element("div", { class: "control", role: "group", "aria-label": "Scale of attention" }, element("label", {}, "Scale"), ...buttons);
}

const AGAINST_HELP = {
  range: "Each picture on its own range: from its least to its most",
  even: "Against even attention, which gives every token the same share: pale is as even, red or orange more, blue less; the same scale for all heads and layers",
};

/** The controls stand as chosen. */
function showControls(lens) {
  for (const [what, { slider, value, play }] of Object.entries(lens.sliders)) {
    slider.value = lens[what];
    setText(value, COUNTS[what].shown(lens));
    setText(play, lens.playing[what] ? "❚❚" : "▶");
    play.setAttribute("aria-label", lens.playing[what] ? "Pause" : COUNTS[what].play);
  }
  for (const button of lens.againstButtons) button.setAttribute("aria-pressed", String(button.dataset.key === lens.against));
  lens.headButtons.forEach((button, head) => button.setAttribute("aria-pressed", head ? lens.heads.includes(head) : !lens.heads.length));
}

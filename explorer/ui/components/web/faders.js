// The gains of a layer's heads: a fader for each head, with mute, solo and reset below it.
// What a fader does is sent while it moves: the next gains go out when the last ones have been answered. When it has
// come to rest, that is said too: then the whole page follows.

const PAUSE_MS = 100; // after an answer, so that the page can draw what depends on it
const REST_MS = 250; // a fader that has not moved for so long has come to rest
const LOST_MS = 3000; // an answer that has not come by then is not waited for
const SHOWN = (gain) => gain.toFixed(2);

const all = new WeakMap(); // the root element → its faders, kept over reruns

/** Take what the page says; the gains of an answer count unless a fader has moved since they were sent. */
function update(faders, data, send) {
  Object.assign(faders, { send, max: data.max });
  const answered = data.at >= faders.at;
  const same = faders.layer === data.layer && faders.channels?.length === data.gains.length;
  if (!same) Object.assign(faders, { layer: data.layer, dirty: false, restored: null, heard: data.gains.map((gain) => gain || 1) });
  if (!same || (answered && !faders.dirty)) faders.gains = [...data.gains];
  faders.at = Math.max(faders.at, data.at);
  if (!same) build(faders, data);
  show(faders);
  if (!answered) return;
  later(faders, PAUSE_MS);
}

/** After a pause: send what has changed since the last was sent, or that the fader rests. */
function later(faders, pause) {
  clearTimeout(faders.timer);
  faders.timer = setTimeout(() => {
    faders.waiting = false;
    if (faders.dirty) post(faders);
    else if (faders.moving) faders.timer = setTimeout(() => rest(faders), REST_MS);
  }, pause);
}

function build(faders, data) {
  faders.channels = data.gains.map((gain, head) => {
    const name = `Head ${head + 1}`;
    const fader = element("input", {
      type: "range", min: 0, max: data.max, step: data.step, "aria-label": name, title: "Double-click: as trained",
      oninput: () => set(faders, head, Number(fader.value), true), ondblclick: () => set(faders, head, 1),
    });
    const value = element("output");
    const button = (text, title, onclick) => element("button", { type: "button", title: `${title} ${name.toLowerCase()}`, onclick }, text);
    const mute = button("Mute", "Silence", () => set(faders, head, faders.gains[head] ? 0 : faders.heard[head]));
    const solo = button("Solo", "Silence all but", () => turnSolo(faders, head));
    const reset = button("Reset", "As trained:", () => set(faders, head, 1));
    const root = element("div", { class: "channel", role: "group", "aria-label": name, style: `--head: ${data.colors[head % data.colors.length]}` },
      element("span", { class: "name" }, name.toLowerCase()), fader, value, mute, ...(data.gains.length > 1 ? [solo] : []), reset);
    return { root, fader, value, mute, solo, reset };
  });
  faders.root.replaceChildren(...faders.channels.map((channel) => channel.root));
}

function show(faders) {
  faders.channels.forEach(({ root, fader, value, mute, solo, reset }, head) => {
    const gain = faders.gains[head];
    if (Number(fader.value) !== gain) fader.value = gain;
    fader.style.setProperty("--share", `${(100 * gain) / faders.max}%`);
    fader.setAttribute("aria-valuetext", `gain ${SHOWN(gain)}`);
    value.textContent = SHOWN(gain);
    root.toggleAttribute("data-turned", gain !== 1);
    mute.setAttribute("aria-pressed", String(gain === 0));
    solo.setAttribute("aria-pressed", String(isSolo(faders, head)));
    reset.disabled = gain === 1;
  });
}

const isSolo = (faders, head) => faders.gains.length > 1 && faders.gains.every((gain, other) => (other === head) === gain > 0);

function set(faders, head, gain, moving = false) {
  if (gain) faders.heard[head] = gain;
  change(faders, faders.gains.map((old, other) => (other === head ? gain : old)), moving);
}

/** One head alone; once more, and the others are back as they were. */
function turnSolo(faders, head) {
  if (isSolo(faders, head)) return change(faders, faders.restored ?? faders.gains.map(() => 1));
  const before = faders.gains;
  change(faders, before.map((gain, other) => (other === head ? gain || faders.heard[head] : 0)));
  faders.restored = before;
}

function change(faders, gains, moving = false) {
  Object.assign(faders, { gains, moving, dirty: true, restored: null });
  show(faders);
  if (!faders.waiting) post(faders);
}

function post(faders) {
  Object.assign(faders, { waiting: true, dirty: false });
  faders.at += 1;
  faders.send({ layer: faders.layer, gains: faders.gains, moving: faders.moving, at: faders.at });
  later(faders, LOST_MS);
}

function rest(faders) {
  faders.moving = false;
  post(faders);
}

export default function ({ parentElement, data: [data], setStateValue }) {
  const root = parentElement.querySelector(".faders");
  if (!all.has(root)) all.set(root, { root, at: 0, dirty: false, waiting: false });
  update(all.get(root), data, (turned) => setStateValue("turned", turned));
}

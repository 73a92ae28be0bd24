// The gains of a layer's heads as a mixing desk: a fader for each head, with mute, solo and reset below it.
// What a fader does is sent while it moves: the next gains go out when the last ones have been answered. When it has
// come to rest, that is said too: then the whole page follows.

const PAUSE_MS = 100; // after an answer, so that the page can draw what depends on it
const REST_MS = 250; // a fader that has not moved for so long has come to rest
const LOST_MS = 3000; // an answer that has not come by then is not waited for
const SHOWN = (gain) => gain.toFixed(2);

const desks = new WeakMap(); // the root element → its desk, kept over reruns

/** Take what the page says; the gains of an answer count unless a fader has moved since they were sent. */
function update(desk, data, send) {
  Object.assign(desk, { send, max: data.max });
  const answered = data.at >= desk.at;
  const same = desk.layer === data.layer && desk.channels?.length === data.gains.length;
  if (!same) Object.assign(desk, { layer: data.layer, dirty: false, restored: null, heard: data.gains.map((gain) => gain || 1) });
  if (!same || (answered && !desk.dirty)) desk.gains = [...data.gains];
  desk.at = Math.max(desk.at, data.at);
  if (!same) build(desk, data);
  show(desk);
  if (!answered) return;
  later(desk, PAUSE_MS);
}

/** After a pause: send what has changed since the last was sent, or that the fader rests. */
function later(desk, pause) {
  clearTimeout(desk.timer);
  desk.timer = setTimeout(() => {
    desk.waiting = false;
    if (desk.dirty) post(desk);
    else if (desk.moving) desk.timer = setTimeout(() => rest(desk), REST_MS);
  }, pause);
}

function build(desk, data) {
  desk.channels = data.gains.map((gain, head) => {
    const name = `Head ${head + 1}`;
    const fader = element("input", {
      type: "range", min: 0, max: data.max, step: data.step, "aria-label": name, title: "Double-click: as trained",
      oninput: () => set(desk, head, Number(fader.value), true), ondblclick: () => set(desk, head, 1),
    });
    const value = element("output");
    const button = (text, title, onclick) => element("button", { type: "button", title: `${title} ${name.toLowerCase()}`, onclick }, text);
    const mute = button("Mute", "Silence", () => set(desk, head, desk.gains[head] ? 0 : desk.heard[head]));
    const solo = button("Solo", "Silence all but", () => turnSolo(desk, head));
    const reset = button("Reset", "As trained:", () => set(desk, head, 1));
    const root = element("div", { class: "channel", role: "group", "aria-label": name, style: `--head: ${data.colors[head % data.colors.length]}` },
      element("span", { class: "name" }, name.toLowerCase()), fader, value, mute, ...(data.gains.length > 1 ? [solo] : []), reset);
    return { root, fader, value, mute, solo, reset };
  });
  desk.root.replaceChildren(...desk.channels.map((channel) => channel.root));
}

function show(desk) {
  desk.channels.forEach(({ root, fader, value, mute, solo, reset }, head) => {
    const gain = desk.gains[head];
    if (Number(fader.value) !== gain) fader.value = gain;
    fader.style.setProperty("--share", `${(100 * gain) / desk.max}%`);
    fader.setAttribute("aria-valuetext", `gain ${SHOWN(gain)}`);
    value.textContent = SHOWN(gain);
    root.toggleAttribute("data-turned", gain !== 1);
    mute.setAttribute("aria-pressed", String(gain === 0));
    solo.setAttribute("aria-pressed", String(isSolo(desk, head)));
    reset.disabled = gain === 1;
  });
}

const isSolo = (desk, head) => desk.gains.length > 1 && desk.gains.every((gain, other) => (other === head) === gain > 0);

function set(desk, head, gain, moving = false) {
  if (gain) desk.heard[head] = gain;
  change(desk, desk.gains.map((old, other) => (other === head ? gain : old)), moving);
}

/** One head alone; once more, and the others are back as they were. */
function turnSolo(desk, head) {
  if (isSolo(desk, head)) return change(desk, desk.restored ?? desk.gains.map(() => 1));
  const before = desk.gains;
  change(desk, before.map((gain, other) => (other === head ? gain || desk.heard[head] : 0)));
  desk.restored = before;
}

function change(desk, gains, moving = false) {
  Object.assign(desk, { gains, moving, dirty: true, restored: null });
  show(desk);
  if (!desk.waiting) post(desk);
}

function post(desk) {
  Object.assign(desk, { waiting: true, dirty: false });
  desk.at += 1;
  desk.send({ layer: desk.layer, gains: desk.gains, moving: desk.moving, at: desk.at });
  later(desk, LOST_MS);
}

function rest(desk) {
  desk.moving = false;
  post(desk);
}

export default function ({ parentElement, data: [data], setStateValue }) {
  const root = parentElement.querySelector(".desk");
  if (!desks.has(root)) desks.set(root, { root, at: 0, dirty: false, waiting: false });
  update(desks.get(root), data, (turned) => setStateValue("turned", turned));
}

// A text box that tells Python what is typed once the keys rest, and examples to begin with.

const KEPT = "crate-explorer text"; // what this tab keeps of a text that no link can carry: {mark, text}
const ASK_MS = 1000; // a component's first word to Python can be lost: it is said again until it is answered
const REST_MS = 220;
const LONGEST_MS = 1200; // while someone types on without a rest, it is told so often

const boxes = new WeakMap(); // the root element → its box, kept over reruns

function create(root) {
  const box = { root, at: 0, told: 0 };
  box.area = element("textarea", { "aria-label": "Text", rows: 3, spellcheck: "false", dir: "auto", placeholder: "Type or paste a text", oninput: () => typed(box) });
  box.examples = element("div", { class: "examples", role: "group", "aria-label": "Examples" });
  box.note = element("p", { class: "note" });
  root.replaceChildren(box.area, box.note, box.examples);
  return box;
}

/** Take what Python says, unless the user has typed something newer here. */
function update(box, data, send) {
  box.send = send;
  box.area.maxLength = data.most;
  if (!box.timer && data.at >= box.at && box.area.value !== data.text) box.area.value = data.text;
  if (!box.examples.childElementCount) {
    const chips = Object.entries(data.examples).map(([name, text]) => element("button", { type: "button", onclick: () => put(box, text) }, name));
    box.examples.append("Try: ", ...chips);
  }
  clearInterval(box.asking);
  if (data.wanted) {
    offer(box, data.wanted);
    box.asking = setInterval(() => offer(box, data.wanted), ASK_MS);
  }
  const [safe, lost] = data.notes;
  setText(box.note, data.keep ? (keep(data.keep, data.text) ? safe : lost) : "");
  fit(box);
}

/** Tell Python the text that this tab has kept under a mark, or none. */
function offer(box, mark) {
  box.at = Math.max(Date.now(), box.at + 1);
  box.send({ text: kept(mark), at: box.at, kept: true });
}

function kept(mark) {
  try {
    const own = JSON.parse(sessionStorage.getItem(KEPT));
    return own.mark === mark ? own.text : "";
  } catch {
    return ""; // nothing is kept, or the browser keeps nothing
  }
}

/** Keep a text in this tab; false where the browser does not let it be kept. */
function keep(mark, text) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify({ mark, text }));
    return true;
  } catch {
    return false;
  }
}

function put(box, text) {
  box.area.value = text;
  tell(box);
}

function typed(box) {
  clearInterval(box.asking);
  fit(box);
  clearTimeout(box.timer);
  const wait = Math.min(REST_MS, Math.max(0, box.told + LONGEST_MS - performance.now()));
  box.timer = setTimeout(() => tell(box), box.told ? wait : REST_MS);
}

function tell(box) {
  clearTimeout(box.timer);
  Object.assign(box, { timer: null, told: performance.now(), at: Math.max(Date.now(), box.at + 1) });
  fit(box);
  box.send({ text: box.area.value, at: box.at });
}

/** As high as its text, up to the limit in the style. */
function fit({ area }) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + 2}px`;
}

export default function ({ parentElement, data: [data], setStateValue }) {
  const root = parentElement.querySelector(".textbox");
  if (!boxes.has(root)) boxes.set(root, create(root));
  update(boxes.get(root), data, (said) => setStateValue("typed", said));
  return () => clearInterval(boxes.get(root).asking);
}

// A text box that tells Python what is typed once the keys rest, and examples to begin with.

const REST_MS = 220;
const LONGEST_MS = 1200; // while someone types on without a rest, it is told so often

const boxes = new WeakMap(); // the root element → its box, kept over reruns

function create(root) {
  const box = { root, at: 0, told: 0 };
  box.area = element("textarea", { "aria-label": "Text", rows: 3, spellcheck: "false", placeholder: "Type or paste a text", oninput: () => typed(box) });
  box.examples = element("div", { class: "examples", role: "group", "aria-label": "Examples" });
  root.replaceChildren(box.area, box.examples);
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
  fit(box);
}

function put(box, text) {
  box.area.value = text;
  tell(box);
}

function typed(box) {
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
}

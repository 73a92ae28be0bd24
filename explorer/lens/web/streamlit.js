// The lens as a Streamlit component: `data` from Python, the user's choice back as the state "chosen".

const lenses = new WeakMap(); // the root element → its lens, kept over reruns

export default function ({ parentElement, data: [data], setStateValue }) {
  const root = parentElement.querySelector(".lens");
  if (!lenses.has(root)) lenses.set(root, createLens(root));
  const lens = lenses.get(root);
  update(lens, data, (chosen) => setStateValue("chosen", chosen));
  return () => close(lens);
}

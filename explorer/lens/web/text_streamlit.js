// The lens on text as a Streamlit component: settings from Python, the user's choice back as the state "chosen".

const textLenses = new WeakMap(); // the root element → its lens, kept over reruns

export default function ({ parentElement, data: [data], setStateValue }) {
  const root = parentElement.querySelector(".text-lens");
  if (!textLenses.has(root)) textLenses.set(root, create(root));
  const lens = textLenses.get(root);
  lens.listener = (feed) => feed.view === lens.data.view && take(lens, feed);
  texts.listeners.add(lens.listener);
  update(lens, data, (chosen) => setStateValue("chosen", chosen));
  const feed = texts.latest.get(data.view);
  if (feed) take(lens, feed);
  return () => {
    texts.listeners.delete(lens.listener);
    pauseAll(lens);
  };
}

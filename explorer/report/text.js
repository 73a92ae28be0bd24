// The lens of a report on a text.

function showLens(settings, [feed, heads]) {
  const lens = create(document.querySelector(".text-lens"));
  update(lens, settings, () => {});
  const text = readFeed(feed);
  Object.assign(text.arrays, unpackArrays(heads).arrays);
  take(lens, text);
}

// The lens of a report on a text.

function showLens(settings, [feed]) {
  const lens = create(document.querySelector(".text-lens"));
  update(lens, settings, () => {});
  take(lens, readFeed(feed));
}

/** Save a file that the page has made. */
function saveFile(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}

// The lens of a report on a photo.

function showLens(settings, feeds) {
  update(createLens(document.querySelector(".lens")), settings, () => {});
  feeds.forEach(receive);
}

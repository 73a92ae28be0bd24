// A grid of photos, each a button; a click tells the page which one. Names arrive as data and become text only.
export default function (component) {
  const { parentElement, setTriggerValue } = component;
  const { header, body } = unpack(component.data);
  const grid = parentElement.querySelector(".gallery");
  if (grid.childElementCount === header.photos.length) {
    // the photos never change while the app runs: only the choice does
    header.photos.forEach((photo, i) => grid.children[i].setAttribute("aria-pressed", String(photo.name === header.selected)));
    return;
  }
  grid.replaceChildren(
    ...header.photos.map((photo) => {
      const button = document.createElement("button");
      button.type = "button";
      button.title = photo.title;
      button.setAttribute("aria-pressed", String(photo.name === header.selected));
      const image = document.createElement("img");
      const url = URL.createObjectURL(new Blob([body.subarray(photo.start, photo.end)], { type: "image/jpeg" }));
      image.onload = () => URL.revokeObjectURL(url);
      image.src = url;
      image.alt = "";
      const label = document.createElement("span");
      label.textContent = photo.label;
      button.append(image, label);
      button.onclick = () => setTriggerValue("chosen", photo.name);
      return button;
    }),
  );
}

// A grid of photos, each a button; a click tells the page which one. Names arrive as data and become text only.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const grid = parentElement.querySelector(".gallery");
  const urls = [];
  grid.replaceChildren(
    ...data.photos.map((photo, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.title = photo.title;
      button.setAttribute("aria-pressed", String(photo.name === data.selected));
      const image = document.createElement("img");
      const url = URL.createObjectURL(new Blob([data.pictures.slice(photo.start, photo.end)], { type: "image/jpeg" }));
      urls.push(url);
      image.src = url;
      image.alt = "";
      const label = document.createElement("span");
      label.textContent = photo.label;
      button.append(image, label);
      button.onclick = () => setTriggerValue("chosen", photo.name);
      return button;
    }),
  );
  return () => urls.forEach((url) => URL.revokeObjectURL(url));
}

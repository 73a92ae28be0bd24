// Pictures and charts as files.

/** The panel as a file: its pixels, or an SVG that carries them with the title and caption as text. */
function savePanel(lens, panel, form) {
  const name = [lens.data.file, panel.title.toLowerCase().replace(/[^a-z]+/g, "_").replace(/^_|_$/g, ""), `layer${lens.layer}`].join("_");
  if (form === "PNG") return panel.canvas.toBlob((blob) => saveFile(blob, `${name}.png`));
  const { width, height } = panel.canvas;
  const image = `<image width="${width}" height="${height}" href="${panel.canvas.toDataURL("image/png")}"/>`;
  const text = (y, size, words) => `<text x="4" y="${y}" font-family="sans-serif" font-size="${size}">${escapeText(words)}</text>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 -26 ${width} ${height + 50}">${text(-8, 16, panel.title)}${image}${text(height + 16, 12, panel.caption.textContent)}</svg>`;
  saveFile(new Blob([svg], { type: "image/svg+xml" }), `${name}.svg`);
}

/** A chart as a file: its SVG with the page's text colour, or that drawn on a canvas twice as large. */
function saveChart(lens, panel, form) {
  const copy = panel.svg.cloneNode(true);
  const [, , width, height] = copy.getAttribute("viewBox").split(" ").map(Number);
  const style = { xmlns: "http://www.w3.org/2000/svg", width, height, color: "#262730", "font-family": "sans-serif" };
  for (const [key, value] of Object.entries(style)) copy.setAttribute(key, value);
  const name = `${lens.data.file}_${panel.title.toLowerCase().replace(/[^a-z]+/g, "_")}`;
  const blob = new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" });
  if (form === "SVG") return saveFile(blob, `${name}.svg`);
  const image = new Image();
  image.onload = () => {
    const canvas = element("canvas", { width: 2 * width, height: 2 * height });
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(image.src);
    canvas.toBlob((drawn) => saveFile(drawn, `${name}.png`));
  };
  image.src = URL.createObjectURL(blob);
}

const escapeText = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

function saveFile(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// The report: the lens gets its feeds from this file (photo.js, text.js: showLens), and the curves are drawn by the Plotly
// that is packed in it.

const packed = (node) => Uint8Array.from(atob(node.textContent), (sign) => sign.charCodeAt(0));
const parsed = (id) => JSON.parse(document.getElementById(id).textContent);

async function unzipped(node) {
  const stream = new Blob([packed(node)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

async function drawCurves() {
  const code = new TextDecoder().decode(await unzipped(document.getElementById("plotly")));
  document.head.append(element("script", {}, code));
  const ink = getComputedStyle(document.body).color;
  const grid = "rgba(128,128,128,0.25)";
  const figures = parsed("figures");
  const said = parsed("verdicts");
  const places = figures.map((_, i) => {
    const place = element("div");
    const verdict = said[i] ? [element("p", { class: "verdict" }, said[i])] : [];
    document.querySelector(".figures").append(element("div", {}, ...verdict, place));
    return place;
  });
  for (const [i, figure] of figures.entries()) {
    Object.assign(figure.layout, { font: { color: ink }, template: null });
    for (const axis of ["xaxis", "yaxis"]) Object.assign((figure.layout[axis] ??= {}), { gridcolor: grid, zerolinecolor: grid });
    await window.Plotly.newPlot(places[i], figure.data, figure.layout, {
      responsive: true, displaylogo: false, modeBarButtonsToAdd: [svgButton()],
    });
  }
  document.querySelector(".waiting").remove();
}

const svgButton = () => ({
  name: "Save as SVG", icon: window.Plotly.Icons.disk,
  click: (figure) => window.Plotly.downloadImage(figure, { format: "svg", filename: "curve" }),
});

async function start() {
  const settings = parsed("settings");
  document.querySelector(".csv").onclick = () => saveFile(new Blob([parsed("csv")], { type: "text/csv" }), `${settings.file}_layers.csv`);
  const feeds = [];
  for (const node of document.querySelectorAll(".feed")) {
    feeds.push(new Uint8Array(await unzipped(node)));
    node.remove();
  }
  showLens(settings, feeds);
  await drawCurves();
}

start();

// Drawing a lens: all its panels from one scene for each view and layer, once a frame.

function draw(lens) {
  const started = performance.now();
  const scenes = new Map();
  for (const panel of lens.panels) {
    if (panel.kind === "chart") {
      drawChartPanel(lens, panel);
      continue;
    }
    const scene = (view) => {
      const name = `${view || viewOf(lens)}.${panel.layer || 0}`;
      if (!scenes.has(name)) scenes.set(name, sceneOf(lens, { view, layer: panel.layer }));
      return scenes.get(name);
    };
    const like = (panel.like ?? []).map(scene);
    const other = panel.versus && { ...scene(panel.versus), like };
    drawPanel(lens, panel, { ...scene(panel.view), like, other });
  }
  const ready = !lens.data.attention || !missing(lens).length;
  lens.root.dataset.view = ready ? lens.data.view : "";
  lens.root.dataset.views = ready ? Object.keys(lens.data.views).length : "";
  lens.root.dataset.layer = ready ? lens.layer : "";
  lens.root.dataset.token = lens.pointed ?? lens.token;
  lens.root.dataset.frameMs = (performance.now() - started).toFixed(2);
  showControls(lens);
  ask(lens);
}

/** The layer of a view that goes with a layer of the lens's own (trace.layer_on). */
function layerOn({ views, view: home, byDepth }, layer, view) {
  const [{ layers }, { layers: others }] = [views[home], views[view]];
  if (!byDepth || layers === 1) return Math.min(layer, others);
  return 1 + Math.floor(((layer - 1) * (others - 1)) / (layers - 1) + 0.5);
}

/** The lens's own view: that of the shot, where it is a film. */
const viewOf = ({ data, shot }) => data.shots[shot]?.view ?? data.view;

/** Everything that the panels of one view and layer draw from; by default the lens's own. */
function sceneOf(lens, { view, layer } = {}) {
  const { data } = lens;
  view ||= viewOf(lens);
  layer ||= layerOn(data, lens.layer, view);
  const [grid, home, feeds] = [data.views[view], data.views[data.view], feedsOf(view)];
  const token = tokenOn(home, lens.pointed ?? lens.token, grid);
  const scene = { ...data, grid, feeds, token, pinned: tokenOn(home, lens.token, grid), layer, heads: lens.heads };
  scene.accent = accentOf(lens);
  const attention = feeds.layers.get(layer);
  if (attention && attention.tokens === grid.prefix + grid.rows * grid.cols) {
    const { heads, tokens } = attention;
    scene.rows = placeRows(attention, grid, token);
    const mean = meanOfHeads(scene.rows, heads, tokens, lens.heads.filter((head) => head <= heads));
    const inFront = mean.subarray(0, grid.prefix).reduce((sum, share) => sum + share, 0);
    Object.assign(scene, { heat: mean.subarray(grid.prefix), inFront, tokens });
  }
  return scene;
}

const accentOf = (lens) => getComputedStyle(lens.root).getPropertyValue("--st-primary-color").trim() || "#ff4b4b";

function drawPanel(lens, panel, scene) {
  const { grid, rows, tokens } = scene;
  const { canvas } = panel;
  const context = canvas.getContext("2d");
  const [width, height] = panel.kind === "matrix" ? [480, 240] : [grid.width, grid.height];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  if (panel.kind !== "matrix") layPhoto(context, scene);
  if (panel.kind === "head") return drawHead(lens, panel, scene, rows?.subarray((panel.head - 1) * tokens + grid.prefix, panel.head * tokens));
  const { caption, limits, text: words } = KINDS[panel.kind](context, scene, segmentsOf(scene, panel.source), panel);
  const text = [caption, panel.explanation].filter(Boolean).join(", ");
  setText(panel.caption, text);
  canvas.setAttribute("aria-label", `${panel.title}: ${text}`);
  panel.bar.hidden = !limits;
  if (limits) showScale(panel.bar, limits, scene.look[panel.scale || "heat"], words ?? percent);
}

function layPhoto(context, { grid }) {
  const photo = store.photos.get(grid.photo);
  if (photo?.complete) context.drawImage(photo, 0, 0, grid.width, grid.height);
}

/** The segmentation of a scene's view and layer that is called so, as far as it has come. */
function segmentsOf({ feeds, layer }, source) {
  const name = `${source}.${layer}`;
  return { labels: feeds.segments.get(name), colours: feeds.segments.get(`${name}.colours`) };
}

function drawHead(lens, panel, scene, values) {
  const chosen = lens.heads.includes(panel.head);
  panel.figure.toggleAttribute("data-chosen", chosen);
  if (!values?.length) return;
  const limits = limitsOf(values);
  layHeat(panel.canvas.getContext("2d"), scene.grid, values, limits, scene.look.heat, scene.alpha);
  setText(panel.caption, `head ${panel.head}`);
  panel.canvas.setAttribute("aria-label", `Attention of head ${panel.head}, from ${percent(limits[0])} to ${percent(limits[1])}`);
}

function showScale(scale, [low, high], table, words) {
  const [from, bar, to] = scale.children;
  setText(from, words(low));
  setText(to, words(high));
  if (bar.style.background) return;
  const stops = [0, 51, 102, 153, 204, 255].map((i) => `rgb(${table.slice(3 * i, 3 * i + 3).join(" ")})`);
  bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
}

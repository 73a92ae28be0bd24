// Drawing a lens: all its panels from one scene for each view and layer, once a frame.

function draw(lens) {
  const started = performance.now();
  const scenes = new Map();
  for (const panel of lens.panels) {
    if (panel.kind === "chart") {
      drawChartPanel(lens, panel);
      continue;
    }
    if (panel.kind === "overview") {
      drawOverview(lens, panel);
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
  Object.assign(scene, { accent: accentOf(lens), even: lens.against === "even" });
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
  const { caption, limits, table, text: words } = KINDS[panel.kind](context, scene, segmentsOf(scene, panel.source), panel);
  const text = [caption, panel.explanation].filter(Boolean).join(", ");
  setText(panel.caption, text);
  canvas.setAttribute("aria-label", `${panel.title}: ${text}`);
  panel.bar.hidden = !limits;
  if (limits) showTableScale(panel.bar, limits, table ?? scene.look[panel.scale || "heat"], words ?? percent);
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

/** A head's picture and its numbers; while a patch is read, what the head gives to it. */
function drawHead(lens, panel, scene, values) {
  const chosen = lens.heads.includes(panel.head);
  panel.figure.toggleAttribute("data-chosen", chosen);
  if (!values?.length) return;
  const context = panel.canvas.getContext("2d");
  const { limits } = layAttention(context, scene, values);
  const read = lens.read && tokenOn(lens.data.views[lens.data.view], lens.read, scene.grid);
  if (read) outlinePatch(context, scene.grid, read, "#fff");
  const row = scene.rows.subarray((panel.head - 1) * scene.tokens, panel.head * scene.tokens);
  setText(panel.caption, read ? `head ${panel.head}: ${percent(values[read - 1])} there, ${timesEven(values[read - 1] * scene.tokens)} even` : `head ${panel.head}`);
  const numbers = placeNumbers(row, scene.grid, scene.token);
  setText(panel.numbers, numbers.map((one) => `${one[0]} ${rowNumber(one)}`.replace(/ /g, "\u00a0")).join(" · "));
  const words = scene.even ? (one) => `${timesEven(2 ** one)} even` : percent;
  panel.canvas.setAttribute("aria-label", `Attention of head ${panel.head}, from ${words(limits[0])} to ${words(limits[1])}`);
}

/** Read what every head of the strips gives to a patch; null for none. */
function read(lens, token) {
  if (token === lens.read) return;
  lens.read = token;
  invalidate(lens);
}

// ---- the overview of every head of every layer ----

const PHOTO_OVERVIEW = {
  shape: (lens) => lens.data.views[viewOf(lens)].cols / lens.data.views[viewOf(lens)].rows,

  numbers: (lens, key) => feedsOf(viewOf(lens)).segments.get(`heads.${key}`),

  picture(lens, layer, head) {
    const row = overviewRow(lens, layer, head);
    if (!row) return null;
    const { grid: { rows, cols }, token, stamp } = row;
    const paint = (canvas) => {
      Object.assign(canvas, { width: cols, height: rows });
      const { values, limits, table } = attentionColors(row.values.subarray(row.grid.prefix), row.values.length, lens.against === "even", lens.data.look);
      const color = colorOf(values, limits, table);
      const pixels = new ImageData(cols, rows);
      for (let i = 0; i < values.length; i++) pixels.data.set(color(i), 4 * i);
      canvas.getContext("2d").putImageData(pixels, 0, 0);
    };
    return { stamp: `${stamp}.${token}.${lens.against}`, paint };
  },

  says(lens, layer, head) {
    const { grid, token } = overviewPlace(lens);
    if (!layer) return `Attention of ${tokenName(grid, token)} in every head of every layer`;
    const row = overviewRow(lens, layer, head);
    if (!row) return "comes when you go to its layer";
    return `attention of ${tokenName(grid, token)}; ${placeNumbers(row.values, grid, token).map((one) => `${one[0]} ${rowNumber(one)}`).join(", ")}`;
  },
};

/** Whose attention the overview's pictures show. */
function overviewPlace(lens) {
  const [view, home] = [viewOf(lens), lens.data.views[lens.data.view]];
  const grid = lens.data.views[view];
  return { view, grid, token: tokenOn(home, lens.pointed ?? lens.token, grid) };
}

/** A head's row of attention in any layer; all heads of a layer are computed once for a token. */
function overviewRow(lens, layer, head) {
  const place = overviewPlace(lens);
  const attention = feedsOf(place.view).layers.get(layer);
  if (!attention || attention.tokens !== place.grid.prefix + place.grid.rows * place.grid.cols) return null;
  const stamp = `${place.view}.${layer}`;
  const kept = (lens.rowsOf ??= new Map());
  const key = `${stamp}.${place.token}`;
  if (kept.get(layer)?.key !== key) kept.set(layer, { key, rows: placeRows(attention, place.grid, place.token) });
  return { ...place, stamp, values: kept.get(layer).rows.subarray((head - 1) * attention.tokens, head * attention.tokens) };
}

const showEvenScale = (lens, bar) => showTableScale(bar, EVEN_LIMITS, lens.data.look.signed, (one) => `${timesEven(2 ** one)} even`);

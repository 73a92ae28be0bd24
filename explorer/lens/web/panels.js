// How each kind of panel is drawn. A panel draws on `context` from what `scene` holds: see sceneOf in lens.js.
// It returns its caption, and for heat the ends of the scale.

const percent = (share) => {
  const value = 100 * share;
  return `${value >= 10 ? value.toFixed(0) : value >= 0.1 ? value.toFixed(1) : value.toPrecision(1)} %`;
};

const headsName = (heads) =>
  !heads.length ? "mean of all heads" : heads.length === 1 ? `head ${heads[0]}` : `mean of heads ${heads.join(", ")}`;

/** How much of the attention goes to the tokens in front of the patches; nothing where there are none. */
const toFront = ({ grid, inFront }) => (grid.front ? `; ${percent(inFront)} goes to ${grid.front}` : "");

const KINDS = {
  photo(context, scene) {
    outlineTokens(context, scene);
    const name = tokenName(scene.grid, scene.token).replace(/^./, (first) => first.toUpperCase());
    return { caption: scene.token ? name : "Point at a patch; click to pin it" };
  },

  attention(context, scene) {
    if (!scene.heat) return waiting(context, scene);
    const drawn = layAttention(context, scene, scene.heat);
    outlineTokens(context, scene);
    const caption = `layer ${scene.layer}, ${headsName(scene.heads)}, of ${tokenName(scene.grid, scene.token)}`;
    return { caption: caption + toFront(scene), ...drawn };
  },

  kept(context, scene) {
    if (!scene.heat) return waiting(context, scene);
    const mask = keepSeen(scene.heat, scene.grid, scene.rule === "mass" ? keepMass : keepEntries, scene.keep);
    layCells(context, scene.grid, (i) => [0, 0, 0, mask[i] ? 0 : 255], scene.alpha, false);
    outlineCells(context, scene.grid, (i) => mask[i], scene.look.objects[0], scene.grid.width / 160);
    return { caption: `the top ${percent(scene.keep)} of the ${scene.rule === "mass" ? "attention" : "patches"}` };
  },

  objects(context, scene, { labels }) {
    if (!labels) return waiting(context, scene);
    const colors = scene.look.objects.map(channels);
    const color = (i) => [...colors[(labels.data[i] - 1) % colors.length], 255];
    const count = labels.data.reduce((most, label) => Math.max(most, label), 0);
    if (labels.pixels) {
      layPixels(context, scene.grid, labels, "fill", colors, scene.alpha * 0.75);
      layPixels(context, scene.grid, labels, "outline", colors, 1);
    } else {
      layCells(context, scene.grid, (i) => (labels.data[i] ? color(i) : [0, 0, 0, 0]), scene.alpha * 0.75, false);
      for (let label = 1; label <= count; label++) {
        const line = scene.look.objects[(label - 1) % colors.length];
        outlineCells(context, scene.grid, (i) => labels.data[i] === label, line, scene.grid.width / 110);
      }
    }
    return { caption: `layer ${scene.layer}, ${foundObjects(count, scene)}` };
  },

  labels(context, scene, { labels }) {
    if (!labels) return waiting(context, scene);
    const colors = scene.look.heads.map(channels);
    const color = (i) => (labels.data[i] ? [...colors[(labels.data[i] - 1) % colors.length], 255] : [0, 0, 0, 0]);
    if (labels.pixels) layPixels(context, scene.grid, labels, "fill", colors, scene.alpha);
    else layCells(context, scene.grid, color, scene.alpha, false);
    return { caption: `layer ${scene.layer}` };
  },

  map(context, scene, { labels }, panel) {
    if (!labels) return waiting(context, scene);
    const limits = endsOf(labels.data, panel, scene);
    layHeat(context, scene.grid, labels.data, limits, scene.look[panel.scale], scene.alpha);
    outlineTokens(context, scene);
    const here = scene.token ? `, ${plainNumber(labels.data[scene.token - 1], panel.unit)} in ${tokenName(scene.grid, scene.token)}` : "";
    return { caption: `layer ${scene.layer}${here}`, limits, text: (value) => plainNumber(value, panel.unit) };
  },

  matrix(context, scene, { labels }, panel) {
    if (!labels) return waiting(context, scene);
    const [rows, cols] = labels.shape;
    const limits = endsOf(labels.data, panel, scene);
    const { width, height } = context.canvas;
    const cells = { rows, cols, patch: 1, stride: 1, width: cols, height: rows };
    context.save();
    context.scale(width / cols, height / rows);
    layCells(context, cells, colorOf(labels.data, limits, scene.look[panel.scale]), 1, false);
    context.restore();
    return { caption: `layer ${scene.layer}`, limits, text: (value) => plainNumber(value, panel.unit) };
  },

  colours(context, scene, { labels, colours }) {
    if (!colours) return waiting(context, scene);
    const color = (i) => [...colours.data.subarray(3 * i, 3 * i + 3), 255];
    if (labels?.pixels) layCut(context, scene.grid, labels, color, scene.alpha);
    else layCells(context, scene.grid, color, scene.alpha, false);
    return { caption: `layer ${scene.layer}` };
  },
};

/** How many objects there are, and how many were asked for, where those are more. Parts of objects are counted as such. */
function foundObjects(count, { objects, parts }) {
  if (!count) return "no object found";
  const one = parts ? "connected part" : "object";
  const found = `${count} ${one}${count > 1 ? "s" : ""}`;
  return !parts && objects > count ? `${found} found, up to ${objects} asked for` : found;
}

const EVEN_LIMITS = [-EVEN_REACH, EVEN_REACH];

/** How shares of attention are coloured: on their own range, or as powers of two of even attention. seen: how many tokens
 * share it. */
function attentionColors(shares, seen, even, look, limits) {
  if (even) return { values: againstEven(shares, seen), limits: EVEN_LIMITS, table: look.signed };
  return { values: shares, limits: limits ?? limitsOf(shares), table: look.heat };
}

/** Attention over the photo; returns what its scale shows. */
function layAttention(context, scene, shares) {
  const own = shares === scene.heat && !scene.even ? limitsWith(shares, scene, (one) => one.heat) : undefined;
  const { values, limits, table } = attentionColors(shares, scene.tokens, scene.even, scene.look, own);
  layHeat(context, scene.grid, values, limits, table, scene.alpha);
  return { limits, table, text: scene.even ? (one) => `${timesEven(2 ** one)} even` : percent };
}

/** Ends of a scale: of the values that a panel draws, or of all those together that it is like. */
function limitsWith(values, scene, valuesOf) {
  const others = (scene.like ?? []).map(valuesOf).filter(Boolean);
  const ends = (others.length ? others : [values]).map(limitsOf);
  return [Math.min(...ends.map(([low]) => low)), Math.max(...ends.map(([, high]) => high))];
}

/** Ends of the scale of a panel's numbers: even around zero for a signed one. */
function endsOf(values, panel, scene) {
  const [low, high] = limitsWith(values, scene, (one) => segmentsOf(one, panel.source).labels?.data);
  const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
  return panel.scale === "signed" ? [-most, most] : [low, high];
}

function waiting(context, scene) {
  context.fillStyle = "rgb(0 0 0 / 45%)";
  context.fillRect(0, 0, scene.grid.width, scene.grid.height);
  return { caption: `layer ${scene.layer} is on its way…` };
}

function outlineTokens(context, scene) {
  outlinePatch(context, scene.grid, scene.pinned, scene.accent);
  if (scene.token !== scene.pinned) outlinePatch(context, scene.grid, scene.token, "#fff");
}

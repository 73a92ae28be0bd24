// A layer as a film of one token: where everything lies at a moment of a stage. Pure functions of numbers.
// A moment is a stage (from 0) and the share of it that has passed, 0 … 1. The end of a stage is the start of the next.

const WIDE = 600; // from this width on the photo stands beside the picture, below it above
const GAP = 24; // between the photo and the rest
const BETWEEN = 12; // two subspaces
const LABEL = 22; // height of a line of text above a picture
const MARGIN = 8; // between the frame of a subspace and its outermost tokens

const limited = (value, low = 0, high = 1) => Math.min(Math.max(value, low), high);

/** How far a movement that lasts from one share of a stage to another has come; it starts and ends gently. */
function eased(share, from, to) {
  const x = limited((share - from) / (to - from));
  return x * x * (3 - 2 * x);
}

const between = ([x0, y0], [x1, y1], share) => [x0 + (x1 - x0) * share, y0 + (y1 - y0) * share];

/** Boxes {x, y, width, height} of the photo, of what stands beside it and of each subspace, and the height of all. */
function layoutOf(width, grid, heads) {
  const wide = width >= WIDE;
  const most = wide ? limited(width * 0.27, 180, 340) : Math.min(width * 0.5, 220);
  const scale = most / Math.max(grid.width, grid.height);
  const photo = { x: 0, y: wide ? LABEL : 0, width: grid.width * scale, height: grid.height * scale };
  if (!wide) photo.x = (width - photo.width) / 2;
  const left = wide ? photo.width + GAP : 0;
  const top = wide ? LABEL : photo.height + GAP / 2 + LABEL;
  const room = width - left;
  const side = Math.min((room - (heads - 1) * BETWEEN) / heads, most - LABEL);
  const stage = { x: left, y: top, width: room, height: wide ? most : Math.max(side + LABEL, 190) };
  const panels = Array.from({ length: heads }, (_, head) => ({ x: left + head * (side + BETWEEN), y: top, width: side, height: side }));
  return { photo, stage, panels, scale, height: top + stage.height + 2 };
}

/** A place of the square −1 … 1 in the middle of a box. */
function within(box, x, y) {
  const half = Math.min(box.width, box.height) / 2 - MARGIN;
  return [box.x + box.width / 2 + x * half, box.y + box.height / 2 - y * half];
}

/** The centre of a patch on the photo. */
function onPhoto({ photo, scale }, grid, token) {
  const [row, col] = [Math.floor((token - 1) / grid.cols), (token - 1) % grid.cols];
  return [photo.x + scale * (col * grid.stride + grid.patch / 2), photo.y + scale * (row * grid.stride + grid.patch / 2)];
}

/** Where the drawn tokens fly in the first stage, from the photo to their places, one row after the other; and how far. */
function flight(scene, layout, share) {
  const { grid, drawn, places } = scene;
  return Array.from(drawn, (token, i) => {
    const late = (token - 1) / (grid.rows * grid.cols);
    const come = eased(share, 0.12 + 0.34 * late, 0.42 + 0.34 * late);
    return { at: between(onPhoto(layout, grid, token), within(layout.stage, places[2 * i], places[2 * i + 1]), come), come };
  });
}

/** Where the drawn tokens lie in a subspace: on the way there in the second stage, moved by attention in the third. */
function inSubspace(scene, layout, head, stage, share) {
  const { drawn, places, before, after } = scene;
  const [box, count] = [layout.panels[head], drawn.length];
  const arrived = stage === 1 ? eased(share, 0.08, 0.5) : 1;
  const moved = stage < 2 ? 0 : stage === 2 ? eased(share, 0.4, 0.75) : 1;
  return Array.from(drawn, (_, i) => {
    const k = 2 * (head * count + i);
    const place = between([before[k], before[k + 1]], [after[k], after[k + 1]], moved);
    const at = within(box, ...place);
    return arrived < 1 ? between(within(layout.stage, places[2 * i], places[2 * i + 1]), at, arrived) : at;
  });
}

/** The drawn tokens that the marked one attends to most in a head, without itself, by falling weight: [i, weight]. */
function attended(scene, head, most) {
  const count = scene.drawn.length;
  const row = scene.attention.subarray(head * count, (head + 1) * count);
  const order = Array.from(row.keys()).filter((i) => i !== scene.marked);
  return order.sort((a, b) => row[b] - row[a]).slice(0, most).map((i) => [i, row[i]]);
}

/** The entries as bars, by falling height before the threshold: height now, and whether it stays. */
function barsOf(scene, share) {
  const count = scene.entries.length / 2;
  const [before, after] = [scene.entries.subarray(0, count), scene.entries.subarray(count)];
  const shrunk = eased(share, 0.4, 0.75);
  const order = Array.from(before.keys()).sort((a, b) => before[b] - before[a]);
  return order.map((i) => ({ value: before[i] + (after[i] - before[i]) * shrunk, stays: after[i] !== 0 }));
}

// Numbers only: where tokens lie on the photos and on the screen, and what a lasso or a rectangle holds.
// A sheet holds the photos as tiles, row by row. Token i of it: photo ⌊i / N⌋, N = prefix + rows·cols; within it
// those of the prefix first (CLS and others, which are no patches), then the patches row by row.

const DEPTH_BUCKETS = 512;
const EYE = 4; // distance of the eye from the centre, in half-widths of the cloud
const TURN_PER_PIXEL = 0.008;
const ZOOM_LIMITS = [0.4, 40];
const STRAIGHT_SHARE = 0.05; // of the square over its ends: what a line encloses that is called straight
const STRAIGHT = [1, 0, 0, 0, 1, 0, 0, 0, 1];

const limit = (value, low, high) => Math.min(Math.max(value, low), high);
const perPhoto = ({ rows, cols, prefix }) => prefix.length + rows * cols;

/** Photo, and place within it, of a token: {photo, front, row, col}; front: its name where it is no patch, else "". */
function placeOf(sheet, token) {
  const photo = Math.floor(token / perPhoto(sheet));
  const within = token - photo * perPhoto(sheet);
  const patch = within - sheet.prefix.length;
  if (patch < 0) return { photo, front: sheet.prefix[within], row: 0, col: 0 };
  return { photo, front: "", row: Math.floor(patch / sheet.cols), col: patch % sheet.cols };
}

const tokenOf = (sheet, { photo, row, col }) => photo * perPhoto(sheet) + sheet.prefix.length + row * sheet.cols + col;

/** The rectangle of a photo in pixels of the sheet, [x, y, width, height]. */
function tileBox(sheet, photo) {
  const [across, down] = [photo % sheet.columns, Math.floor(photo / sheet.columns)];
  return [across * sheet.tileWidth, down * sheet.tileHeight, sheet.tileWidth, sheet.tileHeight];
}

/** The rectangle of a token in pixels of the sheet, [x, y, width, height]; what is no patch has the whole photo. */
function boxOf(sheet, token) {
  const { photo, front, row, col } = placeOf(sheet, token);
  const tile = tileBox(sheet, photo);
  if (front) return tile;
  const [x, y] = tile;
  return [x + col * sheet.stride, y + row * sheet.stride, sheet.patch, sheet.patch];
}

/** The patch whose centre is nearest to (x, y) in pixels of the sheet; −1 where there is no photo. */
function patchAt(sheet, x, y) {
  const across = Math.floor(x / sheet.tileWidth);
  const photo = Math.floor(y / sheet.tileHeight) * sheet.columns + across;
  if (across < 0 || across >= sheet.columns || photo < 0 || photo >= sheet.tiles) return -1;
  const nearest = (at, count) => limit(Math.round((at - sheet.patch / 2) / sheet.stride), 0, count - 1);
  const row = nearest(y - Math.floor(photo / sheet.columns) * sheet.tileHeight, sheet.rows);
  return tokenOf(sheet, { photo, row, col: nearest(x - across * sheet.tileWidth, sheet.cols) });
}

/** The patches whose centre lies within a rectangle of the sheet, given by two corners. */
function patchesInBox(sheet, [x0, y0], [x1, y1], count) {
  const [left, right, top, bottom] = [Math.min(x0, x1), Math.max(x0, x1), Math.min(y0, y1), Math.max(y0, y1)];
  const found = [];
  for (let token = 0; token < count; token++) {
    if (placeOf(sheet, token).front) continue;
    const [x, y, width, height] = boxOf(sheet, token);
    const [cx, cy] = [x + width / 2, y + height / 2];
    if (cx >= left && cx <= right && cy >= top && cy <= bottom) found.push(token);
  }
  return found;
}

/** The neighbour of a token on its photo; from what is no patch, or from nothing, the middle patch. */
function neighbour(sheet, token, [down, right]) {
  const at = token < 0 ? { photo: 0, front: "CLS" } : placeOf(sheet, token);
  if (at.front) return tokenOf(sheet, { photo: at.photo, row: Math.floor(sheet.rows / 2), col: Math.floor(sheet.cols / 2) });
  const [row, col] = [limit(at.row + down, 0, sheet.rows - 1), limit(at.col + right, 0, sheet.cols - 1)];
  return tokenOf(sheet, { photo: at.photo, row, col });
}

/** a·b of two 3×3 matrices, row by row. */
function product(a, b) {
  const result = new Array(9).fill(0);
  for (let i = 0; i < 3; i++)
    for (let j = 0; j < 3; j++) for (let k = 0; k < 3; k++) result[3 * i + j] += a[3 * i + k] * b[3 * k + j];
  return result;
}

/** The camera turned as by a ball under the pointer that moved by (dx, dy) pixels. */
function turned(rotation, dx, dy) {
  const [a, b] = [dx * TURN_PER_PIXEL, dy * TURN_PER_PIXEL];
  const aroundY = [Math.cos(a), 0, Math.sin(a), 0, 1, 0, -Math.sin(a), 0, Math.cos(a)];
  const aroundX = [1, 0, 0, 0, Math.cos(b), -Math.sin(b), 0, Math.sin(b), Math.cos(b)];
  return product(product(aroundX, aroundY), rotation);
}

const startCamera = (dims) => ({ rotation: dims === 3 ? turned(STRAIGHT, -70, 45) : STRAIGHT, zoom: 1, x: 0, y: 0 });

/** A camera as text for links: dimensions, two rows of its rotation, zoom, place in shares of the screen's shorter side;
 * "" at its start. */
function cameraText(camera, dims, side) {
  const start = startCamera(dims);
  const numbers = ({ rotation, zoom, x, y }) => [...rotation.slice(0, 6), zoom, x / side, y / side].map((n) => +n.toFixed(3));
  const text = numbers(camera).join(",");
  return text === numbers(start).join(",") ? "" : `${dims}:${text}`;
}

/** The camera that cameraText wrote; null for any other text. */
function cameraOf(text, dims, side) {
  const [of, rest = ""] = text.split(":");
  const numbers = rest.split(",").map(Number);
  if (of !== String(dims) || numbers.length !== 9 || !numbers.every(Number.isFinite)) return null;
  const [a, b] = orthonormal(numbers.slice(0, 3), numbers.slice(3, 6));
  if (!a) return null;
  const c = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  const rotation = dims === 3 ? [...a, ...b, ...c] : STRAIGHT;
  return { rotation, zoom: limit(numbers[6], ...ZOOM_LIMITS), x: numbers[7] * side, y: numbers[8] * side };
}

/** Two rows made of length 1 and at right angles; [] where they are too short or point the same way. */
function orthonormal(a, b) {
  const dot = (u, v) => u.reduce((sum, value, i) => sum + value * v[i], 0);
  const unit = (u) => (dot(u, u) > 1e-6 ? u.map((value) => value / Math.sqrt(dot(u, u))) : null);
  const first = unit(a);
  const second = first && unit(b.map((value, i) => value - dot(first, b) * first[i]));
  return second ? [first, second] : [];
}

/** The camera zoomed by a factor, so that what lies under (x, y), from the middle of the screen, stays there. */
function zoomed(camera, factor, x, y) {
  const zoom = limit(camera.zoom * factor, ...ZOOM_LIMITS);
  const ratio = zoom / camera.zoom;
  return { ...camera, zoom, x: x - (x - camera.x) * ratio, y: y - (y - camera.y) * ratio };
}

/** One place (x, y, z) of the cube −1 … 1 on a screen: [x, y, depth], depth growing towards the eye. */
function projectOne(x, y, z, camera, dims, width, height) {
  const r = camera.rotation;
  const near = r[6] * x + r[7] * y + r[8] * z;
  const scale = camera.zoom * Math.min(width, height) * (dims === 3 ? 0.37 : 0.46) * (dims === 3 ? EYE / (EYE - near) : 1);
  return [
    width / 2 + camera.x + scale * (r[0] * x + r[1] * y + r[2] * z),
    height / 2 + camera.y - scale * (r[3] * x + r[4] * y + r[5] * z),
    near,
  ];
}

/** All places (x, y, z, x, y, …) on a screen, in the same layout. */
function project(places, camera, dims, width, height) {
  const screen = new Float32Array(places.length);
  for (let i = 0; i < places.length; i += 3)
    screen.set(projectOne(places[i], places[i + 1], places[i + 2], camera, dims, width, height), i);
  return screen;
}

/** The points from far to near; in linear time, points of nearly the same depth in their own order. */
function depthOrder(screen) {
  const count = screen.length / 3;
  const starts = new Uint32Array(DEPTH_BUCKETS + 1);
  const buckets = new Uint16Array(count);
  for (let i = 0; i < count; i++) {
    buckets[i] = limit(Math.floor(((screen[3 * i + 2] + 2) / 4) * DEPTH_BUCKETS), 0, DEPTH_BUCKETS - 1);
    starts[buckets[i] + 1]++;
  }
  for (let k = 0; k < DEPTH_BUCKETS; k++) starts[k + 1] += starts[k];
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[starts[buckets[i]]++] = i;
  return order;
}

/** The point nearest to (x, y) within a reach in pixels, of equally near ones the last; −1 if there is none. */
function nearestPoint(screen, x, y, reach) {
  let [best, least] = [-1, reach * reach];
  for (let i = 0; i < screen.length / 3; i++) {
    const [dx, dy] = [screen[3 * i] - x, screen[3 * i + 1] - y];
    if (dx * dx + dy * dy <= least) [best, least] = [i, dx * dx + dy * dy];
  }
  return best;
}

/** Whether (x, y) lies in a polygon [[x, y], …], by the even-odd rule. */
function inPolygon(polygon, x, y) {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [[xi, yi], [xj, yj]] = [polygon[i], polygon[j]];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

/** A line that was drawn straight encloses nothing: what its two ends span is meant. */
function asBox(line) {
  const [[x0, y0], [x1, y1]] = [line[0], line.at(-1)];
  const area = Math.abs(line.reduce((sum, [x, y], i) => sum + x * line.at(i - 1)[1] - line.at(i - 1)[0] * y, 0)) / 2;
  const straight = area < STRAIGHT_SHARE * Math.hypot(x1 - x0, y1 - y0) ** 2;
  return straight ? [[x0, y0], [x1, y0], [x1, y1], [x0, y1]] : line;
}

function pointsInPolygon(screen, polygon) {
  const found = [];
  for (let i = 0; i < screen.length / 3; i++) if (inPolygon(polygon, screen[3 * i], screen[3 * i + 1])) found.push(i);
  return found;
}

// Drawing on a canvas whose pixels are the photo's. A map on the patch grid is drawn small and enlarged by the browser.

const ROBUST = [0.01, 0.99]; // ends of the heat scale, as shares of the sorted values: figures.heat_overlay
const small = document.createElement("canvas").getContext("2d", { willReadFrequently: false });

/** Value of a sorted array at a share of its length, interpolated like numpy.percentile. */
function quantile(sorted, share) {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

/** Ends of the scale that leave out the most extreme hundredth on both sides. */
function limitsOf(values) {
  const sorted = Float32Array.from(values).sort();
  const [low, high] = ROBUST.map((share) => quantile(sorted, share));
  return high > low ? [low, high] : [sorted[0], sorted[sorted.length - 1]];
}

/** Lay cells over the photo: color(i) gives [r, g, b, a] of patch i; smooth: interpolate between the patches' centres. */
function layCells(context, grid, color, opacity, smooth) {
  const { rows, cols, patch, stride } = grid;
  const border = Math.ceil(patch / 2 / stride) + 1; // the outermost patches reach to the photo's edge
  const [wide, high] = [cols + 2 * border, rows + 2 * border];
  const pixels = new ImageData(wide, high);
  for (let y = 0; y < high; y++) {
    for (let x = 0; x < wide; x++) {
      const cell = clamp(y - border, rows) * cols + clamp(x - border, cols);
      pixels.data.set(color(cell), 4 * (y * wide + x));
    }
  }
  small.canvas.width = wide;
  small.canvas.height = high;
  small.putImageData(pixels, 0, 0);
  const start = patch / 2 - (border + 0.5) * stride;
  context.save();
  context.globalAlpha = opacity;
  context.imageSmoothingEnabled = smooth;
  context.drawImage(small.canvas, start, start, wide * stride, high * stride);
  context.restore();
}

/** The colour of value i between two limits, of 256; constant values take the lowest. */
function colorOf(values, [low, high], table) {
  const span = high > low ? high - low : Infinity;
  return (i) => {
    const level = Math.round(255 * Math.min(Math.max((values[i] - low) / span, 0), 1));
    return [table[3 * level], table[3 * level + 1], table[3 * level + 2], 255];
  };
}

/** Numbers over the photo as colours. */
function layHeat(context, grid, values, limits, table, opacity) {
  layCells(context, grid, colorOf(values, limits, table), opacity, true);
}

const pictures = new WeakMap(); // labels of pixels → what was painted of them, by name: painting takes some milliseconds

/** A canvas of the size of labels, painted once: paint(context) the first time. */
function pictureOf(labels, name, paint) {
  if (!pictures.has(labels)) pictures.set(labels, new Map());
  const made = pictures.get(labels);
  if (!made.has(name)) {
    const canvas = element("canvas", { width: labels.shape[1], height: labels.shape[0] });
    paint(canvas.getContext("2d"));
    made.set(name, canvas);
  }
  return made.get(name);
}

/** Pixels of a canvas of labels: color(i) gives [r, g, b] of pixel i, or nothing to leave it clear. */
function paintPixels(context, { shape: [height, width] }, color) {
  const pixels = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    const one = color(i);
    if (one) pixels.data.set([...one, 255], 4 * i);
  }
  context.putImageData(pixels, 0, 0);
}

/** Segments with the photo's edges over it. what: "fill", or the "outline" within each. colors: of label 1, 2, … */
function layPixels(context, grid, labels, what, colors, opacity) {
  const shown = what === "fill" ? (i) => labels.data[i] : outlineOf(labels, Math.max(1, Math.round(labels.shape[1] / 220)));
  const color = (i) => (shown(i) ? colors[(labels.data[i] - 1) % colors.length] : null);
  layPicture(context, grid, pictureOf(labels, what, (made) => paintPixels(made, labels, color)), opacity);
}

/** Whether pixel i belongs to a segment and has another one, or the picture's edge, within a distance along a side. */
function outlineOf({ data, shape: [height, width] }, distance) {
  return (i) => {
    const [x, label] = [i % width, data[i]];
    if (!label) return false;
    for (let step = 1; step <= distance; step++) {
      if (x < step || x + step >= width || data[i - step * width] !== label || data[i + step * width] !== label) return true;
      if (data[i - step] !== label || data[i + step] !== label) return true;
    }
    return false;
  };
}

/** Colours of patches, smooth between their centres, cut out along the labels of pixels; the rest goes dark. */
function layCut(context, grid, labels, color, opacity) {
  const painted = pictureOf(labels, "cut", (made) => {
    const { width, height } = made.canvas;
    paintPixels(made, labels, (i) => (labels.data[i] ? [0, 0, 0] : null));
    made.globalCompositeOperation = "source-in";
    made.scale(width / grid.width, height / grid.height);
    layCells(made, grid, color, 1, true);
    made.setTransform(1, 0, 0, 1, 0, 0);
    made.globalCompositeOperation = "destination-over";
    made.fillRect(0, 0, width, height);
  });
  layPicture(context, grid, painted, opacity);
}

function layPicture(context, grid, picture, opacity) {
  context.save();
  context.globalAlpha = opacity;
  context.drawImage(picture, 0, 0, grid.width, grid.height);
  context.restore();
}

/** Where cell boundary number i lies: halfway between centres; the first and last are the photo's edges. */
function boundary(i, count, patch, stride, size) {
  if (i === 0) return 0;
  return i === count ? size : patch / 2 + (i - 0.5) * stride;
}

/** A line around the cells for which inside(i) holds. */
function outlineCells(context, grid, inside, color, width) {
  const { rows, cols, patch, stride } = grid;
  const x = (col) => boundary(col, cols, patch, stride, grid.width);
  const y = (row) => boundary(row, rows, patch, stride, grid.height);
  const at = (row, col) => row >= 0 && col >= 0 && row < rows && col < cols && inside(row * cols + col);
  context.beginPath();
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      if (!at(row, col)) continue;
      const edges = [
        [at(row - 1, col), x(col), y(row), x(col + 1), y(row)],
        [at(row + 1, col), x(col), y(row + 1), x(col + 1), y(row + 1)],
        [at(row, col - 1), x(col), y(row), x(col), y(row + 1)],
        [at(row, col + 1), x(col + 1), y(row), x(col + 1), y(row + 1)],
      ];
      for (const [neighbour, x0, y0, x1, y1] of edges) {
        if (neighbour) continue;
        context.moveTo(x0, y0);
        context.lineTo(x1, y1);
      }
    }
  }
  context.strokeStyle = color;
  context.lineWidth = width;
  context.lineCap = "square";
  context.stroke();
}

/** The outline of one patch: a light line between two dark ones shows on every photo. */
function outlinePatch(context, grid, token, color) {
  if (!token) return;
  const [row, col] = place(grid, token);
  const box = [col * grid.stride, row * grid.stride, grid.patch, grid.patch];
  const line = Math.max(grid.width / 220, 1);
  for (const [style, width] of [["rgb(0 0 0 / 75%)", 3.4], ["#fff", 2.2], [color, 1.3]]) {
    context.strokeStyle = style;
    context.lineWidth = width * line;
    context.strokeRect(...box);
  }
}

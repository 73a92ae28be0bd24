// The grid of patches: numbers only. Places count as in Python: 0 is the whole photo (CLS, where there is one), 1 +
// row·cols + col is a patch.

/** The patch whose centre is nearest to (x, y), in shares of the picture's width and height. */
function tokenAt({ rows, cols, patch, stride, height, width }, x, y) {
  const row = clamp(Math.round((y * height - patch / 2) / stride), rows);
  const col = clamp(Math.round((x * width - patch / 2) / stride), cols);
  return 1 + row * cols + col;
}

const place = ({ cols }, token) => [Math.floor((token - 1) / cols), (token - 1) % cols];

/** The neighbour in a direction; the middle patch if none is picked yet. */
function tokenBeside(grid, token, [down, right]) {
  const { rows, cols } = grid;
  if (!token) return 1 + Math.floor(rows / 2) * cols + Math.floor(cols / 2);
  const [row, col] = place(grid, token);
  return 1 + clamp(row + down, rows) * cols + clamp(col + right, cols);
}

/** The same place on another grid; the whole photo stays that. */
function tokenOn(grid, token, other) {
  if (!token || grid === other) return token;
  const [row, col] = place(grid, token);
  const [x, y] = [(col * grid.stride + grid.patch / 2) / grid.width, (row * grid.stride + grid.patch / 2) / grid.height];
  return tokenAt(other, x, y);
}

function tokenName(grid, token) {
  if (!token) return grid.whole;
  const [row, col] = place(grid, token);
  return `the patch in row ${row + 1}, column ${col + 1}`;
}

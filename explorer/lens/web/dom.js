// Nodes of the page, and what is written in them.

/** A node from its attributes, listeners and children. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made[key] = value;
    else if (value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const plainNumber = (value, unit) => `${value.toLocaleString("en", { maximumSignificantDigits: 3 })}${unit ? ` ${unit}` : ""}`;

const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

const INK = 0.18; // relative luminance from which black has more contrast with a colour than white (WCAG 2)
/** Black or white: what reads better on a colour. */
function inkOn(color) {
  const [red, green, blue] = color.map((channel) => (channel / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > INK ? "#000" : "#fff";
}

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

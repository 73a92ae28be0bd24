// Keys without a click: a lens hears those that are pressed anywhere on its page, except where somebody types or moves a
// slider; and the list of all keys. Lenses on photos and on text are heard alike, each by its own root.onkeydown.

const BUSY = "input, textarea, select, dialog, [contenteditable=true], [role=slider], [role=combobox], [role=listbox], [role=menu], [role=dialog], [data-testid=stDataFrame]";

const heard = (window.crateLensesHeard ??= { lenses: new Set(), listens: false });

/** From now on a key that nothing else on the page wants is this lens's, if it is the topmost. */
function hear(lens) {
  heard.lenses.add(lens);
  if (!heard.listens) document.addEventListener("keydown", onPageKey);
  heard.listens = true;
}

function onPageKey(event) {
  const node = event.composedPath()[0];
  if (event.defaultPrevented || node.closest?.(BUSY) || event.key.startsWith("Arrow")) return; // arrows scroll the page
  for (const lens of heard.lenses) if (!lens.root.isConnected) heard.lenses.delete(lens);
  const top = ({ root }) => root.getBoundingClientRect().top;
  const [first] = [...heard.lenses].filter(({ root }) => root.checkVisibility()).sort((a, b) => top(a) - top(b));
  if (event.key === "Escape" && !first?.token) return; // it has another use on the page
  first?.root.onkeydown(event);
}

/** Every key of a lens and what it does. */
function keysOf({ data, manners }) {
  const film = data.shots?.length;
  return [
    ["[  ]", "layer before, layer after"],
    ...(film ? [[",  .", "earlier, later in the film"]] : []),
    [`1 … ${Math.min(data.headCount, manners.joinsDigits ? data.headCount : 9)}`, `that head${data.headCount > 9 && manners.joinsDigits ? " (two digits in quick succession)" : ""}`],
    ["0", "all heads"],
    [Object.keys(manners.steps).map((key) => ARROWS[key]).join(" "), `${manners.thing} beside it, after a click on one`],
    ["Esc", `back to ${manners.home}`],
    ["?", "this list"],
  ];
}

const ARROWS = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→" };

const keysShown = ({ keys }) => keys?.isConnected && keys.open;

function showKeys(lens) {
  if (keysShown(lens)) return lens.keys.close();
  const rows = keysOf(lens).flatMap(([key, what]) => [element("dt", {}, element("kbd", {}, key)), element("dd", {}, what)]);
  const close = element("button", { type: "button", class: "chip", onclick: () => lens.keys.close() }, "Close");
  lens.keys?.remove();
  lens.keys = element("dialog", { class: "keys", "aria-label": "Keys" }, element("h5", {}, "Keys"), element("dl", {}, ...rows),
    element("p", { class: "caption" }, "They work anywhere on the page, except while you type or move a slider."), close);
  lens.keys.onclick = (event) => event.target === lens.keys && lens.keys.close(); // beside the list
  lens.root.append(lens.keys);
  lens.keys.showModal();
}

/** Whether another lens on the page has a toolbar, and so the button. */
const buttonElsewhere = (lens) => [...heard.lenses].some((other) => other !== lens && other.root.isConnected && other.data.toolbar?.length);

/** The button that opens the list. */
const keysButton = (lens) => element("button", { type: "button", class: "chip", title: "The keys of these pictures (key ?)", onclick: () => showKeys(lens) }, "? Keys");

// What crate-explorer bench --ui measures inside a page: times in ms, from the act to the last change that it caused.
(() => {
  const QUIET_MS = 250;
  const LONGEST_MS = 20000;
  const state = () => document.querySelector('[data-testid="stApp"]').getAttribute("data-test-script-state");
  const frame = () => new Promise(requestAnimationFrame);
  const roots = () => [...document.querySelectorAll("*")].map((node) => node.shadowRoot).filter(Boolean);
  const lens = () => roots().map((root) => root.querySelector(".lens")).find(Boolean) ?? document.querySelector(".lens");
  const key = (name) => lens().dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
  const DEEP = { subtree: true, childList: true, attributes: true, characterData: true };
  let watching;

  /** Note every change of the page's main part, also inside components. */
  function watch() {
    const seen = { start: performance.now(), first: null, last: null, ran: state() !== "notRunning" };
    const note = () => {
      seen.last = performance.now();
      seen.first ??= seen.last;
    };
    const observer = new MutationObserver(note);
    for (const root of [document.querySelector('[data-testid="stMain"]'), ...roots()]) observer.observe(root, DEEP);
    watching = { seen, observer };
  }

  /** Wait until the script has run and the page is quiet: ms to the first and the last change. */
  async function watched() {
    const { seen, observer } = watching;
    while (true) {
      await frame();
      const now = performance.now();
      if (state() !== "notRunning") seen.ran = true;
      const quiet = seen.ran && state() === "notRunning" && seen.last && now - seen.last > QUIET_MS;
      if (quiet || now - seen.start > LONGEST_MS) break;
    }
    observer.disconnect();
    return { first: seen.first - seen.start, last: seen.last - seen.start };
  }

  /** A key to the lens; ms until it has drawn the new layer and the browser has shown it. */
  async function lensStep(name) {
    const shown = lens().dataset;
    const before = shown.layer;
    const start = performance.now();
    key(name);
    while (!shown.layer || shown.layer === before) await frame();
    await frame();
    return performance.now() - start;
  }

  /** ms until what the lens says of itself has drawn passes; the page's own marks of a turned knob do not count. */
  async function until(passes) {
    const { seen } = watching;
    while (!passes(lens()?.dataset ?? {})) {
      await frame();
      if (performance.now() - seen.start > LONGEST_MS) break;
    }
    await frame();
    return performance.now() - seen.start;
  }
  const newView = (before) => until(({ view }) => view && view !== before);
  const moreViews = (before) => until(({ views }) => Number(views) > before);

  async function pageStep(name) {
    watch();
    key(name);
    return (await watched()).last;
  }

  /** Move over the first picture; the ms that each frame's computing and drawing takes. */
  async function hover(count) {
    const canvas = lens().querySelector("canvas");
    const box = canvas.getBoundingClientRect();
    const times = [];
    for (let i = 0; i < count; i++) {
      const [x, y] = [box.x + box.width * ((i * 0.37) % 1), box.y + box.height * ((i * 0.61) % 1)];
      canvas.dispatchEvent(new PointerEvent("pointermove", { clientX: x, clientY: y, bubbles: true }));
      await frame();
      await frame();
      times.push(Number(lens().dataset.frameMs));
    }
    canvas.dispatchEvent(new PointerEvent("pointerleave"));
    return times;
  }

  /** Without Streamlit: a lens from its settings, and frames of it. */
  const feed = (text) => receive(Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0)));
  async function large(settings, count) {
    update(createLens(document.querySelector(".lens")), JSON.parse(settings), () => {});
    await frame();
    await frame();
    return hover(count);
  }

  window.bench = { watch, watched, lens, key, lensStep, newView, moreViews, pageStep, hover, feed, large };
})();

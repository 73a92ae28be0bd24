// Back and Forward go from page to page: Streamlit adds an entry to the history for every setting, too, which the page
// it leads back to overwrites at once, so that Back does nothing. And a page that is opened begins at its top.
if (!window.crateHistory) {
  window.crateHistory = true;
  const HELD_MS = 1000;
  const push = window.history.pushState.bind(window.history);
  const replace = window.history.replaceState.bind(window.history);
  let held = 0; // until when the page is kept at its top, as its content comes bit by bit and may carry it away
  const toTop = () => {
    held = performance.now() + HELD_MS;
    hold();
  };
  const hold = () => {
    if (performance.now() > held) return;
    document.querySelector('[data-testid="stMain"]')?.scrollTo({ top: 0, behavior: "instant" });
    requestAnimationFrame(hold);
  };
  for (const act of ["wheel", "touchmove", "keydown", "pointerdown", "crate-scroll"]) window.addEventListener(act, () => (held = 0), { capture: true, passive: true });
  window.history.pushState = (state, title, url) => {
    if (url === undefined || new URL(url, location.href).pathname === location.pathname) {
      replace(state, title, url);
    } else {
      push(state, title, url);
      toTop();
    }
  };
  let page = location.pathname;
  window.addEventListener("popstate", () => {
    if (page !== location.pathname) toTop();
    page = location.pathname;
  });
}

// Back and Forward go from page to page: Streamlit adds an entry to the history for every setting, too, which the page
// it leads back to overwrites at once, so that Back does nothing. And a page that is opened begins at its top.
if (!window.crateHistory) {
  window.crateHistory = true;
  const push = window.history.pushState.bind(window.history);
  const replace = window.history.replaceState.bind(window.history);
  const toTop = () => document.querySelector('[data-testid="stMain"]')?.scrollTo({ top: 0, behavior: "instant" });
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

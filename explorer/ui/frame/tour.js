// Bring the part of the page that the tour speaks of into view, and outline it, once it has been drawn. HOST is a CSS
// selector on the page; INSIDE, if it is not empty, one within the component that HOST holds.
(() => {
  const inside = (node, selector) => {
    for (const one of [node, ...node.querySelectorAll("*")]) {
      const found = one.shadowRoot?.querySelector(selector) ?? one.querySelector(selector);
      if (found) return found;
    }
    return null;
  };
  const look = (left) => {
    window.crateTourSpot?.style.removeProperty("outline");
    const host = document.querySelector(HOST);
    const spot = host && (INSIDE ? inside(host, INSIDE) : host);
    if (!spot?.getBoundingClientRect().height) {
      if (left) setTimeout(look, 250, left - 1);
      return;
    }
    window.crateTourSpot = spot;
    Object.assign(spot.style, { outline: EDGE, outlineOffset: "6px", borderRadius: "6px", scrollMargin: "17rem 0 2rem" });
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    window.dispatchEvent(new Event("crate-scroll")); // the page need no longer be kept at its top (history.js)
    spot.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
  };
  setTimeout(look, 250, 80);
})();

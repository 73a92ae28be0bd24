// Bring the part of the page that the tour speaks of into view, and outline it, once it has been drawn.
(() => {
  const look = (left) => {
    document.querySelectorAll(".tour-spot").forEach((node) => node.classList.remove("tour-spot"));
    const spot = document.querySelector(SPOT);
    if (spot) {
      spot.classList.add("tour-spot");
      spot.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    } else if (left) {
      setTimeout(look, 250, left - 1);
    }
  };
  setTimeout(look, 250, 80);
})();

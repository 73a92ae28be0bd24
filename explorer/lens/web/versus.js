// Two views over each other: what lies left of a line is of one, what lies right of it of the other; or they take turns.

const BLINK_MS = 700;
const aside = document.createElement("canvas").getContext("2d");

/** Where the line stands, in shares of the width: all of one view while they blink. */
const lineOfVersus = (panel) => (panel.blinking ? (panel.turn ? 1 : 0) : panel.share);

KINDS.versus = function (context, scene, _, panel) {
  const draw = (on, one) => KINDS[panel.over](on, one, segmentsOf(one, panel.source), panel);
  draw(context, scene);
  const { grid } = scene.other;
  Object.assign(aside.canvas, { width: grid.width, height: grid.height });
  layPhoto(aside, scene.other);
  draw(aside, scene.other);
  const { width, height } = context.canvas;
  const at = lineOfVersus(panel) * width;
  context.save();
  context.beginPath();
  context.rect(at, 0, width - at, height);
  context.clip();
  context.drawImage(aside.canvas, 0, 0, width, height);
  context.restore();
  if (at > 0 && at < width) {
    context.fillStyle = "#fff";
    context.fillRect(at - width / 300, 0, width / 150, height);
  }
  const [a, b] = panel.names;
  return { caption: panel.blinking ? `now ${panel.turn ? a : b}` : `left ${a}, right ${b}` };
};

/** The line's slider and the button that lets the two take turns. */
function versusControls(lens, panel) {
  const slider = element("input", {
    type: "range", min: 0, max: 100, value: 50, "aria-label": `How much of the picture is ${panel.names[0]}`,
    oninput: () => swipe(Number(slider.value) / 100),
  });
  const button = element("button", { type: "button", class: "chip", "aria-pressed": "false", onclick: () => blink(!panel.blinking) }, "Blink");
  const swipe = (share) => {
    panel.share = share;
    blink(false);
  };
  const blink = (on) => {
    clearInterval(panel.blinking);
    panel.blinking = on && setInterval(() => {
      if (!panel.canvas.isConnected) return clearInterval(panel.blinking);
      panel.turn = !panel.turn;
      invalidate(lens);
    }, BLINK_MS);
    button.setAttribute("aria-pressed", String(on));
    invalidate(lens);
  };
  Object.assign(panel, { share: 0.5, blinking: null, turn: true });
  return element("div", { class: "control versus" }, slider, button);
}

// The lens on text: tokens in the boxes of their characters, the attention of the token under the pointer, what is predicted in every layer.
// Its state is that of choice.js and colour, of the tokens; token counts from 1, 0 is the last.

const MANNERS = {
  chosen: ["layer", "heads", "token", "colour"],
  steps: { ArrowLeft: -1, ArrowRight: 1 },
  beside: (lens, direction) => 1 + clamp(chosenToken(lens) + direction, lens.feed.count),
  thing: "the token", home: "the last token",
  overview: TEXT_OVERVIEW,
  playMs: 800, lastRests: 0,
};

/** The token that is chosen, from 0. */
const chosenToken = (lens) => (lens.token ? Math.min(lens.token, lens.feed.count) : lens.feed.count) - 1;

function create(root) {
  const lens = Object.assign(createChoice(root, MANNERS), { colour: NONE, boxes: [] });
  root.onkeydown = (event) => lens.feed && onKey(lens, event);
  return lens;
}

function update(lens, data, send) {
  follow(lens, data, send, JSON.stringify([data.layers, data.headCount, data.colours.map((one) => one.name)]));
}

/** A new text: boxes and table anew. */
function take(lens, feed) {
  if (lens.feed?.view === feed.view) return invalidate(lens); // the same, or more of it
  Object.assign(lens, { feed, pointed: null, inView: null });
  if (lens.token > feed.count) lens.token = 0;
  if (lens.layout) layText(lens);
  invalidate(lens);
}

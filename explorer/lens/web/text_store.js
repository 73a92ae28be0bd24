// The texts that have arrived, shared by every component of the page, and what they say.
// Tokens count from 1 in what people see, from 0 in arrays.

const MAX_TEXTS = 6;

const texts = (window.crateTextStore ??= { latest: new Map(), listeners: new Set() });

/** Keep the feed of a text, or what was measured of its heads, and tell the lenses; the oldest of too many goes. */
function receiveText(bytes) {
  const { header, arrays } = unpackArrays(bytes);
  if (header.what === "heads") {
    const known = texts.latest.get(header.view);
    if (!known) return;
    Object.assign(known.arrays, arrays);
    for (const listener of texts.listeners) listener(known);
    return;
  }
  const feed = textOf(header, arrays);
  texts.latest.delete(feed.view);
  texts.latest.set(feed.view, feed);
  if (texts.latest.size > MAX_TEXTS) texts.latest.delete(texts.latest.keys().next().value);
  for (const listener of texts.listeners) listener(feed);
}

function readFeed(bytes) {
  const { header, arrays } = unpackArrays(bytes);
  return textOf(header, arrays);
}

/** A text: names, boxes and parts of its tokens (Piece in trace.py), words and arrays; projections become floats when a layer
 * is first looked at. */
function textOf(header, arrays) {
  const layers = new Map();
  const layer = (number) => {
    if (!layers.has(number)) {
      const own = {};
      for (const name of ["query", "key"]) {
        if (arrays[`${name}.${number}`]) own[name] = arrays[`${name}.${number}`];
        if (arrays[`${name}.${number}.scale`]) own[`${name}.scale`] = arrays[`${name}.${number}.scale`];
      }
      layers.set(number, attentionLayer(own));
    }
    return layers.get(number);
  };
  return { ...header, arrays, layer, count: header.names.length };
}

/** What is predicted after a token (from 0) by Z^ℓ, ℓ = 1 … L+1: [{word, number, share}], the most probable first. */
function nextTokens({ arrays: { top, shares }, words, numbers }, layer, token) {
  const [, tokens, count] = top.shape;
  const from = ((layer - 1) * tokens + token) * count;
  return Array.from({ length: count }, (_, i) => ({ word: words[top.data[from + i]], number: numbers[top.data[from + i]], share: shares.data[from + i] }));
}

/** How the token itself was predicted by Z^ℓ of the one before it: its rank and surprise; null for the first. */
function met({ arrays: { rank, surprise }, count }, layer, token) {
  if (!token) return null;
  const at = (layer - 1) * count + token;
  return { rank: rank.data[at], surprise: surprise.data[at] };
}

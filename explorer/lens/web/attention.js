// Attention of one token, from the projections: softmax over all tokens of ⟨q, k_n⟩ / √p, in every head.

/** Query and key of a layer, as floats (K,N,p); one array where they are the same. */
function attentionLayer(arrays) {
  const [heads, tokens, width] = arrays.query.shape;
  const query = floats(arrays.query, arrays["query.scale"]);
  const key = arrays.key ? floats(arrays.key, arrays["key.scale"]) : query;
  return { heads, tokens, width, query, key, whole: arrays.whole?.data };
}

/**
 * What a place of a photo attends to (measures.patches.place_attention): 1 + i is patch i; 0 is CLS or, in a network
 * without a class token, the mean over the patches, which Python has sent. prefix: tokens in front of the patches.
 */
function placeRows(attention, { prefix }, token) {
  if (!token && attention.whole) return attention.whole;
  return attentionRows(attention, token ? prefix + token - 1 : 0);
}

/**
 * What a token attends to in every head: (K,N), each row summing to 1.
 * causal: as in a language model, only the token itself and those before it.
 */
function attentionRows({ heads, tokens, width, query, key }, token, causal = false) {
  const rows = new Float32Array(heads * tokens);
  const scale = 1 / Math.sqrt(width);
  for (let head = 0; head < heads; head++) {
    const from = (head * tokens + token) * width;
    const asked = query.subarray(from, from + width);
    const row = rows.subarray(head * tokens, (head + 1) * tokens);
    const seen = causal ? token + 1 : tokens;
    let largest = -Infinity;
    for (let n = 0, at = head * tokens * width; n < seen; n++) {
      let product = 0;
      for (let i = 0; i < width; i++) product += asked[i] * key[at++];
      row[n] = product * scale;
      if (row[n] > largest) largest = row[n];
    }
    let total = 0;
    for (let n = 0; n < seen; n++) total += row[n] = Math.exp(row[n] - largest);
    for (let n = 0; n < seen; n++) row[n] /= total;
  }
  return rows;
}

/** The mean over some heads (counted from 1; none means all): a row of N. */
function meanOfHeads(rows, heads, tokens, chosen) {
  const used = chosen.length ? chosen : Array.from({ length: heads }, (_, k) => k + 1);
  const mean = new Float32Array(tokens);
  for (const head of used) {
    for (let n = 0; n < tokens; n++) mean[n] += rows[(head - 1) * tokens + n] / used.length;
  }
  return mean;
}

// ---- against even attention, which gives each of the n tokens that can be looked at 1/n ----

const EVEN_REACH = 3; // the colours end at 2^±3 times even attention: on photos and texts about a hundredth lies beyond

/** Shares as powers of two of even attention: log₂(share·n); what cannot be looked at has none. */
const againstEven = (shares, seen) => Float32Array.from(shares, (share) => Math.max(Math.log2(share * seen), -1e3));

/** "1.6×": so many times what even attention gives. */
const timesEven = (times) => `${times >= 9.95 ? times.toFixed(0) : times >= 0.0995 ? times.toFixed(times < 0.995 ? 2 : 1) : times.toPrecision(1)}×`;

/** Entropy of a row over that of even attention: 1 = even, 0 = all on one; null where there is no choice. */
function evenness(row, seen) {
  if (seen < 2) return null;
  let entropy = 0;
  for (const share of row) if (share > 0) entropy -= share * Math.log(share);
  return entropy / Math.log(seen);
}

const LAST = 8; // measures.patches.heads.LAST

/** What the row of a place on a photo says in numbers, as rowNumbers. */
function placeNumbers(row, { prefix, whole }, token) {
  const [even, cls] = [["evenness", evenness(row, row.length), false], whole === "CLS"];
  if (!token) return cls ? [even, ["itself", row[0], true]] : [even];
  return [even, ["itself", row[prefix + token - 1], true], ...(cls ? [["CLS", row[0], true]] : [])];
}

/** What a row of a text's attention says in numbers: [name, value or null, whether it is a share]. */
function rowNumbers(row, token) {
  const sum = (from, to) => row.slice(Math.max(from, 0), to).reduce((total, share) => total + share, 0);
  const even = ["evenness", evenness(row, token + 1), false];
  const own = ["itself", row[token], true];
  return [even, own, ["one before", token ? row[token - 1] : null, true], ["last eight", token ? sum(token - LAST, token) : null, true], ["first", row[0], true]];
}

const rowNumber = ([, value, share]) => (value === null ? "–" : share ? percent(value) : value.toFixed(2));

/** A rule for the patches that hold some of the photo; those of mere padding are never kept. */
function keepSeen(values, grid, rule, keep) {
  if (!grid.seen) return rule(values, keep);
  const [top, left, bottom, right] = grid.seen;
  const inside = Array.from(values.keys()).filter((i) => {
    const [row, col] = [Math.floor(i / grid.cols), i % grid.cols];
    return row >= top && row < bottom && col >= left && col < right;
  });
  const kept = rule(inside.map((i) => values[i]), keep);
  const mask = new Uint8Array(values.length);
  inside.forEach((i, at) => (mask[i] = kept[at]));
  return mask;
}

/** The largest `keep` share of the entries (measures.threshold_entries). */
function keepEntries(values, keep) {
  const order = Array.from(values.keys()).sort((a, b) => values[b] - values[a] || a - b);
  const mask = new Uint8Array(values.length);
  for (const i of order.slice(0, roundHalfEven(keep * values.length))) mask[i] = 1;
  return mask;
}

/** The fewest entries that hold the share `keep` of the sum (measures.threshold_mass). */
function keepMass(values, keep) {
  const order = Array.from(values.keys()).sort((a, b) => values[a] - values[b] || a - b);
  const total = values.reduce((sum, value) => sum + value, 0);
  const mask = new Uint8Array(values.length);
  let cumulated = 0;
  for (const i of order) {
    cumulated += values[i];
    if (total && cumulated / total > 1 - keep) mask[i] = 1;
  }
  return mask;
}

function roundHalfEven(value) {
  const whole = Math.floor(value);
  if (value - whole !== 0.5) return Math.round(value);
  return whole % 2 ? whole + 1 : whole;
}

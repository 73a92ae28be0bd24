// Entries before and after the threshold of a layer (measures.threshold_histogram), on a logarithmic axis, as SVG.

const EMPTY = 0.5; // where an empty bin lies: below a bin of one

/** The rows of the array by name; bin i lies between edges i and i + 1. */
function histogramOf({ data, shape }) {
  const [edges, before, after, [threshold, ...zeros]] = [0, 1, 2, 3].map((row) => data.subarray(row * shape[1], (row + 1) * shape[1]));
  return { edges, counts: [before, after], threshold, zeros, bins: shape[1] - 1 };
}

/** Draw it; `at` is the bin under the pointer, or null. Returns its caption. */
function drawHistogram(svg, chart, array, { width, at }) {
  const { height, left, right, top, bottom } = CHART;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const { edges, counts, threshold, zeros, bins } = histogramOf(array);
  const [low, high] = [edges[0], edges[bins]];
  const most = Math.log10(2 * Math.max(1, ...counts[0], ...counts[1]));
  const x = (value) => left + ((value - low) / (high - low || 1)) * (width - left - right);
  const y = (count) => top + ((most - Math.log10(Math.max(count, EMPTY))) / (most - Math.log10(EMPTY))) * (height - top - bottom);
  const powers = Array.from({ length: Math.floor(most) + 1 }, (_, power) => 10 ** power);
  const parts = [
    ...powers.flatMap((power) => levelLine(y(power), power.toLocaleString("en"), width)),
    ...roundTicks(low, high).map((tick) => placeText(x(tick), tickText(tick, chart))),
    ...axisTitles(chart, width), ...legend(chart, width),
  ];
  counts.forEach((row, i) => {
    const steps = Array.from({ length: bins }, (_, bin) => `H${x(edges[bin]).toFixed(1)}V${y(row[bin]).toFixed(1)}H${x(edges[bin + 1]).toFixed(1)}`).join("");
    const { color } = chart.series[i];
    parts.push(svgElement("path", { d: `M${left},${y(0)}${steps}V${y(0)}Z`, fill: color, "fill-opacity": 0.45, stroke: color, "stroke-width": 1.5 }));
  });
  const { color, dash } = chart.series[2];
  parts.push(svgElement("line", { x1: x(threshold), x2: x(threshold), y1: top, y2: height - bottom, stroke: color, "stroke-width": 2, "stroke-dasharray": dash }));
  svg.replaceChildren(...parts);
  const names = counts.map((_, i) => chart.series[i].name);
  if (at === null) return `threshold ${plainNumber(threshold, "")}; exactly 0: ${names.map((name, i) => `${name} ${percent(zeros[i])}`).join(", ")}`;
  const range = `${plainNumber(edges[at], "")} … ${plainNumber(edges[at + 1], "")}`;
  return `${range}: ${names.map((name, i) => `${name} ${counts[i][at].toLocaleString("en")}`).join(", ")}`;
}

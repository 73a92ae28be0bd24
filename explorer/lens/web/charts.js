// Curves over the layers and bars over the heads, as SVG. Text and grid take the page's colour.

const CHART = { height: 250, left: 54, right: 14, top: 30, bottom: 40 };
const TICKS = 5;

function svgElement(name, attributes = {}, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

/** About TICKS round numbers that span low … high. */
function roundTicks(low, high) {
  const rough = (high - low || 1) / TICKS;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((times) => times * size).find((one) => one >= rough);
  const ticks = [];
  for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + step * 1e-9; tick += step) ticks.push(Math.abs(tick) < step * 1e-9 ? 0 : tick);
  return ticks;
}

const numberText = (value, chart) =>
  chart.percent ? `${(100 * value).toFixed(1)} %` : `${value.toLocaleString("en", { maximumFractionDigits: Math.abs(value) < 10 ? 2 : 1 })}${chart.unit ? ` ${chart.unit}` : ""}`;
const tickText = (value, chart) => (chart.percent ? `${+(100 * value).toFixed(2)}%` : value.toLocaleString("en", { maximumFractionDigits: 3 }));

/** The chart at a layer and a shot: bars have values for each layer, a curve may have them for each shot. `all`: every
 * value that it may show, so that its scale stays; `mark`: the place of the layer or shot. */
function chartAt(chart, { layer, shot }) {
  if (chart.kind === "histogram") return chart;
  const now = (series) => (series.shots ? series.shots[shot] : chart.kind === "bars" ? series.values[layer - 1] : series.values);
  const series = chart.series.map((one) => ({ ...one, values: now(one), all: (one.shots ?? one.values).flat() }));
  return { ...chart, series, mark: chart.kind !== "curve" ? null : chart.along === "shot" ? shot : layer - 1 };
}

/** How many places a chart has from left to right. */
function placesOf(chart, array) {
  if (chart.kind === "histogram") return array ? histogramOf(array).bins : 1;
  return Math.max(...chart.series.map((series) => series.values.length));
}

/** What stands at a place of the horizontal axis. */
const placeName = (chart, i) => chart.places?.[i] ?? String(i + 1);

/** Draw a chart (chartAt); `at` is the position (from 0) under the pointer, or null. Returns its caption. */
function drawChart(svg, chart, { layer, width, accent, at }) {
  const { height, left, right, top, bottom } = CHART;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const every = chart.series.flatMap((series) => series.all).concat(chart.band?.low ?? [], chart.band?.high ?? []);
  const [least, most] = [Math.min(...every), Math.max(...every)];
  const room = 0.08 * (most - least || Math.abs(most) || 1);
  const [low, high] = chart.kind === "bars" ? [0, most + room] : [least - room, most + room];
  const count = placesOf(chart);
  const x = (i) => left + ((i + 0.5) / count) * (width - left - right);
  const y = (value) => top + ((high - value) / (high - low)) * (height - top - bottom);
  const parts = [...axes(chart, { low, high, count, width, x, y }), ...legend(chart, width)];
  if (chart.mark !== null) {
    const line = { x1: x(chart.mark), x2: x(chart.mark), y1: top, y2: height - bottom, stroke: accent, "stroke-width": 1.5, "stroke-dasharray": "2 3" };
    parts.push(svgElement("line", line));
  }
  if (chart.turn) parts.push(...turnOf(chart.turn, x(chart.turn.before - 0.5), width));
  if (chart.band) parts.push(bandOf(chart.band, x, y));
  for (const series of chart.series) parts.push(...(chart.kind === "bars" && series.colors ? barsOf : lineOf)(series, chart, { x, y, count, width, at }));
  svg.replaceChildren(...parts);
  return chartCaption(chart, at ?? chart.mark, layer);
}

function axes(chart, { low, high, count, width, x, y }) {
  const levels = roundTicks(low, high).flatMap((tick) => levelLine(y(tick), tickText(tick, chart), width));
  const every = Math.ceil(count / ((width - CHART.left - CHART.right) / 26));
  const places = [];
  for (let i = 0; i < count; i += every) places.push(placeText(x(i), placeName(chart, i)));
  return [...levels, ...places, ...axisTitles(chart, width)];
}

const QUIET = { fill: "currentColor", opacity: 0.75, "font-size": 12 };

/** A line across the chart with its number on the left. */
const levelLine = (y, text, width) => [
  svgElement("line", { x1: CHART.left, x2: width - CHART.right, y1: y, y2: y, stroke: "currentColor", opacity: 0.13 }),
  svgElement("text", { ...QUIET, x: CHART.left - 6, y: y + 4, "text-anchor": "end" }, text),
];

const placeText = (x, text) => svgElement("text", { ...QUIET, x, y: CHART.height - CHART.bottom + 16, "text-anchor": "middle" }, text);

function axisTitles(chart, width) {
  const { height, left, right, top, bottom } = CHART;
  const middle = (top + height - bottom) / 2;
  return [
    svgElement("text", { ...QUIET, x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" }, chart.xLabel),
    svgElement("text", { ...QUIET, x: 12, y: middle, "text-anchor": "middle", transform: `rotate(-90 12 ${middle})` }, chart.yLabel),
  ];
}

/** A line where the film itself changes, with a word beside it. */
function turnOf({ name }, x, width) {
  const late = x > width - 8 * name.length;
  return [
    svgElement("line", { x1: x, x2: x, y1: CHART.top, y2: CHART.height - CHART.bottom, stroke: "currentColor", opacity: 0.5 }),
    svgElement("text", { ...QUIET, x: x + (late ? -5 : 5), y: CHART.height - CHART.bottom - 6, "text-anchor": late ? "end" : "start" }, name),
  ];
}

/** The area between two curves. */
function bandOf({ low, high, color }, x, y) {
  const point = (value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`;
  const points = [...high.map(point), ...low.map(point).reverse()].join(" ");
  return svgElement("polygon", { points, fill: color, "fill-opacity": 0.25, stroke: color, "stroke-opacity": 0.5 });
}

function legend(chart, width) {
  let at = CHART.left;
  const together = (series) => chart.dashed && series.dash !== "none";
  const named = chart.series.filter((series) => !series.colors && !together(series));
  const dashed = chart.series.find(together);
  if (dashed) named.push({ name: chart.dashed, color: "currentColor", dash: dashed.dash });
  return [...named, ...(chart.band ? [{ ...chart.band, dash: "none" }] : [])].flatMap((series) => {
    const start = at;
    at += 40 + 6.6 * series.name.length;
    if (at > width + 20) return [];
    return [
      svgElement("line", { x1: start, x2: start + 22, y1: 12, y2: 12, stroke: series.color, "stroke-width": 2.5, "stroke-dasharray": series.dash }),
      svgElement("text", { x: start + 28, y: 16, "font-size": 12, fill: "currentColor", opacity: 0.85 }, series.name),
    ];
  });
}

function lineOf(series, chart, { x, y, at }) {
  const { values } = series;
  const points = values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const line = { points, fill: "none", stroke: series.color, "stroke-width": series.dash === "none" ? 2.5 : 2, "stroke-dasharray": series.dash, "stroke-linejoin": "round" };
  const dot = (value, i) => {
    const chosen = i === at || (i === chart.mark && series.dash === "none");
    return svgElement("circle", { cx: x(i), cy: y(value), r: chosen ? 6 : series.dash === "none" ? 3.5 : 2.5, fill: series.color });
  };
  return [svgElement("polyline", line), ...values.map(dot)];
}

function barsOf(series, chart, { x, y, count, width, at }) {
  const wide = (0.68 * (width - CHART.left - CHART.right)) / count;
  return series.values.map((value, i) =>
    svgElement("rect", { x: x(i) - wide / 2, width: wide, y: y(value), height: Math.max(y(0) - y(value), 0), fill: series.colors[i % series.colors.length], opacity: at === null || at === i ? 1 : 0.55 }));
}

/** Both ends of the band at a place, once where they are the same. */
function spanText({ low, high }, at, chart) {
  const [from, to] = [low[at], high[at]].map((value) => numberText(value, chart));
  return from === to ? from : `${from} to ${to}`;
}

/** What the chart says at a position, or of the whole. */
function chartCaption(chart, at, layer) {
  if (at === null) {
    const sum = chart.series[0].values.reduce((total, value) => total + value, 0);
    return chart.sum ? `layer ${layer}: ${chart.sum} = ${numberText(sum, chart)}` : `layer ${layer}`;
  }
  const here = chart.series.filter((series) => at < series.values.length);
  const said = here.map((series) => `${series.name} ${numberText(series.values[at], chart)}`);
  if (chart.band && at < chart.band.low.length) said.push(`${chart.band.name} ${spanText(chart.band, at, chart)}`);
  return `${chart.xName} ${placeName(chart, at)}: ${said.join(", ")}`;
}

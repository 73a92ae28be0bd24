// The elements of a lens: its toolbar, and a figure for each panel.

function build(lens) {
  const { data } = lens;
  lens.panels = [];
  lens.said = element("div", { class: "said", "aria-live": "polite" });
  const sections = data.sections.map((section) => {
    const parts = [];
    if (section.title) parts.push(element("h5", {}, section.title));
    if (section.explanation) parts.push(element("p", { class: "caption" }, section.explanation));
    const made = section.strip ? headPanels(lens, section.view) : section.panels.map((panel) => buildPanel(lens, panel));
    lens.panels.push(...made);
    const look = ["panels", section.strip && "strip", section.wide && "wide"].filter(Boolean).join(" ");
    const columns = section.columns && `grid-template-columns: repeat(${section.columns}, minmax(0, 24rem))`;
    parts.push(element("div", { class: look, style: columns || false }, ...made.map((panel) => panel.figure)));
    return element("section", {}, ...parts);
  });
  const keys = !data.toolbar.length && !buttonElsewhere(lens) && lens.panels.some(({ kind }) => kind === "photo") ? [element("p", {}, keysButton(lens))] : [];
  lens.root.replaceChildren(...(data.toolbar.length ? [buildToolbar(lens)] : []), ...sections, ...keys, lens.said);
}

function buildToolbar(lens) {
  const { layerLabel, filmLabel, toolbar } = lens.data;
  const controls = {
    film: () => countControl(lens, "shot", filmLabel),
    layer: () => countControl(lens, "layer", layerLabel),
    heads: () => headsControl(lens),
    against: () => againstControl(lens),
  };
  return element("div", { class: "toolbar" }, ...toolbar.map((name) => controls[name]()), keysButton(lens));
}

/** The picture of one panel, its title, scale, caption and the two ways to keep it. */
function buildPanel(lens, panel) {
  if (panel.kind === "chart") return buildChart(lens, panel);
  if (panel.kind === "overview") return buildOverview(lens, panel);
  const canvas = element("canvas", { role: "img" });
  const bar = element("div", { class: "scale", hidden: true }, element("span"), element("i"), element("span"));
  const caption = element("span");
  const keep = saveButtons(panel.title, (form) => savePanel(lens, made, form));
  const figure = element("figure", { class: "panel" }, ...(panel.title ? [element("h5", { title: panel.title }, panel.title)] : []),
    canvas, bar, ...(panel.verdict ? [element("p", { class: "verdict" }, panel.verdict)] : []), element("figcaption", {}, caption), keep);
  const made = { ...panel, figure, canvas, bar, caption };
  if (panel.kind === "versus") canvas.after(versusControls(lens, made));
  canvas.onpointermove = (event) => point(lens, pointedToken(lens, made, event));
  canvas.onpointerleave = canvas.onpointercancel = () => point(lens, null);
  canvas.onclick = (event) => {
    const token = pointedToken(lens, made, event);
    choose(lens, { token: token === lens.token ? 0 : token });
    lens.root.focus({ preventScroll: true });
  };
  return made;
}

function saveButtons(title, save) {
  const button = (form) => element("button", { type: "button", class: "save", title: `Save “${title}” as ${form}`, onclick: () => save(form) }, form);
  return element("span", { class: "saves" }, button("PNG"), button("SVG"));
}

/** A chart; pointing at it reads values, a click on a curve goes to that layer, on a bar to that head. */
function buildChart(lens, panel) {
  const svg = svgElement("svg", { role: "img", class: "chart" });
  const caption = element("span");
  const keep = saveButtons(panel.title, (form) => saveChart(lens, made, form));
  const verdict = element("p", { class: "verdict" });
  const figure = element("figure", { class: "panel" }, element("h5", {}, panel.title), verdict, svg, element("figcaption", {}, caption), keep);
  const made = { ...panel, figure, verdict, svg, caption, at: null };
  const position = (event) => {
    const box = svg.getBoundingClientRect();
    const { left, right } = CHART;
    const count = placesOf(chartAt(panel.chart, lens), arrayOf(lens, panel));
    return clamp(Math.floor(((event.clientX - box.left - left) / (box.width - left - right)) * count), count);
  };
  const read = (at) => {
    made.at = at;
    invalidate(lens);
  };
  svg.onpointermove = (event) => read(position(event));
  svg.onpointerleave = svg.onpointercancel = () => read(null);
  const along = panel.chart.along === "shot" ? "shot" : "layer";
  const pick = { curve: (at) => go(lens, along, COUNTS[along].first + at), bars: (at) => pickHead(lens, at + 1) }[panel.chart.kind];
  svg.onclick = pick && ((event) => pick(position(event)));
  svg.classList.toggle("picks", !!pick);
  return made;
}

/** What a chart says in one line: of all that it shows, or of the layer or shot in view. */
function verdictOf({ verdict, series }, { layer, shot }) {
  return Array.isArray(verdict) ? (verdict[series[0].shots ? shot : layer - 1] ?? "") : (verdict ?? "");
}

/** What a panel's chart draws from, beside its series: an array of the lens's layer. */
const arrayOf = (lens, panel) => panel.source && feedsOf(viewOf(lens)).segments.get(`${panel.source}.${lens.layer}`);

function drawChartPanel(lens, panel) {
  const [chart, { at }] = [chartAt(panel.chart, lens), panel];
  const look = { layer: lens.layer, width: Math.max(panel.figure.clientWidth, 200), accent: lens.data.look.selected, at };
  const array = arrayOf(lens, panel);
  const waits = chart.kind === "histogram" && !array;
  const draw = chart.kind === "histogram" ? () => drawHistogram(panel.svg, chart, array, look) : () => drawChart(panel.svg, chart, look);
  const text = waits ? `layer ${lens.layer} is on its way…` : draw();
  setText(panel.verdict, verdictOf(panel.chart, lens));
  setText(panel.caption, [text, panel.explanation].filter(Boolean).join(". "));
  panel.svg.setAttribute("aria-label", [`${panel.title}: ${text}`, panel.verdict.textContent].filter(Boolean).join(". "));
}

/** One small picture for each head; a click shows that head in the large one. */
function headPanels(lens, view) {
  const { views, view: home } = lens.data;
  return Array.from({ length: views[view || home].heads }, (_, k) => {
    const canvas = element("canvas", { role: "img" });
    const [caption, numbers] = [element("span"), element("span", { class: "numbers" })];
    const figure = element("figure", { class: "panel head", style: headStyle(lens.data, k + 1), title: `Show head ${k + 1}` }, canvas, element("figcaption", {}, caption, numbers));
    const made = { kind: "head", view, head: k + 1, title: `Head ${k + 1}`, figure, canvas, caption, numbers };
    canvas.onclick = (event) => pickHead(lens, k + 1, event);
    canvas.onpointermove = (event) => read(lens, pointedToken(lens, made, event));
    canvas.onpointerleave = canvas.onpointercancel = () => read(lens, null);
    return made;
  });
}

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
  lens.root.replaceChildren(...(data.toolbar.length ? [buildToolbar(lens)] : []), ...sections, lens.said);
}

function buildToolbar(lens) {
  const { layers, headCount } = lens.data;
  const slider = element("input", {
    type: "range", min: 1, max: layers, "aria-label": lens.data.layerLabel, title: "Layers count from 1. Keys: [ and ]",
    oninput: () => {
      pause(lens, "layer");
      choose(lens, { layer: Number(slider.value) });
    },
  });
  const play = playButton(lens, "layer", "Play through the layers");
  const shown = element("output", { class: "value" });
  const chip = (head) => element("button", {
    type: "button", class: "chip", title: head ? `Head ${head}; with Shift or Ctrl: several` : "Mean of all heads (key 0)",
    style: head ? `--head: ${lens.data.look.heads[(head - 1) % lens.data.look.heads.length]}` : false,
    onclick: (event) => pickHead(lens, head, event.shiftKey || event.ctrlKey || event.metaKey),
  }, head ? String(head) : "mean");
  const chips = Array.from({ length: headCount + 1 }, (_, head) => chip(head));
  lens.toolbar = { slider, shown, play, chips };
  const controls = {
    film: () => filmControl(lens),
    layer: () => element("div", { class: "control layer" }, element("label", {}, lens.data.layerLabel), slider, shown, layers > 1 ? play : ""),
    heads: () => element("div", { class: "control", role: "group", "aria-label": "Heads" }, element("label", {}, "Heads"), ...chips),
  };
  return element("div", { class: "toolbar" }, ...lens.data.toolbar.map((name) => controls[name]()));
}

const playButton = (lens, what, title) =>
  element("button", { type: "button", class: "play", title, onclick: () => toggle(lens, what) }, "▶");

/** The slider of the shots: other views of the same photo that the lens shows one at a time. */
function filmControl(lens) {
  const { shots, filmLabel } = lens.data;
  const slider = element("input", {
    type: "range", min: 0, max: shots.length - 1, "aria-label": filmLabel, title: "Keys: , and .",
    oninput: () => {
      pause(lens, "shot");
      choose(lens, { shot: Number(slider.value) });
    },
  });
  const shown = element("output", { class: "value" });
  const play = playButton(lens, "shot", "Play the film");
  lens.film = { slider, shown, play };
  return element("div", { class: "control layer" }, element("label", {}, filmLabel), slider, shown, shots.length > 1 ? play : "");
}

/** The picture of one panel, its title, scale, caption and the two ways to keep it. */
function buildPanel(lens, panel) {
  if (panel.kind === "chart") return buildChart(lens, panel);
  const canvas = element("canvas", { role: "img" });
  const bar = element("div", { class: "scale", hidden: true }, element("span"), element("i"), element("span"));
  const caption = element("span");
  const keep = saveButtons(panel.title, (form) => savePanel(lens, made, form));
  const figure = element("figure", { class: "panel" }, ...(panel.title ? [element("h5", { title: panel.title }, panel.title)] : []),
    canvas, bar, element("figcaption", {}, caption), keep);
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
  const figure = element("figure", { class: "panel" }, element("h5", {}, panel.title), svg, element("figcaption", {}, caption), keep);
  const made = { ...panel, figure, svg, caption, at: null };
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
  const go = (at) => {
    pause(lens, along);
    choose(lens, along === "shot" ? { shot: at } : { layer: at + 1 });
  };
  const pick = { curve: go, bars: (at) => pickHead(lens, at + 1) }[panel.chart.kind];
  svg.onclick = pick && ((event) => pick(position(event)));
  svg.classList.toggle("picks", !!pick);
  return made;
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
  setText(panel.caption, [text, panel.explanation].filter(Boolean).join(". "));
  panel.svg.setAttribute("aria-label", `${panel.title}: ${text}`);
}

/** One small picture for each head; a click shows that head in the large one. */
function headPanels(lens, view) {
  const { look, views, view: home } = lens.data;
  return Array.from({ length: views[view || home].heads }, (_, k) => {
    const canvas = element("canvas", { role: "img" });
    const caption = element("span");
    const style = `--head: ${look.heads[k % look.heads.length]}`;
    const figure = element("figure", { class: "panel head", style, title: `Show head ${k + 1}` }, canvas, element("figcaption", {}, caption));
    const made = { kind: "head", view, head: k + 1, title: `Head ${k + 1}`, figure, canvas, caption };
    canvas.onclick = (event) => pickHead(lens, k + 1, event.shiftKey || event.ctrlKey || event.metaKey);
    return made;
  });
}

// Residents and workers by LAU in a window: a map and a table, with population and weights.

import { card } from "./card.js";
import { choice, el } from "./dom.js";
import { counted, number, percent } from "./format.js";
import { countScale } from "./legend.js";
import { choropleth } from "./map.js";
import { MAX_SVG_SHAPES } from "./peopledata.js";
import { counts, status, windowName } from "./reasons.js";
import { dataTable } from "./table.js";

const METRICS = [["residents", "Residents"], ["workers", "Workers"]];

export function residentsCard({ state, data, overview, outlines, views }) {
  const { laus, settings } = data;
  const frame = card({
    id: "residents", title: "Residents and workers", wide: true, views,
    description: "Devices with their home, and devices with their work place, in each LAU. The weight is the number of inhabitants for each resident device.",
  });
  let metric = "residents";
  let now = null;
  const name = (i) => laus[i].lau_name ?? laus[i].lau_id;
  const isEstimated = () => state.get().unit === "people" && metric === "residents";
  const hasWeight = (i) => counts(now.status[i]);
  const weightText = (i) => (now.weight[i] !== null && hasWeight(i) ? now.weight[i].toLocaleString("en-GB", { maximumFractionDigits: 4 }) : status(now.status[i], settings));
  /** Residents in people are the population itself, where the weight counts; null otherwise. */
  const value = (i) => (isEstimated() ? (hasWeight(i) ? now.population[i] : null) : now[metric][i]);

  const map = choropleth(outlines, {
    maxSvgShapes: MAX_SVG_SHAPES,
    label: "Map of residents and workers",
    describe: (i) => ({
      title: name(i),
      rows: [
        [null, "Residents", number(now.residents[i])], [null, "Workers", number(now.workers[i])],
        [null, "Population", number(now.population[i])], [null, "Weight", weightText(i)],
      ],
      note: laus[i].lau_id,
    }),
    hover: (i) => state.set({ hover: i < 0 ? null : laus[i].lau_id }),
    select: (i) => state.set({ lau: laus[i].lau_id === state.get().lau ? null : laus[i].lau_id }),
  });
  const table = dataTable({
    label: "Residents and workers by LAU", noun: "LAUs", sort: { key: "residents", down: true },
    columns: [
      { key: "name", title: "LAU", cell: (r) => el("span", { class: "lau", title: r.name }, r.name, el("small", {}, r.key)) },
      { key: "residents", title: "Residents", short: "Res.", numeric: true, cell: (r) => number(r.residents) },
      { key: "workers", title: "Workers", short: "Work", numeric: true, cell: (r) => number(r.workers) },
      { key: "population", title: "Population", short: "Pop.", numeric: true, cell: (r) => number(r.shownPopulation) },
      { key: "weight", title: "Weight", short: "Wt.", numeric: true, cell: (r) => el("span", { title: r.text, class: r.counts ? null : "reason" }, r.counts ? number(r.weight) : r.text) },
    ],
    search: (r) => `${r.name} ${r.key}`,
    hover: (key) => state.set({ hover: key }),
    select: (key) => state.set({ lau: key === state.get().lau ? null : key }),
  });
  const legend = el("div", { class: "legend-place" });
  const about = el("p", { class: "coverage" });
  frame.controls.append(choice("Residents or workers", METRICS, metric, (key) => { metric = key; paint(); }).node);

  function paint() {
    const values = laus.map((_, i) => value(i));
    const scale = countScale(values.map((v) => v ?? 0), isEstimated() ? "No estimate" : "None");
    map.paint(values.map((v) => scale.shade(v ?? 0)));
    const title = isEstimated() ? "Residents, people" : `${metric === "residents" ? "Residents" : "Workers"}, devices`;
    const note = metric === "workers" && state.get().unit === "people" ? " (the estimates are below, under Commuters)" : "";
    legend.replaceChildren(el("span", { class: "legend-title" }, title + note), scale.node);
    frame.node.dataset.metric = metric;
  }

  async function show() {
    const { window } = state.get();
    const next = await data.residents(window);
    if (window !== state.get().window) return show(); // another one was selected meanwhile
    now = next;
    frame.node.dataset.window = window;
    paint();
    table.setRows(laus.map((lau, i) => ({
      key: lau.lau_id, name: name(i), residents: now.residents[i], workers: now.workers[i],
      population: now.population[i] ?? -1, shownPopulation: now.population[i],
      weight: hasWeight(i) ? now.weight[i] : -1, text: weightText(i), counts: hasWeight(i),
    })));
    about.textContent = coverage(overview.windows.find((w) => w.window_start === window));
  }

  /** How many of the residents have a weight that counts, and why others have none. */
  function coverage(window) {
    const all = now.residents.reduce((sum, n) => sum + n, 0);
    const workers = now.workers.reduce((sum, n) => sum + n, 0);
    if (all === 0 && workers === 0) return `No device has a home or a work place in ${windowName(window)}.`;
    const covered = now.residents.reduce((sum, n, i) => sum + (hasWeight(i) ? n : 0), 0);
    const reasons = new Map();
    now.status.forEach((s) => { if (!counts(s)) reasons.set(s, (reasons.get(s) ?? 0) + 1); });
    const without = [...reasons].map(([s, n]) => `${counted(n, "LAU")} (${status(s, settings)})`);
    const share = all > 0 ? `Weights cover ${percent(covered / all)} of the devices with a home.` : "There are no weights.";
    return `${counted(all, "device")} with a home, ${number(workers)} with a work place, in ${windowName(window)}. ${share}${without.length ? ` Without a weight that counts: ${without.join(", ")}.` : ""}`;
  }

  function select(reveal) {
    const { lau } = state.get();
    map.select(data.index.get(lau) ?? -1);
    table.select(lau, reveal);
  }

  frame.fill(async (body) => {
    await show();
    body.replaceChildren(about, el("div", { class: "places" },
      el("div", { class: "places-map" }, map.node, legend), el("div", { class: "places-table" }, table.node)));
    select(true);
  });
  state.on((changed, { hover }) => {
    if (frame.node.dataset.ready !== "yes") return;
    if (changed.has("window")) frame.fill(show);
    if (changed.has("unit")) paint();
    if (changed.has("hover")) {
      map.highlight(data.index.get(hover) ?? -1);
      table.highlight(hover);
    }
    if (changed.has("lau")) select(!table.node.contains(document.activeElement));
  });
  return frame.node;
}

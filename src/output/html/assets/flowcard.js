// Commuters, or overnight stays: lines on a map from the LAU of the home to that of the work place or of the night.

import { card } from "./card.js";
import { el, whenVisible } from "./dom.js";
import { flowLines } from "./flowlines.js";
import { ends, endsTable, sumsTable } from "./flowtable.js";
import { counted, dayLong, number, percent, time } from "./format.js";
import { countScale } from "./legend.js";
import { choropleth } from "./map.js";
import { geometryOf } from "./outline.js";
import { MAX_SVG_SHAPES } from "./peopledata.js";
import { interval, noHomes, noPopulation, windowName } from "./reasons.js";
import { stepSlider } from "./slider.js";

/** With more LAUs, the card is drawn when it is scrolled into view. */
const MAX_LAUS_AT_ONCE = 1_000;
/** Lines that are drawn, the widest first. */
const MAX_LINES = 2_000;

const KINDS = {
  commuters: {
    title: "Commuters", table: "Commuters by LAU", from: "Come to work", to: "Go to work", in: "Come in", out: "Go out", within: "Stay", line: "From home to work",
    shaded: "Devices that work here and live elsewhere",
    about: "Devices with a home and a work place, in the window above. Lines lead from home to work.",
    none: "No device has a home and a work place",
  },
  overnight: {
    title: "Overnight visitors", table: "Overnight stays by LAU", from: "Are here", to: "Are there", in: "Visitors", out: "Away", within: "At home", unknown: "No home", line: "From home to the night",
    shaded: "Overnight visitors with a home elsewhere, devices",
    about: "Devices by the LAU of their home and the LAU where they spend the night. Lines lead from home to there.",
    none: "No device has a night place in a LAU",
  },
};

/** The card; `kind` is `commuters` or `overnight`. */
export function flowCard({ state, data, overview, outlines, views, nights, kind }) {
  const { laus, settings } = data;
  const words = KINDS[kind];
  const isNightly = kind === "overnight";
  const frame = card({ id: kind, title: words.title, description: words.about, wide: true, views });
  const { centres } = geometryOf(outlines.laus);
  const centre = (id) => centres[data.index.get(id) ?? -1];
  const isEstimated = () => state.get().unit === "people";
  const value = (line) => (isEstimated() ? line.estimate : line.devices);
  let sums = new Map();
  let own = null; // the lines of the selected LAU

  const hover = (key) => state.set({ hover: key });
  const select = (key) => key !== "" && state.set({ lau: key === state.get().lau ? null : key });
  const map = choropleth(outlines, {
    maxSvgShapes: MAX_SVG_SHAPES,
    label: `Map of ${words.title.toLowerCase()}`, describe,
    hover: (i) => hover(i < 0 ? null : laus[i].lau_id), select: (i) => select(laus[i].lau_id),
  });
  const tables = {
    sums: sumsTable({ words, hover, select }),
    devices: endsTable({ words, people: false, hover, select }),
    people: endsTable({ words, people: true, hover, select }),
  };
  const legend = el("div", { class: "legend-place" });
  const about = el("p", { class: "coverage" });
  const head = el("div", { class: "detail-head" });
  const keys = el("div", { class: "keys" });
  const slider = isNightly && stepSlider({ label: "Night", noun: "night", count: nights.length, text: (i) => dayLong(time(nights[i])), change: (i) => state.set({ night: nights[i] }) });
  if (slider) frame.controls.append(slider.node);

  function describe(i) {
    const id = laus[i].lau_id;
    const sum = sums.get(id) ?? { arriving: 0, leaving: 0, within: 0, unknown: 0 };
    const { lau } = state.get();
    const rows = [[null, words.in, number(sum.arriving)], [null, words.out, number(sum.leaving)], [null, words.within, number(sum.within)]];
    if (words.unknown) rows.push([null, words.unknown, number(sum.unknown)]);
    if (own && lau && id !== lau) {
      const text = (line) => (!line ? "0" : !isEstimated() ? number(line.devices) : line.estimate === null ? "no weight" : `${number(line.estimate)} (${interval(line.lower, line.upper)})`);
      rows.splice(0, rows.length,
        [null, `From here to ${data.name(lau)}`, text(own.find((l) => l.from === id && l.to === lau))],
        [null, `From ${data.name(lau)} to here`, text(own.find((l) => l.from === lau && l.to === id))]);
    }
    return { title: laus[i].lau_name ?? id, rows, note: id };
  }

  const day = () => (isNightly ? state.get().night : state.get().window);
  const when = () => (isNightly ? `the night of ${dayLong(time(day()))}` : windowName(overview.windows.find((w) => w.window_start === day())));

  async function show() {
    const { lau, unit } = state.get();
    const shown = day();
    if (shown === null) return showNothing("There is no night place in any night that is loaded.");
    const [all, one] = await Promise.all([data.flows(kind, shown, null), lau ? data.flows(kind, shown, lau) : null]);
    const after = state.get();
    if (shown !== day() || lau !== after.lau || unit !== after.unit) return show(); // the selection changed meanwhile
    slider && slider.set(nights.indexOf(shown));
    sums = new Map((all.sums ?? []).map(([id, arriving, leaving, within, unknown]) => [id, { arriving, leaving, within, unknown }]));
    own = one && one.lines;
    draw(one ?? all, lau);
    Object.assign(frame.node.dataset, { day: shown, lau: lau ?? "", unit });
  }

  function showNothing(reason) {
    about.textContent = reason;
    frame.node.dataset.day = "";
  }

  function draw(answer, lau) {
    const kindOf = (line) => (!lau ? "any" : line.to === lau ? "in" : "out");
    const between = answer.lines.filter((line) => line.from !== line.to && line.from !== null && line.to !== null);
    const paths = flowLines(between.slice(0, MAX_LINES).map((line) => ({ ...line, value: value(line), kind: kindOf(line) })), centre, outlines);
    map.drawOver(paths);
    const scale = countScale(laus.map((l) => sums.get(l.lau_id)?.arriving ?? 0));
    map.paint(laus.map((l) => (lau ? "q-none" : scale.shade(sums.get(l.lau_id)?.arriving ?? 0))));
    legend.replaceChildren(el("span", { class: "legend-title" }, lau ? `Lines of ${data.name(lau)}` : words.shaded), ...(lau ? [] : [scale.node]));
    keys.replaceChildren(...(lau
      ? [el("span", {}, el("i", { class: "swatch c-day" }), words.from), el("span", {}, el("i", { class: "swatch c-night" }), words.to)]
      : [el("span", {}, el("i", { class: "swatch c-second" }), words.line)]));
    showTable(answer.lines, lau);
    describeLines(answer, between, paths.length, lau);
  }

  function showTable(lines, lau) {
    const shown = !lau ? "sums" : isEstimated() ? "people" : "devices";
    for (const [name, table] of Object.entries(tables)) table.node.hidden = name !== shown;
    if (lau) {
      const nowhere = (isIn) => (isIn ? "No known home" : "Outside all LAUs");
      tables[shown].setRows(ends(lines, lau, { name: (id) => (id === lau ? `Within ${data.name(id)}` : data.name(id)), value, nowhere }));
    } else {
      const blank = { arriving: 0, leaving: 0, within: 0, unknown: 0 };
      tables.sums.setRows(laus.map((l) => ({ key: l.lau_id, id: l.lau_id, name: l.lau_name ?? l.lau_id, ...blank, ...sums.get(l.lau_id) })));
    }
    head.replaceChildren(...(lau ? [
      el("div", {}, el("h3", {}, data.name(lau)), el("p", {}, lau)),
      el("button", { type: "button", class: "close", "aria-label": "Close the LAU", onclick: () => state.set({ lau: null }) }, "×")] : []));
  }

  /** What is shown, what is not, and why. */
  function describeLines(answer, between, drawn, lau) {
    const texts = [];
    const window = overview.windows.find((w) => w.window_start === day());
    const reason = (!isNightly && noHomes(window, settings)) || (sums.size === 0 && `${words.none} in ${when()}.`);
    if (reason) texts.push(reason);
    else {
      const more = answer.pairs > answer.lines.length ? `the widest ${number(answer.lines.length)} of ${counted(answer.pairs, "line")}` : counted(drawn, "line");
      texts.push(`${lau ? data.name(lau) : "All LAUs"}, ${when()}: ${more}.`);
      if (isEstimated()) texts.push(noPopulation(overview) ?? coverage(answer.lines, between.length - drawn));
      if (isEstimated() && !lau) texts.push("Select a LAU to see its estimates with their intervals; the map and the table of all LAUs count devices.");
    }
    about.textContent = texts.join(" ");
  }

  function coverage(lines, without) {
    const withHome = lines.filter((line) => line.from !== null);
    const devices = withHome.reduce((sum, line) => sum + line.devices, 0);
    const covered = withHome.reduce((sum, line) => sum + (line.coverage ?? 0) * line.devices, 0);
    const hidden = without > 0 ? ` ${counted(without, "line")} without an estimate ${without === 1 ? "is" : "are"} not drawn.` : "";
    return `Weights cover ${percent(devices > 0 ? covered / devices : NaN)} of these devices with a home.${hidden}`;
  }

  function highlight() {
    const { hover: id } = state.get();
    map.highlight(data.index.get(id) ?? -1);
    for (const table of Object.values(tables)) table.highlight(id);
  }

  function mark() {
    const { lau } = state.get();
    map.select(data.index.get(lau) ?? -1);
    tables.sums.select(lau, false);
  }

  const fill = () => frame.fill(async (body) => {
    await show();
    body.replaceChildren(about, el("div", { class: "places" },
      el("div", { class: "places-map" }, map.node, legend, keys),
      el("div", { class: "places-table" }, head, ...Object.values(tables).map((t) => t.node))));
    mark();
  });
  if (laus.length > MAX_LAUS_AT_ONCE) whenVisible(frame.node, fill);
  else fill();
  state.on((changed) => {
    if (frame.node.dataset.ready !== "yes") return;
    if (changed.has(isNightly ? "night" : "window") || changed.has("lau") || changed.has("unit")) frame.fill(show);
    if (changed.has("hover")) highlight();
    if (changed.has("lau")) mark();
  });
  return frame.node;
}

// Users by LAU: a map, a table and a day slider with a common selection and highlight.

import { card } from "./card.js";
import { choice, el } from "./dom.js";
import { dayLong, number, signed, time } from "./format.js";
import { lauDetail } from "./detail.js";
import { countScale, differenceScale } from "./legend.js";
import { choropleth } from "./map.js";
import { METRICS } from "./presence.js";
import { stepSlider } from "./slider.js";
import { dataTable } from "./table.js";

/** The card; `state` contains the date, the metric, the selected LAU and the one below the pointer. */
export function placesCard({ state, presence, outlines, views, summary }) {
  const { laus } = presence;
  const frame = card({
    id: "places", title: "Users by LAU", wide: true, views,
    description: `Unique users in each LAU. Day is ${summary.day_start}:00 to ${summary.day_end}:00; night is the other hours of the same date.`,
  });
  const name = (i) => laus[i].lau_name ?? laus[i].lau_id;
  const id = (i) => (i < 0 ? null : laus[i].lau_id);
  const indexOf = (lau) => presence.index.get(lau) ?? -1;
  const areas = laus.map((lau) => lau.area_km2 ?? 0);
  const density = { key: "density", title: "Per km²", isDensity: true, of: (d, i) => (areas[i] > 0 ? d.all[i] / areas[i] : 0) };
  const offered = areas.some((area) => area > 0) ? [...METRICS, density] : METRICS;
  const metric = () => offered.find((m) => m.key === state.get().metric) ?? offered[0];
  let day = presence.blank();

  const map = choropleth(outlines, {
    label: "Map of users by LAU",
    describe: (i) => ({
      title: name(i),
      rows: [...METRICS, ...(metric() === density ? [density] : [])].map((m) => [null, m.title, (m.difference ? signed : number)(m.of(day, i))]),
      note: `${laus[i].lau_id} · ${dayLong(time(state.get().date))}`,
    }),
    hover: (i) => state.set({ hover: id(i) }),
    select: (i) => state.set({ lau: id(i) === state.get().lau ? null : id(i) }),
  });
  const table = dataTable({
    label: "Users by LAU", noun: "LAUs", sort: { key: "all", down: true },
    columns: [
      { key: "name", title: "LAU", cell: (r) => el("span", { class: "lau", title: r.name }, r.name, el("small", {}, r.key)) },
      ...METRICS.map((m) => ({ key: m.key, title: m.title, short: m.short, numeric: true, cell: (r) => (m.difference ? signed : number)(r[m.key]) })),
    ],
    search: (r) => `${r.name} ${r.key}`,
    hover: (key) => state.set({ hover: key }),
    select: (key) => state.set({ lau: key === state.get().lau ? null : key }),
  });

  const legend = el("div", { class: "legend-place" });
  const detail = el("div", { class: "detail" });
  const metrics = choice("Metric", offered.map((m) => [m.key, m.title]), metric().key, (key) => state.set({ metric: key }));
  const slider = daySlider(state, presence.dates);
  frame.controls.append(metrics.node, slider.node);

  function paint() {
    const current = metric();
    const scale = current.difference
      ? differenceScale(presence.values(current), "More by day", "More by night")
      : countScale(presence.values(current), "No users", current.isDensity);
    map.paint(laus.map((_, i) => scale.shade(current.of(day, i))));
    legend.replaceChildren(el("span", { class: "legend-title" }, current.isDensity ? "Users per km²" : current.difference ? "Users, night minus day" : `Users, ${current.title.toLowerCase()}`), scale.node);
    frame.node.dataset.metric = current.key;
  }

  async function show() {
    const { date } = state.get();
    const next = await presence.day(date);
    if (date !== state.get().date) return; // another day was selected meanwhile
    day = next;
    frame.node.dataset.date = date;
    paint();
    table.setRows(laus.map((lau, i) => ({
      key: lau.lau_id, name: name(i), ...Object.fromEntries(METRICS.map((m) => [m.key, m.of(day, i)])),
    })));
  }

  function select(reveal) {
    const { lau } = state.get();
    map.select(indexOf(lau));
    table.select(lau, reveal);
    lauDetail(detail, { lau: laus[indexOf(lau)], presence, state, summary });
  }

  frame.fill(async (body) => {
    await show();
    body.replaceChildren(el("div", { class: "places" },
      el("div", { class: "places-map" }, map.node, legend), el("div", { class: "places-table" }, table.node)), detail);
    if (indexOf(state.get().lau) < 0) state.set({ lau: null });
    select(true);
  });
  state.on((changed) => {
    if (frame.node.dataset.ready !== "yes") return;
    if (changed.has("date")) frame.fill(show);
    if (changed.has("metric")) {
      metrics.set(metric().key);
      paint();
    }
    if (changed.has("hover")) {
      map.highlight(indexOf(state.get().hover));
      table.highlight(state.get().hover);
    }
    if (changed.has("lau")) select(!table.node.contains(document.activeElement));
    else if (changed.has("date")) lauDetail(detail, { lau: laus[indexOf(state.get().lau)], presence, state, summary });
  });
  return frame.node;
}

/** Selects the day. */
function daySlider(state, dates) {
  const slider = stepSlider({
    label: "Day", noun: "day", count: dates.length,
    text: (i) => dayLong(time(dates[i])), change: (i) => state.set({ date: dates[i] }),
  });
  const update = () => slider.set(dates.indexOf(state.get().date));
  state.on((changed) => changed.has("date") && update());
  update();
  return slider;
}

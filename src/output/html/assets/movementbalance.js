// Trips into each LAU minus those out of it, on a date or in one of its hours.

import { card } from "./card.js";
import { el } from "./dom.js";
import { dayLong, number, signed, time } from "./format.js";
import { differenceScale } from "./legend.js";
import { choropleth } from "./map.js";
import { hourName, unknownShare } from "./movementdata.js";
import { MAX_SVG_SHAPES } from "./peopledata.js";
import { dataTable } from "./table.js";

const NONE = { arriving: 0, leaving: 0, within: 0 };

export function balanceCard({ state, data, outlines, views }) {
  const { laus } = data;
  const frame = card({
    id: "balance", title: "Balance of trips", wide: true, views,
    description: "Trips that arrive in each LAU minus those that leave it, by when they begin. Trips within a LAU are in neither.",
  });
  let rows = [];
  const callbacks = { hover: (key) => state.set({ hover: key }), select: (key) => state.set({ lau: key === state.get().lau ? null : key }) };
  const map = choropleth(outlines, {
    maxSvgShapes: MAX_SVG_SHAPES, label: "Map of the balance of trips",
    describe: (i) => ({
      title: rows[i].name, note: rows[i].key,
      rows: [[null, "Arrive", number(rows[i].arriving)], [null, "Leave", number(rows[i].leaving)], [null, "Balance", signed(rows[i].net)], [null, "Within", number(rows[i].within)]],
    }),
    hover: (i) => callbacks.hover(i < 0 ? null : laus[i].lau_id), select: (i) => callbacks.select(laus[i].lau_id),
  });
  const table = dataTable({
    label: "Balance of trips by LAU", noun: "LAUs", sort: { key: "net", down: true }, search: (r) => `${r.name} ${r.key}`, ...callbacks,
    columns: [
      { key: "name", title: "LAU", cell: (r) => el("span", { class: "lau", title: r.name }, r.name, el("small", {}, r.key)) },
      { key: "arriving", title: "Arrive", short: "In", numeric: true, cell: (r) => number(r.arriving) },
      { key: "leaving", title: "Leave", short: "Out", numeric: true, cell: (r) => number(r.leaving) },
      { key: "net", title: "Balance", short: "Net", numeric: true, cell: (r) => signed(r.net) },
      { key: "within", title: "Within", short: "Same", numeric: true, cell: (r) => number(r.within) },
    ],
  });
  const legend = el("div", { class: "legend-place" });
  const about = el("p", { class: "coverage" });

  async function show() {
    const { date, hour } = state.get();
    const [day, { sums }] = await Promise.all([data.day(date), data.flows(date, hour, null)]);
    if (date !== state.get().date || hour !== state.get().hour) return show(); // the selection changed meanwhile
    const row = (id) => {
      const sum = sums.get(id) ?? NONE;
      return { key: id, name: data.name(id), ...sum, net: sum.arriving - sum.leaving };
    };
    rows = laus.map((lau) => row(lau.lau_id));
    const scale = differenceScale(rows.map((r) => r.net), "More leave", "More arrive");
    map.paint(rows.map((r) => scale.shade(r.net)));
    legend.replaceChildren(el("span", { class: "legend-title" }, "Trips that arrive minus trips that leave"), scale.node);
    table.setRows(rows);
    const outside = row(null);
    about.textContent = `${dayLong(time(date))}, ${hourName(hour)}. Outside all LAUs ${number(outside.arriving)} arrive and ${number(outside.leaving)} leave. ${unknownShare(day)}`;
    Object.assign(frame.node.dataset, { date, hour });
  }

  function select(reveal) {
    const { lau } = state.get();
    map.select(data.index.get(lau) ?? -1);
    table.select(lau, reveal);
  }

  frame.fill(async (body) => {
    await show();
    body.replaceChildren(about, el("div", { class: "places" }, el("div", { class: "places-map" }, map.node, legend), el("div", { class: "places-table" }, table.node)));
    select(true);
  });
  state.on((changed, { hover }) => {
    if (frame.node.dataset.ready !== "yes") return;
    if (changed.has("date") || changed.has("hour")) frame.fill(show);
    if (changed.has("hover")) {
      map.highlight(data.index.get(hover) ?? -1);
      table.highlight(hover);
    }
    if (changed.has("lau")) select(!table.node.contains(document.activeElement));
  });
  return frame.node;
}

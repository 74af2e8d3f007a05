// How long devices are in each LAU on a date.

import { card } from "./card.js";
import { classBars } from "./classbars.js";
import { el } from "./dom.js";
import { counted, dayLong, number, time } from "./format.js";
import { unknownShare } from "./movementdata.js";
import { dataTable } from "./table.js";

const CLASSES = [
  { key: "<15 min", title: "< 15 min", short: "<¼" }, { key: "15-60 min", title: "15–60 min", short: "¼–1" }, { key: "1-3 h", title: "1–3 h", short: "1–3" },
  { key: "3-8 h", title: "3–8 h", short: "3–8" }, { key: "8+ h", title: "8 h and more", short: "8+" },
];

export function dwellCard({ state, data, views }) {
  const { laus } = data;
  const frame = card({
    id: "dwell", title: "Time spent in each LAU", wide: true, views,
    description: "Devices by their time in a LAU on the date: stays, passes, and moves that begin and end there. Unknown time counts nowhere.",
  });
  const table = dataTable({
    label: "Time spent in each LAU", noun: "LAUs", sort: { key: "hours", down: true }, search: (r) => `${r.name} ${r.key}`,
    columns: [
      { key: "name", title: "LAU", cell: (r) => el("span", { class: "lau", title: r.name }, r.name, el("small", {}, r.key)) },
      ...CLASSES.map((c) => ({ ...c, numeric: true, cell: (r) => number(r[c.key]) })),
      { key: "hours", title: "Hours in all", short: "Hours", numeric: true, cell: (r) => number(Math.round(r.hours)) },
    ],
    hover: (key) => state.set({ hover: key }), select: (key) => state.set({ lau: key === state.get().lau ? null : key }),
  });
  const about = el("p", { class: "coverage" });
  const detail = el("div", { class: "detail" });
  let byLau = new Map();

  async function show() {
    const { date } = state.get();
    const day = await data.day(date);
    if (date !== state.get().date) return show(); // another one was selected meanwhile
    byLau = new Map(laus.map((lau) => [lau.lau_id, { hours: 0, ...Object.fromEntries(CLASSES.map((c) => [c.key, 0])) }]));
    for (const [lau, name, devices, hours] of day.dwell) {
      const row = byLau.get(lau);
      if (!row) continue;
      row[name] = devices;
      row.hours += hours;
    }
    table.setRows(laus.map((lau) => ({ key: lau.lau_id, name: lau.lau_name ?? lau.lau_id, ...byLau.get(lau.lau_id) })));
    const hours = [...byLau.values()].reduce((sum, row) => sum + row.hours, 0);
    about.textContent = `${dayLong(time(date))}: ${counted(Math.round(hours), "hour")} in all LAUs. ${unknownShare(day)}`;
    frame.node.dataset.date = date;
    select(false);
  }

  function select(reveal) {
    const { lau } = state.get();
    table.select(lau, reveal);
    const row = byLau.get(lau);
    if (!row) return detail.replaceChildren(el("p", { class: "hint" }, "Select a LAU to see how long devices are there."));
    detail.replaceChildren(
      el("div", { class: "detail-head" }, el("div", {}, el("h3", {}, data.name(lau)), el("p", {}, lau)),
        el("button", { type: "button", class: "close", "aria-label": "Close the LAU", onclick: () => state.set({ lau: null }) }, "×")),
      classBars(CLASSES.map((c) => ({ label: c.title, value: row[c.key], text: counted(row[c.key], "device") })), `Devices by time in ${data.name(lau)}`));
  }

  frame.fill(async (body) => {
    await show();
    body.replaceChildren(about, table.node, detail);
    select(true);
  });
  state.on((changed, { hover }) => {
    if (frame.node.dataset.ready !== "yes") return;
    if (changed.has("date")) frame.fill(show);
    if (changed.has("hover")) table.highlight(hover);
    if (changed.has("lau") && !changed.has("date")) select(!table.node.contains(document.activeElement));
  });
  return frame.node;
}

// One LAU: its users per day, in total and by day and night.

import { el } from "./dom.js";
import { counted, dayLong, number, percent, time } from "./format.js";
import { lineChart } from "./line.js";
import { rowChart } from "./rowchart.js";
import { overTime } from "./series.js";

const SERIES = [
  { key: "all", label: "All day", shade: "c-all" },
  { key: "day", label: "Day", shade: "c-day" },
  { key: "night", label: "Night", shade: "c-night" },
];

/** Fills `host` with the charts of `lau`, or with a hint how to select one. */
export async function lauDetail(host, { lau, presence, state, summary }) {
  if (!lau) {
    host.replaceChildren(el("p", { class: "hint" }, "Select a LAU on the map or in the table to see its users per day."));
    delete host.dataset.lau;
    return;
  }
  const { date } = state.get();
  const [history, today] = await Promise.all([presence.history(lau.lau_id), presence.day(date)]);
  if (state.get().lau !== lau.lau_id) return;
  const i = presence.index.get(lau.lau_id);
  const now = { all: today.all[i], day: today.day[i], night: today.night[i] };
  const rank = 1 + today.all.filter((v) => v > now.all).length;
  const figure = (value, text, note) => el("div", { class: "figure" }, el("b", {}, value), el("span", {}, text), note && el("small", {}, note));
  const users = el("div", { class: "detail-chart" });
  const shares = el("div", { class: "detail-chart" });
  host.dataset.lau = lau.lau_id;
  host.replaceChildren(
    el("div", { class: "detail-head" },
      el("div", {}, el("h3", {}, lau.lau_name ?? lau.lau_id), el("p", {}, `${lau.lau_id} · ${lau.country_code} · ${dayLong(time(date))}`)),
      el("button", { type: "button", class: "close", "aria-label": "Close the LAU", onclick: () => state.set({ lau: null }) }, "×")),
    el("div", { class: "figures" },
      figure(number(now.all), "users, all day", now.all > 0 ? `rank ${number(rank)} of ${number(presence.laus.length)}` : "no users"),
      figure(number(now.day), "by day", `${summary.day_start}:00 to ${summary.day_end}:00`),
      figure(number(now.night), "by night", now.all > 0 ? `${percent(now.night / now.all)} of its users` : null)),
    el("div", { class: "detail-charts" }, users, shares));
  if (presence.dates.length < 2) {
    shares.remove();
    const items = SERIES.map((s) => ({ key: s.key, name: s.label, shade: s.shade, values: [now[s.key]] }));
    rowChart(users, { items, series: [{ label: "Users", shade: "c-all" }], xTitle: "Users", label: `Users of ${lau.lau_name}` });
    return;
  }
  const share = (value, d) => (d.all > 0 ? value / d.all : 0);
  const rows = presence.dates.map((day, k) => ({
    date: day, ...history[k], dayShare: share(history[k].day, history[k]), nightShare: share(history[k].night, history[k]),
  }));
  const { x, columns } = overTime(rows, "date", [...SERIES.map((s) => s.key), "dayShare", "nightShare"]);
  lineChart(users, {
    x, days: true, label: `Users of ${lau.lau_name} over ${counted(presence.dates.length, "day")}`,
    panels: [{ title: "Users", height: 170, series: SERIES.map((s, k) => ({ ...s, values: columns[k] })) }],
  });
  lineChart(shares, {
    x, days: true, label: `Share of the users of ${lau.lau_name} seen by day and by night`,
    panels: [{ title: "Share of its users", height: 170, format: percent, series: SERIES.slice(1).map((s, k) => ({ ...s, values: columns[SERIES.length + k] })) }],
  });
}

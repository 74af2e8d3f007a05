// Users by day and by night in the LAUs with the most users or the greatest difference.

import { card } from "./card.js";
import { choice, el } from "./dom.js";
import { dayLong, signed, time } from "./format.js";
import { rowChart } from "./rowchart.js";

const MAX_LAUS = 15;
const SERIES = [{ label: "Day", shade: "c-day" }, { label: "Night", shade: "c-night" }];
const ORDERS = [
  ["most", "Most users", (a, b) => Math.max(b.day, b.night) - Math.max(a.day, a.night), (r) => r.day + r.night > 0],
  ["day", "More by day", (a, b) => a.change - b.change, (r) => r.change < 0],
  ["night", "More by night", (a, b) => b.change - a.change, (r) => r.change > 0],
];

export function dayNightCard({ state, presence, views }) {
  const frame = card({ id: "daynight", title: "Day and night", views, description: `The ${MAX_LAUS} LAUs with the largest values, on the selected day.` });
  let order = ORDERS[0];
  let chart;
  const day = el("p", { class: "card-day" });

  async function items() {
    const { date } = state.get();
    const values = await presence.day(date);
    day.textContent = dayLong(time(date));
    const rows = presence.laus.map((lau, i) => ({
      key: lau.lau_id, name: lau.lau_name ?? lau.lau_id,
      day: values.day[i], night: values.night[i], change: values.night[i] - values.day[i],
    }));
    return rows.filter(order[3]).sort((a, b) => order[2](a, b) || a.key.localeCompare(b.key)).slice(0, MAX_LAUS)
      .map((r) => ({ ...r, values: [r.day, r.night], note: `Night − day ${signed(r.change)}` }));
  }

  frame.controls.append(choice("Which LAUs", ORDERS.map((o) => [o[0], o[1]]), order[0], async (key) => {
    order = ORDERS.find((o) => o[0] === key);
    chart?.draw(await items());
  }).node);
  frame.fill(async (body) => {
    const first = await items();
    const host = el("div");
    const keys = el("div", { class: "keys" }, SERIES.map((s) => el("span", {}, el("i", { class: `swatch ${s.shade}` }), s.label)), day);
    body.replaceChildren(keys, host);
    chart = rowChart(host, {
      items: first, series: SERIES, xTitle: "Users", label: "Users by day and by night",
      select: (key) => state.set({ lau: key }), hover: (key) => state.set({ hover: key }),
    });
  });
  state.on(async (changed, { hover, lau }) => {
    if (!chart) return;
    if (changed.has("date")) chart.draw(await items());
    chart.highlight(hover, lau);
  });
  return frame.node;
}

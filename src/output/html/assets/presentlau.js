// The day of one LAU, or of all of them: present devices by role, or estimates with their interval, at each hour.

import { el } from "./dom.js";
import { dayLong, percent, time } from "./format.js";
import { lineChart } from "./line.js";
import { ROLES } from "./peopledata.js";

/** Fills `host` with the chart of `lau`; without one, of the sum of all LAUs. */
export function presentLau(host, { data, lau, unit, date, day, estimates, close }) {
  const name = lau ? data.name(lau) : "All LAUs";
  const x = day.hours.map(time);
  const chart = el("div", { class: "detail-chart" });
  host.dataset.lau = lau ?? "";
  host.dataset.unit = unit;
  host.replaceChildren(
    el("div", { class: "detail-head" },
      el("div", {}, el("h3", {}, name), el("p", {}, [lau, dayLong(time(date))].filter(Boolean).join(" · "))),
      lau && el("button", { type: "button", class: "close", "aria-label": "Close the LAU", onclick: close }, "×")),
    el("div", { class: "detail-charts" }, chart));
  if (unit !== "people") {
    const k = day.laus.indexOf(lau);
    const at = (row) => (lau ? row?.[k] ?? 0 : (row ?? []).reduce((sum, n) => sum + n, 0));
    const series = ROLES.map((r) => ({ label: r.title, shade: r.shade, values: day.hours.map((_, h) => at(day.devices[r.key]?.[h])) }));
    lineChart(chart, {
      x, instants: true, label: `Present devices in ${name} through the day`,
      panels: [{ title: "Devices", height: 170, series },
        { title: "Located, share of devices", height: 80, format: percent, series: [{ label: "Located", shade: "c-all", area: true, values: day.located.map((n, h) => (day.active[h] > 0 ? n / day.active[h] : null)) }] }],
    });
    return;
  }
  if (!lau) {
    chart.replaceChildren(el("p", { class: "hint" }, "Select a LAU on the map or in the table to see its estimates through the day. Estimates of LAUs are not added up here, because their intervals would not be those of the sum."));
    return;
  }
  const k = estimates.laus.indexOf(lau);
  const of = (key) => estimates.hours.map((_, h) => estimates[key][h]?.[k] ?? null);
  const [estimate, lower, upper, coverage] = ["estimate", "lower", "upper", "coverage"].map(of);
  if (coverage.every((c) => c === null)) {
    chart.replaceChildren(el("p", { class: "hint" }, "No device with a home is here on this date."));
    return;
  }
  lineChart(chart, {
    x, instants: true, label: `Estimated people in ${name} through the day`, missing: "No estimate",
    panels: [
      { title: "People, estimated", height: 170, series: [{ label: "Estimate", shade: "c-all", values: estimate }, { label: "Lower", shade: "c-second", values: lower }, { label: "Upper", shade: "c-day", values: upper }] },
      { title: "Coverage of the weights", height: 80, format: percent, series: [{ label: "Coverage", shade: "c-night", area: true, values: coverage }] }],
  });
}

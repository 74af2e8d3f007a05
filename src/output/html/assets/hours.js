// Events and unique users per hour in two panels.

import * as api from "./api.js";
import { card } from "./card.js";
import { el } from "./dom.js";
import { label } from "./format.js";
import { lineChart } from "./line.js";
import { overTime } from "./series.js";

const SHADES = ["c-all", "c-second"];

/** The card of these views, whose charts are lines over the hours. */
export function hoursCard(views, summary) {
  const frame = card({
    id: "hours", title: "Activity by hour", wide: true, views,
    description: "Events and unique users with at least one event in each clock hour.",
  });
  frame.fill(async (body) => {
    const answers = await Promise.all(views.map((v) => api.rows(v)));
    const [axis] = views[0].chart.columns;
    const merged = new Map();
    const columns = views.map((v) => v.chart.columns[1]);
    answers.forEach((answer, i) => {
      for (const row of answer.rows) {
        if (!merged.has(row[axis])) merged.set(row[axis], { [axis]: row[axis] });
        merged.get(row[axis])[columns[i]] = row[columns[i]];
      }
    });
    const { x, columns: values } = overTime([...merged.values()], axis, columns, summary.dates);
    if (x.length === 0) return body.replaceChildren(el("p", { class: "nothing" }, "No events."));
    const panels = views.map((v, i) => ({
      title: v.title, height: 150,
      series: [{ label: label(columns[i]), shade: SHADES[i], values: values[i], area: true }],
    }));
    lineChart(body, { x, panels, label: "Events and unique users per hour", night: { start: summary.day_start, end: summary.day_end } });
  });
  return frame.node;
}

// Events and unique users in two panels: per hour, or per day where there are too many hours.

import * as api from "./api.js";
import { card } from "./card.js";
import { el } from "./dom.js";
import { DAY, label, time } from "./format.js";
import { lineChart } from "./line.js";
import { overTime } from "./series.js";

const SHADES = ["c-all", "c-second"];
/** The hours of more days than a month has cannot be told apart. */
const MAX_DAYS = 31;
const EVENTS = "event_count";

/** The sums of `values` by day, as `{ x, values }`. */
function sumsByDay(x, values) {
  const days = new Map();
  x.forEach((ms, i) => {
    const day = Math.floor(ms / DAY) * DAY;
    // a date that is not loaded has no hours to add up
    days.set(day, values[i] === null ? null : (days.get(day) ?? 0) + values[i]);
  });
  return { x: [...days.keys()], values: [...days.values()] };
}

/** The panels of days: events are added up; users have a view of their own, because a user counts once. */
async function daysOf(x, columns, values, perDay) {
  const events = columns.indexOf(EVENTS);
  const sums = sumsByDay(x, values[events]);
  const panels = [{ title: "Events per day", height: 150, series: [{ label: label(EVENTS), shade: SHADES[0], values: sums.values, area: true }] }];
  if (perDay) {
    const [axis, column] = perDay.chart.columns;
    const users = new Map((await api.rows(perDay)).rows.map((row) => [Date.parse(row[axis]), row[column]]));
    panels.push({ title: perDay.title, height: 150, series: [{ label: label(column), shade: SHADES[1], values: sums.x.map((ms, i) => users.get(ms) ?? (sums.values[i] === null ? null : 0)), area: true }] });
  }
  return { x: sums.x, panels };
}

/** Whether these views are drawn by day, together with the users per day. */
export function isByDay(views, { period }) {
  const hasEvents = views.some((v) => v.chart.columns[1] === EVENTS);
  return hasEvents && Boolean(period) && time(period.to) - time(period.from) >= MAX_DAYS * DAY;
}

/** The card of these views, whose charts are lines over the hours; `perDay` is the view of users per day. */
export function hoursCard(views, summary, perDay) {
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
    const days = isByDay(views, summary) ? await daysOf(x, columns, values, perDay) : null;
    if (days) {
      frame.node.dataset.by = "day";
      body.replaceChildren(el("p", { class: "rest" }, "By day, because there are too many hours to draw."));
      const host = el("div");
      body.append(host);
      return lineChart(host, { ...days, days: true, label: "Events and unique users per day" });
    }
    const panels = views.map((v, i) => ({
      title: v.title, height: 150,
      series: [{ label: label(columns[i]), shade: SHADES[i], values: values[i], area: true }],
    }));
    lineChart(body, { x, panels, label: "Events and unique users per hour", night: { start: summary.day_start, end: summary.day_end } });
  });
  return frame.node;
}

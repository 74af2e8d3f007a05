// The card of any view, drawn as the chart in its header.

import * as api from "./api.js";
import { barChart } from "./bars.js";
import { card } from "./card.js";
import { choice, el, whenVisible } from "./dom.js";
import { dayLong, label, number, time } from "./format.js";
import { countScale, differenceScale } from "./legend.js";
import { lineChart } from "./line.js";
import { choropleth } from "./map.js";
import { rowChart } from "./rowchart.js";
import { overTime } from "./series.js";

const SHADES = ["c-all", "c-second", "c-day", "c-night"];
const NUMERIC = new Set(["integer", "number"]);
/** Columns with the first date of the period of a row. */
const PERIODS = ["date", "night", "window_start", "week", "month"];
/** The word for a number that is withheld, as in files for people. */
const SUPPRESSED = "suppressed";
/** Maps with more LAUs are drawn only when they are scrolled into view. */
const MAX_LAUS_AT_ONCE = 3_000;
/** Rows of a table card. */
const TABLE_ROWS = 12;

/** The card of a view; `context` contains the summary and the outlines. */
export function viewCard(view, context) {
  const frame = card({ id: `view-${view.name}`, title: view.title, description: view.description, views: [view], wide: view.chart.kind === "line" });
  const draw = { line, bar, map, table }[view.chart.kind] ?? table;
  const start = () => frame.fill((body) => draw(view, { ...context, body, controls: frame.controls }));
  if (view.chart.kind === "map" && context.outlines?.laus.length > MAX_LAUS_AT_ONCE) whenVisible(frame.node, start);
  else start();
  return frame.node;
}

/** What it means for the public that there is no number; null for analysts, who see all of them. */
function withheldOf(view) {
  // elsewhere rows with small numbers are left out like those without devices
  return { numbers: "Withheld", rows: "None or withheld" }[view.suppression] ?? null;
}

async function line(view, { body, controls, summary }) {
  const { axis, values, type } = columnsOf(view);
  const withheld = withheldOf(view);
  const answer = await api.rows(view);
  const series = type === "date" || type === "timestamp" ? overTime(answer.rows, axis, values, summary.dates, withheld !== null) : null;
  if (!series || series.x.length === 0) return table(view, { body, controls });
  const isHourly = type === "timestamp";
  lineChart(body, {
    x: series.x, days: !isHourly, label: view.title, ...(withheld && { missing: withheld }), night: isHourly ? { start: summary.day_start, end: summary.day_end } : undefined,
    panels: [{
      title: values.map(label).join(", "), height: 200,
      series: values.map((name, i) => ({ label: label(name), shade: SHADES[i % SHADES.length], values: series.columns[i], area: values.length === 1 })),
    }],
  });
}

async function bar(view, { body, controls }) {
  const { axis, values, type } = columnsOf(view);
  const isReleased = withheldOf(view) !== null;
  const none = isReleased ? null : 0;
  const answer = await api.rows(view);
  const isInteger = type === "integer" && answer.rows.every((r) => r[axis] !== null);
  if (isInteger) {
    const pairs = answer.rows.map((r) => [r[axis], r[values[0]] ?? none]);
    barChart(body, { pairs, controls, withheld: isReleased ? SUPPRESSED : null, label: view.title, xTitle: label(axis), yTitle: label(values[0]) });
    return;
  }
  const items = answer.rows.slice(0, 20).map((r, i) => ({ key: String(i), name: String(r[axis] ?? "–"), values: values.slice(0, 1).map((v) => r[v] ?? none) }));
  rowChart(body, { items, withheld: SUPPRESSED, series: [{ label: label(values[0]), shade: "c-all" }], xTitle: label(values[0]), label: view.title });
  addRowCount(body, answer.total, items.length);
}

async function map(view, { body, controls, outlines }) {
  const named = view.chart.columns.filter((c) => view.columns.some((v) => v.name === c));
  const columns = named.length ? named : view.columns.filter((c) => NUMERIC.has(c.type)).map((c) => c.name).slice(0, 3);
  const period = PERIODS.find((name) => view.columns.some((c) => c.name === name && c.type === "date"));
  const withheld = withheldOf(view);
  const none = withheld ? null : 0;
  const answer = await api.rows(view);
  if (!outlines || columns.length === 0 || answer.rows.length === 0) return table(view, { body, controls });
  const dates = period ? [...new Set(answer.rows.map((r) => r[period]))].sort() : [null];
  let [column, date] = [columns[0], dates.at(-1)];
  let rowsById = new Map();
  const choroplethMap = choropleth(outlines, {
    label: view.title, small: true,
    describe: (i) => {
      const row = rowsById.get(outlines.laus[i].lau_id);
      return {
        title: outlines.laus[i].lau_name ?? outlines.laus[i].lau_id,
        rows: columns.map((c) => [null, label(c), withheld && (row?.[c] ?? null) === null ? withheld : number(row?.[c] ?? (c.endsWith("_count") ? 0 : null))]),
        note: [outlines.laus[i].lau_id, date && dayLong(time(date))].filter(Boolean).join(" · "),
      };
    },
  });
  const legend = el("div", { class: "legend-place" });
  function paint() {
    const values = answer.rows.map((r) => r[column] ?? 0);
    const scale = values.some((v) => v < 0) ? differenceScale(values, "Less", "More", withheld) : countScale(values, none === 0 || view.suppression === "numbers" ? "None" : null, false, withheld);
    rowsById = new Map(answer.rows.filter((r) => !period || r[period] === date).map((r) => [r.lau_id, r]));
    choroplethMap.paint(outlines.laus.map((l) => scale.shade(rowsById.get(l.lau_id)?.[column] ?? none)));
    legend.replaceChildren(el("span", { class: "legend-title" }, label(column)), scale.node);
  }
  if (columns.length > 1) controls.append(choice("Column", columns.map((c) => [c, label(c)]), column, (c) => { column = c; paint(); }).node);
  if (dates.length > 1) {
    const options = dates.map((d) => el("option", { value: d, selected: d === date }, dayLong(time(d))));
    controls.append(el("select", { "aria-label": "Day", onchange: (e) => { date = e.target.value; paint(); } }, options));
  }
  body.replaceChildren(choroplethMap.node, legend);
  paint();
}

async function table(view, { body }) {
  const answer = await api.rows(view, { limit: TABLE_ROWS });
  // the word in place of a number says as much as the flag
  const left = new Set(["geometry", ...(withheldOf(view) ? [SUPPRESSED] : [])]);
  const columns = answer.columns.filter((c) => !left.has(c.name));
  const isWithheld = (row, c) => row.suppressed === true && row[c.name] === null && view.measures?.includes(c.name);
  const text = (row, c) => {
    if (isWithheld(row, c)) return el("span", { class: "withheld" }, SUPPRESSED);
    return NUMERIC.has(c.type) ? number(row[c.name]) : row[c.name] === null ? "–" : String(row[c.name]);
  };
  const numeric = (c) => (NUMERIC.has(c.type) ? "n" : null);
  body.replaceChildren(el("div", { class: "table-scroll short", tabindex: 0, role: "region", "aria-label": view.title },
    el("table", { class: "data" },
      el("thead", {}, el("tr", {}, columns.map((c) => el("th", { scope: "col", class: numeric(c) }, label(c.name))))),
      el("tbody", {}, answer.rows.map((row) => el("tr", {}, columns.map((c) => el("td", { class: numeric(c) }, text(row, c)))))))));
  addRowCount(body, answer.total, answer.rows.length);
}

/** Says how many rows are not shown. */
function addRowCount(body, total, shown) {
  if (total > shown) body.append(el("p", { class: "rest" }, `The first ${number(shown)} of ${number(total)} rows.`));
}

/** Axis and value columns: those of the header, by default the first column and the numeric ones. */
function columnsOf(view) {
  const [axis = view.columns[0].name, ...named] = view.chart.columns;
  const numeric = view.columns.filter((c) => NUMERIC.has(c.type) && c.name !== axis).map((c) => c.name);
  return { axis, values: named.length ? named : numeric, type: view.columns.find((c) => c.name === axis)?.type };
}

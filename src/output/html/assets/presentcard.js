// Present devices through a day: a map and a table of one hour, and a chart of the selected LAU.

import { card } from "./card.js";
import { choice, el } from "./dom.js";
import { clock, counted, dayLong, number, percent, time } from "./format.js";
import { countScale } from "./legend.js";
import { choropleth } from "./map.js";
import { MAX_SVG_SHAPES, ROLES } from "./peopledata.js";
import { presentLau } from "./presentlau.js";
import { interval, noEstimate, noHomes, windowName } from "./reasons.js";
import { stepSlider } from "./slider.js";
import { dataTable } from "./table.js";

const ALL = "all";

/** `08:00`; the second of two equal hours says so. */
export function hourText(hour) {
  return `${clock(time(hour))}${hour.includes(".") ? " (2nd)" : ""}`;
}

export function presentCard({ state, data, overview, outlines, views, dates }) {
  const { laus, settings } = data;
  const frame = card({
    id: "present", title: "Present devices through the day", wide: true, views,
    description: "Devices by the LAU of their event nearest to the full hour. Residents have their home there, workers their work place, visitors their home elsewhere.",
  });
  const name = (i) => laus[i].lau_name ?? laus[i].lau_id;
  const isEstimated = () => state.get().unit === "people";
  const role = () => (ROLES.some((r) => r.key === state.get().role) ? state.get().role : ALL);
  let day = null; // the devices of the date
  let estimates = null; // its estimates, requested with the first switch to people
  let hour = 0;
  let now = {};

  const total = (i) => ROLES.reduce((sum, { key }) => sum + now[key][i], 0);
  const value = (i) => (isEstimated() ? now.estimate[i] : role() === ALL ? total(i) : now[role()][i]);
  const describe = (i) => ({
    title: name(i),
    rows: isEstimated()
      ? [[null, "People", now.estimate[i] === null ? "no estimate" : number(now.estimate[i])], [null, "Interval", interval(now.lower[i], now.upper[i])], [null, "Coverage", percent(now.coverage[i] ?? NaN)]]
      : [[null, "Devices", number(total(i))], ...ROLES.map((r) => [null, r.title, number(now[r.key][i])])],
    note: isEstimated() && now.estimate[i] === null ? noEstimate(now.coverage[i], settings) : `${laus[i].lau_id} · ${hourText(day.hours[hour])}`,
  });
  const callbacks = {
    hover: (key) => state.set({ hover: key }),
    select: (key) => state.set({ lau: key === state.get().lau ? null : key }),
  };
  const map = choropleth(outlines, {
    maxSvgShapes: MAX_SVG_SHAPES,
    label: "Map of present devices", describe,
    hover: (i) => callbacks.hover(i < 0 ? null : laus[i].lau_id), select: (i) => callbacks.select(laus[i].lau_id),
  });
  const lauColumn = { key: "name", title: "LAU", cell: (r) => el("span", { class: "lau", title: r.name }, r.name, el("small", {}, r.key)) };
  const common = { noun: "LAUs", search: (r) => `${r.name} ${r.key}`, ...callbacks };
  const devicesTable = dataTable({
    ...common, label: "Present devices by LAU", sort: { key: "all", down: true },
    columns: [lauColumn, { key: "all", title: "Devices", short: "All", numeric: true, cell: (r) => number(r.all) },
      ...ROLES.map((r) => ({ key: r.key, title: r.title, short: r.short, numeric: true, cell: (row) => number(row[r.key]) }))],
  });
  const peopleTable = dataTable({
    ...common, label: "Estimated people by LAU", sort: { key: "people", down: true },
    columns: [lauColumn,
      { key: "people", title: "People", numeric: true, cell: (r) => (r.estimate === null ? el("span", { class: "reason", title: noEstimate(r.coverage, settings) }, "none") : number(r.estimate)) },
      { key: "upper", title: "Interval", numeric: true, cell: (r) => el("span", { class: "interval" }, r.estimate === null ? "–" : interval(r.lower, r.upper === -1 ? null : r.upper)) },
      { key: "share", title: "Coverage", short: "Cov.", numeric: true, cell: (r) => percent(r.coverage ?? NaN) }],
  });
  const tables = el("div", { class: "places-table" }, devicesTable.node, peopleTable.node);
  const legend = el("div", { class: "legend-place" });
  const about = el("p", { class: "coverage" });
  const why = el("p", { class: "coverage" });
  const detail = el("div", { class: "detail" });

  const days = stepSlider({ label: "Day", noun: "day", count: dates.length, text: (i) => dayLong(time(dates[i])), change: (i) => state.set({ date: dates[i] }) });
  const hours = stepSlider({ label: "Hour", noun: "hour", count: 24, plays: true, text: (i) => (day ? hourText(day.hours[i]) : ""), change: (i) => state.set({ hour: String(i) }) });
  days.node.classList.add("days");
  hours.node.classList.add("hours");
  const roles = choice("Role", [[ALL, "All"], ...ROLES.map((r) => [r.key, r.title])], role(), (key) => state.set({ role: key }));
  frame.controls.append(roles.node, days.node, hours.node);

  /** Values of all hours, so that all hours have the same classes. */
  let scaled = "";
  let scale = null;
  function scaleOf() {
    const key = `${state.get().date} ${isEstimated()} ${role()}`;
    if (key === scaled) return scale;
    const values = [];
    const answer = isEstimated() ? estimates : day;
    answer.hours.forEach((_, h) => {
      if (isEstimated()) return values.push(...answer.estimate[h].map((v) => v ?? 0));
      const arrays = ROLES.filter((r) => role() === ALL || r.key === role()).map((r) => answer.devices[r.key]?.[h] ?? []);
      answer.laus.forEach((__, k) => values.push(arrays.reduce((sum, a) => sum + (a[k] ?? 0), 0)));
    });
    scaled = key;
    scale = countScale(values.map(Math.round), isEstimated() ? "No estimate" : "None");
    return scale;
  }

  function paint() {
    hour = Math.min(day.hours.length - 1, Math.max(0, Number(state.get().hour) || 0));
    now = isEstimated() ? { ...day.at(hour), ...estimates.at(hour) } : day.at(hour);
    const classes = scaleOf();
    map.paint(laus.map((_, i) => classes.shade(value(i) ?? 0)));
    const what = isEstimated() ? "People, estimated" : role() === ALL ? "Devices" : `${ROLES.find((r) => r.key === role()).title}, devices`;
    legend.replaceChildren(el("span", { class: "legend-title" }, `${what} at ${hourText(day.hours[hour])}`), classes.node);
    hours.setCount(day.hours.length);
    hours.set(hour);
    fillTables();
    const [located, active] = [day.located[hour], day.active[hour]];
    about.textContent = `At ${hourText(day.hours[hour])}, ${number(located)} of the ${counted(active, "device")} seen on ${dayLong(time(state.get().date))} are located in a LAU (${percent(active > 0 ? located / active : NaN)}).${estimateCoverage()}`;
    why.textContent = homes();
    roles.node.hidden = isEstimated();
    Object.assign(frame.node.dataset, { date: state.get().date, hour: String(hour), unit: state.get().unit, role: role() });
  }

  function fillTables() {
    devicesTable.node.hidden = isEstimated();
    peopleTable.node.hidden = !isEstimated();
    if (isEstimated()) {
      peopleTable.setRows(laus.map((lau, i) => ({
        key: lau.lau_id, name: name(i), estimate: now.estimate[i], lower: now.lower[i], coverage: now.coverage[i],
        people: now.estimate[i] ?? -1, upper: now.upper[i] ?? -1, share: now.coverage[i] ?? -1,
      })));
    } else {
      devicesTable.setRows(laus.map((lau, i) => ({ key: lau.lau_id, name: name(i), all: total(i), ...Object.fromEntries(ROLES.map((r) => [r.key, now[r.key][i]])) })));
    }
  }

  /** In how many LAUs there is an estimate, and why not in the others. */
  function estimateCoverage() {
    if (!isEstimated()) return "";
    const known = now.coverage.filter((c) => c !== null).length;
    const estimated = now.estimate.filter((e) => e !== null).length;
    const rest = [
      known > estimated && `in ${number(known - estimated)} weights cover less than ${percent(settings.min_coverage)} of the devices with a home`,
      laus.length > known && `in ${number(laus.length - known)} there is no device with a home`,
    ].filter(Boolean);
    return ` ${[`${counted(estimated, "LAU")} with an estimate`, ...rest].join("; ")}. Devices without a home are left out.`;
  }

  /** Which homes count, and why there are none. */
  function homes() {
    const window = overview.windows.find((w) => w.window_start === day.window);
    if (!window) return "";
    return noHomes(window, settings) ?? `Roles are those of homes and work places of ${windowName(window)}, which apply to this date.`;
  }

  async function show() {
    const { date, unit } = state.get();
    const [devices, people] = await Promise.all([data.present(date), unit === "people" ? data.presentEstimate(date) : null]);
    if (date !== state.get().date || unit !== state.get().unit) return show(); // the selection changed meanwhile
    [day, estimates] = [devices, people];
    days.set(dates.indexOf(date));
    paint();
    chart();
  }

  function chart() {
    const { lau, unit, date } = state.get();
    presentLau(detail, { data, lau, unit, date, day, estimates, close: () => state.set({ lau: null }) });
  }

  function select(reveal) {
    const { lau } = state.get();
    map.select(data.index.get(lau) ?? -1);
    for (const table of [devicesTable, peopleTable]) table.select(lau, reveal && !table.node.hidden);
  }

  frame.fill(async (body) => {
    await show();
    body.replaceChildren(about, why, el("div", { class: "places" }, el("div", { class: "places-map" }, map.node, legend), tables), detail);
    select(true);
  });
  state.on((changed, { hover }) => {
    if (frame.node.dataset.ready !== "yes") return;
    if (changed.has("date") || changed.has("unit")) frame.fill(show);
    else if (changed.has("hour") || changed.has("role")) {
      roles.set(role());
      paint();
    }
    if (changed.has("hover")) {
      map.highlight(data.index.get(hover) ?? -1);
      (isEstimated() ? peopleTable : devicesTable).highlight(hover);
    }
    if (changed.has("lau")) {
      select(!tables.contains(document.activeElement));
      if (!changed.has("date") && !changed.has("unit")) chart();
    }
  });
  return frame.node;
}

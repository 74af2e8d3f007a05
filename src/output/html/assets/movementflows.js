// Trips between LAUs as lines on a map, of a date or one of its hours, of all LAUs or of one.

import { card } from "./card.js";
import { el } from "./dom.js";
import { flowLines } from "./flowlines.js";
import { ends, endsTable, sumsTable } from "./flowtable.js";
import { counted, dayLong, number, time } from "./format.js";
import { countScale } from "./legend.js";
import { choropleth } from "./map.js";
import { HOURS, hourName, tripsText, unknownShare } from "./movementdata.js";
import { geometryOf } from "./outline.js";
import { MAX_SVG_SHAPES } from "./peopledata.js";
import { stepSlider } from "./slider.js";

const WORDS = { table: "Trips by LAU", from: "Trips from there", to: "Trips to there", in: "Arrive", out: "Leave", within: "Within" };
const NONE = { arriving: 0, leaving: 0, within: 0 };

export function tripsCard({ state, data, outlines, views }) {
  const { laus } = data;
  const frame = card({
    id: "trips", title: "Trips between LAUs", wide: true, views,
    description: "Trips by the date and hour in which they begin. Lines bend to the right of their direction; select a LAU to see those into it and out of it.",
  });
  const { centres } = geometryOf(outlines.laus);
  const centre = (id) => centres[data.index.get(id) ?? -1];
  let sums = new Map();
  let own = null; // the lines of the selected LAU

  const hover = (key) => state.set({ hover: key });
  const select = (key) => key !== "" && state.set({ lau: key === state.get().lau ? null : key });
  const map = choropleth(outlines, {
    maxSvgShapes: MAX_SVG_SHAPES, label: "Map of trips between LAUs", describe,
    hover: (i) => hover(i < 0 ? null : laus[i].lau_id), select: (i) => select(laus[i].lau_id),
  });
  const tables = { sums: sumsTable({ words: WORDS, hover, select }), ends: endsTable({ words: WORDS, people: false, hover, select }) };
  const legend = el("div", { class: "legend-place" });
  const about = el("p", { class: "coverage" });
  const head = el("div", { class: "detail-head" });
  const keys = el("div", { class: "keys" });
  const hours = stepSlider({ label: "Hour", noun: "hour", count: HOURS.length, plays: true, text: (i) => capital(hourName(HOURS[i])), change: (i) => state.set({ hour: HOURS[i] }) });
  hours.node.classList.add("hours");
  frame.controls.append(hours.node);

  function describe(i) {
    const id = laus[i].lau_id;
    const { lau } = state.get();
    const sum = sums.get(id) ?? NONE;
    const trips = (from, to) => number(own.find((l) => l.from === from && l.to === to)?.devices ?? 0);
    const rows = own && lau && id !== lau
      ? [[null, `From here to ${data.name(lau)}`, trips(id, lau)], [null, `From ${data.name(lau)} to here`, trips(lau, id)]]
      : [[null, WORDS.in, number(sum.arriving)], [null, WORDS.out, number(sum.leaving)], [null, WORDS.within, number(sum.within)]];
    return { title: laus[i].lau_name ?? id, rows, note: id };
  }

  async function show() {
    const { date, hour, lau } = state.get();
    const [day, all, one] = await Promise.all([data.day(date), data.flows(date, hour, null), lau ? data.flows(date, hour, lau) : null]);
    const now = state.get();
    if (date !== now.date || hour !== now.hour || lau !== now.lau) return show(); // the selection changed meanwhile
    hours.set(Math.max(0, HOURS.indexOf(hour)));
    sums = all.sums;
    own = one && one.lines;
    draw(one ?? all, lau);
    describeTrips(day, one ?? all, lau);
    Object.assign(frame.node.dataset, { date, hour, lau: lau ?? "" });
  }

  function draw({ lines }, lau) {
    const kindOf = (line) => (!lau ? "any" : line.to === lau ? "in" : "out");
    const between = lines.filter((line) => line.from !== line.to && line.from !== null && line.to !== null);
    map.drawOver(flowLines(between.map((line) => ({ ...line, value: line.devices, kind: kindOf(line) })), centre, outlines));
    const arriving = laus.map((l) => sums.get(l.lau_id)?.arriving ?? 0);
    const scale = countScale(arriving);
    map.paint(arriving.map((n) => (lau ? "q-none" : scale.shade(n))));
    legend.replaceChildren(el("span", { class: "legend-title" }, lau ? `Lines of ${data.name(lau)}` : "Trips that arrive from elsewhere"), ...(lau ? [] : [scale.node]));
    keys.replaceChildren(...(lau
      ? [el("span", {}, el("i", { class: "swatch c-day" }), "Into it"), el("span", {}, el("i", { class: "swatch c-night" }), "Out of it")]
      : [el("span", {}, el("i", { class: "swatch c-second" }), "From LAU to LAU")]));
    tables.sums.node.hidden = Boolean(lau);
    tables.ends.node.hidden = !lau;
    if (lau) tables.ends.setRows(ends(lines, lau, { name: (id) => (id === lau ? `Within ${data.name(id)}` : data.name(id)), value: (line) => line.devices, nowhere: () => "Outside all LAUs" }));
    else tables.sums.setRows(laus.map((l) => ({ key: l.lau_id, id: l.lau_id, name: l.lau_name ?? l.lau_id, ...NONE, ...sums.get(l.lau_id) })));
    head.replaceChildren(...(lau ? [
      el("div", {}, el("h3", {}, data.name(lau)), el("p", {}, lau)),
      el("button", { type: "button", class: "close", "aria-label": "Close the LAU", onclick: () => state.set({ lau: null }) }, "×")] : []));
  }

  function describeTrips(day, answer, lau) {
    const { date, hour } = state.get();
    const when = `${dayLong(time(date))}, ${hourName(hour)}`;
    const arriving = [...sums.values()].reduce((sum, s) => sum + s.arriving, 0);
    const within = [...sums.values()].reduce((sum, s) => sum + s.within, 0);
    const more = answer.pairs > answer.lines.length ? `the widest ${number(answer.lines.length)} of ${counted(answer.pairs, "line")}` : counted(answer.pairs, "line");
    const count = lau ? `${data.name(lau)}: ${more}.` : `${tripsText(arriving)} between LAUs and ${number(within)} within them, ${more}.`;
    about.textContent = `${when}. ${arriving + within === 0 ? "There are no trips." : count} ${unknownShare(day)}`;
  }

  function mark() {
    const { lau } = state.get();
    map.select(data.index.get(lau) ?? -1);
    tables.sums.select(lau, false);
  }

  frame.fill(async (body) => {
    await show();
    body.replaceChildren(about, el("div", { class: "places" },
      el("div", { class: "places-map" }, map.node, legend, keys),
      el("div", { class: "places-table" }, head, ...Object.values(tables).map((t) => t.node))));
    mark();
  });
  state.on((changed) => {
    if (frame.node.dataset.ready !== "yes") return;
    if (changed.has("date") || changed.has("hour") || changed.has("lau")) frame.fill(show);
    if (changed.has("hover")) {
      map.highlight(data.index.get(state.get().hover) ?? -1);
      for (const table of Object.values(tables)) table.highlight(state.get().hover);
    }
    if (changed.has("lau")) mark();
  });
  return frame.node;
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

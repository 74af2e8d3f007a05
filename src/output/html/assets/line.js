// A line chart over time: panels below each other share the time axis and the crosshair.

import { announce, el, onWidth, svg } from "./dom.js";
import { DAY, HOUR, axisFormat, clock, dayLong, number } from "./format.js";
import { niceTicks, timeTicks } from "./scale.js";
import * as tooltip from "./tooltip.js";

/** Right margin; with days, the last point has a label of its own. */
const RIGHT = { days: 34, hours: 14 };
const HEAD = 26;
const GAP = 18;
const AXIS = 26;

/** Width of a digit of the axis labels, in pixels. */
const DIGIT = 7;

/** First and last index of each run of indices for which `is` holds. */
function runs(length, is) {
  const found = [];
  for (let i = 0; i < length; i += 1) {
    if (!is(i)) continue;
    if (found.length && found.at(-1)[1] === i - 1) found.at(-1)[1] = i;
    else found.push([i, i]);
  }
  return found;
}

/** The path `M…L…` through the points; with many points per pixel, through the extremes of each pixel. */
function path(xs, ys) {
  const point = (i) => `${xs[i].toFixed(1)} ${ys[i].toFixed(1)}`;
  const parts = [];
  const width = xs.at(-1) - xs[0];
  if (xs.length <= 3 * width) {
    for (let i = 0; i < xs.length; i += 1) parts.push(point(i));
    return `M${parts.join("L")}`;
  }
  for (let start = 0; start < xs.length; ) {
    let [end, low, high] = [start, start, start];
    for (; end < xs.length && xs[end] < xs[start] + 1; end += 1) {
      if (ys[end] < ys[low]) low = end;
      if (ys[end] > ys[high]) high = end;
    }
    parts.push(...[start, Math.min(low, high), Math.max(low, high), end - 1].map(point));
    start = end;
  }
  return `M${parts.join("L")}`;
}

/** Index of the value nearest to `at` in ascending `xs`. */
function nearest(xs, at) {
  let [low, high] = [0, xs.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= at) low = middle;
    else high = middle;
  }
  return at - xs[low] <= xs[high] - at ? low : high;
}

/**
 * Draws into `host`. `x` is in milliseconds. A panel is `{ title, format?, height?, series }`, a
 * series `{ label, shade, values, area? }`, whose line is interrupted where a value is null. `days` is
 * true when the axis has whole days, `instants` when values belong to full hours and not to the hours that begin
 * there; `night` `{ start, end }` shades the hours outside [start, end). `missing` says what a gap is.
 */
export function lineChart(host, { x, panels, label, days = false, instants = false, night, missing = "No data" }) {
  const when = (ms) => (days ? dayLong(ms) : instants ? `${dayLong(ms)}, ${clock(ms)}` : `${dayLong(ms)}, ${clock(ms)}–${clock(ms + HOUR)}`);
  const tops = panels.map((p) => p.series.flatMap((s) => s.values).reduce((a, b) => Math.max(a, b ?? 0), 0));
  const ticks = panels.map((p, i) => niceTicks(tops[i], (p.height ?? 150) < 110 ? 3 : 5, !p.format));
  const formats = panels.map((p, i) => p.format ?? axisFormat(ticks[i]));
  const texts = ticks.flatMap((t, i) => t.map(formats[i]));
  const left = 14 + DIGIT * Math.max(4, ...texts.map((t) => t.length));

  function draw(width) {
    const inner = Math.max(40, width - left - (days ? RIGHT.days : RIGHT.hours));
    // the axis begins at midnight, so that the first label shows the date
    const [from, to] = [days ? x[0] : Math.floor(x[0] / DAY) * DAY, x.at(-1)];
    const isSinglePoint = from === to;
    const px = (ms) => left + (isSinglePoint ? inner / 2 : ((ms - from) / (to - from)) * inner);
    const xs = x.map(px);
    const parts = [];
    const dots = [];
    let y = 0;
    for (const [index, panel] of panels.entries()) {
      const height = panel.height ?? 150;
      const [top, bottom] = [y + HEAD, y + HEAD + height];
      const py = (v) => bottom - ((v ?? 0) / ticks[index].at(-1)) * height;
      parts.push(...nightBands(from, to, px, top, height), ...gapBands(panel, px, top, height));
      parts.push(svg("text", { x: left, y: top - 10, class: "panel-title" }, panel.title));
      for (const tick of ticks[index]) {
        parts.push(svg("line", { x1: left, x2: left + inner, y1: py(tick), y2: py(tick), class: tick ? "grid" : "axis" }));
        parts.push(svg("text", { x: left - 8, y: py(tick) + 4, class: "tick y" }, formats[index](tick)));
      }
      for (const s of panel.series) {
        const ys = s.values.map(py);
        const isKnown = (i) => s.values[i] !== null;
        const parted = runs(xs.length, isKnown).map(([a, b]) => [xs.slice(a, b + 1), ys.slice(a, b + 1)]);
        const lines = parted.map(([px, py]) => path(px, py));
        if (s.area && !isSinglePoint) {
          const areas = parted.map(([px], k) => `${lines[k]}L${px.at(-1)} ${bottom}L${px[0]} ${bottom}Z`);
          parts.push(svg("path", { d: areas.join(""), class: `area ${s.shade}` }));
        }
        parts.push(svg("path", { d: lines.join(""), class: `line ${s.shade}` }));
        // a value between two gaps has no line
        const isAlone = (i) => isKnown(i) && (s.values[i - 1] ?? null) === null && (s.values[i + 1] ?? null) === null;
        const isMarked = xs.length <= 40 && (days || isSinglePoint) ? isKnown : isAlone;
        parts.push(...xs.flatMap((cx, i) => (isMarked(i) ? [svg("circle", { cx, cy: ys[i], r: 3, class: `point ${s.shade}` })] : [])));
        dots.push({ values: s.values, ys, node: svg("circle", { r: 4.5, class: `point ${s.shade}`, visibility: "hidden" }) });
      }
      y = bottom + GAP;
    }
    const end = y - GAP;
    for (const tick of isSinglePoint ? [{ at: from, text: dayLong(from), strong: true }] : timeTicks(from, to, inner, days)) {
      const at = px(tick.at);
      const half = (tick.text.length * DIGIT) / 2;
      const anchor = at - half < 0 ? "start" : at + half > width ? "end" : "middle";
      parts.push(svg("line", { x1: at, x2: at, y1: end, y2: end + 5, class: "axis" }));
      parts.push(svg("text", { x: at, y: end + 19, "text-anchor": anchor, class: tick.strong ? "tick strong" : "tick" }, tick.text));
    }
    const crosshair = svg("line", { y1: HEAD, y2: end, class: "crosshair", visibility: "hidden" });
    const chart = svg("svg", {
      class: "chart", width, height: end + AXIS, role: "img", tabindex: 0,
      "aria-label": `${label}. Arrow keys read the values.`,
    }, parts, crosshair, dots.map((d) => d.node));
    addReadout(chart, xs, crosshair, dots);
    host.replaceChildren(...legend(), chart);
  }

  function nightBands(from, to, px, top, height) {
    if (!night || days || to - from > 21 * DAY) return [];
    const bands = [];
    for (let day = Math.floor(from / DAY) * DAY; day <= to; day += DAY) {
      for (const [start, end] of [[0, night.start], [night.end, 24]]) {
        const [a, b] = [Math.max(from, day + start * HOUR), Math.min(to, day + end * HOUR)];
        if (b > a) bands.push(svg("rect", { x: px(a), y: top, width: px(b) - px(a), height, class: "night-band" }));
      }
    }
    return bands;
  }

  /** Marks the times without any value, half a step beyond them on each side. */
  function gapBands(panel, px, top, height) {
    const isMissing = (i) => panel.series.every((s) => s.values[i] === null);
    return runs(x.length, isMissing).map(([a, b]) => {
      const [start, end] = [px(((x[a - 1] ?? x[a]) + x[a]) / 2), px((x[b] + (x[b + 1] ?? x[b])) / 2)];
      const band = svg("rect", { x: start, y: top, width: Math.max(1, end - start), height, class: "gap-band" });
      const last = instants ? when(x[b]) : dayLong(x[b]);
      band.append(svg("title", {}, a === b ? `${missing}: ${when(x[a])}` : `${missing}: ${instants ? when(x[a]) : dayLong(x[a])} to ${last}`));
      return band;
    });
  }

  function legend() {
    const several = panels.some((p) => p.series.length > 1);
    const hasGaps = panels.some((p) => x.some((_, i) => p.series.every((s) => s.values[i] === null)));
    if (!several && !night && !hasGaps) return [];
    const seen = new Map(panels.filter((p) => p.series.length > 1).flatMap((p) => p.series.map((s) => [s.label, s.shade])));
    const keys = [...seen].map(([text, shade]) => el("span", {}, el("i", { class: `swatch ${shade}` }), text));
    if (night && x.at(-1) - x[0] <= 21 * DAY) {
      keys.push(el("span", {}, el("i", { class: "swatch night-band" }), `Night, ${night.end}:00 to ${night.start}:00`));
    }
    if (hasGaps) keys.push(el("span", {}, el("i", { class: "swatch gap-band" }), missing));
    return keys.length ? [el("div", { class: "keys" }, keys)] : [];
  }

  /** Shows the values at the pointer, and by arrow keys. */
  function addReadout(chart, xs, crosshair, dots) {
    let current = -1;
    const rows = (i) => panels.flatMap((p) => p.series.map((s) => [s.shade, s.label, (p.format ?? number)(s.values[i])]));
    function show(i, clientX, clientY) {
      current = i;
      crosshair.setAttribute("x1", xs[i]);
      crosshair.setAttribute("x2", xs[i]);
      crosshair.setAttribute("visibility", "visible");
      for (const { values, ys, node } of dots) {
        node.setAttribute("cx", xs[i]);
        node.setAttribute("cy", ys[i]);
        node.setAttribute("visibility", values[i] === null ? "hidden" : "visible");
      }
      const box = chart.getBoundingClientRect();
      tooltip.show(box.left + xs[i], clientY ?? box.top + box.height / 3, when(x[i]), rows(i));
    }
    function hide() {
      for (const node of [crosshair, ...dots.map((d) => d.node)]) node.setAttribute("visibility", "hidden");
      tooltip.hide();
    }
    chart.addEventListener("pointermove", (event) => {
      const box = chart.getBoundingClientRect();
      show(nearest(xs, event.clientX - box.left), event.clientX, event.clientY);
    });
    chart.addEventListener("pointerleave", hide);
    chart.addEventListener("blur", hide);
    chart.addEventListener("keydown", (event) => {
      const last = xs.length - 1;
      const to = { ArrowLeft: current - 1, ArrowRight: current + 1, Home: 0, End: last, Escape: null }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      if (to === null) return hide();
      show(Math.min(last, Math.max(0, to)));
      announce(`${when(x[current])}: ${rows(current).map((r) => `${r[1]} ${r[2]}`).join(", ")}`);
    });
  }

  return onWidth(host, draw);
}

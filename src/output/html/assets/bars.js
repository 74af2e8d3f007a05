// A bar chart over a numeric axis, such as the number of users by number of locations.

import { announce, el, choice, onWidth, svg } from "./dom.js";
import { axisFormat, number } from "./format.js";
import { logTicks, niceTicks } from "./scale.js";
import * as tooltip from "./tooltip.js";

const HEIGHT = 350;
const TOP = 14;
const AXIS = 46;
const RIGHT = 10;
/** Width of a digit of the axis labels, in pixels. */
const DIGIT = 7;
/** Minimum width of a bar with its gap, in pixels. */
const MIN_STEP = 9;
/** Maximum width of a bar, in pixels. */
const MAX_BAR = 84;

/** Sums of `[x, value]` over ranges of a round width: at most `max` of them. A sum with a null is null. */
export function bins(pairs, max) {
  const xs = pairs.map((p) => p[0]);
  const [low, high] = [Math.min(...xs), Math.max(...xs)];
  const widths = [1, 2, 5].flatMap((m) => [m, m * 10, m * 100, m * 1e3, m * 1e4, m * 1e5]).sort((a, b) => a - b);
  const width = widths.find((w) => (high - low + 1) / w <= max) ?? Math.ceil((high - low + 1) / max);
  const start = width === 1 ? low : Math.floor((low - 1) / width) * width + 1;
  const count = Math.floor((high - start) / width) + 1;
  const ranges = Array.from({ length: count }, (_, i) => ({
    from: start + i * width, to: start + (i + 1) * width - 1, value: 0,
  }));
  for (const [x, value] of pairs) {
    const range = ranges[Math.floor((x - start) / width)];
    range.value = range.value === null || value === null ? null : range.value + value;
  }
  return ranges;
}

/**
 * Draws `pairs` of `[integer, count]` into `host`. The switch between a linear and a logarithmic
 * axis is added to `controls`. With `withheld`, the word for null, there are no shares.
 */
export function barChart(host, { pairs, label, xTitle, yTitle, controls, shade = "c-all", withheld = null }) {
  let log = false;
  let lastWidth = 0;
  const total = pairs.reduce((sum, p) => sum + p[1], 0);

  function draw(width) {
    lastWidth = width;
    const items = bins(pairs, Math.max(8, Math.floor((width - 70) / MIN_STEP)));
    const max = Math.max(...items.map((i) => i.value ?? 0));
    const ticks = log ? logTicks(max) : niceTicks(max);
    const short = log ? axisFormat([1]) : axisFormat(ticks);
    const left = 30 + DIGIT * Math.max(3, ...ticks.map((t) => short(t).length));
    const inner = width - left - RIGHT;
    const bottom = TOP + HEIGHT;
    const fraction = (v) => (log ? (v > 0 ? (Math.log10(v) + 0.15) / (Math.log10(ticks.at(-1)) + 0.15) : 0) : v / ticks.at(-1));
    const py = (v) => bottom - fraction(v) * HEIGHT;
    const step = inner / items.length;
    const range = (i) => (i.from === i.to ? number(i.from) : `${number(i.from)}–${number(i.to)}`);
    const parts = ticks.flatMap((t) => [
      svg("line", { x1: left, x2: left + inner, y1: py(t), y2: py(t), class: t || log ? "grid" : "axis" }),
      svg("text", { x: left - 8, y: py(t) + 4, class: "tick y" }, short(t)),
    ]);
    parts.push(svg("line", { x1: left, x2: left + inner, y1: bottom, y2: bottom, class: "axis" }));
    const gap = step > 24 ? 6 : step > 6 ? 2 : 1;
    const wideBar = Math.min(MAX_BAR, Math.max(1, step - gap));
    const bars = items.map((item, i) =>
      svg("rect", { x: left + (i + 0.5) * step - wideBar / 2, y: py(item.value ?? 0), width: wideBar, height: item.value === null ? 0 : bottom - py(item.value), rx: Math.min(3, step / 6), class: `bar ${shade}` }));
    const longest = Math.max(...items.map((i) => range(i).length)) * DIGIT + 14;
    const every = labelInterval(Math.ceil(longest / step));
    const wide = items[0].to - items[0].from + 1;
    const texts = items.flatMap((item, i) => ((item.to / wide) % every === 0 || every === 1 || items.length <= inner / longest)
      ? [svg("text", { x: left + (i + 0.5) * step, y: bottom + 18, class: "tick", "text-anchor": "middle" }, range(item))] : []);
    const chart = svg("svg", { class: "chart", width, height: bottom + AXIS, role: "img", tabindex: 0, "aria-label": `${label}. Arrow keys read the values.` },
      parts, bars, texts,
      svg("text", { x: left + inner / 2, y: bottom + 39, class: "axis-title", "text-anchor": "middle" }, xTitle),
      svg("text", { x: 0, y: 0, class: "axis-title", "text-anchor": "middle", transform: `translate(12 ${TOP + HEIGHT / 2}) rotate(-90)` }, yTitle));
    addReadout(chart, items, bars, { left, step, range });
    host.replaceChildren(chart);
  }

  /** The interval of labels: every 1st, 2nd, 5th, 10th … value. */
  function labelInterval(n) {
    return [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((e) => e >= n) ?? n;
  }

  /** Shows the values at the pointer, and by arrow keys. */
  function addReadout(chart, items, bars, { left, step, range }) {
    let current = -1;
    const share = (item) => [null, "Share", `${((item.value / total) * 100).toFixed(1)}%`];
    const rows = (item) => [[shade, yTitle, item.value === null ? withheld : number(item.value)], ...(withheld ? [] : [share(item)])];
    function show(i, clientY) {
      bars[current]?.classList.remove("hot");
      current = Math.min(items.length - 1, Math.max(0, i));
      bars[current].classList.add("hot");
      const box = chart.getBoundingClientRect();
      tooltip.show(box.left + left + (current + 0.5) * step, clientY ?? box.top + HEIGHT / 2, `${xTitle}: ${range(items[current])}`, rows(items[current]));
    }
    function hide() {
      bars[current]?.classList.remove("hot");
      tooltip.hide();
    }
    chart.addEventListener("pointermove", (event) => {
      const at = event.clientX - chart.getBoundingClientRect().left - left;
      if (at < 0 || at > step * items.length) hide();
      else show(Math.floor(at / step), event.clientY);
    });
    chart.addEventListener("pointerleave", hide);
    chart.addEventListener("blur", hide);
    chart.addEventListener("keydown", (event) => {
      const to = { ArrowLeft: current - 1, ArrowRight: current + 1, Home: 0, End: items.length - 1 }[event.key];
      if (event.key === "Escape") hide();
      if (to === undefined) return;
      event.preventDefault();
      show(to);
      announce(`${xTitle} ${range(items[current])}: ${rows(items[current]).map((r) => `${r[1]} ${r[2]}`).join(", ")}`);
    });
  }

  controls?.append(choice("Scale of the axis", [["linear", "Linear"], ["log", "Log"]], "linear", (value) => {
    log = value === "log";
    draw(lastWidth);
  }).node);
  if (pairs.length === 0) {
    host.replaceChildren(el("p", { class: "nothing" }, "No rows."));
    return () => {};
  }
  return onWidth(host, draw);
}

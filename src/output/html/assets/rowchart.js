// Horizontal bars and dumbbells: one labelled row per item.

import { el, onWidth, svg } from "./dom.js";
import { axisFormat, number } from "./format.js";
import { niceTicks } from "./scale.js";
import * as tooltip from "./tooltip.js";

const ROW = 27;
const TOP = 8;
const AXIS = 44;
const RIGHT = 18;

/** A name shortened to fit; the tooltip shows all of it. */
function shortened(text, pixels) {
  const max = Math.max(4, Math.floor(pixels / 7.9));
  return text.length > max ? `${text.slice(0, max - 1).trimEnd()}…` : text;
}

/**
 * Draws `items` `{ key, name, values, shade?, note? }` with `series` `{ label, shade }`: one value
 * is a bar, two are a dumbbell. A bar whose value is null is left out, and `withheld` is the word for it. `select(key)` and `hover(key or null)` are callbacks. Returns
 * `{ draw(items), highlight(key, selected), stop }`.
 */
export function rowChart(host, { items, series, xTitle, label, select, hover, withheld = "–" }) {
  let shown = items;
  let width = 0;
  let nodes = new Map();
  const text = (value) => (value === null ? withheld : number(value));

  function draw() {
    if (!width) return;
    if (shown.length === 0) {
      host.replaceChildren(el("p", { class: "nothing" }, "No LAU on this day."));
      return;
    }
    const left = Math.min(190, Math.max(96, width * 0.3));
    const inner = width - left - RIGHT;
    const ticks = niceTicks(Math.max(...shown.flatMap((i) => i.values)), width < 420 ? 3 : 5);
    const short = axisFormat(ticks);
    const px = (v) => left + (v / ticks.at(-1)) * inner;
    const bottom = TOP + shown.length * ROW;
    const grid = ticks.flatMap((t) => [
      svg("line", { x1: px(t), x2: px(t), y1: TOP, y2: bottom, class: t ? "grid" : "axis" }),
      svg("text", { x: px(t), y: bottom + 17, class: "tick", "text-anchor": "middle" }, short(t)),
    ]);
    nodes = new Map();
    const rows = shown.map((item, i) => {
      const y = TOP + (i + 0.5) * ROW;
      const marks = item.values.length > 1 ? dumbbell(item, y, px) : bar(item, y, px);
      const values = series.map((s, k) => `${s.label} ${text(item.values[k])}`).join(", ");
      const row = svg("g", {
        class: "row", ...(select && { role: "button", tabindex: 0 }), "aria-label": `${item.name}: ${values}`,
        onpointermove: (event) => tip(item, event.clientX, event.clientY),
        onpointerleave: () => { tooltip.hide(); hover?.(null); },
        onfocus: () => hover?.(item.key), onblur: () => hover?.(null),
        onclick: () => select?.(item.key),
        onkeydown: (event) => {
          if (event.key === "Enter" || event.key === " ") { event.preventDefault(); select?.(item.key); }
        },
      },
      svg("rect", { x: 0, y: y - ROW / 2, width, height: ROW, class: "row-back", rx: 4 }),
      svg("text", { x: left - 12, y: y + 4, class: "row-name" }, shortened(item.name, left - 14)),
      marks);
      nodes.set(item.key, row);
      return row;
    });
    const title = svg("text", { x: left + inner / 2, y: bottom + 38, class: "axis-title", "text-anchor": "middle" }, xTitle);
    host.replaceChildren(svg("svg", { class: "chart", width, height: bottom + AXIS, role: "group", "aria-label": label }, grid, rows, title));
  }

  function bar(item, y, px) {
    if (item.values[0] === null) return [svg("text", { x: px(0) + 6, y: y + 4, class: "tick" }, withheld)];
    return [svg("rect", { x: px(0), y: y - 8, width: Math.max(1, px(item.values[0]) - px(0)), height: 16, rx: 3, class: `bar ${item.shade ?? series[0].shade}` })];
  }

  function dumbbell(item, y, px) {
    const [a, b] = item.values.map(px);
    return [
      svg("line", { x1: a, x2: b, y1: y, y2: y, class: "stem" }),
      ...item.values.map((v, k) => svg("circle", { cx: px(v), cy: y, r: 6, class: `point ${series[k].shade}` })),
    ];
  }

  function tip(item, x, y) {
    hover?.(item.key);
    tooltip.show(x, y, item.name, series.map((s, k) => [s.shade, s.label, text(item.values[k])]), item.note);
  }

  const stop = onWidth(host, (w) => { width = w; draw(); });
  return {
    stop,
    draw(next) { shown = next; draw(); },
    highlight(key, selected) {
      for (const [k, node] of nodes) {
        node.classList.toggle("hot", k === key);
        node.classList.toggle("selected", k === selected);
      }
    },
  };
}

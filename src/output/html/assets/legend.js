// Colour scales of maps and their legends.

import { el } from "./dom.js";
import { compact, signed } from "./format.js";
import { classBounds, classOf, divergingShade, shade } from "./scale.js";

/** A scale for counts, or for numbers with decimals. Returns `{ shade(value), node }`. */
export function countScale(values, none = "None", hasDecimals = false) {
  const bounds = hasDecimals ? classBounds(values.map((v) => v * 1000)).map((b) => b / 1000) : classBounds(values);
  const keys = bounds.map((bound, i) => {
    const next = bounds[i + 1];
    const text = hasDecimals ? (next === undefined ? `${decimal(bound)}+` : `${decimal(bound)}–${decimal(next)}`) : next === undefined ? `${compact(bound)}+` : next - bound === 1 ? compact(bound) : `${compact(bound)}–${compact(next - 1)}`;
    return key(shade(i, bounds.length), text);
  });
  return {
    shade: (value) => shade(value > 0 ? Math.max(0, classOf(value, bounds)) : -1, bounds.length),
    node: el("div", { class: "legend" }, key("q-none", none), keys),
  };
}

/** A scale for differences: orange below 0, violet above. */
export function differenceScale(values, below, above) {
  const bounds = classBounds(values.map(Math.abs), 3);
  const range = (i, sign) => {
    const next = bounds[i + 1];
    return next === undefined ? `${signed(sign * bounds[i])} and ${sign < 0 ? "less" : "more"}` : next - bounds[i] === 1 ? signed(sign * bounds[i]) : `${signed(sign * bounds[i])} to ${signed(sign * (next - 1))}`;
  };
  const side = (sign) => bounds.map((bound, i) => key(divergingShade(sign * bound, bounds), range(i, sign)));
  return {
    shade: (value) => divergingShade(value, bounds),
    node: el("div", { class: "legend" },
      el("span", { class: "legend-end" }, below), side(-1).reverse(), key("d0", "0"), side(1), el("span", { class: "legend-end" }, above)),
  };
}

function decimal(value) {
  return value < 10 ? value.toFixed(2) : compact(value);
}

function key(name, text) {
  return el("span", { class: "key" }, el("i", { class: `swatch ${name}` }), text);
}

// Colour scales of maps and their legends.

import { el } from "./dom.js";
import { compact, signed } from "./format.js";
import { classBounds, classOf, divergingShade, shade } from "./scale.js";

/** The class of a number that is withheld. */
const HATCHED = "q-withheld";

/**
 * A scale for counts, or for numbers with decimals. Returns `{ shade(value), node }`. With `withheld`, which says what
 * it means, null is hatched. Without `none` the legend has no key for 0.
 */
export function countScale(values, none = "None", hasDecimals = false, withheld = null) {
  const bounds = hasDecimals ? classBounds(values.map((v) => v * 1000)).map((b) => b / 1000) : classBounds(values);
  const keys = bounds.map((bound, i) => {
    const next = bounds[i + 1];
    const text = hasDecimals ? (next === undefined ? `${decimal(bound)}+` : `${decimal(bound)}–${decimal(next)}`) : next === undefined ? `${compact(bound)}+` : next - bound === 1 ? compact(bound) : `${compact(bound)}–${compact(next - 1)}`;
    return key(shade(i, bounds.length), text);
  });
  return {
    shade: (value) => withheld && value === null ? HATCHED : shade(value > 0 ? Math.max(0, classOf(value, bounds)) : -1, bounds.length),
    node: el("div", { class: "legend" }, none && key("q-none", none), keys, withheld && key(HATCHED, withheld)),
  };
}

/** A scale for differences: orange below 0, violet above. `withheld` is as for counts. */
export function differenceScale(values, below, above, withheld = null) {
  const bounds = classBounds(values.map(Math.abs), 3);
  const range = (i, sign) => {
    const next = bounds[i + 1];
    return next === undefined ? `${signed(sign * bounds[i])} and ${sign < 0 ? "less" : "more"}` : next - bounds[i] === 1 ? signed(sign * bounds[i]) : `${signed(sign * bounds[i])} to ${signed(sign * (next - 1))}`;
  };
  const side = (sign) => bounds.map((bound, i) => key(divergingShade(sign * bound, bounds), range(i, sign)));
  return {
    shade: (value) => withheld && value === null ? HATCHED : divergingShade(value, bounds),
    node: el("div", { class: "legend" },
      el("span", { class: "legend-end" }, below), side(-1).reverse(), key("d0", "0"), side(1), el("span", { class: "legend-end" }, above), withheld && key(HATCHED, withheld)),
  };
}

function decimal(value) {
  return value < 10 ? value.toFixed(2) : compact(value);
}

function key(name, text) {
  return el("span", { class: "key" }, el("i", { class: `swatch ${name}` }), text);
}

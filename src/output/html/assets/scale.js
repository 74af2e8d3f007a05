// Ticks of axes, and classes of values with their colours.

import { DAY, HOUR, clock, dayShort, dayWeek, month } from "./format.js";

/** Ticks from 0 to at least `max` in about `count` steps of 1, 2 or 5 times a power of ten. */
export function niceTicks(max, count = 5, isInteger = true) {
  if (!(max > 0)) return [0, 1];
  const raw = max / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  let step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  if (isInteger) step = Math.max(1, Math.round(step));
  const ticks = [];
  for (let i = 0; ; i += 1) {
    ticks.push(Number((i * step).toPrecision(12)));
    if (i * step >= max * 0.999) return ticks;
  }
}

/** Powers of ten from 1 to at least `max`. */
export function logTicks(max) {
  const ticks = [1];
  while (ticks.at(-1) < max) ticks.push(ticks.at(-1) * 10);
  return ticks.length > 1 ? ticks : [1, 10];
}

const HOURS = [1, 2, 3, 6, 12].map((n) => n * HOUR);
const DAYS = [1, 2, 7, 14].map((n) => n * DAY);
const MONTHS = [1, 3, 6, 12, 24, 60, 120];

/** Width in pixels of a label such as `06:00` or `1 Oct`, and of one such as `Tue 1 Oct`. */
const SHORT_LABEL = 60;
const LONG_LABEL = 82;

/** Ticks of a time axis: `{ at, text, strong }`, as many as fit. */
export function timeTicks(from, to, width, days = false) {
  const count = Math.max(1, Math.floor(width / LONG_LABEL));
  const fits = (step) => (to - from) / step <= Math.max(1, width / SHORT_LABEL);
  const weekdays = (to - from) / DAY <= count;
  const step = [...(days ? [] : HOURS), ...DAYS].find(fits);
  const ticks = [];
  if (!step) {
    const months = MONTHS.find((m) => (to - from) / (m * 30.44 * DAY) <= count) ?? 240;
    const start = new Date(from);
    let index = start.getUTCFullYear() * 12 + start.getUTCMonth();
    index = Math.ceil(index / months) * months;
    for (; ; index += months) {
      const at = Date.UTC(Math.floor(index / 12), index % 12, 1);
      if (at > to) return ticks;
      if (at >= from) ticks.push({ at, text: month(at), strong: true });
    }
  }
  const origin = step >= 7 * DAY ? Math.floor(from / DAY) * DAY : 0;
  for (let at = origin + Math.ceil((from - origin) / step) * step; at <= to; at += step) {
    const midnight = at % DAY === 0;
    const text = !midnight ? clock(at) : step <= DAY && weekdays ? dayWeek(at) : dayShort(at);
    ticks.push({ at, text, strong: midnight });
  }
  return ticks;
}

/** The value rounded to two significant digits. */
function round(value) {
  if (value < 20) return Math.max(1, Math.round(value));
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1);
  return Math.round(value / unit) * unit;
}

/**
 * Rounded lower bounds of quantile classes of the positive values: `[1, 20, 50]` are 1 to 19, 20 to
 * 49, and 50 or more. If there are few distinct values, each is a class.
 */
export function classBounds(values, classes = 6) {
  const sorted = Float64Array.from(values.filter((v) => v > 0)).sort();
  if (sorted.length === 0) return [];
  const distinct = sorted.filter((v, i) => v !== sorted[i - 1]);
  if (distinct.length <= classes) return [...distinct];
  const bounds = [round(sorted[0])];
  if (bounds[0] > sorted[0]) bounds[0] = sorted[0];
  for (let i = 1; i < classes; i += 1) {
    const bound = round(sorted[Math.floor((i * sorted.length) / classes)]);
    if (bound > bounds.at(-1) && bound <= sorted.at(-1)) bounds.push(bound);
  }
  return bounds;
}

/** The index of the last bound that the value reaches, or -1. */
export function classOf(value, bounds) {
  let index = -1;
  while (index + 1 < bounds.length && value >= bounds[index + 1]) index += 1;
  return index;
}

/** The CSS class `q0`… of the `index`-th of `n` classes, spread over seven shades. */
export function shade(index, n) {
  if (index < 0) return "q-none";
  return `q${n <= 1 ? 4 : Math.round((index * 6) / (n - 1))}`;
}

/** The CSS class `dm3`…`dp3` of a difference; `bounds` are those of its absolute value. */
export function divergingShade(value, bounds) {
  const size = classOf(Math.abs(value), bounds) + 1;
  const step = bounds.length ? Math.ceil((size * 3) / bounds.length) : 0;
  return step === 0 ? "d0" : value < 0 ? `dm${step}` : `dp${step}`;
}

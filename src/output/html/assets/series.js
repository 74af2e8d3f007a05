// Rows of a view as time series.

import { DAY, HOUR, time } from "./format.js";

/** Gaps in longer axes are not filled, in steps. */
const MAX_STEPS = 200_000;

/**
 * Rows as `{ x, columns: [values] }` in ascending order. Hours or days without a row become 0, because
 * views leave them out; on dates that are not loaded at all they become null, because nothing is known
 * about them. `dates` are the loaded ones, by default those with rows. Returns null when an instant has
 * several rows. With `isReleased`, null and what has no row are withheld, and become null.
 */
export function overTime(rows, axis, names, dates, isReleased = false) {
  const at = new Map();
  for (const row of rows) {
    const ms = time(row[axis]);
    if (!Number.isFinite(ms) || at.has(ms)) return null;
    at.set(ms, row);
  }
  const times = [...at.keys()].sort((a, b) => a - b);
  if (times.length === 0) return { x: [], columns: names.map(() => []) };
  const days = times.every((t) => t % DAY === 0);
  const step = days ? DAY : HOUR;
  const [first, last] = [times[0], times.at(-1)];
  // weeks and months have steps of their own, and nothing between them
  const isSpaced = times.length > 1 && times.every((t, i) => i === 0 || t - times[i - 1] >= 7 * DAY);
  const isRegular = !isSpaced && times.every((t) => (t - first) % step === 0) && (last - first) / step < MAX_STEPS;
  const x = isRegular ? Array.from({ length: (last - first) / step + 1 }, (_, i) => first + i * step) : times;
  const midnight = (t) => Math.floor(t / DAY) * DAY;
  const loaded = new Set([...times.map(midnight), ...(dates ?? []).map(time)]);
  const missing = (t) => (loaded.has(midnight(t)) && !isReleased ? 0 : null);
  const none = isReleased ? null : 0;
  return { x, columns: names.map((name) => x.map((t) => (at.has(t) ? at.get(t)[name] ?? none : missing(t)))) };
}

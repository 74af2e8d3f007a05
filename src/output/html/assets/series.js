// Rows of a view as series over time.

import { DAY, HOUR, time } from "./format.js";

/** Longest axis that is filled up, in steps. */
const MOST = 200_000;

/**
 * `{ x, columns: [values] }` of rows, ascending; steps without a row count 0, because views list
 * the hours or days that have something. Null where an instant has several rows.
 */
export function overTime(rows, axis, names) {
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
  const even = times.every((t) => (t - first) % step === 0) && (last - first) / step < MOST;
  const x = even ? Array.from({ length: (last - first) / step + 1 }, (_, i) => first + i * step) : times;
  return { x, columns: names.map((name) => x.map((t) => at.get(t)?.[name] ?? 0)) };
}

// Why figures are incomplete, or are not there, as sentences.

import { DAY, counted, number, percent, period, time } from "./format.js";

const MONTHS = "January February March April May June July August September October November December".split(" ");

/** `October 2024` for a calendar month, otherwise its first and last date. */
export function windowName({ window_start: start, last_date: end }) {
  const [first, after] = [new Date(time(start)), new Date(time(end) + DAY)];
  const isMonth = first.getUTCDate() === 1 && after.getUTCDate() === 1 && time(end) - time(start) < 31 * DAY;
  return isMonth ? `${MONTHS[first.getUTCMonth()]} ${first.getUTCFullYear()}` : period(start, end);
}

/** Why a window is not complete, or null. */
export function incomplete(window) {
  if (window.complete) return null;
  const dates = Math.round((time(window.last_date) - time(window.window_start)) / DAY) + 1;
  const name = windowName(window);
  return window.dates < dates
    ? `${name} is not complete: there are events of ${number(window.dates)} of its ${counted(dates, "date")}. Do not compare it with complete windows.`
    : `${name} is not complete: more events are expected for one of its dates.`;
}

/** Why a window has no homes, where that is known, or null. */
export function noHomes(window, settings) {
  const name = windowName(window);
  if (window.rotation) return `Pseudonyms changed within ${name}, so that it has neither homes nor work places.`;
  if (window.nights < settings.min_nights) {
    return `${name} has no homes: a home needs ${counted(settings.min_nights, "night")}, and there are night places on ${number(window.nights)}.`;
  }
  return null;
}

const STATUS = {
  ok: () => "ok",
  over_covered: () => "more devices than inhabitants",
  no_population: () => "no population",
  too_few: (s) => `fewer than ${counted(s.min_devices, "device")}`,
  too_heavy: (s) => `weight over ${number(s.max_weight)}`,
};

/** What the status of a weight means. */
export function status(name, settings) {
  return STATUS[name]?.(settings) ?? "no weight";
}

/** True for the status of a weight that counts. */
export const counts = (name) => name === "ok" || name === "over_covered";

/** Why there is no estimate. */
export function noEstimate(coverage, settings) {
  if (coverage === null) return "no device with a home";
  return `weights cover ${percent(coverage)} of the devices with a home, and ${percent(settings.min_coverage)} are needed`;
}

/** `17.1–48.9`, or why an estimate has no interval. */
export function interval(lower, upper) {
  return lower === null || upper === null ? "no interval" : `${number(lower)}–${number(upper)}`;
}

/** What a LAU without population means for estimates, or null. */
export function noPopulation(overview) {
  if (overview.laus_with_population > 0) return null;
  return "There are no estimates, because no LAU has a population: see columns.population and data.population in the configuration.";
}

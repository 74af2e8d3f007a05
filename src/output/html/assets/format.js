// Formats numbers, days and names. Time stamps are local wall time; they are treated as UTC, so that
// the time zone of the browser has no effect.

const grouped = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 1 });
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const LONG_MONTHS =
  "January February March April May June July August September October November December".split(" ");
const WEEKDAYS = "Sun Mon Tue Wed Thu Fri Sat".split(" ");

export const DAY = 86_400_000;
export const HOUR = 3_600_000;

/** `1,234,567`; a dash for null. */
export function number(value) {
  if (value === null || value === undefined || value === "") return "–";
  return grouped.format(value).replace("-", "−");
}

/** `+12` or `−12`. */
export function signed(value) {
  return value > 0 ? `+${number(value)}` : number(value);
}

/** `12.3%` for a share between 0 and 1. */
export function percent(share) {
  return Number.isFinite(share) ? `${grouped.format(share * 100)}%` : "–";
}

const UNITS = [[1e9, "bn"], [1e6, "M"], [1e3, "k"]];

/** `850`, `1,200`, `85k`, `1.2M`: short enough for an axis. */
export function compact(value) {
  return scaled(value, Math.abs(value));
}

/** As `compact`, with the unit of the largest tick for all values of an axis. */
export function axisFormat(ticks) {
  const largest = Math.max(...ticks.map(Math.abs));
  return (value) => (value === 0 ? "0" : scaled(value, largest));
}

function scaled(value, size) {
  const [unit, sign] = (size >= 1e4 && UNITS.find(([u]) => size >= u)) || [1, ""];
  return grouped.format(value / unit).replace("-", "−") + sign;
}

/** Milliseconds of a date or time stamp in JSON. */
export function time(text) {
  const iso = String(text).replace(" ", "T");
  return Date.parse(iso.length === 10 ? `${iso}T00:00:00Z` : `${iso.replace(/Z$/, "")}Z`);
}

/** `1 Oct`. */
export function dayShort(ms) {
  const d = new Date(ms);
  return `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]}`;
}

/** `Tue 1 Oct`. */
export function dayWeek(ms) {
  return `${WEEKDAYS[new Date(ms).getUTCDay()]} ${dayShort(ms)}`;
}

/** `Tue 1 Oct 2024`. */
export function dayLong(ms) {
  return `${dayWeek(ms)} ${new Date(ms).getUTCFullYear()}`;
}

/** `Oct 2024`. */
export function month(ms) {
  const d = new Date(ms);
  return `${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()}`;
}

/** `08:00`. */
export function clock(ms) {
  return new Date(ms).toISOString().slice(11, 16);
}

/** `1 October 2024`, `1–7 October 2024`, `28 September – 4 October 2024`. */
export function period(from, to) {
  const [a, b] = [new Date(time(from)), new Date(time(to))];
  const day = (d) => d.getUTCDate();
  const named = (d) => `${day(d)} ${LONG_MONTHS[d.getUTCMonth()]}`;
  const year = (d) => d.getUTCFullYear();
  if (from === to) return `${named(a)} ${year(a)}`;
  if (year(a) !== year(b)) return `${named(a)} ${year(a)} – ${named(b)} ${year(b)}`;
  if (a.getUTCMonth() !== b.getUTCMonth()) return `${named(a)} – ${named(b)} ${year(b)}`;
  return `${day(a)}–${named(b)} ${year(b)}`;
}

/** `just now`, `5 minutes ago`, for an instant in RFC 3339. */
export function ago(instant, now = Date.now()) {
  const seconds = Math.max(0, (now - Date.parse(instant)) / 1000);
  if (seconds < 60) return "just now";
  for (const [unit, size] of [["day", 86_400], ["hour", 3_600], ["minute", 60]]) {
    const n = Math.floor(seconds / size);
    if (n >= 1) return `${number(n)} ${unit}${n === 1 ? "" : "s"} ago`;
  }
  return "just now";
}

/** `Unique users` for `unique_user_count`, `Day users` for `day_users`. */
export function label(column) {
  const words = column.endsWith("_count") ? `${column.slice(0, -6)}s` : column;
  const text = words.replaceAll("_", " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `1 LAU`, `79 LAUs`. */
export function counted(n, noun) {
  return `${number(n)} ${noun}${n === 1 ? "" : "s"}`;
}

// Reads the data from the public routes, or from the data embedded in a report file.

const element = document.getElementById("report-data");
const report = element && JSON.parse(element.textContent);

/** The maximum of `limit` for JSON. */
const MAX_LIMIT = 100_000;

/** True in a report file, which has no server and thus no links to it. */
export const isReport = Boolean(report);

/** Title and note of a report, where its author gave them. */
export const heading = { title: report?.title ?? null, note: report?.note ?? null };

/** An error with a title and a message for the reader. */
export class ApiError extends Error {
  constructor(title, detail, status) {
    super(detail || title);
    this.title = title;
    this.status = status;
  }
}

/**
 * The path of the folder of this server's routes, which ends in a slash: `/`, or `/mobility/` behind a proxy.
 * This module is one of its assets.
 */
const root = report ? "/" : new URL("../", import.meta.url).pathname;

/** The address of a route such as `/quality`. */
export const link = (path) => root + path.slice(1);

async function fetchJson(path) {
  let response;
  try {
    // resolved against the origin, because fetch rejects a base URL that contains a password
    response = await fetch(new URL(link(path), location.origin), { headers: { Accept: "application/json" } });
  } catch {
    throw new ApiError("The server does not respond", "Is `mobility serve` still running?", 0);
  }
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  const title = body?.title || `The server answered ${response.status}`;
  throw new ApiError(title, body?.detail || body?.reason || "", response.status);
}

function embedded(path) {
  const body = report.routes[path];
  if (body) return body;
  throw new ApiError("Not in this report", `${path} is not part of this file`, 404);
}

const get = async (path) => (report ? embedded(path) : fetchJson(path));

export const views = () => get("/views");
export const summary = () => get("/summary");
export const map = () => get("/map");

/** A document of the page about people, such as `present`; `parameters` select its date, window or LAU. */
export function people(name, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  return get(`/people/${name}${query && `?${query}`}`);
}

/** A document of the page about movement, such as `flows`; `parameters` select its date, hour or LAU. */
export function movement(name, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  return get(`/movement/${name}${query && `?${query}`}`);
}

/** The route of a view. Its `href` begins with the prefix that the server knows of, if it knows of one. */
export const route = (view) => `/${view.name}`;

/**
 * Rows of a view: `{ columns, total, rows }`. `filter` may contain `date`, `lau` and `limit`;
 * without a limit all rows are returned.
 */
export async function rows(view, filter = {}) {
  const path = route(view);
  if (report) {
    const all = embedded(path);
    const passes = (row) =>
      (!filter.date || row.date === filter.date) && (!filter.lau || row.lau_id === filter.lau);
    return { ...all, rows: all.rows.filter(passes).slice(0, filter.limit ?? Infinity) };
  }
  const query = new URLSearchParams({ ...filter, format: "json" });
  if (!filter.limit) query.set("limit", MAX_LIMIT);
  const first = await fetchJson(`${path}?${query}`);
  if (filter.limit) return first;
  while (first.rows.length < first.total) {
    query.set("offset", first.rows.length);
    const next = await fetchJson(`${path}?${query}`);
    if (next.rows.length === 0) break;
    first.rows.push(...next.rows);
  }
  return first;
}

/** Links to the page and the downloads of a view: `[text, href]`. */
export function links(view) {
  if (report) return [];
  const path = link(route(view));
  // rows with two LAUs are lines between them
  const isBetween = view.columns.filter((c) => c.name.endsWith("_lau_id")).length === 2;
  const layers = view.columns.some((c) => c.name === "lau_id") ? ["geojson", "gpkg"] : isBetween ? ["geojson"] : [];
  const formats = ["csv", "xlsx", "json", "parquet", ...layers];
  const names = { csv: "CSV", xlsx: "Excel", json: "JSON", parquet: "Parquet", geojson: "GeoJSON", gpkg: "GeoPackage" };
  // people open CSV files in spreadsheets, which must not take a name for a formula
  const safe = (f) => (f === "csv" ? "&safe=1" : "");
  return [["Table", path], ...formats.map((f) => [names[f], `${path}?format=${f}${safe(f)}`])];
}

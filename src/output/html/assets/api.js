// Where the data comes from: the public routes, or the data inside a report file.

const inside = document.getElementById("report-data");
const report = inside && JSON.parse(inside.textContent);

/** Most rows that a route gives at once. */
const MOST = 100_000;

/** True in a report file, which has no server and so no links to it. */
export const isReport = Boolean(report);

/** What went wrong, in words for the reader. */
export class ApiError extends Error {
  constructor(title, detail, status) {
    super(detail || title);
    this.title = title;
    this.status = status;
  }
}

async function fetchJson(path) {
  let response;
  try {
    // from the origin: an address with a password in it cannot be a base
    response = await fetch(new URL(path, location.origin), { headers: { Accept: "application/json" } });
  } catch {
    throw new ApiError("The server does not answer", "Is `mobility serve` still running?", 0);
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

/**
 * Rows of a view of the list: `{ columns, total, rows }`. `filter` may hold `date`, `lau` and
 * `limit`; without a limit all rows come.
 */
export async function rows({ href }, filter = {}) {
  if (report) {
    const all = embedded(href);
    const fits = (row) =>
      (!filter.date || row.date === filter.date) && (!filter.lau || row.lau_id === filter.lau);
    return { ...all, rows: all.rows.filter(fits).slice(0, filter.limit ?? Infinity) };
  }
  const query = new URLSearchParams({ ...filter, format: "json" });
  if (!filter.limit) query.set("limit", MOST);
  const first = await fetchJson(`${href}?${query}`);
  if (filter.limit) return first;
  while (first.rows.length < first.total) {
    query.set("offset", first.rows.length);
    const next = await fetchJson(`${href}?${query}`);
    if (next.rows.length === 0) break;
    first.rows.push(...next.rows);
  }
  return first;
}

/** Where a view can be read and downloaded: `[text, address]`. */
export function links(view) {
  if (report) return [];
  const path = view.href;
  const formats = view.columns.some((c) => c.name === "lau_id")
    ? ["csv", "json", "parquet", "geojson"]
    : ["csv", "json", "parquet"];
  const names = { csv: "CSV", json: "JSON", parquet: "Parquet", geojson: "GeoJSON" };
  return [["Table", path], ...formats.map((f) => [names[f], `${path}?format=${f}`])];
}

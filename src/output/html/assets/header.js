// The head of the page: the period, the key figures and when the data was loaded.

import { heading, isReport, link } from "./api.js";
import { el } from "./dom.js";
import { ago, counted, number, period } from "./format.js";
import { removeExactLinks } from "./status.js";

/** Fills the head of the page; `views` are those that its readers see. */
export function header(summary, views) {
  // figures that no view provides are null
  const days = summary.dates?.length ?? null;
  const title = summary.period ? period(summary.period.from, summary.period.to) : "Mobile network data";
  document.getElementById("period").textContent = heading.title ?? title;
  document.title = heading.title ?? `Mobility, ${title}`;
  const about = [heading.title && title, heading.note].filter(Boolean);
  document.getElementById("freshness").before(...about.map((text) => el("p", { class: "note" }, text)));
  const loaded = new Date(summary.loaded_at);
  const freshness = document.getElementById("freshness");
  const stamp = `${loaded.toISOString().slice(0, 16).replace("T", " ")} UTC`;
  const verb = summary.audience === "public" ? "Released" : "Data loaded";
  const update = () => {
    freshness.replaceChildren(el("time", { datetime: summary.loaded_at, title: stamp },
      `${verb} ${isReport ? stamp : ago(summary.loaded_at)}`));
  };
  update();
  if (!isReport) setInterval(update, 30_000);
  document.getElementById("quality")?.remove();
  document.getElementById("missing")?.remove();
  const badges = [qualityBadge(summary.quality), missingBadge(summary.gaps)].filter(Boolean);
  freshness.after(...badges);
  const average = (n, of) => (n !== null && of > 0 ? number(Math.round(n / of)) : "–");
  const tiles = summary.audience === "public" ? released(summary, days, views) : [
    ["users", "Unique users", summary.users, "distinct pseudonymous ids"],
    ["events", "Events", summary.events, `${average(summary.events, summary.users)} per user`],
    ["cells", "Cells", summary.cells, `${number(summary.cells_mapped)} in a LAU`],
    ["laus", "LAUs", summary.laus, "local administrative units"],
    ["days", days === 1 ? "Day" : "Days", days, `${average(summary.events, days)} events per day`],
  ];
  const list = document.getElementById("tiles");
  list.hidden = false;
  list.replaceChildren(...tiles.map(([id, name, value, note]) =>
    el("div", { class: "tile", id: `tile-${id}` }, el("dt", {}, name), el("dd", {}, number(value)), el("small", {}, note))));
}

/** The tiles of what was released, of which nothing is added up. */
function released(summary, days, views) {
  removeExactLinks();
  return [
    ["days", days === 1 ? "Day" : "Days", days, "with released numbers"],
    ["views", "Views", views.filter((v) => v.page === "dashboard").length, "with released numbers"],
    ["laus", "LAUs", summary.laus, "local administrative units"],
    ["least", "Smallest count", summary.min_devices, "devices; smaller ones are withheld"],
  ];
}

/** A badge with the warnings of the newest date, if there are any. */
function qualityBadge(newest) {
  if (!newest || newest.warnings + newest.criticals === 0) return null;
  const counts = [
    newest.criticals > 0 ? `${number(newest.criticals)} critical` : null,
    newest.warnings > 0 ? counted(newest.warnings, "warning") : null,
  ].filter(Boolean).join(", ");
  const text = `Data quality: ${counts} on ${period(newest.date, newest.date)}`;
  const level = newest.criticals > 0 ? "critical" : "warning";
  return badge("quality", level, text);
}

/** Gaps that the badge names. */
const GAPS_NAMED = 3;

/** A badge with the dates of which no events have arrived, if there are any. */
function missingBadge(gaps) {
  if (!gaps?.length) return null;
  const dates = gaps.reduce((sum, gap) => sum + gap.dates, 0);
  const named = gaps.slice(0, GAPS_NAMED).map((gap) => period(gap.from, gap.to)).join(", ");
  const more = gaps.length > GAPS_NAMED ? `, and ${counted(gaps.length - GAPS_NAMED, "more gap")}` : "";
  return badge("missing", "critical", `No data of ${counted(dates, "date")}: ${named}${more}`);
}

/** A badge that links to the quality page, if there is a server. */
function badge(id, level, text) {
  return el("p", { id }, isReport
    ? el("span", { class: `badge ${level}` }, text)
    : el("a", { class: `badge ${level}`, href: link("/quality") }, text));
}

/** The source of the data, at the end of the page. */
export function footer(summary, views) {
  const text = document.getElementById("source");
  text.textContent = [summary.warehouse, counted(views.length, "view")].filter(Boolean).join(" · ");
}

// The first sight: what period this is, how much of everything, and how fresh.

import { isReport } from "./api.js";
import { el } from "./dom.js";
import { ago, counted, number, period } from "./format.js";

/** Fills the head of the page. */
export function header(summary) {
  // what no view tells is null
  const days = summary.dates?.length ?? null;
  const title = summary.period ? period(summary.period.from, summary.period.to) : "Mobile network data";
  document.getElementById("period").textContent = title;
  document.title = `Mobility, ${title}`;
  const loaded = new Date(summary.loaded_at);
  const fresh = document.getElementById("freshness");
  const stamp = `${loaded.toISOString().slice(0, 16).replace("T", " ")} UTC`;
  const tell = () => {
    fresh.replaceChildren(el("time", { datetime: summary.loaded_at, title: stamp },
      isReport ? `Data loaded ${stamp}` : `Data loaded ${ago(summary.loaded_at)}`));
  };
  tell();
  if (!isReport) setInterval(tell, 30_000);
  document.getElementById("quality")?.remove();
  const badge = quality(summary.quality);
  if (badge) fresh.after(badge);
  const each = (n, of) => (n !== null && of > 0 ? number(Math.round(n / of)) : "–");
  const tiles = [
    ["users", "Unique users", summary.users, "different pseudonyms"],
    ["events", "Events", summary.events, `${each(summary.events, summary.users)} a user`],
    ["cells", "Cells", summary.cells, `${number(summary.cells_mapped)} lie in a LAU`],
    ["laus", "LAUs", summary.laus, "local administrative units"],
    ["days", days === 1 ? "Day" : "Days", days, `${each(summary.events, days)} events a day`],
  ];
  const list = document.getElementById("tiles");
  list.hidden = false;
  list.replaceChildren(...tiles.map(([id, name, value, note]) =>
    el("div", { class: "tile", id: `tile-${id}` }, el("dt", {}, name), el("dd", {}, number(value)), el("small", {}, note))));
}

/** What is to be looked at on the newest date, if anything. */
function quality(newest) {
  if (!newest || newest.warnings + newest.criticals === 0) return null;
  const told = [
    newest.criticals > 0 ? `${number(newest.criticals)} critical` : null,
    newest.warnings > 0 ? counted(newest.warnings, "warning") : null,
  ].filter(Boolean).join(", ");
  const text = `Data quality: ${told} on ${period(newest.date, newest.date)}`;
  const level = newest.criticals > 0 ? "critical" : "warning";
  return el("p", { id: "quality" }, isReport
    ? el("span", { class: `badge ${level}` }, text)
    : el("a", { class: `badge ${level}`, href: "/quality" }, text));
}

/** Where the numbers come from. */
export function footer(summary, views) {
  const text = document.getElementById("source");
  text.textContent = [summary.warehouse, counted(views.length, "view")].filter(Boolean).join(" · ");
}

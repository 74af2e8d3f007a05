// Messages: no data, errors, views that are not drawn, and newer data.

import * as api from "./api.js";
import { el } from "./dom.js";

/** Interval of the checks for newer data, in milliseconds. */
const WATCH_INTERVAL = 60_000;

/** A report has no server: removes the links to it. */
export function removeServerLinks() {
  for (const node of document.querySelectorAll(".server")) node.remove();
  document.querySelector(".brand").removeAttribute("href");
}

/** Removes the links to pages that compute with exact numbers, which the public does not see. */
export function removeExactLinks() {
  for (const node of document.querySelectorAll(".exact")) node.remove();
}

/** Says that the public does not see anything yet. */
export function showNothingPublished(cards) {
  removeExactLinks();
  message(cards, "empty", "Nothing has been published yet", [
    "This server shows what was released, and nothing has been so far. Its operator releases numbers with:",
    el("code", {}, "mobility publish DIR"),
  ], el("button", { type: "button", onclick: () => location.reload() }, "Reload"));
}

/** The card of a page that shows nothing; `released` are views with a page of their own. */
export function nothingCard(reason, released) {
  const links = released.map((view) => el("li", {}, el("a", { href: api.link(view.path) }, view.title)));
  return el("section", { class: "card wide message", id: "nothing", "data-ready": "yes" },
    el("h2", {}, "Nothing to show"), el("p", {}, reason),
    links.length > 0 && [el("p", {}, "Of its views, these were released:"), el("ul", {}, links)].flat());
}

/** Shows how to load data into an empty warehouse. */
export function showEmpty(cards) {
  message(cards, "empty", "The warehouse is empty", [
    "No data has been loaded yet. Load your data, then return to this page:",
    el("code", {}, "mobility run-all"),
    "To try it with synthetic data:",
    el("code", {}, "mobility synth --out data/raw && mobility run-all"),
  ], el("button", { type: "button", onclick: () => location.reload() }, "Reload"));
}

/** Shows an error and tries again after a delay. */
export function showError(cards, error, delay, retry) {
  const countdown = el("span", { class: "countdown" });
  let seconds = Math.round(delay / 1000);
  const update = () => { countdown.textContent = seconds > 0 ? `Trying again in ${seconds} s` : "Trying again…"; };
  const timer = setInterval(() => {
    seconds -= 1;
    update();
    if (seconds <= 0) now();
  }, 1000);
  function now() {
    clearInterval(timer);
    retry();
  }
  update();
  message(cards, "trouble", error.title ?? "The dashboard could not be built", [error.message],
    el("button", { type: "button", onclick: now }, "Try now"), countdown);
}

function message(cards, kind, title, lines, ...actions) {
  document.getElementById("tiles")?.setAttribute("hidden", "");
  document.getElementById("period").textContent = kind === "empty" ? "No data yet" : "Not available";
  document.getElementById("freshness").textContent = "";
  cards.setAttribute("aria-busy", "false");
  cards.replaceChildren(el("section", { class: `card wide message ${kind}`, role: "alert" },
    el("h2", {}, title), lines.map((line) => (typeof line === "string" ? el("p", {}, line) : line)),
    el("div", { class: "message-actions" }, actions)));
}

/** A card that lists the views with rows of single users, which are never drawn. */
export function singleUsersCard(views) {
  const allowed = views.every((v) => v.allowed);
  const how = api.isReport
    ? "Each of their rows belongs to a single user. They are never part of a report."
    : allowed
      ? "Each of their rows belongs to a single user, so they are not drawn here. This server shows them on their own pages and records every request in its audit log."
      : "Each of their rows belongs to a single user. To serve them, set allow_user_rows = true in the section [serve] of pipeline.toml and restart the server; to see them, use a token with the role user_rows.";
  return el("section", { class: "card wide locked", id: "locked", "aria-labelledby": "locked-title" },
    el("div", { class: "card-head" }, el("div", {}, el("h2", { id: "locked-title" }, "Not shown here"), el("p", {}, how))),
    el("ul", {}, views.map((v) => el("li", {},
      el("b", {}, v.title), el("span", {}, v.description),
      allowed && !api.isReport ? el("a", { href: api.link(api.route(v)) }, "Table") : el("code", {}, v.name)))));
}

/** Shows a message when newer data has been loaded; the page itself does not change. */
export function watch(summary, interval = WATCH_INTERVAL) {
  const timer = setInterval(async () => {
    if (document.hidden) return;
    const now = await api.summary().catch(() => null);
    if (!now || now.version === summary.version) return;
    clearInterval(timer);
    document.body.append(el("div", { class: "news", role: "status" }, "Newer data has been loaded.",
      el("button", { type: "button", onclick: () => location.reload() }, "Show it")));
  }, interval);
}

// What the page says when there is nothing to draw, or nobody to ask.

import * as api from "./api.js";
import { el } from "./dom.js";

/** How often the server is asked whether it has newer data, in milliseconds. */
const WATCH = 60_000;

/** No data yet: how to load some. */
export function empty(cards) {
  message(cards, "empty", "The warehouse is empty", [
    "Nothing has been loaded yet. Load your data, then come back to this page:",
    el("code", {}, "mobility run-all"),
    "Without data of your own, this makes some to look at:",
    el("code", {}, "mobility synth --out data/raw && mobility run-all"),
  ], el("button", { type: "button", onclick: () => location.reload() }, "Look again"));
}

/** The server is away or failed: what is wrong, and a new attempt by itself. */
export function trouble(cards, error, pause, again) {
  const left = el("span", { class: "countdown" });
  let seconds = Math.round(pause / 1000);
  const tell = () => { left.textContent = seconds > 0 ? `Trying again in ${seconds} s` : "Trying again…"; };
  const timer = setInterval(() => {
    seconds -= 1;
    tell();
    if (seconds <= 0) now();
  }, 1000);
  function now() {
    clearInterval(timer);
    again();
  }
  tell();
  message(cards, "trouble", error.title ?? "The dashboard could not be built", [error.message],
    el("button", { type: "button", onclick: now }, "Try now"), left);
}

function message(cards, kind, title, lines, ...actions) {
  document.getElementById("tiles").hidden = true;
  document.getElementById("period").textContent = kind === "empty" ? "No data yet" : "Not available";
  document.getElementById("freshness").textContent = "";
  cards.setAttribute("aria-busy", "false");
  cards.replaceChildren(el("section", { class: `card wide message ${kind}`, role: "alert" },
    el("h2", {}, title), lines.map((line) => (typeof line === "string" ? el("p", {}, line) : line)),
    el("div", { class: "message-actions" }, actions)));
}

/** Views whose rows tell of single users: never drawn here, and how they can be had. */
export function singleUsers(views) {
  const allowed = views.every((v) => v.allowed);
  const how = api.isReport
    ? "Their rows tell of single users and are never part of a report."
    : allowed
      ? "Their rows tell of single users, so they are not drawn here. This server shows them on their own pages, and notes each look."
      : "Their rows tell of single users. To serve them, set allow_user_rows = true in the section [serve] of pipeline.toml and start the server again.";
  return el("section", { class: "card wide locked", id: "locked", "aria-labelledby": "locked-title" },
    el("div", { class: "card-head" }, el("div", {}, el("h2", { id: "locked-title" }, "Not shown here"), el("p", {}, how))),
    el("ul", {}, views.map((v) => el("li", {},
      el("b", {}, v.title), el("span", {}, v.description),
      allowed && !api.isReport ? el("a", { href: v.href }, "Table") : el("code", {}, v.name)))));
}

/** Tells when newer data has been loaded; the page is not changed below the reader's eyes. */
export function watch(summary, every = WATCH) {
  const timer = setInterval(async () => {
    if (document.hidden) return;
    const now = await api.summary().catch(() => null);
    if (!now || now.version === summary.version) return;
    clearInterval(timer);
    document.body.append(el("div", { class: "news", role: "status" }, "Newer data has been loaded.",
      el("button", { type: "button", onclick: () => location.reload() }, "Show it")));
  }, every);
}

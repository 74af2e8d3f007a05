// The page about people: loads what there is, then builds the cards.

import * as api from "./api.js";
import { el } from "./dom.js";
import { flowCard } from "./flowcard.js";
import { counted, period } from "./format.js";
import { choices } from "./peoplechoices.js";
import { PeopleData, datesOf } from "./peopledata.js";
import { presentCard } from "./presentcard.js";
import { residentsCard } from "./residentscard.js";
import { createState } from "./state.js";
import { nothingCard, removeExactLinks, removeServerLinks, showEmpty, showError, showNothingPublished, watch } from "./status.js";

const SHARED = ["window", "unit", "date", "hour", "role", "night", "lau"];

/** Minimum and maximum delay before a new attempt, in milliseconds. */
const MIN_DELAY = 2_000;
const MAX_DELAY = 30_000;

async function start(delay = MIN_DELAY) {
  const cards = document.getElementById("cards");
  try {
    const [summary, overview, outlines, registry] = await Promise.all([api.summary(), api.people("overview"), api.map(), api.views()]);
    build(cards, summary, overview, outlines, registry.views);
    if (api.isReport) removeServerLinks();
    else watch(summary);
  } catch (error) {
    if (error.status === 503 && /nothing has been published/i.test(error.message)) return showNothingPublished(cards);
    if (error.status === 503 && /no data yet/i.test(error.message)) return showEmpty(cards);
    showError(cards, error, delay, () => start(Math.min(MAX_DELAY, delay * 1.6)));
  }
}

/** Why the page shows nothing, or null. */
function nothing(overview, outlines) {
  if (overview.reason) return overview.reason;
  if (overview.missing.length) {
    return `This page needs views that do not exist or have rows of single users: ${overview.missing.join(", ")}. They are part of the program unless views.builtin = false leaves them out.`;
  }
  if (overview.windows.length === 0) return "No event counts: none is at a cell that the cell plan has for its date.";
  if (outlines.laus.length === 0) return "There are no LAUs.";
  return null;
}

function build(cards, summary, overview, outlines, views) {
  document.getElementById("period").textContent = api.heading.title ?? "Where people live, work and are";
  const [dates, nights] = [datesOf(overview.dates), datesOf(overview.nights)];
  const about = dates.length ? `${period(dates[0], dates.at(-1))}, ${counted(dates.length, "date")}` : "";
  document.getElementById("freshness").textContent = about;
  if (api.heading.note) document.getElementById("freshness").before(el("p", { class: "note" }, api.heading.note));
  document.getElementById("source").textContent = [summary.warehouse, overview.laus !== null && counted(overview.laus, "LAU")].filter(Boolean).join(" · ");
  cards.setAttribute("aria-busy", "false");
  if (summary.audience === "public") removeExactLinks();
  const reason = nothing(overview, outlines);
  if (reason) {
    cards.replaceChildren(nothingCard(reason, overview.released ?? []));
    document.body.append(el("span", { id: "ready", hidden: true }));
    return;
  }
  const { windows } = overview;
  // the newest window that is complete says most
  const newest = windows.findLast((w) => w.complete) ?? windows.at(-1);
  const state = createState({ window: newest.window_start, unit: "devices", date: dates.at(-1), hour: "12", role: "all", night: nights.at(-1) ?? null, lau: null, hover: null }, SHARED);
  const data = new PeopleData(overview, outlines.laus);
  // an address may come from other data
  const { window, date, night, lau } = state.get();
  if (!windows.some((w) => w.window_start === window)) state.set({ window: newest.window_start });
  if (!dates.includes(date)) state.set({ date: dates.at(-1) });
  if (night !== null && !nights.includes(night)) state.set({ night: nights.at(-1) ?? null });
  if (lau !== null && !data.index.has(lau)) state.set({ lau: null });
  choices(document.getElementById("choices"), { state, overview });
  const find = (...names) => names.map((name) => views.find((v) => v.name === name)).filter(Boolean);
  const context = { state, data, overview, outlines, dates, nights };
  cards.replaceChildren(
    residentsCard({ ...context, views: find("residents-per-lau", "population-weights") }),
    presentCard({ ...context, views: find("present-per-lau", "present-coverage", "present-estimate") }),
    flowCard({ ...context, kind: "commuters", views: find("commuters", "commuters-estimate") }),
    flowCard({ ...context, kind: "overnight", views: find("overnight-stays", "overnight-estimate") }));
  document.body.append(el("span", { id: "ready", hidden: true }));
}

start();

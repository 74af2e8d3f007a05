// The page about movement: loads what there is, then builds the cards.

import * as api from "./api.js";
import { el } from "./dom.js";
import { counted, period } from "./format.js";
import { balanceCard } from "./movementbalance.js";
import { distancesCard, tripsPerDeviceCard } from "./movementclasses.js";
import { MovementData } from "./movementdata.js";
import { dwellCard } from "./movementdwell.js";
import { tripsCard } from "./movementflows.js";
import { matrixCard } from "./movementmatrix.js";
import { shares } from "./movementshares.js";
import { datesOf } from "./peopledata.js";
import { createState } from "./state.js";
import { nothingCard, removeExactLinks, showEmpty, showError, showNothingPublished, watch } from "./status.js";

const SHARED = ["date", "hour", "lau"];

/** Minimum and maximum delay before a new attempt, in milliseconds. */
const MIN_DELAY = 2_000;
const MAX_DELAY = 30_000;

async function start(delay = MIN_DELAY) {
  const cards = document.getElementById("cards");
  try {
    const [summary, overview, outlines, registry] = await Promise.all([api.summary(), api.movement("overview"), api.map(), api.views()]);
    build(cards, summary, overview, outlines, registry.views);
    watch(summary);
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
  if (overview.dates.length === 0) return "No event counts: none is at a cell that the cell plan has for its date.";
  if (outlines.laus.length === 0) return "There are no LAUs.";
  return null;
}

function build(cards, summary, overview, outlines, views) {
  const dates = datesOf(overview.dates);
  document.getElementById("freshness").textContent = dates.length ? `${period(dates[0], dates.at(-1))}, ${counted(dates.length, "date")}` : "";
  document.getElementById("source").textContent = [summary.warehouse, overview.laus !== null && counted(overview.laus, "LAU")].filter(Boolean).join(" · ");
  cards.setAttribute("aria-busy", "false");
  if (summary.audience === "public") removeExactLinks();
  const reason = nothing(overview, outlines);
  if (reason) {
    cards.replaceChildren(nothingCard(reason, overview.released ?? []));
    document.body.append(el("span", { id: "ready", hidden: true }));
    return;
  }
  const state = createState({ date: dates.at(-1), hour: "all", lau: null, hover: null }, SHARED);
  const data = new MovementData(outlines.laus);
  // an address may come from other data
  const { date, lau } = state.get();
  if (!dates.includes(date)) state.set({ date: dates.at(-1) });
  if (lau !== null && !data.index.has(lau)) state.set({ lau: null });
  shares(document.getElementById("choices"), { state, data, dates });
  const find = (name) => views.filter((v) => v.name === name);
  const context = { state, data, outlines };
  cards.replaceChildren(
    tripsCard({ ...context, views: find("trips-od") }),
    matrixCard({ ...context, views: [] }),
    distancesCard({ ...context, views: find("trip-distances") }),
    tripsPerDeviceCard({ ...context, views: find("trips-per-device") }),
    dwellCard({ ...context, views: find("dwell-per-lau") }),
    balanceCard({ ...context, views: find("flow-balance") }));
  document.body.append(el("span", { id: "ready", hidden: true }));
}

start();

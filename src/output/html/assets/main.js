// The dashboard: loads the summary and the list of views, then builds the cards.

import * as api from "./api.js";
import { card } from "./card.js";
import { dayNightCard } from "./daynight.js";
import { el } from "./dom.js";
import { viewCard } from "./viewcard.js";
import { footer, header } from "./header.js";
import { hoursCard, isByDay } from "./hours.js";
import { placesCard } from "./places.js";
import { DAY_NIGHT, Presence, USERS } from "./presence.js";
import { createState } from "./state.js";
import { removeServerLinks, showEmpty, showError, showNothingPublished, singleUsersCard, watch } from "./status.js";

const HOURS = ["number-of-events-per-hour", "number-of-unique-users-per-hour"];

const PER_DAY = "users-per-day";

const LOCATIONS = "user-location-distribution";
/** Kinds of charts in the order of the cards. */
const KINDS = ["bar", "map", "table", "line"];

/** The view that is kept for old scripts, with the rows of the map. */
const SAME_AS_USERS = "unique-users-per-lau-per-day";
/** Snapshots of dates that the chart by hour and the map show as well. */
const SNAPSHOT_OF_HOURS = /^events_per_hour_/;
const SNAPSHOT_OF_USERS = /^unique_users_per_lau_/;

/** Minimum and maximum delay before a new attempt, in milliseconds. */
const MIN_DELAY = 2_000;
const MAX_DELAY = 30_000;

async function start(delay = MIN_DELAY) {
  const cards = document.getElementById("cards");
  try {
    const [summary, registry] = await Promise.all([api.summary(), api.views()]);
    const outlines = await api.map().catch((error) => ({ laus: [], error }));
    build(cards, summary, registry.views, outlines);
    if (api.isReport) removeServerLinks();
    else watch(summary);
  } catch (error) {
    if (error.status === 503 && /nothing has been published/i.test(error.message)) return showNothingPublished(cards);
    if (error.status === 503 && /no data yet/i.test(error.message)) return showEmpty(cards);
    const retry = () => start(Math.min(MAX_DELAY, delay * 1.6));
    showError(cards, error, delay, retry);
  }
}

function build(cards, summary, views, outlines) {
  header(summary, views);
  footer(summary, views);
  // snapshot views of dates that are not loaded have nothing to show; other views have a page of their own
  const drawable = views.filter((v) => !v.single_users && v.loaded !== false && v.page === "dashboard");
  const find = (name) => drawable.find((v) => v.name === name);
  const nodes = [];
  const drawn = new Set();
  const use = (...names) => names.forEach((n) => drawn.add(n));
  const snapshots = (of) => drawable.filter((v) => v.snapshot && of.test(v.view)).map((v) => v.name);

  // these cards add numbers up and compare them, which released ones are not fit for
  const isPublic = summary.audience === "public";
  const hours = isPublic ? [] : HOURS.map(find).filter(Boolean);
  if (isPublic) {
    // the same numbers a second time
    const has = (name) => find(name) !== undefined;
    use(...drawable.filter((v) => (has(USERS) && (v.name === SAME_AS_USERS || SNAPSHOT_OF_USERS.test(v.view))) || (has(HOURS[0]) && SNAPSHOT_OF_HOURS.test(v.view))).map((v) => v.name));
  }
  if (hours.length) {
    nodes.push(hoursCard(hours, summary, find(PER_DAY)));
    use(...hours.map((v) => v.name), ...snapshots(SNAPSHOT_OF_HOURS));
    if (isByDay(hours, summary)) use(PER_DAY);
  }
  const hasMap = !isPublic && find(USERS) && find(DAY_NIGHT) && outlines.laus.length > 0 && summary.dates?.length > 0;
  const context = { summary, outlines: outlines.laus.length ? outlines : null };
  if (hasMap) {
    const state = createState({ date: summary.dates.at(-1), metric: "all", lau: null, hover: null });
    if (!summary.dates.includes(state.get().date)) state.set({ date: summary.dates.at(-1) });
    const presence = new Presence([find(USERS), find(DAY_NIGHT)], outlines.laus, summary.dates);
    nodes.push(placesCard({ state, presence, outlines, summary, views: [find(USERS), find(DAY_NIGHT)] }));
    nodes.push(dayNightCard({ state, presence, views: [find(DAY_NIGHT)] }));
    use(USERS, DAY_NIGHT, SAME_AS_USERS, ...snapshots(SNAPSHOT_OF_USERS));
  } else if (outlines.error && !isPublic) {
    const frame = card({ id: "places", title: "Users by LAU", wide: true });
    frame.fill(() => api.map().then(() => location.reload()));
    nodes.push(frame.node);
  }
  const rest = drawable.filter((v) => !drawn.has(v.name));
  // narrow cards are placed in pairs, wide ones below them
  const rank = (v) => (v.name === LOCATIONS ? -1 : KINDS.indexOf(v.chart.kind));
  rest.sort((a, b) => rank(a) - rank(b));
  nodes.push(...rest.map((v) => viewCard(v, context)));
  const narrow = nodes.filter((n) => !n.classList.contains("wide"));
  if (narrow.length % 2) narrow.at(-1).classList.add("wide");
  const single = views.filter((v) => v.single_users);
  if (single.length) nodes.push(singleUsersCard(single));
  cards.replaceChildren(...nodes);
  cards.setAttribute("aria-busy", "false");
  document.body.append(el("span", { id: "ready", hidden: true }));
}

start();

// Trips by distance, and devices by number of trips.

import { card } from "./card.js";
import { classBars } from "./classbars.js";
import { el } from "./dom.js";
import { counted, dayLong, number, percent, time } from "./format.js";
import { tripsText, unknownShare } from "./movementdata.js";

const DISTANCES = ["<2 km", "2-10 km", "10-50 km", "50+ km"];
const TRIPS = [["0", "No trip"], ["1", "1 trip"], ["2", "2 trips"], ["3+", "3 or more"]];

/** A card with bars of a date; `rowsOf(day)` returns `{ rows, about }`. */
function barsCard({ state, data, views, rowsOf, ...texts }) {
  const frame = card({ ...texts, views });
  const show = async (body) => {
    const { date } = state.get();
    const day = await data.day(date);
    if (date !== state.get().date) return show(body); // another one was selected meanwhile
    const { rows, about } = rowsOf(day, dayLong(time(date)));
    body.replaceChildren(el("p", { class: "coverage" }, about), classBars(rows, texts.title));
    frame.node.dataset.date = date;
  };
  frame.fill(show);
  state.on((changed) => changed.has("date") && frame.node.dataset.ready === "yes" && frame.fill(show));
  return frame.node;
}

export function distancesCard(context) {
  return barsCard({
    ...context, id: "distances", title: "Trips by distance", description: "By the great-circle distance between the sites where they begin and end.",
    rowsOf(day, date) {
      const known = new Map(day.distances.map(([name, trips, devices]) => [name, { trips, devices }]));
      const all = day.distances.reduce((sum, [, trips]) => sum + trips, 0);
      const rows = DISTANCES.map((label) => {
        const { trips, devices } = known.get(label) ?? { trips: 0, devices: 0 };
        return { label: label.replace("-", "–"), value: trips, text: trips ? `${number(trips)} by ${counted(devices, "device")}` : "0" };
      });
      return { rows, about: `${date}: ${tripsText(all)}. ${unknownShare(day)}` };
    },
  });
}

export function tripsPerDeviceCard(context) {
  return barsCard({
    ...context, id: "perdevice", title: "Devices by number of trips", description: "Every device with an event that counts on the date.",
    rowsOf(day, date) {
      const known = new Map(day.devices);
      const all = day.devices.reduce((sum, [, devices]) => sum + devices, 0);
      const rows = TRIPS.map(([key, label]) => {
        const devices = known.get(key) ?? 0;
        return { label, value: devices, text: `${number(devices)} (${percent(all > 0 ? devices / all : NaN)})` };
      });
      return { rows, about: `${date}: ${counted(all, "device")}. ${unknownShare(day)}` };
    },
  });
}

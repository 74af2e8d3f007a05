// The date of the whole page, and how the time of its devices is divided.

import { el } from "./dom.js";
import { counted, dayLong, percent, time } from "./format.js";
import { unknownShare } from "./movementdata.js";
import { stepSlider } from "./slider.js";

const STATES = [
  ["stay_share", "Stays", "c-all"], ["pass_share", "Passes", "c-second"], ["move_share", "Moves", "c-day"], ["unknown_share", "Unknown", "unknown"],
];

/** Fills `host` with the slider of dates and the shares of stays, passes, moves and unknown time. */
export function shares(host, { state, data, dates }) {
  const slider = stepSlider({ label: "Day", noun: "day", count: dates.length, text: (i) => dayLong(time(dates[i])), change: (i) => state.set({ date: dates[i] }) });
  slider.node.classList.add("days");
  const bar = el("div", { class: "share-bar", role: "img" });
  const keys = el("div", { class: "keys" });
  const about = el("p", { class: "coverage", id: "unknown" });

  async function update() {
    const { date } = state.get();
    slider.set(dates.indexOf(date));
    const day = await data.day(date).catch(() => null);
    if (!day || date !== state.get().date) return; // the cards show why, or another one was selected
    const parts = STATES.map(([key, title, shade]) => ({ title, shade, share: day.shares[key] ?? 0 }));
    bar.replaceChildren(...parts.map(({ shade, share }) => {
      const part = el("i", { class: `share ${shade}` });
      part.style.flexGrow = String(share);
      return part;
    }));
    bar.setAttribute("aria-label", parts.map(({ title, share }) => `${title} ${percent(share)}`).join(", "));
    bar.hidden = keys.hidden = day.shares.unknown_share === null;
    keys.replaceChildren(...parts.map(({ title, shade, share }) => el("span", {}, el("i", { class: `swatch ${shade}` }), `${title} ${percent(share)}`)));
    const devices = day.devices.reduce((sum, [, n]) => sum + n, 0);
    about.textContent = `${counted(devices, "device")} on ${dayLong(time(date))}. ${unknownShare(day)}`;
    host.dataset.date = date;
  }

  host.replaceChildren(el("div", { class: "choices-row" }, el("span", { class: "choices-title" }, "Time of all devices"), slider.node), bar, keys, about);
  host.hidden = false;
  state.on((changed) => changed.has("date") && update());
  update();
}

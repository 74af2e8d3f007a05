// The documents of the page about movement. Each is requested when it is shown, and holds that date, hour or LAU alone.

import * as api from "./api.js";
import { clock, HOUR, number, percent } from "./format.js";
import { keeping } from "./keptdocuments.js";

/** The hours of a slider: the whole day first. */
export const HOURS = ["all", ...Array.from({ length: 24 }, (_, h) => String(h))];

/** `the whole day`, or `08:00–09:00`. */
export function hourName(hour) {
  return hour === "all" ? "whole day" : `${clock(hour * HOUR)}–${clock((Number(hour) + 1) * HOUR)}`;
}

/** How much of the time of the devices is unknown, as a sentence. */
export function unknownShare(day) {
  const share = day.shares.unknown_share;
  if (share === null) return "How much of the time of these devices is unknown has not been computed: run mobility quality and mobility load.";
  return `${percent(share)} of the time of these devices is unknown, and trips in it are not found.`;
}

export class MovementData {
  /** `laus` are those of the map; arrays by LAU are in their order. */
  constructor(laus) {
    this.laus = laus;
    this.index = new Map(laus.map((lau, i) => [lau.lau_id, i]));
    this.ask = keeping(api.movement, 60);
  }

  /** The name of a LAU, also of one that is not on the map. */
  name(id) {
    return id === null ? "Outside all LAUs" : this.laus[this.index.get(id)]?.lau_name ?? id;
  }

  /** `{ shares, hours, distances, devices, dwell }` of a date. */
  day(date) {
    return this.ask("day", { date });
  }

  /** Trips that begin in an hour or on the whole date: `{ pairs, lines, sums, matrix }`, with `lau` of that LAU alone. */
  async flows(date, hour, lau) {
    const parameters = { date, ...(hour === "all" ? {} : { hour }), ...(lau ? { lau } : {}) };
    const answer = await this.ask("flows", parameters);
    const lines = answer.lines.map(([from, to, trips]) => ({ from, to, devices: trips }));
    const sums = new Map((answer.sums ?? []).map(([id, arriving, leaving, within]) => [id, { arriving, leaving, within }]));
    return { ...answer, lines, sums };
  }
}

/** `1,234 trips`. */
export function tripsText(n) {
  return `${number(n)} ${n === 1 ? "trip" : "trips"}`;
}

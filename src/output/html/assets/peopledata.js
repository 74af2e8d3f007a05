// The documents of the page about people. Each is requested when it is shown, and holds that window, date or LAU alone.

import * as api from "./api.js";
import { DAY, time } from "./format.js";
import { keeping } from "./keptdocuments.js";

/** With more shapes, the maps of the page are canvases, because there are several of them. */
export const MAX_SVG_SHAPES = 1_000;

export const ROLES = [
  { key: "resident", title: "Residents", short: "Res.", shade: "c-all" },
  { key: "worker", title: "Workers", short: "Work", shade: "c-day" },
  { key: "visitor", title: "Visitors", short: "Vis.", shade: "c-second" },
  { key: "unknown", title: "No home", short: "None", shade: "c-night" },
];

/** All dates of runs `[first, last]`. */
export function datesOf(runs) {
  return runs.flatMap(([first, last]) => {
    const start = time(first);
    return Array.from({ length: Math.round((time(last) - start) / DAY) + 1 }, (_, i) => new Date(start + i * DAY).toISOString().slice(0, 10));
  });
}

export class PeopleData {
  /** `laus` are those of the map; arrays by LAU are in their order. */
  constructor(overview, laus) {
    this.settings = overview.settings;
    this.laus = laus;
    this.index = new Map(laus.map((lau, i) => [lau.lau_id, i]));
    /** A document, requested once. */
    this.ask = keeping(api.people);
  }

  /** The name of a LAU, also of one that is not on the map. */
  name(id) {
    return this.laus[this.index.get(id)]?.lau_name ?? id;
  }

  /** An array with a value for each LAU, from one in the order of `ids`. */
  arranged(ids, values, empty) {
    const all = new Array(this.laus.length).fill(empty);
    ids.forEach((id, k) => {
      const i = this.index.get(id);
      if (i !== undefined) all[i] = values[k];
    });
    return all;
  }

  /** `{ residents, workers, population, weight, status }` of a window, each by LAU. */
  async residents(window) {
    const { laus, ...answer } = await this.ask("residents", { window });
    const of = (name, empty) => this.arranged(laus, answer[name], empty);
    return {
      residents: of("residents", 0), workers: of("workers", 0),
      population: of("population", null), weight: of("weight", null), status: of("status", null),
    };
  }

  /** Present devices of a date: `{ hours, located, active, window, at(hour) }`; `at` has an array by LAU for each role. */
  async present(date) {
    const answer = await this.ask("present", { date });
    const at = (h) => Object.fromEntries(ROLES.map(({ key }) => [key, this.arranged(answer.laus, answer.devices[key]?.[h] ?? [], 0).map((n) => n ?? 0)]));
    return { ...answer, at };
  }

  /** Estimates of a date: `{ hours, at(hour) }`; `at` has arrays by LAU of `estimate`, `lower`, `upper` and `coverage`. */
  async presentEstimate(date) {
    const answer = await this.ask("present-estimate", { date });
    const at = (h) => Object.fromEntries(["estimate", "lower", "upper", "coverage"].map((key) => [key, this.arranged(answer.laus, answer[key][h], null)]));
    return { ...answer, at };
  }

  /** Lines between LAUs, of all LAUs or of one: `{ pairs, lines, sums }`; `kind` is `commuters` or `overnight`. */
  async flows(kind, day, lau) {
    const parameters = kind === "commuters" ? { window: day } : { night: day };
    const answer = await this.ask(kind, lau && !api.isReport ? { ...parameters, lau } : parameters);
    const read = ([from, to, devices, estimate, lower, upper, coverage]) => ({ from, to, devices, estimate, lower, upper, coverage });
    const lines = answer.lines.map(read);
    if (!lau || !api.isReport) return { ...answer, lines };
    // a report has no server, but all lines
    const own = lines.filter((line) => line.from === lau || line.to === lau);
    return { ...answer, lines: own, pairs: own.length };
  }
}

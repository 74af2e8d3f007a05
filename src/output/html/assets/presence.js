// Users of every LAU on every day, in the order of the LAUs on the map.

import * as api from "./api.js";

export const USERS = "users-per-lau";
export const DAY_NIGHT = "users-per-lau-day-night";

/** Up to this many rows, all days are fetched at once; otherwise each day when it is selected. */
const MAX_ROWS_AT_ONCE = 60_000;

/** The metrics of map and table. `of(day, i)` is the value of the i-th LAU. */
export const METRICS = [
  { key: "all", title: "All day", short: "All", of: (d, i) => d.all[i] },
  { key: "day", title: "Day", of: (d, i) => d.day[i] },
  { key: "night", title: "Night", of: (d, i) => d.night[i] },
  { key: "change", title: "Night − day", short: "N − D", difference: true, of: (d, i) => d.night[i] - d.day[i] },
];

export class Presence {
  /** `views` are the views of users per LAU, and of users per LAU by day and night. */
  constructor(views, laus, dates) {
    this.views = views;
    this.laus = laus;
    this.dates = dates;
    this.index = new Map(laus.map((l, i) => [l.lau_id, i]));
    this.days = new Map();
    this.requests = new Map();
    this.isLoadedAtOnce = laus.length * dates.length <= MAX_ROWS_AT_ONCE;
  }

  /** `{ all, day, night }` of a date, each with a number for every LAU. */
  async day(date) {
    const key = this.isLoadedAtOnce ? "" : date;
    if (!this.requests.has(key)) this.requests.set(key, this.load(key ? { date } : {}));
    try {
      await this.requests.get(key);
    } catch (error) {
      this.requests.delete(key); // the next call requests it again
      throw error;
    }
    return this.days.get(date) ?? this.blank();
  }

  /** Values of a metric on all loaded days, so that all days share the same classes. */
  values(metric) {
    return [...this.days.values()].flatMap((d) => this.laus.map((_, i) => metric.of(d, i)));
  }

  /** `[{ all, day, night }]` of one LAU, one per date. */
  async history(id) {
    if (!this.isLoadedAtOnce) {
      const [users, split] = await Promise.all(this.views.map((v) => api.rows(v, { lau: id })));
      const byDate = new Map(this.dates.map((date) => [date, { all: 0, day: 0, night: 0 }]));
      for (const row of users.rows) if (byDate.has(row.date)) byDate.get(row.date).all = row.user_count;
      for (const row of split.rows) {
        if (byDate.has(row.date)) Object.assign(byDate.get(row.date), { day: row.day_users, night: row.night_users });
      }
      return [...byDate.values()];
    }
    const i = this.index.get(id);
    const days = await Promise.all(this.dates.map((date) => this.day(date)));
    return days.map((d) => ({ all: d.all[i], day: d.day[i], night: d.night[i] }));
  }

  blank() {
    const zeros = () => new Float64Array(this.laus.length);
    return { all: zeros(), day: zeros(), night: zeros() };
  }

  async load(filter) {
    const [users, split] = await Promise.all(this.views.map((v) => api.rows(v, filter)));
    const put = (row, values) => {
      const i = this.index.get(row.lau_id);
      if (i === undefined) return;
      if (!this.days.has(row.date)) this.days.set(row.date, this.blank());
      const day = this.days.get(row.date);
      for (const [key, value] of Object.entries(values)) day[key][i] = value;
    };
    for (const row of users.rows) put(row, { all: row.user_count });
    for (const row of split.rows) put(row, { day: row.day_users, night: row.night_users });
  }
}

// Tables beside a map with lines: the sums of every LAU, or the LAUs at the other end of the lines of one.

import { el } from "./dom.js";
import { number, percent } from "./format.js";
import { interval } from "./reasons.js";
import { dataTable } from "./table.js";

const lauColumn = (title) => ({ key: "name", title, cell: (r) => el("span", { class: "lau", title: r.name }, r.name, el("small", {}, r.id)) });

/** The sums of every LAU. */
export function sumsTable({ words, hover, select }) {
  const column = (key, title, short) => ({ key, title, short, numeric: true, cell: (r) => number(r[key]) });
  return dataTable({
    label: words.table, noun: "LAUs", sort: { key: "arriving", down: true }, search: (r) => `${r.name} ${r.id}`, hover, select,
    columns: [lauColumn("LAU"), column("arriving", words.in, "In"), column("leaving", words.out, "Out"), column("within", words.within, "Same"),
      ...(words.unknown ? [column("unknown", words.unknown, "None")] : [])],
  });
}

/** The other ends of the lines of one LAU, in devices or in people with interval and coverage. */
export function endsTable({ words, people, hover, select }) {
  const cell = (line) => {
    if (!line) return "–";
    if (!people) return number(line.devices);
    if (line.estimate === null) return el("span", { class: "reason", title: `Coverage ${percent(line.coverage ?? 0)}: the weight of the home LAU does not count` }, "no weight");
    return el("span", { title: `${interval(line.lower, line.upper)}, coverage ${percent(line.coverage)}` },
      number(line.estimate), el("small", { class: "interval" }, interval(line.lower, line.upper)));
  };
  const covered = (r) => {
    const known = [r.in, r.out].filter(Boolean).map((line) => percent(line.coverage ?? 0));
    return [...new Set(known)].join(" / ");
  };
  return dataTable({
    label: words.table, noun: "LAUs", sort: { key: "inValue", down: true }, search: (r) => `${r.name} ${r.id}`, hover, select,
    columns: [lauColumn("LAU"), { key: "inValue", title: words.from, short: "In", numeric: true, cell: (r) => cell(r.in) },
      { key: "outValue", title: words.to, short: "Out", numeric: true, cell: (r) => cell(r.out) },
      ...(people ? [{ key: "coverage", title: "Coverage", short: "Cov.", numeric: true, cell: covered }] : [])],
  });
}

/** The rows of `endsTable` from the lines of `lau`; `name(id)` names a LAU, and `value(line)` is what is sorted by. */
export function ends(lines, lau, { name, value, nowhere }) {
  const rows = new Map();
  for (const line of lines) {
    const isIn = line.to === lau;
    const other = isIn ? line.from : line.to;
    const key = other ?? "";
    if (!rows.has(key)) rows.set(key, { key, id: other ?? "", name: other === null ? nowhere(isIn) : name(other), in: null, out: null, inValue: -1, outValue: -1, coverage: -1 });
    const row = rows.get(key);
    row[isIn ? "in" : "out"] = line;
    row[isIn ? "inValue" : "outValue"] = value(line) ?? -0.5;
    row.coverage = line.coverage ?? -1;
  }
  return [...rows.values()];
}

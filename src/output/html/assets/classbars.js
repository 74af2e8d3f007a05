// Bars of a few classes, one below the other.

import { el } from "./dom.js";

/** Bars of `rows` `{ label, value, text }`; `text` states the value. */
export function classBars(rows, label) {
  const most = Math.max(...rows.map((row) => row.value), 1);
  return el("ul", { class: "class-bars", "aria-label": label }, rows.map(({ label: name, value, text }) => {
    const bar = el("i", { class: "class-bar" });
    bar.style.width = `${(100 * value) / most}%`;
    return el("li", { "data-key": name, "data-value": value }, el("span", { class: "class-name" }, name), el("span", { class: "class-track" }, bar), el("b", {}, text));
  }));
}

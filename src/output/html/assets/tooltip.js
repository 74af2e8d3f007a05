// The tooltip of the page, next to the pointer or a focused shape.

import { el } from "./dom.js";

let box;

/** Shows `title` and rows of `[CSS class or null, label, value]` next to a point of the window. */
export function show(x, y, title, rows, note) {
  box ??= document.body.appendChild(el("div", { class: "tooltip", "aria-hidden": "true" }));
  box.replaceChildren(
    el("strong", {}, title),
    ...rows.map(([shade, label, value]) =>
      el("div", { class: "tooltip-row" },
        el("span", { class: "tooltip-label" },
          shade && el("i", { class: `swatch ${shade}` }), label),
        el("b", {}, value))),
    ...(note ? [el("div", { class: "tooltip-note" }, note)] : []),
  );
  box.classList.add("shown");
  const { width, height } = box.getBoundingClientRect();
  const overflows = x + 16 + width > innerWidth - 8;
  const left = Math.max(8, overflows ? x - width - 16 : x + 16);
  const top = Math.min(Math.max(8, y - height / 2), Math.max(8, innerHeight - height - 8));
  box.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
}

export function hide() {
  box?.classList.remove("shown");
}

// A choropleth: shapes, pointer and keys; how the shapes are drawn depends on their number.

import { announce, el } from "./dom.js";
import { canvasMap } from "./mapcanvas.js";
import { svgMap } from "./mapsvg.js";
import { geometryOf, neighbour } from "./outline.js";
import * as tooltip from "./tooltip.js";
import { Zoom } from "./zoom.js";

/** More shapes than these are drawn on a canvas. */
const MOST_SVG = 3_000;

/**
 * A map of the answer of `/map`. `describe(index)` gives `{ title, rows, note }` for the tooltip;
 * `hover(index or -1)` and `select(index)` are called. Gives `{ node, paint(classes),
 * highlight(index), select(index), canvas }`.
 */
export function choropleth(data, { label, describe, hover, select, small = false }) {
  const shapes = data.laus;
  const canvas = shapes.length > MOST_SVG;
  const { centres } = geometryOf(shapes);
  const stage = el("div", { class: small ? "map-stage small" : "map-stage", tabindex: 0, role: "application", "aria-label": `${label}. Arrow keys go from one LAU to the next, Enter selects, plus and minus zoom.` });
  const zoom = new Zoom(stage, data.width, data.height, (view) => layer.setView(view));
  const layer = canvas
    ? canvasMap(shapes, data.width, data.height, (x, y) => zoom.at(x, y))
    : svgMap(shapes, data.width, data.height);
  stage.style.setProperty("--ratio", `${data.width} / ${data.height}`);
  stage.append(layer.node);
  let hot = -1;
  let selected = -1;

  function point(index, x, y) {
    if (index !== hot) {
      hot = index;
      layer.outline("hot", index);
      hover?.(index);
    }
    if (index < 0) return tooltip.hide();
    const { title, rows, note } = describe(index);
    tooltip.show(x, y, title, rows, note);
  }

  stage.addEventListener("pointermove", (event) => point(layer.hit(event), event.clientX, event.clientY));
  stage.addEventListener("pointerleave", () => point(-1));
  stage.addEventListener("blur", () => point(-1));
  stage.addEventListener("click", (event) => {
    const index = layer.hit(event);
    if (index >= 0 && !zoom.dragged) select?.(index);
  });
  stage.addEventListener("keydown", (event) => {
    const key = event.key;
    const act = { "+": () => zoom.near(), "=": () => zoom.near(), "-": () => zoom.far(), 0: () => zoom.all(), Escape: () => point(-1) }[key];
    if (act) {
      event.preventDefault();
      act();
    } else if (key.startsWith("Arrow")) {
      event.preventDefault();
      const from = hot >= 0 ? hot : selected;
      const next = from < 0 ? 0 : neighbour(centres, from, key);
      if (next < 0) return;
      point(next, ...zoom.window(...centres[next]));
      const { title, rows } = describe(next);
      announce(`${title}: ${rows.map((r) => `${r[1]} ${r[2]}`).join(", ")}`);
    } else if ((key === "Enter" || key === " ") && hot >= 0) {
      event.preventDefault();
      select?.(hot);
    }
  });

  const button = (text, name, act) => el("button", { type: "button", title: name, "aria-label": name, onclick: act }, text);
  const buttons = el("div", { class: "zoom" },
    button("+", "Zoom in", () => zoom.near()), button("−", "Zoom out", () => zoom.far()), button("⤢", "Whole map", () => zoom.all()));

  return {
    node: el("div", { class: "map" }, stage, !small && buttons),
    canvas,
    paint: (classes) => layer.paint(classes),
    highlight(index) {
      if (index === hot) return;
      hot = index;
      layer.outline("hot", index);
    },
    select(index) {
      selected = index;
      layer.outline("selected", index);
    },
  };
}

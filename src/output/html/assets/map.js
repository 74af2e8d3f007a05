// A choropleth with pointer and keyboard control. A large number of shapes is drawn on a canvas, a small one as SVG.

import { announce, el, svg } from "./dom.js";
import { canvasMap } from "./mapcanvas.js";
import { svgMap } from "./mapsvg.js";
import { geometryOf, neighbour } from "./outline.js";
import * as tooltip from "./tooltip.js";
import { Zoom } from "./zoom.js";

/** Maps with more shapes are drawn on a canvas. */
const MAX_SVG_SHAPES = 3_000;

/**
 * A map of the outlines of `/map`. `describe(index)` returns `{ title, rows, note }` for the tooltip;
 * `hover(index or -1)` and `select(index)` are callbacks. Returns `{ node, paint(classes),
 * highlight(index), select(index), drawOver(shapes), canvas }`; `drawOver` puts SVG shapes in map units above the
 * LAUs. With more shapes than `maxSvgShapes`, the map is a canvas.
 */
export function choropleth(data, { label, describe, hover, select, small = false, maxSvgShapes = MAX_SVG_SHAPES }) {
  const shapes = data.laus;
  const canvas = shapes.length > maxSvgShapes;
  const { centres } = geometryOf(shapes);
  const stage = el("div", { class: small ? "map-stage small" : "map-stage", tabindex: 0, role: "application", "aria-label": `${label}. Arrow keys move to the next LAU, Enter selects it, plus and minus zoom.` });
  const zoom = new Zoom(stage, data.width, data.height, setView);
  const layer = canvas
    ? canvasMap(shapes, data.width, data.height, (x, y) => zoom.toMap(x, y))
    : svgMap(shapes, data.width, data.height);
  stage.style.setProperty("--ratio", `${data.width} / ${data.height}`);
  stage.append(layer.node);
  let over = null;
  let highlighted = -1;
  let selected = -1;

  function setView(view) {
    layer.setView(view);
    over?.setAttribute("viewBox", `${view.x} ${view.y} ${view.w} ${view.h}`);
  }

  /** Highlights a shape and shows its tooltip at a point of the window. */
  function point(index, x, y) {
    if (index !== highlighted) {
      highlighted = index;
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
    const action = { "+": () => zoom.zoomIn(), "=": () => zoom.zoomIn(), "-": () => zoom.zoomOut(), 0: () => zoom.reset(), Escape: () => point(-1) }[key];
    if (action) {
      event.preventDefault();
      action();
    } else if (key.startsWith("Arrow")) {
      event.preventDefault();
      const from = highlighted >= 0 ? highlighted : selected;
      const next = from < 0 ? 0 : neighbour(centres, from, key);
      if (next < 0) return;
      point(next, ...zoom.toWindow(...centres[next]));
      const { title, rows } = describe(next);
      announce(`${title}: ${rows.map((r) => `${r[1]} ${r[2]}`).join(", ")}`);
    } else if ((key === "Enter" || key === " ") && highlighted >= 0) {
      event.preventDefault();
      select?.(highlighted);
    }
  });

  const button = (text, name, act) => el("button", { type: "button", title: name, "aria-label": name, onclick: act }, text);
  const buttons = el("div", { class: "zoom" },
    button("+", "Zoom in", () => zoom.zoomIn()), button("−", "Zoom out", () => zoom.zoomOut()), button("⤢", "Whole map", () => zoom.reset()));

  return {
    node: el("div", { class: "map" }, stage, !small && buttons),
    canvas,
    paint: (classes) => layer.paint(classes),
    drawOver(drawn) {
      over ??= stage.appendChild(svg("svg", { class: "map-over", viewBox: `0 0 ${data.width} ${data.height}`, "aria-hidden": "true" }));
      over.replaceChildren(...drawn);
    },
    highlight(index) {
      if (index === highlighted) return;
      highlighted = index;
      layer.outline("hot", index);
    },
    select(index) {
      selected = index;
      layer.outline("selected", index);
    },
  };
}

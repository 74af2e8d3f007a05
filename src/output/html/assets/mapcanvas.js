// A map of many thousand shapes on a canvas, from the same path texts as the SVG one.

import { el } from "./dom.js";
import { Grid, geometryOf } from "./outline.js";

/** As `svgMap`; `place(clientX, clientY)` gives the place on the map of a point of the window. */
export function canvasMap(shapes, width, height, place) {
  const base = el("canvas", { class: "map-shapes" });
  const over = el("canvas", { class: "map-shapes over" });
  const node = el("div", { class: "map-canvas", "aria-hidden": "true" }, base, over);
  const { boxes, paths } = geometryOf(shapes);
  const grid = new Grid(boxes, 10);
  const probe = document.createElement("canvas").getContext("2d");
  const outlines = { selected: -1, hot: -1 };
  let classes = shapes.map(() => "q-none");
  let view = { x: 0, y: 0, w: width, h: height };
  let frame = 0;

  function colours() {
    const found = new Map();
    const style = getComputedStyle(document.documentElement);
    return (name) => {
      if (!found.has(name)) found.set(name, style.getPropertyValue(`--${name}`).trim() || "#888");
      return found.get(name);
    };
  }

  function prepare(canvas) {
    const box = node.getBoundingClientRect();
    const ratio = Math.min(2, devicePixelRatio || 1);
    canvas.width = Math.max(1, Math.round(box.width * ratio));
    canvas.height = Math.max(1, Math.round(box.height * ratio));
    const scale = Math.min(canvas.width / view.w, canvas.height / view.h);
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale,
      canvas.width / 2 - (view.x + view.w / 2) * scale, canvas.height / 2 - (view.y + view.h / 2) * scale);
    return { context, pixel: ratio / scale };
  }

  function drawBase() {
    const { context, pixel } = prepare(base);
    const colour = colours();
    const seen = ([left, top, right, bottom]) =>
      right >= view.x && left <= view.x + view.w && bottom >= view.y && top <= view.y + view.h;
    const line = view.w < width / 4;
    context.lineWidth = pixel * 0.4;
    context.strokeStyle = colour("map-line");
    paths.forEach((path, i) => {
      if (!seen(boxes[i])) return;
      context.fillStyle = colour(classes[i]);
      context.fill(path, "evenodd");
      if (!line) context.strokeStyle = context.fillStyle;
      context.stroke(path);
    });
    drawOver();
  }

  function drawOver() {
    const { context, pixel } = prepare(over);
    const colour = colours();
    for (const [kind, index] of Object.entries(outlines)) {
      if (index < 0) continue;
      context.strokeStyle = colour(kind === "selected" ? "selected" : "fg");
      context.lineWidth = pixel * (kind === "selected" ? 3 : 2);
      context.stroke(paths[index]);
    }
  }

  function plan() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(drawBase);
  }

  new ResizeObserver(plan).observe(node);
  addEventListener("themechange", plan);
  return {
    node,
    paint(next) { classes = next; plan(); },
    outline(kind, index) { outlines[kind] = index; drawOver(); },
    setView(next) { view = next; plan(); },
    hit(event) {
      const [x, y] = place(event.clientX, event.clientY);
      return grid.near(x, y).find((i) => probe.isPointInPath(paths[i], x, y, "evenodd")) ?? -1;
    },
  };
}

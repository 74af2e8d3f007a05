// A map with many thousands of shapes on a canvas, from the same path data as the SVG map.

import { el } from "./dom.js";
import { Grid, geometryOf } from "./outline.js";

/** As `svgMap`; `toMap(clientX, clientY)` converts a point of the window to map units. */
export function canvasMap(shapes, width, height, toMap) {
  const base = el("canvas", { class: "map-shapes" });
  const overlay = el("canvas", { class: "map-shapes over" });
  const node = el("div", { class: "map-canvas", "aria-hidden": "true" }, base, overlay);
  const { boxes, paths } = geometryOf(shapes);
  const grid = new Grid(boxes, 10);
  const probe = document.createElement("canvas").getContext("2d");
  const outlines = { selected: -1, hot: -1 };
  let classes = shapes.map(() => "q-none");
  let view = { x: 0, y: 0, w: width, h: height };
  let frame = 0;

  function colours() {
    const values = new Map();
    const style = getComputedStyle(document.documentElement);
    return (name) => {
      if (!values.has(name)) values.set(name, style.getPropertyValue(`--${name}`).trim() || "#888");
      return values.get(name);
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
    const isVisible = ([left, top, right, bottom]) =>
      right >= view.x && left <= view.x + view.w && bottom >= view.y && top <= view.y + view.h;
    const hasBorders = view.w < width / 4;
    context.lineWidth = pixel * 0.4;
    context.strokeStyle = colour("map-line");
    paths.forEach((path, i) => {
      if (!isVisible(boxes[i])) return;
      context.fillStyle = colour(classes[i]);
      context.fill(path, "evenodd");
      if (!hasBorders) context.strokeStyle = context.fillStyle;
      context.stroke(path);
    });
    drawOutlines();
  }

  function drawOutlines() {
    const { context, pixel } = prepare(overlay);
    const colour = colours();
    for (const [kind, index] of Object.entries(outlines)) {
      if (index < 0) continue;
      context.strokeStyle = colour(kind === "selected" ? "selected" : "fg");
      context.lineWidth = pixel * (kind === "selected" ? 3 : 2);
      context.stroke(paths[index]);
    }
  }

  function scheduleDraw() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(drawBase);
  }

  new ResizeObserver(scheduleDraw).observe(node);
  addEventListener("themechange", scheduleDraw);
  return {
    node,
    paint(next) { classes = next; scheduleDraw(); },
    outline(kind, index) { outlines[kind] = index; drawOutlines(); },
    setView(next) { view = next; scheduleDraw(); },
    hit(event) {
      const [x, y] = toMap(event.clientX, event.clientY);
      return grid.candidates(x, y).find((i) => probe.isPointInPath(paths[i], x, y, "evenodd")) ?? -1;
    },
  };
}

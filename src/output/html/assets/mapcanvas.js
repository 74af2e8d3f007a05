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

  /** The pattern of withheld numbers in the colours of the theme, as wide at any zoom. */
  function hatching(context, colour) {
    const tile = document.createElement("canvas");
    const size = 8 * Math.min(2, devicePixelRatio || 1);
    [tile.width, tile.height] = [size, size];
    const on = tile.getContext("2d");
    on.fillStyle = colour("hatch-ground");
    on.fillRect(0, 0, size, size);
    on.strokeStyle = colour("hatch-line");
    on.lineWidth = size / 5;
    // beyond the corners, so that the stripes of neighbouring tiles meet
    for (const shift of [-size, 0, size]) {
      on.beginPath();
      on.moveTo(shift - 1, size + 1);
      on.lineTo(shift + size + 1, -1);
      on.stroke();
    }
    const pattern = context.createPattern(tile, "repeat");
    pattern.setTransform(context.getTransform().inverse());
    return pattern;
  }

  function drawBase() {
    const { context, pixel } = prepare(base);
    const colour = colours();
    const hatched = classes.includes("q-withheld") ? hatching(context, colour) : null;
    const isVisible = ([left, top, right, bottom]) =>
      right >= view.x && left <= view.x + view.w && bottom >= view.y && top <= view.y + view.h;
    const hasBorders = view.w < width / 4;
    context.lineWidth = pixel * 0.4;
    context.strokeStyle = colour("map-line");
    paths.forEach((path, i) => {
      if (!isVisible(boxes[i])) return;
      context.fillStyle = classes[i] === "q-withheld" ? hatched : colour(classes[i]);
      context.fill(path, "evenodd");
      if (!hasBorders) context.strokeStyle = classes[i] === "q-withheld" ? colour("hatch-line") : context.fillStyle;
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

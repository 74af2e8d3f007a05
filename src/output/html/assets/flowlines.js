// Lines from LAU to LAU on a map, as wide as the number of devices or people on them.

import { svg } from "./dom.js";

/** Widths of lines in pixels: the widest one, and the least widths of the widest and of the others. */
const MAX_WIDTH = 11;
const MIN_WIDEST = 1.6;
const MIN_WIDTHS = [0.25, 0.8];
/** How much of a map all lines may cover together; their widths follow from it. */
const MAX_COVER = 0.4;
/** About as wide as maps are shown, in pixels. */
const MAP_WIDTH = 480;
/** How far a line is bent to the right of its direction, as a share of its length. */
const BEND = 0.16;

/**
 * SVG paths of `lines` `{ from, to, value, kind }` between the points `centre(id)` of a map of `size`
 * `{ width, height }`, the widest first and thus below the others. `kind` is `in`, `out` or `any`. Lines without a
 * value, or with an end that is not on the map, are left out.
 */
export function flowLines(lines, centre, size) {
  const drawable = lines.filter((line) => line.value > 0 && line.from !== line.to && centre(line.from) && centre(line.to));
  const width = widths(drawable, centre, size);
  return drawable
    .sort((a, b) => b.value - a.value)
    .map(({ from, to, value, kind }) => {
      const [[x1, y1], [x2, y2]] = [centre(from), centre(to)];
      const [cx, cy] = [(x1 + x2) / 2 - (y2 - y1) * BEND, (y1 + y2) / 2 + (x2 - x1) * BEND];
      const d = `M${[x1, y1].map(short).join(" ")}Q${[cx, cy, x2, y2].map(short).join(" ")}`;
      return svg("path", { d, class: `flow ${kind}`, "stroke-width": width(value).toFixed(2), "data-from": from, "data-to": to, "data-value": value });
    });
}

/** The width of a line by its value. The more and the longer the lines are, the thinner they all are. */
function widths(lines, centre, size) {
  const most = Math.max(...lines.map((line) => line.value), 1);
  const scale = MAP_WIDTH / size.width;
  const cover = MAX_COVER * MAP_WIDTH * size.height * scale;
  let [length, weighted] = [0, 0];
  for (const { from, to, value } of lines) {
    const [[x1, y1], [x2, y2]] = [centre(from), centre(to)];
    const pixels = Math.hypot(x2 - x1, y2 - y1) * scale;
    length += pixels;
    weighted += (pixels * value) / most;
  }
  const widest = Math.min(MAX_WIDTH, Math.max(MIN_WIDEST, cover / weighted));
  const least = Math.min(MIN_WIDTHS[1], Math.max(MIN_WIDTHS[0], cover / length));
  return (value) => Math.max(least, (widest * value) / most);
}

function short(value) {
  return Number(value.toFixed(1));
}

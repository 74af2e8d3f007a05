// Lines from LAU to LAU on a map, as wide as the number of devices or people on them.

import { svg } from "./dom.js";

/** Widths of lines in pixels. */
const MIN_WIDTH = 0.8;
const MAX_WIDTH = 11;
/** How far a line is bent to the right of its direction, as a share of its length. */
const BEND = 0.16;

/**
 * SVG paths of `lines` `{ from, to, value, kind }` between the points `centre(id)`, the widest first and thus below
 * the others. `kind` is `in`, `out` or `any`. Lines without a value, or with an end that is not on the map, are left
 * out.
 */
export function flowLines(lines, centre) {
  const drawable = lines.filter((line) => line.value > 0 && line.from !== line.to && centre(line.from) && centre(line.to));
  const most = Math.max(...drawable.map((line) => line.value), 1);
  return drawable
    .sort((a, b) => b.value - a.value)
    .map(({ from, to, value, kind }) => {
      const [[x1, y1], [x2, y2]] = [centre(from), centre(to)];
      const [cx, cy] = [(x1 + x2) / 2 - (y2 - y1) * BEND, (y1 + y2) / 2 + (x2 - x1) * BEND];
      const d = `M${[x1, y1].map(short).join(" ")}Q${[cx, cy, x2, y2].map(short).join(" ")}`;
      const width = Math.max(MIN_WIDTH, (MAX_WIDTH * value) / most).toFixed(2);
      return svg("path", { d, class: `flow ${kind}`, "stroke-width": width, "data-from": from, "data-to": to, "data-value": value });
    });
}

function short(value) {
  return Number(value.toFixed(1));
}

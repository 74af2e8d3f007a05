// A map with up to some thousands of shapes as SVG, coloured by the style sheet.

import { svg } from "./dom.js";

/**
 * Returns `{ node, paint(classes), outline(kind, index), setView(view), hit(event) }`. `kind` is
 * `hot` (highlighted) or `selected`; `index` is -1 for none.
 */
export function svgMap(shapes, width, height) {
  const paths = shapes.map((s, i) => svg("path", { d: s.d, "data-index": i, "data-id": s.lau_id, class: "q-none" }));
  const lines = {
    selected: svg("path", { class: "outline selected", d: "" }),
    hot: svg("path", { class: "outline hot", d: "" }),
  };
  const node = svg("svg", { class: "map-shapes", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    svg("g", { class: "units" }, paths), lines.selected, lines.hot);
  return {
    node,
    paint(classes) {
      classes.forEach((name, i) => paths[i].setAttribute("class", name));
    },
    outline(kind, index) {
      lines[kind].setAttribute("d", index < 0 ? "" : shapes[index].d);
    },
    setView({ x, y, w, h }) {
      node.setAttribute("viewBox", `${x} ${y} ${w} ${h}`);
    },
    hit(event) {
      const index = event.target.dataset?.index;
      return index === undefined ? -1 : Number(index);
    },
  };
}

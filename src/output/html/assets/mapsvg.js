// A map with up to some thousands of shapes as SVG, coloured by the style sheet.

import { svg } from "./dom.js";

/** Width of the stripes of withheld numbers on the whole map, in map units. */
const STRIPE = 12;
let maps = 0;

/** The pattern of withheld numbers, in the colours of the theme. */
function hatching(id) {
  return svg("pattern", { id, width: STRIPE, height: STRIPE, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    svg("rect", { class: "hatch-ground", width: STRIPE, height: STRIPE }), svg("rect", { class: "hatch-line", width: STRIPE / 4, height: STRIPE }));
}

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
  maps += 1;
  const number = maps;
  const pattern = hatching(`withheld-${number}`);
  const node = svg("svg", { class: "map-shapes", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    svg("defs", {}, pattern), svg("g", { class: "units" }, paths), lines.selected, lines.hot);
  return {
    node,
    paint(classes) {
      classes.forEach((name, i) => {
        paths[i].setAttribute("class", name);
        // each map has a pattern of its own, which a style sheet cannot name
        paths[i].style.fill = name === "q-withheld" ? `url(#withheld-${number})` : "";
      });
    },
    outline(kind, index) {
      lines[kind].setAttribute("d", index < 0 ? "" : shapes[index].d);
    },
    setView({ x, y, w, h }) {
      node.setAttribute("viewBox", `${x} ${y} ${w} ${h}`);
      // as wide as on the whole map
      pattern.setAttribute("patternTransform", `rotate(45) scale(${w / width})`);
    },
    hit(event) {
      const index = event.target.dataset?.index;
      return index === undefined ? -1 : Number(index);
    },
  };
}

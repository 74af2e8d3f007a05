// A matrix of the trips between the LAUs that have most of them, as SVG.

import { card } from "./card.js";
import { el, svg } from "./dom.js";
import { dayLong, number, time } from "./format.js";
import { countScale } from "./legend.js";
import { hourName } from "./movementdata.js";
import * as tooltip from "./tooltip.js";

const CELL = 24;
const LEFT = 190;
const TOP = 26;
/** Letters of a name that fit beside its row. */
const MAX_NAME = 24;

export function matrixCard({ state, data, views }) {
  const frame = card({
    id: "matrix", title: "Matrix of the busiest LAUs", wide: true, views,
    description: "Trips from the LAU of the row to that of the column, of the 30 LAUs with most trips. The diagonal has trips within a LAU.",
  });
  const about = el("p", { class: "coverage" });
  const place = el("div", { class: "matrix", tabindex: 0, role: "region", "aria-label": "Matrix of trips" });
  const legend = el("div", { class: "legend-place" });

  async function show() {
    const { date, hour } = state.get();
    const { matrix } = await data.flows(date, hour, null);
    if (date !== state.get().date || hour !== state.get().hour) return show(); // the selection changed meanwhile
    about.textContent = `${dayLong(time(date))}, ${hourName(hour)}.${matrix.laus.length === 0 ? " There are no trips." : ""}`;
    draw(matrix);
    Object.assign(frame.node.dataset, { date, hour });
  }

  function draw({ laus, trips }) {
    const scale = countScale(trips.flat());
    const [width, height] = [LEFT + laus.length * CELL + 2, TOP + laus.length * CELL + 2];
    const short = (id) => (data.name(id).length > MAX_NAME ? `${data.name(id).slice(0, MAX_NAME - 1)}…` : data.name(id));
    const names = laus.map((id, i) => svg("text", { x: LEFT - 8, y: TOP + i * CELL + 16, class: "matrix-name", "data-id": id }, `${short(id)} ${i + 1}`));
    const columns = laus.map((id, i) => svg("text", { x: LEFT + i * CELL + CELL / 2, y: TOP - 9, class: "matrix-column" }, String(i + 1)));
    const cells = laus.flatMap((from, i) => laus.map((to, j) => {
      const [x, y] = [LEFT + j * CELL + 1, TOP + i * CELL + 1];
      const [w, n] = [CELL - 2, trips[i][j]];
      const describe = (event) => tooltip.show(event.clientX, event.clientY, `${data.name(from)} to ${data.name(to)}`, [[null, "Trips", number(n)]]);
      return svg("path", {
        d: `M${x} ${y}h${w}v${w}h${-w}z`, class: scale.shade(n), "data-from": from, "data-to": to, "data-value": n,
        onpointermove: describe, onpointerleave: () => tooltip.hide(), onclick: () => state.set({ lau: from === state.get().lau ? null : from }),
      });
    }));
    place.replaceChildren(svg("svg", { class: "chart", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Trips between the busiest LAUs" },
      svg("g", { class: "matrix-cells" }, cells), names, columns));
    legend.replaceChildren(el("span", { class: "legend-title" }, "Trips from row to column"), scale.node);
    mark();
  }

  function mark() {
    const { lau, hover } = state.get();
    for (const name of place.querySelectorAll(".matrix-name")) {
      name.classList.toggle("strong", name.dataset.id === lau || name.dataset.id === hover);
    }
  }

  frame.fill(async (body) => {
    await show();
    body.replaceChildren(about, place, legend);
  });
  state.on((changed) => {
    if (frame.node.dataset.ready !== "yes") return;
    if (changed.has("date") || changed.has("hour")) frame.fill(show);
    else if (changed.has("lau") || changed.has("hover")) mark();
  });
  return frame.node;
}

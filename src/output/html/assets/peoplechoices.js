// What the whole page shows: the window, and devices or estimates.

import { choice, el } from "./dom.js";
import { incomplete, noHomes, noPopulation, windowName } from "./reasons.js";

/** Fills `host` with the choices, and with what has to be known about them. */
export function choices(host, { state, overview }) {
  const { windows, settings } = overview;
  const notes = el("div", { class: "notes", role: "status" });
  const options = windows.toReversed().map((w) =>
    el("option", { value: w.window_start }, `${windowName(w)}${w.complete ? "" : " (not complete)"}`));
  const select = el("select", { id: "window", onchange: () => state.set({ window: select.value }) }, options);
  const unit = choice("Devices or estimated people", [["devices", "Devices"], ["people", "Estimated people"]], state.get().unit, (value) => state.set({ unit: value }));

  function update() {
    const { window, unit: shown } = state.get();
    const selected = windows.find((w) => w.window_start === window);
    select.value = window;
    unit.set(shown);
    const texts = [incomplete(selected), noHomes(selected, settings), shown === "people" && noPopulation(overview)].filter(Boolean);
    notes.replaceChildren(...texts.map((text) => el("p", {}, text)));
    notes.hidden = texts.length === 0;
  }

  host.replaceChildren(
    el("div", { class: "choices-row" }, el("label", { for: "window" }, "Homes and work places of"), select, unit.node), notes);
  host.hidden = false;
  state.on((changed) => (changed.has("window") || changed.has("unit")) && update());
  update();
}

// The frame of a chart: title, description, controls, and links to its rows.

import { links } from "./api.js";
import { el } from "./dom.js";

/** Returns `{ node, body, controls, fill(draw) }`; `views` are the views that the chart shows. */
export function card({ id, title, description, views = [], wide = false }) {
  const controls = el("div", { class: "card-controls" });
  const body = el("div", { class: "card-body" }, skeleton());
  const several = views.length > 1;
  const foot = views.filter((v) => links(v).length).map((view) =>
    el("div", { class: "card-links" },
      several && el("span", {}, view.title),
      links(view).map(([text, href]) => el("a", { href, "aria-label": `${view.title}: ${text}` }, text))));
  const node = el("section", { class: wide ? "card wide" : "card", id, "aria-labelledby": `${id}-title`, "data-view": views.map((v) => v.name).join(" ") },
    el("div", { class: "card-head" },
      el("div", {}, el("h2", { id: `${id}-title` }, title), description && el("p", {}, description)),
      controls),
    body, foot.length > 0 && el("div", { class: "card-foot" }, foot));

  /** Runs `draw(body)`. An error is shown in the card, with a button to try again. */
  async function fill(draw) {
    try {
      await draw(body);
      node.dataset.ready = "yes";
    } catch (error) {
      console.warn(error.message);
      body.replaceChildren(el("div", { class: "trouble", role: "alert" },
        el("strong", {}, error.title ?? "This chart could not be drawn"), el("p", {}, error.message),
        el("button", { type: "button", onclick: () => { body.replaceChildren(skeleton()); fill(draw); } }, "Try again")));
    }
  }
  return { node, body, controls, fill };
}

function skeleton() {
  return el("div", { class: "skeleton", "aria-hidden": "true" });
}

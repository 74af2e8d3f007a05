// The frame of a chart: title, what it says, switches, links to the rows behind it.

import { links } from "./api.js";
import { el } from "./dom.js";

/** `{ node, body, controls, fill(work) }`; `views` are those whose rows are drawn. */
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

  /** Runs `work(body)`; what goes wrong stands in the card, with a button to try again. */
  async function fill(work) {
    try {
      await work(body);
      node.dataset.ready = "yes";
    } catch (error) {
      console.warn(error.message);
      body.replaceChildren(el("div", { class: "trouble", role: "alert" },
        el("strong", {}, error.title ?? "This chart could not be drawn"), el("p", {}, error.message),
        el("button", { type: "button", onclick: () => { body.replaceChildren(skeleton()); fill(work); } }, "Try again")));
    }
  }
  return { node, body, controls, fill };
}

function skeleton() {
  return el("div", { class: "skeleton", "aria-hidden": "true" });
}

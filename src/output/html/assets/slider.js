// A slider over steps such as days or hours, with buttons for one step, and one that plays them.

import { el } from "./dom.js";

/** Time for which a step is shown while it plays, in milliseconds. */
const PLAY_STEP = 800;

/**
 * `label` names the slider, `noun` a step of it; `text(i)` describes a step, and `change(i)` is called when the
 * reader selects one. Returns `{ node, set(i), setCount(n) }`. With fewer than two steps it is disabled.
 */
export function stepSlider({ label, noun, count, text, change, plays = false }) {
  let timer = null;
  const shown = el("output", { class: "day-text" });
  const range = el("input", { type: "range", min: 0, step: 1, "aria-label": label, oninput: () => select(Number(range.value)) });
  const step = (by, sign, name) => el("button", { type: "button", class: "step", "aria-label": name, onclick: () => select(Number(range.value) + by) }, sign);
  const play = plays && el("button", { type: "button", class: "step play", onclick: () => (timer ? stop() : start()) });
  const buttons = [step(-1, "‹", `Previous ${noun}`), step(1, "›", `Next ${noun}`), play].filter(Boolean);
  const node = el("div", { class: "slider" }, shown, buttons[0], range, buttons.slice(1));

  function select(i) {
    stop();
    go(Math.min(count - 1, Math.max(0, i)));
  }

  function go(i) {
    set(i);
    change(i);
  }

  function set(i) {
    range.value = String(i);
    shown.textContent = count > 0 ? text(i) : "";
    range.setAttribute("aria-valuetext", shown.textContent);
  }

  function start() {
    const last = () => Number(range.value) >= count - 1;
    if (last()) go(0);
    timer = setInterval(() => {
      if (!document.hidden) go(Number(range.value) + 1);
      if (last()) stop();
    }, PLAY_STEP);
    showPlay();
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    showPlay();
  }

  function showPlay() {
    if (!play) return;
    play.textContent = timer ? "❚❚" : "▶";
    play.setAttribute("aria-label", timer ? "Pause" : `Play the ${noun}s`);
  }

  function setCount(n) {
    count = n;
    range.max = String(Math.max(0, n - 1));
    for (const part of [range, ...buttons]) part.disabled = n < 2;
    node.classList.toggle("only", n < 2);
  }

  setCount(count);
  showPlay();
  return { node, set, setCount };
}

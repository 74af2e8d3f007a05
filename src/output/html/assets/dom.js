// Elements without markup: every text becomes a text node, so that data can never turn into code.

const SVG = "http://www.w3.org/2000/svg";

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  const there = (child) => child !== undefined && child !== null && child !== false;
  node.append(...children.flat().filter(there));
  return node;
}

/** An HTML element; attributes that begin with `on` are listeners. */
export function el(tag, attributes = {}, ...children) {
  return build(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return build(document.createElementNS(SVG, tag), attributes, children);
}

/** Calls `draw(width)` now and whenever the host gets another width. */
export function onWidth(host, draw) {
  let last = 0;
  // drawing changes heights, which must not happen while the browser measures
  const observer = new ResizeObserver(() => requestAnimationFrame(() => {
    const width = Math.floor(host.clientWidth);
    if (width === last || width === 0) return;
    last = width;
    draw(width);
  }));
  observer.observe(host);
  return () => observer.disconnect();
}

let live;

/** Says a text to screen readers. */
export function announce(text) {
  live ??= document.body.appendChild(
    el("div", { class: "visually-hidden", role: "status", "aria-live": "polite" }),
  );
  live.textContent = text;
}

/** A row of buttons of which one is chosen; `change(value)` is called when another one is. */
export function choice(label, options, chosen, change) {
  const buttons = options.map(([value, text]) =>
    el("button", {
      type: "button",
      "data-value": value,
      "aria-pressed": String(value === chosen),
      onclick: () => {
        set(value);
        change(value);
      },
    }, text),
  );
  function set(value) {
    for (const b of buttons) b.setAttribute("aria-pressed", String(b.dataset.value === value));
  }
  const node = el("div", { class: "choice", role: "group", "aria-label": label }, buttons);
  return { node, set };
}

// Creates elements without parsing markup: all text becomes text nodes, so that data is never run as code.

const SVG = "http://www.w3.org/2000/svg";

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  const isPresent = (child) => child !== undefined && child !== null && child !== false;
  node.append(...children.flat().filter(isPresent));
  return node;
}

/** An HTML element; attributes that begin with `on` are event listeners. */
export function el(tag, attributes = {}, ...children) {
  return build(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return build(document.createElementNS(SVG, tag), attributes, children);
}

/** Calls `draw(width)` now and whenever the width of the host changes. */
export function onWidth(host, draw) {
  let last = 0;
  // draws in the next frame, because changes of height are not allowed while sizes are observed
  const observer = new ResizeObserver(() => requestAnimationFrame(() => {
    const width = Math.floor(host.clientWidth);
    if (width === last || width === 0) return;
    last = width;
    draw(width);
  }));
  observer.observe(host);
  return () => observer.disconnect();
}

/** Calls `start` when the node is near the visible part of the page. */
export function whenVisible(node, start) {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some((e) => e.isIntersecting)) return;
    observer.disconnect();
    start();
  }, { rootMargin: "400px" });
  observer.observe(node);
}

let liveRegion;

/** Announces a text to screen readers. */
export function announce(text) {
  liveRegion ??= document.body.appendChild(
    el("div", { class: "visually-hidden", role: "status", "aria-live": "polite" }),
  );
  liveRegion.textContent = text;
}

/** A group of buttons of which one is pressed; `change(value)` is called on a click. */
export function choice(label, options, selected, change) {
  const buttons = options.map(([value, text]) =>
    el("button", {
      type: "button",
      "data-value": value,
      "aria-pressed": String(value === selected),
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

// A table of any length: only the visible rows are elements.

import { el } from "./dom.js";

const ROW = 36;
/** Rows rendered above and below the visible ones. */
const OVERSCAN = 8;

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/**
 * A sortable, searchable table. `columns` are `{ key, title, short?, numeric?, cell(row) }`; `short`
 * is the title on narrow screens. Rows are objects with a `key`; `search(row)` returns the text to
 * search in; `hover(key or null)` and `select(key)` are callbacks. Returns `{ node, setRows,
 * highlight(key), select(key, show) }`.
 */
export function dataTable({ columns, label, sort, search, hover, select, noun }) {
  let rows = [];
  let shown = [];
  let order = { ...sort };
  let hot = null;
  let selected = null;
  let entry = null; // the row that Tab stops at; arrow keys move from there
  let frame = 0;
  // of the scrolled part; kept, because asking for them while the page changes would have it laid out each time
  let [height, top] = [0, 0];

  const box = search && el("input", { type: "search", placeholder: `Search ${noun}`, "aria-label": `Search ${noun}`, oninput: arrange });
  const count = el("span", { class: "table-count" });
  const heads = columns.map((c) =>
    el("th", { scope: "col", class: c.numeric ? "n" : null, "data-key": c.key },
      el("button", { type: "button", onclick: () => sortBy(c) }, el("span", { class: c.short && "long" }, c.title), c.short && el("span", { class: "short", "aria-hidden": "true" }, c.short), el("i", { class: "arrow", "aria-hidden": "true" }))));
  const body = el("tbody");
  const scroll = el("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": label, onscroll: () => { top = scroll.scrollTop; scheduleDraw(); } },
    el("table", { class: "data" }, el("thead", {}, el("tr", {}, heads)), body));
  const node = el("div", { class: "table-box" }, el("div", { class: "table-head" }, box, count), scroll);

  function sortBy(column) {
    const same = order.key === column.key;
    order = { key: column.key, down: same ? !order.down : Boolean(column.numeric) };
    arrange();
  }

  function arrange() {
    const term = box?.value.trim().toLocaleLowerCase() ?? "";
    shown = term ? rows.filter((r) => search(r).toLocaleLowerCase().includes(term)) : rows.slice();
    const { key, down } = order;
    const compare = columns.find((c) => c.key === key)?.numeric
      ? (a, b) => a[key] - b[key]
      : (a, b) => collator.compare(a[key] ?? "", b[key] ?? "");
    shown.sort((a, b) => (down ? compare(b, a) : compare(a, b)) || (a.key < b.key ? -1 : 1));
    for (const head of heads) {
      const on = head.dataset.key === key;
      if (on) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    count.textContent = shown.length === rows.length ? `${rows.length.toLocaleString("en-GB")} ${noun}` : `${shown.length.toLocaleString("en-GB")} of ${rows.length.toLocaleString("en-GB")}`;
    draw();
  }

  function scheduleDraw() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(draw);
  }

  function draw() {
    const first = Math.max(0, Math.floor(top / ROW) - OVERSCAN);
    const last = Math.min(shown.length, Math.ceil((top + (height || 480)) / ROW) + OVERSCAN);
    const focused = body.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const visible = shown.slice(first, last);
    if (!visible.some((r) => r.key === entry)) entry = visible[0]?.key ?? null;
    body.replaceChildren(spacer(first), ...visible.map(line), spacer(shown.length - last));
    if (shown.length === 0) body.replaceChildren(el("tr", {}, el("td", { colspan: columns.length, class: "nothing" }, "No results.")));
    if (focused) body.querySelector(`tr[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  function spacer(n) {
    const cell = el("td", { colspan: columns.length });
    cell.style.height = `${n * ROW}px`;
    return el("tr", { class: "spacer", "aria-hidden": "true" }, cell);
  }

  function line(row) {
    const state = [row.key === hot && "hot", row.key === selected && "selected"].filter(Boolean).join(" ");
    return el("tr", {
      class: state || null, "data-key": row.key, tabindex: select ? (row.key === entry ? 0 : -1) : null,
      "aria-selected": select ? String(row.key === selected) : null,
      onpointerenter: () => hover?.(row.key), onpointerleave: () => hover?.(null),
      onfocus: () => { entry = row.key; hover?.(row.key); }, onblur: () => hover?.(null),
      onclick: () => select?.(row.key), onkeydown: (event) => keys(event, row),
    }, columns.map((c, i) => el(i === 0 ? "th" : "td", { class: c.numeric ? "n" : null, scope: i === 0 ? "row" : null }, c.cell(row))));
  }

  function keys(event, row) {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      select?.(row.key);
    } else if (move) {
      event.preventDefault();
      const next = shown[shown.indexOf(row) + move];
      if (next) reveal(next.key, true);
    }
  }

  function reveal(key, focus) {
    const at = shown.findIndex((r) => r.key === key);
    if (at < 0) return;
    const [place, visible] = [at * ROW, scroll.clientHeight - 2 * ROW];
    if (place < scroll.scrollTop || place > scroll.scrollTop + visible) scroll.scrollTop = Math.max(0, place - visible / 2);
    top = scroll.scrollTop;
    draw();
    if (focus) body.querySelector(`tr[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
  }

  function mark(name, key) {
    for (const tr of body.querySelectorAll(`tr.${name}`)) tr.classList.remove(name);
    if (key !== null) body.querySelector(`tr[data-key="${CSS.escape(key)}"]`)?.classList.add(name);
  }

  new ResizeObserver(() => {
    [height, top] = [scroll.clientHeight, scroll.scrollTop];
    scheduleDraw();
  }).observe(scroll);
  return {
    node,
    setRows(next) { rows = next; arrange(); },
    highlight(key) { hot = key; mark("hot", key); },
    select(key, show) {
      selected = key;
      mark("selected", key);
      if (key !== null && show) reveal(key, false);
      else draw();
    },
  };
}

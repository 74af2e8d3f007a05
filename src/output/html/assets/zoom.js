// The visible part of a map: `{ x, y, w, h }` in map units.

/** Maximum magnification. */
const MAX_ZOOM = 60;
const STEP = 1.6;

/** Buttons, double click, pinch and drag change the view and call `redraw(view)`. */
export class Zoom {
  constructor(host, width, height, redraw) {
    Object.assign(this, { host, width, height, redraw });
    this.view = { x: 0, y: 0, w: width, h: height };
    this.dragged = false;
    let from = null;
    host.addEventListener("pointerdown", (e) => {
      from = { x: e.clientX, y: e.clientY, view: this.view };
      this.dragged = false;
    });
    addEventListener("pointermove", (e) => {
      if (!from || this.view.w === this.width) return;
      const unit = this.unit();
      const [dx, dy] = [e.clientX - from.x, e.clientY - from.y];
      if (Math.hypot(dx, dy) > 4) this.dragged = true;
      if (this.dragged) this.to({ ...from.view, x: from.view.x - dx * unit, y: from.view.y - dy * unit });
    });
    addEventListener("pointerup", () => { from = null; });
    host.addEventListener("dblclick", (e) => this.by(STEP * 1.5, this.toMap(e.clientX, e.clientY)));
    host.addEventListener("wheel", (e) => {
      // without a modifier key, the wheel scrolls the page
      if (!e.ctrlKey && !e.metaKey) return;
      e.preventDefault();
      this.by(Math.exp(-e.deltaY / 200), this.toMap(e.clientX, e.clientY));
    }, { passive: false });
  }

  /** Map units per pixel. */
  unit() {
    const box = this.host.getBoundingClientRect();
    return Math.max(this.view.w / box.width, this.view.h / box.height);
  }

  /** Converts a point of the window to map units. */
  toMap(clientX, clientY) {
    const box = this.host.getBoundingClientRect();
    const unit = this.unit();
    const { x, y, w, h } = this.view;
    return [
      x + w / 2 + (clientX - box.left - box.width / 2) * unit,
      y + h / 2 + (clientY - box.top - box.height / 2) * unit,
    ];
  }

  /** Converts a point of the map to window coordinates. */
  toWindow(mapX, mapY) {
    const box = this.host.getBoundingClientRect();
    const unit = this.unit();
    const { x, y, w, h } = this.view;
    return [
      box.left + box.width / 2 + (mapX - x - w / 2) / unit,
      box.top + box.height / 2 + (mapY - y - h / 2) / unit,
    ];
  }

  /** Zooms by a factor around `centre`. */
  by(factor, centre = [this.view.x + this.view.w / 2, this.view.y + this.view.h / 2]) {
    const { x, y, w, h } = this.view;
    const next = Math.min(this.width, Math.max(this.width / MAX_ZOOM, w / factor));
    const k = next / w;
    this.to({ x: centre[0] - (centre[0] - x) * k, y: centre[1] - (centre[1] - y) * k, w: next, h: h * k });
  }

  zoomIn() { this.by(STEP); }
  zoomOut() { this.by(1 / STEP); }
  reset() { this.to({ x: 0, y: 0, w: this.width, h: this.height }); }

  to(view) {
    const within = (at, size, whole) => Math.min(Math.max(at, 0), whole - size);
    this.view = { ...view, x: within(view.x, view.w, this.width), y: within(view.y, view.h, this.height) };
    this.redraw(this.view);
  }
}

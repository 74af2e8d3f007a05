// Geometry of the outlines of `/map`: SVG path data with the commands M, L, H, V and Z, absolute or relative.

const TOKEN = /[MmLlHhVvZz]|-?\d*\.?\d+(?:e-?\d+)?/g;

const geometries = new WeakMap();

/** `{ boxes, centres, paths }` of the shapes of a map, computed once. `paths` are for a canvas. */
export function geometryOf(shapes) {
  if (!geometries.has(shapes)) {
    const boxes = shapes.map((s) => boundsOf(s.d));
    let paths;
    geometries.set(shapes, {
      boxes,
      centres: boxes.map(([l, t, r, b]) => [(l + r) / 2, (t + b) / 2]),
      get paths() {
        return (paths ??= shapes.map((s) => new Path2D(s.d)));
      },
    });
  }
  return geometries.get(shapes);
}

/** Bounding box `[left, top, right, bottom]` of path data. */
export function boundsOf(d) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  let [x, y, startX, startY, command] = [0, 0, 0, 0, "M"];
  const tokens = d.match(TOKEN) ?? [];
  for (let i = 0; i < tokens.length; ) {
    if (/[A-Za-z]/.test(tokens[i])) {
      command = tokens[i];
      i += 1;
      if (command === "Z" || command === "z") [x, y] = [startX, startY];
      continue;
    }
    const relative = command >= "a";
    const base = relative ? [x, y] : [0, 0];
    const kind = command.toUpperCase();
    if (kind === "H") x = base[0] + Number(tokens[i++]);
    else if (kind === "V") y = base[1] + Number(tokens[i++]);
    else {
      x = base[0] + Number(tokens[i++]);
      y = base[1] + Number(tokens[i++]);
    }
    if (kind === "M") {
      [startX, startY] = [x, y];
      command = relative ? "l" : "L";
    }
    if (x < left) left = x;
    if (x > right) right = x;
    if (y < top) top = y;
    if (y > bottom) bottom = y;
  }
  return [left, top, right, bottom];
}

/**
 * The nearest shape from `from` in the direction of an arrow key, or -1. A sideways distance counts
 * twice. `centres` are `[x, y]`.
 */
export function neighbour(centres, from, key) {
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
  const [x, y] = centres[from];
  let [best, cost] = [-1, Infinity];
  for (let i = 0; i < centres.length; i += 1) {
    const [ax, ay] = [centres[i][0] - x, centres[i][1] - y];
    const ahead = ax * dx + ay * dy;
    const aside = Math.abs(ax * dy) + Math.abs(ay * dx);
    if (ahead <= 0 || aside > 2 * ahead || !Number.isFinite(ahead)) continue;
    const c = ahead + 2 * aside;
    if (c < cost) [best, cost] = [i, c];
  }
  return best;
}

/** A spatial index: the shapes whose boxes overlap each square of a grid. */
export class Grid {
  constructor(boxes, size) {
    this.size = size;
    this.squares = new Map();
    boxes.forEach(([left, top, right, bottom], i) => {
      for (let gx = Math.floor(left / size); gx <= right / size; gx += 1) {
        for (let gy = Math.floor(top / size); gy <= bottom / size; gy += 1) {
          const key = gx * 100_003 + gy;
          const list = this.squares.get(key);
          if (list) list.push(i);
          else this.squares.set(key, [i]);
        }
      }
    });
  }

  candidates(x, y) {
    return this.squares.get(Math.floor(x / this.size) * 100_003 + Math.floor(y / this.size)) ?? [];
  }
}

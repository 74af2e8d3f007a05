// What the reader chose: day, metric, LAU; kept in the address, so that a view can be sent on.

const KEPT = ["date", "metric", "lau"];

/** `get()` reads, `set(changes)` writes and tells listeners of `on(listener)` which keys changed. */
export function createState(initial) {
  const fromAddress = new URLSearchParams(location.hash.slice(1));
  const values = { ...initial };
  for (const key of KEPT) if (fromAddress.has(key)) values[key] = fromAddress.get(key);
  const listeners = [];

  function keep() {
    const params = new URLSearchParams();
    for (const key of KEPT) {
      if (values[key] !== null && values[key] !== initial[key]) params.set(key, values[key]);
    }
    const hash = params.toString();
    try {
      history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
    } catch {
      // a page opened from a file may not be allowed to change its address
    }
  }

  return {
    get: () => values,
    on: (listener) => listeners.push(listener),
    set(changes) {
      const changed = new Set(Object.keys(changes).filter((k) => values[k] !== changes[k]));
      if (changed.size === 0) return;
      Object.assign(values, changes);
      if (KEPT.some((k) => changed.has(k))) keep();
      for (const listener of listeners) listener(changed, values);
    },
  };
}

// What the reader selected, such as the day and the LAU. It is kept in the address, so that it can be shared.

/**
 * `get()` reads and `set(changes)` writes; listeners added with `on` receive the changed keys. The keys in `shared`
 * are kept in the address.
 */
export function createState(initial, shared = ["date", "metric", "lau"]) {
  const fromAddress = new URLSearchParams(location.hash.slice(1));
  const values = { ...initial };
  for (const key of shared) if (fromAddress.has(key)) values[key] = fromAddress.get(key);
  const listeners = [];

  function updateAddress() {
    const params = new URLSearchParams();
    for (const key of shared) {
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
      if (shared.some((k) => changed.has(k))) updateAddress();
      for (const listener of listeners) listener(changed, values);
    },
  };
}

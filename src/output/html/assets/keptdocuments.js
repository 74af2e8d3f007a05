// Documents that were requested, so that none is requested twice.

/**
 * A function that returns `request(name, parameters)`, and the answer that it has if it was called likewise before;
 * it asks again if that fails. The newest `max` answers are kept.
 */
export function keeping(request, max = 24) {
  const kept = new Map();
  return (name, parameters) => {
    const key = `${name} ${JSON.stringify(parameters)}`;
    const known = kept.get(key);
    if (known) {
      // the one that was used last is removed last
      kept.delete(key);
      kept.set(key, known);
      return known;
    }
    const answer = request(name, parameters);
    answer.catch(() => kept.delete(key));
    kept.set(key, answer);
    if (kept.size > max) kept.delete(kept.keys().next().value);
    return answer;
  };
}

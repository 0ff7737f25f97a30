/** Several of each key; of a key that has none nothing is kept. */
export class SetsByKey<K, V> extends Map<K, Set<V>> {
  /** Whether it is the only one of its key. */
  addTo(key: K, value: V): boolean {
    const set = this.get(key);
    if (set === undefined) this.set(key, new Set([value]));
    else set.add(value);
    return set === undefined;
  }

  removeFrom(key: K, value: V): void {
    const set = this.get(key);
    set?.delete(value);
    if (set?.size === 0) this.delete(key);
  }
}

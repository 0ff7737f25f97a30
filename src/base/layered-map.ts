/**
 * An immutable map whose edited copies share what did not change: a base, and a small layer of edits over it. A copy with a few edits
 * costs the layer; when that has grown to a part of the base, the two become a new base.
 */
const MIN_LAYER = 64;
/** A layer has at most this part of the base's size. */
const LAYER_PART = 1 / 16;

export class LayeredMap<K, V extends {}> {
  readonly #base: ReadonlyMap<K, V>;
  /** Undefined: deleted. */
  readonly #layer: ReadonlyMap<K, V | undefined>;

  constructor(base: ReadonlyMap<K, V> = new Map(), layer: ReadonlyMap<K, V | undefined> = new Map()) {
    this.#base = base;
    this.#layer = layer;
  }

  get(key: K): V | undefined {
    if (this.#layer.size > 0) {
      const edited = this.#layer.get(key);
      if (edited !== undefined || this.#layer.has(key)) return edited;
    }
    return this.#base.get(key);
  }

  /** A copy with these entries set and, where undefined, deleted. */
  edited(edits: ReadonlyMap<K, V | undefined>): LayeredMap<K, V> {
    if (edits.size === 0) return this;
    if (this.#layer.size + edits.size <= Math.max(MIN_LAYER, this.#base.size * LAYER_PART)) {
      const layer = new Map(this.#layer);
      for (const [key, value] of edits) layer.set(key, value);
      return new LayeredMap(this.#base, layer);
    }
    const base = new Map(this.#base);
    for (const layer of [this.#layer, edits]) {
      for (const [key, value] of layer) {
        if (value === undefined) base.delete(key);
        else base.set(key, value);
      }
    }
    return new LayeredMap(base);
  }
}

/**
 * An immutable map of texts whose edited copies share what did not change: a base, and a small layer of edits over it. A copy with a few edits
 * costs the layer; when that has grown to a part of the base, the two become a new base.
 */
import { allAtOnce, type Steps } from './steps.ts';
import { TextMap } from './text-map.ts';

const MIN_LAYER = 64;
/** A layer has at most this part of the base's size. */
const LAYER_PART = 1 / 16;
const ENTRIES_PER_STEP = 500;

export class LayeredMap<V extends {}> {
  readonly #base: TextMap<V>;
  /** Undefined: deleted. */
  readonly #layer: TextMap<V | undefined>;

  constructor(base = new TextMap<V>(), layer = new TextMap<V | undefined>()) {
    this.#base = base;
    this.#layer = layer;
  }

  get(key: string): V | undefined {
    if (this.#layer.size > 0) {
      const edited = this.#layer.get(key);
      if (edited !== undefined || this.#layer.has(key)) return edited;
    }
    return this.#base.get(key);
  }

  /** A copy with these entries set and, where undefined, deleted. */
  edited(edits: ReadonlyMap<string, V | undefined>): LayeredMap<V> {
    return allAtOnce(this.editedSteps(edits));
  }

  /** {@link edited} in steps: a new base of many entries takes a while. */
  *editedSteps(edits: ReadonlyMap<string, V | undefined>): Steps<LayeredMap<V>> {
    if (edits.size === 0) return this;
    if (this.#layer.size + edits.size <= Math.max(MIN_LAYER, this.#base.size * LAYER_PART)) {
      const layer = this.#layer.copy();
      for (const [key, value] of edits) layer.set(key, value);
      return new LayeredMap(this.#base, layer);
    }
    const base = new TextMap<V>();
    let count = 0;
    for (const layer of [this.#base, this.#layer, edits]) {
      for (const [key, value] of layer) {
        if (value === undefined) base.delete(key);
        else base.set(key, value);
        if (++count % ENTRIES_PER_STEP === 0) yield;
      }
    }
    return new LayeredMap(base);
  }
}

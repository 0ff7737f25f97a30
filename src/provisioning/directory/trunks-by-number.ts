/** Which of one tenant's trunks hold a number in the tenant's pool there. */
import type { DidPool } from '../tenants/did-pool.ts';
import type { Trunk } from '../trunk-settings/schema.ts';
import { NumberIndex } from './number-index.ts';

/** Few trunks are asked one by one. */
const FEW = 16;

/** By the first pool, which is one tenant's on one trunk. */
const made = new WeakMap<DidPool, TrunksByNumber>();

export class TrunksByNumber {
  readonly #trunks: readonly Trunk[];
  readonly #pools: readonly DidPool[];
  /** By position in the list of trunks; made for many. */
  readonly #index: NumberIndex | undefined;
  /** Positions of trunks with numbers that another has too: the index names one of them only. */
  readonly #shared: ReadonlySet<number>;

  private constructor(trunks: readonly Trunk[], pools: readonly DidPool[]) {
    this.#trunks = trunks;
    this.#pools = pools;
    const owned = () => pools.map((pool, at) => ({ owner: String(at), pool }));
    this.#index = trunks.length <= FEW ? undefined : new NumberIndex(owned());
    this.#shared = new Set(this.#index?.claims.flatMap(({ a, b }) => [a, b]));
  }

  /** Of trunks with the tenant's pool on each; the same as before, from one snapshot to the next, give what was made for them. */
  static of(trunks: readonly Trunk[], pools: readonly DidPool[]): TrunksByNumber {
    const [first] = pools;
    const before = first === undefined ? undefined : made.get(first);
    if (before?.isOf(trunks, pools) === true) return before;
    const fresh = new TrunksByNumber(trunks, pools);
    if (first !== undefined) made.set(first, fresh);
    return fresh;
  }

  holding(number: number): readonly Trunk[] {
    if (this.#index === undefined) return this.#trunks.filter((_, at) => this.#holds(at, number));
    const one = this.#index.holder(number);
    if (one < 0) return [];
    const positions = this.#shared.has(one) ? this.#shared : [one];
    return [...positions].filter((at) => this.#holds(at, number)).flatMap((at) => this.#trunks[at] ?? []);
  }

  isOf(trunks: readonly Trunk[], pools: readonly DidPool[]): boolean {
    return (
      trunks.length === this.#trunks.length &&
      trunks.every((trunk, at) => trunk === this.#trunks[at] && pools[at] === this.#pools[at])
    );
  }

  #holds(at: number, number: number): boolean {
    return this.#pools[at]?.contains(number) === true;
  }
}

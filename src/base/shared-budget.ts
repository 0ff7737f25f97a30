/** So many are known though they hold nothing: a table that goes from one to none and back is made anew each time. */
const FEW = 16;
/** One source may have so many times what nobody has. */
const SHARE_OF_FREE = 3;

/** How much one source holds of something, and all of them together. */
export class SharedBudget {
  total = 0;
  readonly #most: number;
  readonly #held = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** How full it is: 1 is the limit. */
  get fill(): number {
    return this.total / this.#most;
  }

  /**
   * Whether a source has its share of so many times the limit. It may hold three times what is free: alone three quarters of all, and
   * whoever comes then three quarters of the rest. So no source, or address that is forged, takes it all, and one that is alone is not
   * held to an equal share. (The dynamic thresholds of Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2), 1998.)
   */
  hasShare(source: string, times: number): boolean {
    return (this.#held.get(source) ?? 0) >= SHARE_OF_FREE * (times * this.#most - this.total);
  }

  /** Those that have their share of the limit, and how much each of the others may take until it has. */
  shares(): { readonly full: readonly string[]; readonly left: number } {
    let left = this.#leftFor(0);
    const full: string[] = [];
    for (const [source, held] of this.#held) {
      const ofSource = this.#leftFor(held);
      if (ofSource > 0) left = Math.min(left, ofSource);
      else full.push(source);
    }
    return { full, left };
  }

  /** How much one that holds so much may take until it has its share: what it takes is free no more. */
  #leftFor(held: number): number {
    return Math.max(0, Math.ceil((SHARE_OF_FREE * (this.#most - this.total) - held) / (SHARE_OF_FREE + 1)));
  }

  change(source: string, by: number): void {
    this.total += by;
    const held = (this.#held.get(source) ?? 0) + by;
    if (held > 0 || this.#held.size <= FEW) this.#held.set(source, held);
    else this.#held.delete(source);
  }

  clear(): void {
    this.total = 0;
    this.#held.clear();
  }
}

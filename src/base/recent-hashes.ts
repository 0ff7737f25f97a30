/** 2^22 bits: of 300,000 hashes in a generation, what 3,000 calls a second leave in half a minute, one in fifty others seems to be among them. */
const BITS = 1 << 22;

/**
 * Which hashes came lately, for a look that says for nearly all others that they did not. Those of the last `keptMs` are found always,
 * none that is older than twice that. Two generations of bits, so what comes and goes is neither listed nor taken out; half a megabyte
 * each, made with the first hash: who only asks, as a layer that ends at once or only sends, never makes one.
 */
export class RecentHashes {
  readonly #keptMs: number;
  #younger: Uint32Array | undefined;
  #elder: Uint32Array | undefined;
  #youngerSinceMs: number;

  constructor(keptMs: number, nowMs: number) {
    this.#keptMs = keptMs;
    this.#youngerSinceMs = nowMs;
  }

  add(hash: number, nowMs: number): void {
    this.#age(nowMs);
    this.#younger ??= new Uint32Array(BITS / 32);
    const bits = this.#younger;
    const other = otherPlace(hash);
    bits[(hash >>> 5) & WORDS] = (bits[(hash >>> 5) & WORDS] as number) | (1 << hash);
    bits[(other >>> 5) & WORDS] = (bits[(other >>> 5) & WORDS] as number) | (1 << other);
  }

  /** False: this hash has not come lately. */
  mayHave(hash: number, nowMs: number): boolean {
    this.#age(nowMs);
    const younger = this.#younger;
    const elder = this.#elder;
    return (younger !== undefined && holds(younger, hash)) || (elder !== undefined && holds(elder, hash));
  }

  #age(nowMs: number): void {
    const ageMs = nowMs - this.#youngerSinceMs;
    if (ageMs < this.#keptMs) return;
    this.#youngerSinceMs = nowMs;
    // When nobody has looked for so long, the younger ones are old too.
    this.#elder = ageMs < 2 * this.#keptMs ? this.#younger : undefined;
    this.#younger = undefined;
  }
}

const WORDS = BITS / 32 - 1;

function otherPlace(hash: number): number {
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 7;
}

function holds(bits: Uint32Array, hash: number): boolean {
  if ((((bits[(hash >>> 5) & WORDS] as number) >>> hash) & 1) === 0) return false;
  const other = otherPlace(hash);
  return (((bits[(other >>> 5) & WORDS] as number) >>> other) & 1) === 1;
}

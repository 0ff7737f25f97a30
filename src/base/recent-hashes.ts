/** 2^20 bits: of 100,000 hashes in a generation one in thirty others seems to be among them. */
const BITS = 1 << 20;

/**
 * Which hashes came lately, for a look that says for nearly all others that they did not. Those of the last `keptMs` are found always,
 * none that is older than twice that. Two generations of bits, so what comes and goes is neither listed nor taken out.
 */
export class RecentHashes {
  readonly #keptMs: number;
  #younger = new Uint32Array(BITS / 32);
  #elder = new Uint32Array(BITS / 32);
  #youngerSinceMs: number;

  constructor(keptMs: number, nowMs: number) {
    this.#keptMs = keptMs;
    this.#youngerSinceMs = nowMs;
  }

  add(hash: number, nowMs: number): void {
    this.#age(nowMs);
    const bits = this.#younger;
    const other = otherPlace(hash);
    bits[(hash >>> 5) & WORDS] = (bits[(hash >>> 5) & WORDS] as number) | (1 << hash);
    bits[(other >>> 5) & WORDS] = (bits[(other >>> 5) & WORDS] as number) | (1 << other);
  }

  /** False: this hash has not come lately. */
  mayHave(hash: number, nowMs: number): boolean {
    this.#age(nowMs);
    return holds(this.#younger, hash) || holds(this.#elder, hash);
  }

  #age(nowMs: number): void {
    const ageMs = nowMs - this.#youngerSinceMs;
    if (ageMs < this.#keptMs) return;
    const freed = this.#elder.fill(0);
    // Nobody has looked for so long that the younger ones are old too.
    this.#elder = ageMs < 2 * this.#keptMs ? this.#younger : this.#younger.fill(0);
    this.#younger = freed;
    this.#youngerSinceMs = nowMs;
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

/** 2^22 bits: of 300,000 hashes in a generation, what 3,000 calls a second leave in half a minute, one in fifty others seems to be among them. */
const BITS = 1 << 22;

/**
 * Which hashes came lately, for a look that says for nearly all others that they did not. Those of the last `keptMs` are found always,
 * none that is older than twice that. Two generations of bits, so what comes and goes is neither listed nor taken out; half a megabyte
 * each when all are in use, made a piece at a time: who hears little, or only asks, as a layer that ends at once or only sends, has next to
 * none.
 */
export class RecentHashes {
  readonly #keptMs: number;
  #younger: Generation = [];
  #elder: Generation = [];
  #youngerSinceMs: number;

  constructor(keptMs: number, nowMs: number) {
    this.#keptMs = keptMs;
    this.#youngerSinceMs = nowMs;
  }

  add(hash: number, nowMs: number): void {
    this.#age(nowMs);
    mark(this.#younger, hash);
    mark(this.#younger, otherPlace(hash));
  }

  /** False: this hash has not come lately. */
  mayHave(hash: number, nowMs: number): boolean {
    this.#age(nowMs);
    return holds(this.#younger, hash) || holds(this.#elder, hash);
  }

  #age(nowMs: number): void {
    const ageMs = nowMs - this.#youngerSinceMs;
    if (ageMs < this.#keptMs) return;
    this.#youngerSinceMs = nowMs;
    // When nobody has looked for so long, the younger ones are old too.
    this.#elder = ageMs < 2 * this.#keptMs ? this.#younger : [];
    this.#younger = [];
  }
}

/** The bits by pieces, those that have any. */
type Generation = (Uint32Array | undefined)[];

const PIECES = 128;
const PIECE_WORDS = BITS / 32 / PIECES;

function otherPlace(hash: number): number {
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 7;
}

function pieceOf(place: number): number {
  return (place >>> 15) & (PIECES - 1);
}

function wordOf(place: number): number {
  return (place >>> 5) & (PIECE_WORDS - 1);
}

function mark(generation: Generation, place: number): void {
  let bits = generation[pieceOf(place)];
  if (bits === undefined) {
    bits = new Uint32Array(PIECE_WORDS);
    generation[pieceOf(place)] = bits;
  }
  bits[wordOf(place)] = (bits[wordOf(place)] as number) | (1 << place);
}

function holds(generation: Generation, hash: number): boolean {
  return isMarked(generation, hash) && isMarked(generation, otherPlace(hash));
}

function isMarked(generation: Generation, place: number): boolean {
  const bits = generation[pieceOf(place)];
  return bits !== undefined && (((bits[wordOf(place)] as number) >>> place) & 1) === 1;
}

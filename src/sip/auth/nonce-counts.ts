import { ownCopy } from '../../base/text.ts';
import { TextMap } from '../../base/text-map.ts';
import { issuedMs } from './nonces.ts';

/**
 * The highest nonce count seen per nonce: one number each, so that a request cannot be replayed (RFC 7616 §5.5).
 *
 * Rules it keeps: only a nonce that came with the right password is remembered, so strangers cannot fill the table; counts only
 * rise (a lower one is refused even if it was never seen); two generations, the older one dropped whole, so there is no timer and
 * no scan; when a generation is dropped, every nonce as old as its youngest counts as used, so forgetting never reopens a nonce,
 * whatever the clock does.
 */
export class NonceCounts {
  readonly #lifetimeMs: number;
  readonly #maxPerGeneration: number;
  #young = new TextMap<number>();
  #old = new TextMap<number>();
  #rotatedMs: number;
  /** The latest issue time in each generation, and in everything dropped so far. */
  #youngIssuedMs = 0;
  #oldIssuedMs = 0;
  #forgottenIssuedMs = 0;

  constructor(lifetimeMs: number, maxNonces: number, nowMs: number) {
    this.#lifetimeMs = lifetimeMs;
    this.#maxPerGeneration = Math.max(1, Math.floor(maxNonces / 2));
    this.#rotatedMs = nowMs;
  }

  /** Nonces remembered now. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** Takes a count for a genuine nonce; false when it, or a higher one, was taken before. `nowMs` is monotonic. */
  take(nonce: string, count: number, nowMs: number): boolean {
    if (nowMs - this.#rotatedMs >= this.#lifetimeMs) this.#rotate(nowMs);
    const inYoung = this.#young.get(nonce);
    if (this.#isTaken(nonce, count, inYoung ?? this.#old.get(nonce))) return false;
    if (inYoung === undefined && this.#young.size >= this.#maxPerGeneration) this.#rotate(nowMs);
    // It may be a part of its message, all of which it would keep.
    this.#young.set(inYoung === undefined ? ownCopy(nonce) : nonce, count);
    this.#youngIssuedMs = Math.max(this.#youngIssuedMs, issuedMs(nonce));
    return true;
  }

  /** Whether {@link take} would refuse it. */
  isTaken(nonce: string, count: number): boolean {
    return this.#isTaken(nonce, count, this.#young.get(nonce) ?? this.#old.get(nonce));
  }

  #isTaken(nonce: string, count: number, highest: number | undefined): boolean {
    return highest === undefined ? issuedMs(nonce) <= this.#forgottenIssuedMs : count <= highest;
  }

  #rotate(nowMs: number): void {
    if (this.#old.size > 0) this.#forgottenIssuedMs = Math.max(this.#forgottenIssuedMs, this.#oldIssuedMs);
    this.#old = this.#young;
    this.#oldIssuedMs = this.#youngIssuedMs;
    this.#young = new TextMap();
    this.#youngIssuedMs = 0;
    this.#rotatedMs = nowMs;
  }
}

/** Addresses at which phones fetch files that users sent: signed, so that nobody finds another's, and good for a time. */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../base/scheduler.ts';

const GOOD_FOR_SECONDS = 604_800;

export class MediaLinks {
  readonly #key: Uint8Array;
  readonly #clock: Clock;
  readonly #base: () => string | undefined;

  /** @param base where phones reach the HTTP interface, without a slash at its end; undefined: nowhere. */
  constructor(secret: Uint8Array, clock: Clock, base: () => string | undefined) {
    this.#key = new Uint8Array(hkdfSync('sha256', secret, '', 'tandem media links', 32));
    this.#clock = clock;
    this.#base = base;
  }

  linkTo(trunkId: string, mediaId: string): string | undefined {
    const base = this.#base();
    if (base === undefined) return undefined;
    const until = Math.trunc(this.#clock.wallMs() / 1000) + GOOD_FOR_SECONDS;
    return `${base}/media/whatsapp/${trunkId}/${encodeURIComponent(mediaId)}?until=${until}&signature=${this.#sign(trunkId, mediaId, until)}`;
  }

  isGood(trunkId: string, mediaId: string, until: number, signature: string): boolean {
    const wanted = Buffer.from(this.#sign(trunkId, mediaId, until));
    const given = Buffer.from(signature);
    if (wanted.length !== given.length || !timingSafeEqual(wanted, given)) return false;
    return until * 1000 > this.#clock.wallMs();
  }

  #sign(trunkId: string, mediaId: string, until: number): string {
    return createHmac('sha256', this.#key).update(`${trunkId}\n${mediaId}\n${until}`).digest('base64url');
  }
}

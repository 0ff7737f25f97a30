import { fnv1a } from '../base/fnv.ts';
import { RecentHashes } from '../base/recent-hashes.ts';
import type { Clock } from '../base/scheduler.ts';
import { HeaderId, type SipRequest } from '../sip/message/index.ts';

/**
 * BYEs that have ended dialogs. One can come again by another way, with another branch: a proxy in front that heard nothing of
 * one node asks the next, while that node passed it on. It ended the session here, so its copy is answered as it was, not with 481
 * (RFC 3261 §15.1.2 is about dialogs that nobody knows). A hash that only seems to have come costs nothing: that BYE gets 200 for a dialog
 * that is not there.
 */
export class HeardByes {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #hashes: RecentHashes;

  /** @param keptMs so long at least each is known, and not as long as twice that */
  constructor(clock: Pick<Clock, 'nowMs'>, keptMs: number) {
    this.#clock = clock;
    this.#hashes = new RecentHashes(keptMs, clock.nowMs());
  }

  note(bye: SipRequest): void {
    this.#hashes.add(hashOf(bye), this.#clock.nowMs());
  }

  has(bye: SipRequest): boolean {
    return this.#hashes.mayHave(hashOf(bye), this.#clock.nowMs());
  }
}

/** Of what all copies have in common, and nothing else: Call-ID, the sender's tag, CSeq. */
function hashOf(bye: SipRequest): number {
  const [callId, tag, cseq] = [bye.callId(), bye.fromTag() ?? '', bye.headers.value(HeaderId.CSeq) ?? ''];
  return (Math.imul(fnv1a(callId), 31) ^ Math.imul(fnv1a(tag), 17) ^ fnv1a(cseq)) >>> 0;
}

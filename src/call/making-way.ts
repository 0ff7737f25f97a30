import { cancelTimer, type Timer, type TimerTarget } from '../base/scheduler.ts';
import type { SipRequest } from '../sip/message/index.ts';
import type { LegCall } from './leg.ts';
import { CANCELLED_MS } from './target-invite.ts';

/** A CANCEL that was lost twice has its answer then; whoever answers none is called all the same, ms. */
const PATIENCE_MS = 3_000;

/**
 * A call that rings is given up for another one to the same party, which begins when the first has ended: a phone with one line is
 * free then. The places that the call had are nobody else's until then.
 */
export class MakingWay implements TimerTarget {
  readonly #next: () => void;
  readonly #giveBack: (isEnd: boolean) => void;
  readonly #onFault: (error: unknown) => void;
  #timer: Timer | undefined;

  /**
   * @param request of the caller, whose Reason fields go into the CANCELs (RFC 3326)
   * @param onFault of what waits for it
   */
  constructor(ringing: LegCall, request: SipRequest, next: () => void, onFault: (error: unknown) => void) {
    const { scheduler } = ringing.env;
    this.#next = next;
    this.#onFault = onFault;
    this.#timer = scheduler.schedule(PATIENCE_MS, this, 0);
    this.#giveBack = ringing.makeWay(request, () => {
      if (this.#timer === undefined) return;
      cancelTimer(this.#timer);
      this.#timer = scheduler.schedule(CANCELLED_MS, this, 0);
    });
  }

  /** The other one is not wanted any more. */
  stop(): void {
    if (this.#timer === undefined) return;
    this.#timer = cancelTimer(this.#timer);
    this.#giveBack(false);
  }

  onFault(error: unknown): void {
    this.#onFault(error);
  }

  onTimer(_kind: number): void {
    this.#timer = undefined;
    this.#giveBack(true);
    this.#next();
  }
}

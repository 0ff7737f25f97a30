import type { SipResponse } from '../sip/message/index.ts';
import type { Leg } from './leg.ts';
import { LegRequest, type LegRequestUser } from './leg-request.ts';

/** OPTIONS within a dialog (RFC 3261 §11): whether the peer still has it. A peer that does not, or is silent, ends the call. */
export class Probe implements LegRequestUser {
  readonly #leg: Leg;

  constructor(leg: Leg) {
    this.#leg = leg;
  }

  send(): void {
    if (this.#leg.state === 'confirmed') new LegRequest(this.#leg, this.#leg.createRequest('OPTIONS'), this).send();
  }

  onLegResponse({ status }: SipResponse): void {
    // §12.2.1.2: 481 and 408 say that the dialog is gone; any other answer comes from somebody who has it.
    if (status === 481 || status === 408) this.#lost();
  }

  onLegSilence(): void {
    this.#lost();
  }

  #lost(): void {
    this.#leg.call.legLost(this.#leg, 'lost');
  }
}

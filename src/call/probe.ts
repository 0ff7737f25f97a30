import type { SipResponse } from '../sip/message/index.ts';
import { addCapabilities } from './capabilities.ts';
import type { Leg } from './leg.ts';
import { LegRequest, type LegRequestUser } from './leg-request.ts';

/**
 * A request within a dialog whose answer says whether the peer still has it: OPTIONS (RFC 3261 §11), or an UPDATE without an offer, by which
 * it learns our Contact as well (RFC 3311). A peer that has no such dialog, or is silent, ends the call.
 */
export class Probe implements LegRequestUser {
  readonly #leg: Leg;

  constructor(leg: Leg) {
    this.#leg = leg;
  }

  send(): void {
    if (this.#leg.state === 'confirmed') new LegRequest(this.#leg, this.#leg.createRequest('OPTIONS'), this).send();
  }

  /**
   * A target refresh, where the peer takes one: by UPDATE, or by a re-INVITE with the description that it has. Else an OPTIONS, and what
   * the peer sends goes on to where it thinks that we are.
   */
  refreshTarget(): void {
    const leg = this.#leg;
    if (leg.session !== undefined) {
      leg.session.refresh();
      return;
    }
    if (!leg.allowsUpdate || !leg.mayStart('UPDATE', false)) {
      this.send();
      return;
    }
    const update = leg.createRequest('UPDATE');
    addCapabilities(update, leg.options, leg.peer);
    new LegRequest(leg, update, this).send();
  }

  onLegResponse(response: SipResponse, { request }: LegRequest): void {
    const { status } = response;
    // §12.2.1.2: 481 and 408 say that the dialog is gone; any other answer comes from somebody who has it.
    if (status === 481 || status === 408) this.#lost();
    if (status < 200 || status >= 300 || request.method !== 'UPDATE') return;
    this.#leg.learn(response);
    this.#leg.dialog.refreshTarget(response);
  }

  onLegSilence(): void {
    this.#lost();
  }

  #lost(): void {
    this.#leg.call.legLost(this.#leg, 'lost');
  }
}

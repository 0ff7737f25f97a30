import { HeaderId, type SipRequest, type SipResponse } from '../sip/message/index.ts';
import type { Leg } from './leg.ts';
import { LegRequest, type LegRequestUser } from './leg-request.ts';
import { sequenceOfReferral } from './referral-between-nodes.ts';

/** RFC 3515 §2.4.4: how long the implicit subscription lasts, in seconds; longer than any ring timeout. */
const SUBSCRIPTION_SECONDS = 300;

/**
 * Tells a transferor how its REFER goes: one NOTIFY at a time, so that none overtakes another; what changed meanwhile is told as its
 * latest state. The last one ends the subscription (RFC 3515 §2.4.7).
 */
export class ReferNotifier implements LegRequestUser {
  readonly #leg: Leg;
  readonly #event: string;
  #busy = false;
  #ended = false;
  #lastStatus = 0;
  #next: { readonly status: number; readonly reason: string; readonly final: boolean } | undefined = undefined;

  constructor(leg: Leg, refer: SipRequest) {
    this.#leg = leg;
    // RFC 3515 §2.4.6: the id tells several REFERs of one dialog apart.
    this.#event = `refer;id=${sequenceOfReferral(leg, refer)}`;
  }

  progress(status: number, reason: string): void {
    if (status !== this.#lastStatus) this.#tell(status, reason, false);
  }

  final(status: number, reason: string): void {
    this.#tell(status, reason, true);
  }

  onLegResponse(response: SipResponse, _request: LegRequest): void {
    if (response.status < 200) return;
    // RFC 6665 §4.2.2: a subscriber that does not know the subscription gets no more.
    if (response.status === 481) this.#ended = true;
    this.#free();
  }

  onLegSilence(_status: number, _request: LegRequest): void {
    this.#ended = true;
    this.#free();
  }

  #tell(status: number, reason: string, final: boolean): void {
    if (this.#ended || this.#next?.final === true) return;
    this.#next = { status, reason, final };
    if (!this.#busy) this.#send();
  }

  #free(): void {
    this.#busy = false;
    this.#send();
  }

  #send(): void {
    const next = this.#next;
    this.#next = undefined;
    if (next === undefined || this.#ended || this.#leg.state !== 'confirmed') return;
    this.#lastStatus = next.status;
    this.#busy = true;
    this.#ended = next.final;
    const notify = this.#leg.createRequest('NOTIFY');
    notify.headers.add(HeaderId.Event, this.#event);
    const state = next.final ? 'terminated;reason=noresource' : `active;expires=${SUBSCRIPTION_SECONDS}`;
    notify.headers.add(HeaderId.SubscriptionState, state);
    notify.headers.add(HeaderId.ContentType, 'message/sipfrag;version=2.0');
    notify.body = `SIP/2.0 ${next.status} ${next.reason}\r\n`;
    new LegRequest(this.#leg, notify, this).send();
  }
}

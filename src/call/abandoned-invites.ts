import type { SipRequest, SipResponse } from '../sip/message/index.ts';
import { turnAway } from './late-answers.ts';
import type { CallEnvironment, ClientTransaction, Destination } from './ports.ts';

interface Abandoned {
  readonly invite: SipRequest;
  readonly destination: Destination;
  readonly usedSequence: number;
  readonly expiresAtMs: number;
}

const MAX_REMEMBERED = 10_000;
/** RFC 3261 §13.3.1.4: a callee sends its 2xx again for 64*T1; ours was silent for as long before. */
const REMEMBERED_T1 = 128;

/**
 * INVITEs that were given up without a final response. A callee that answers one after all is told that nobody is there: ACK, then
 * BYE (RFC 3261 §13.2.2.4), to where the INVITE went. A 2xx to an INVITE that was never sent from here is dropped.
 */
export class AbandonedInvites {
  readonly #env: CallEnvironment;
  readonly #invites = new Map<string, Abandoned>();

  constructor(env: CallEnvironment) {
    this.#env = env;
  }

  add(transaction: ClientTransaction, usedSequence: number): void {
    const { scheduler, timers } = this.#env;
    this.#forgetOld();
    if (this.#invites.size >= MAX_REMEMBERED) return;
    this.#invites.set(transaction.request.callId(), {
      invite: transaction.request,
      destination: transaction.flow,
      usedSequence,
      expiresAtMs: scheduler.nowMs() + REMEMBERED_T1 * timers.t1Ms,
    });
  }

  receive(response: SipResponse): void {
    this.#forgetOld();
    const abandoned = this.#invites.get(response.callId());
    if (abandoned === undefined || response.fromTag() !== abandoned.invite.fromTag()) return;
    turnAway(this.#env, abandoned, response);
  }

  /** Insertion order is order of expiry. */
  #forgetOld(): void {
    const nowMs = this.#env.scheduler.nowMs();
    for (const [callId, abandoned] of this.#invites) {
      if (abandoned.expiresAtMs > nowMs) return;
      this.#invites.delete(callId);
    }
  }
}

import type { SipRequest, SipResponse } from '../sip/message/index.ts';
import type { LateUser, SentInvite } from './abandoned-invites.ts';
import { describeDestination } from './destination.ts';
import type { ClientTransaction, ClientTransactionUser, Destination, WayOptions } from './ports.ts';

/** An INVITE of another process that rings. */
export interface RingingInvite {
  readonly invite: SipRequest;
  readonly to: Destination;
  readonly trunkId: string | undefined;
  /** CSeq of its dialogs goes on above this. */
  readonly usedSequence: number;
  /** How its peer is reached, and what it is told of where this process is. */
  readonly way: WayOptions;
}

/**
 * What of a call that rang when its process ended goes on: the caller is answered under the tag that he was told, and a branch that would
 * ask somebody who rings hears his answer in place of asking anew.
 */
export class Resumption {
  readonly tag: string | undefined;
  /** How long he has waited already, ms. */
  readonly passedMs: number;
  /** The caller has given up meanwhile: nobody is asked. */
  cancel: SipRequest | undefined = undefined;
  #ringing: readonly RingingInvite[];

  constructor(tag: string | undefined, ringing: readonly RingingInvite[], passedMs: number) {
    this.tag = tag;
    this.passedMs = passedMs;
    this.#ringing = ringing;
  }

  /** The INVITE with this Request-URI that rings there; it is the caller's of this method from now on. */
  take(requestUri: string, to: Destination): RingingInvite | undefined {
    const where = describeDestination(to);
    const found = this.#ringing.find(
      (each) => each.invite.requestUri === requestUri && describeDestination(each.to) === where,
    );
    this.#ringing = this.#ringing.filter((each) => each !== found);
    return found;
  }

  /** What nobody has taken: to be cancelled. */
  takeAll(): readonly RingingInvite[] {
    const left = this.#ringing;
    this.#ringing = [];
    return left;
  }
}

/** Hears what comes to an INVITE of another process that was cancelled here. */
export class CancelledInvite implements ClientTransactionUser {
  readonly #late: LateUser;
  readonly #registry: { abandon(invite: SentInvite, late: LateUser): void };

  constructor(late: LateUser, registry: { abandon(invite: SentInvite, late: LateUser): void }) {
    this.#late = late;
    this.#registry = registry;
  }

  onResponse(response: SipResponse, transaction: ClientTransaction): void {
    if (response.status >= 200 && response.status < 300) this.#late.onResponse(response, transaction);
    else if (response.status >= 300) transaction.release();
  }

  onTimeout(transaction: ClientTransaction): void {
    this.#registry.abandon(transaction, this.#late);
  }

  onTransportError(_reason: string, transaction: ClientTransaction): void {
    this.#registry.abandon(transaction, this.#late);
  }
}

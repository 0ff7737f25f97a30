import { ReliableProvisionals, type ReliableProvisionalsUser } from '../sip/dialog/index.ts';
import type { SipRequest, SipResponse } from '../sip/message/index.ts';
import type { Leg } from './leg.ts';
import { acknowledgeLocally } from './local-prack.ts';
import type { ServerTransaction } from './ports.ts';
import { relayRequest } from './relayed-request.ts';

/** Where a reliable provisional response came from: whose PRACK the caller's PRACK becomes, and its RAck. */
interface ReliableSource {
  readonly leg: Leg;
  readonly rack: string;
}

export interface ReliableRelayUser {
  /** All descriptions sent reliably are acknowledged: a 2xx that waited may go. */
  onDescriptionsAcknowledged(): void;
  /** RFC 3262 §3: no PRACK in time, the INVITE is to be refused with a 5xx. */
  onNoPrack(): void;
}

/**
 * Reliable provisional responses on a caller's leg (RFC 3262). One that was reliable on the callee's leg gets its PRACK from the
 * caller's, end to end, with whatever offer or answer it carries; one that is reliable only because the caller requires it ends here.
 */
export class ReliableRelay implements ReliableProvisionalsUser {
  readonly #leg: Leg;
  readonly #transaction: ServerTransaction;
  readonly #user: ReliableRelayUser;
  readonly #provisionals: ReliableProvisionals;
  readonly #origins: (ReliableSource | undefined)[] = [];

  constructor(leg: Leg, transaction: ServerTransaction, user: ReliableRelayUser) {
    const { scheduler, timers } = leg.env;
    this.#leg = leg;
    this.#transaction = transaction;
    this.#user = user;
    this.#provisionals = new ReliableProvisionals(scheduler, transaction.request, this, timers.t1Ms);
  }

  get holdsDescription(): boolean {
    return this.#provisionals.holdsDescription;
  }

  get isOwed(): boolean {
    return this.#provisionals.isOwed;
  }

  relay(response: SipResponse, origin: Leg | undefined, rack: string): void {
    if (this.#provisionals.send(response)) this.#origins.push(origin === undefined ? undefined : { leg: origin, rack });
  }

  /** True when the PRACK was for one of these responses and is being answered. */
  receivePrack(transaction: ServerTransaction, request: SipRequest): boolean {
    if (!this.#provisionals.receivePrack(request)) return false;
    const origin = this.#origins.shift();
    if (request.body === '') {
      // §3: it MUST be responded to with a 2xx, whatever becomes of the callee's, and before its sender gives up waiting for that.
      this.#leg.reply(transaction, 200);
      if (origin !== undefined) acknowledgeLocally(origin.leg, origin.rack, { request, from: this.#leg });
    } else if (origin !== undefined) relayRequest(this.#leg, transaction, request, origin.leg, origin.rack);
    // RFC 3262 §5 lets a PRACK make an offer; without a callee's PRACK to carry it there is nobody to answer.
    else this.#leg.reply(transaction, 488);
    if (!this.#provisionals.holdsDescription) this.#user.onDescriptionsAcknowledged();
    return true;
  }

  end(): void {
    this.#provisionals.end();
  }

  send(response: SipResponse): void {
    this.#leg.respond(this.#transaction, response);
  }

  onNoPrack(_response: SipResponse): void {
    this.#user.onNoPrack();
  }

  onFault(error: unknown): void {
    this.#leg.onFault(error);
  }
}

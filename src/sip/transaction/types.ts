import type { HeaderList, SipRequest, SipResponse } from '../message/index.ts';

/**
 * Where a transaction's messages go: a UDP peer or a connection. The endpoint passes its own flow type, which satisfies this, and
 * gets it back as `transaction.flow`.
 */
export interface Channel {
  /** True for TCP and TLS: the four machines do not retransmit over it (RFC 3261 §17). */
  readonly reliable: boolean;
  /** False: a connection that was not made yet. */
  readonly connected?: boolean;
  /** Where the peer is, as its messages show it. */
  readonly remoteAddress?: string;
  /** Sends one message. Never throws and never reports a failure before it returns; failures come as `TransactionLayer.flowFailed`. */
  send(text: string): void;
}

export type InviteClientState = 'calling' | 'proceeding' | 'accepted' | 'completed' | 'terminated';
export type NonInviteClientState = 'trying' | 'proceeding' | 'completed' | 'terminated';
export type InviteServerState = 'proceeding' | 'accepted' | 'completed' | 'confirmed' | 'terminated';
export type NonInviteServerState = 'trying' | 'proceeding' | 'completed' | 'terminated';

/** A request received and the answers it is given. */
export interface ServerTransaction<F extends Channel = Channel> {
  readonly request: SipRequest;
  readonly flow: F;
  readonly state: InviteServerState | NonInviteServerState;
  /**
   * The To tag of every response that {@link reply} makes; a dialog of this request uses it as its local tag (§8.2.6.2). It changes with
   * {@link admit}: before, it is the same for each copy of the request.
   */
  readonly localTag: string;
  /** Told about CANCEL, a missing ACK and transport errors. While unset, a CANCEL is answered with 487 by the transaction itself. */
  user: ServerTransactionUser | undefined;
  /**
   * True: a final response is sent once and again only when the INVITE comes again, not by timer G. For requests from sources that
   * have proved nothing (§26.3.2.4); 401 and 407 are always sent that way.
   */
  answerOnce: boolean;
  /**
   * The sender is somebody: copies of the request find this transaction from now on, and a final response is kept for them. Without it a
   * final response given at once is sent and forgotten, which is all that a stranger may cost (§8.2.7); a request that is still without
   * one when the user returns is kept all the same.
   *
   * @param peer who that is, if it sends from several addresses: from another of them it may cancel as well. Default: nobody does
   */
  admit(peer?: string): void;
  /**
   * The user will not look at the {@link request} of an INVITE again. Copies are absorbed for half a minute still, by a record outside of the
   * heap in place of the machine: what a busy engine holds is mostly that. Call it after the final response. Of other methods that
   * response itself does this, so nobody calls it for them; the request stays for as long as its user holds the transaction.
   */
  release(): void;
  /** Ends without an answer, which another process gives: a copy of the request is a new one. */
  leave(): void;
  /** From now on {@link localTag} is this one: of responses that another process has sent. */
  adoptTag(tag: string): void;
  /** Sends a response. One that the state does not allow (a second final one, a provisional one after it) is counted and dropped. */
  respond(response: SipResponse): void;
  /** Makes a response of the request (§8.2.6) with {@link localTag} and sends it. */
  reply(status: number, reason?: string, headers?: HeaderList): void;
}

export interface ServerTransactionUser {
  /** The INVITE was cancelled before its final response; the user owes it a 487. The CANCEL itself has been answered. */
  onCancel(cancel: SipRequest): void;
  /** A final response other than 2xx was never acknowledged (timer H). */
  onAckTimeout?(): void;
  /** A response could not be sent; the transaction lives on until its timers end it (RFC 6026 §7.1). */
  onTransportError?(reason: string): void;
}

/** A request sent and the answers it gets. */
export interface ClientTransaction<F extends Channel = Channel> {
  readonly request: SipRequest;
  readonly flow: F;
  readonly state: InviteClientState | NonInviteClientState;
  /**
   * Cancels an INVITE (§9.1): at once when a provisional response has come, else when the first one comes. The final response (487,
   * or a 2xx that won the race) still reaches the user; after 64*T1 without one, `onTimeout` does. Nothing happens for other methods.
   */
  cancel(headers?: HeaderList): void;
  /** The CANCEL of this INVITE has had a final response of its own: it has reached somebody. */
  readonly isCancelHeard: boolean;
  /**
   * The ACK to the 2xx of this INVITE was sent (§13.2.2.4): a copy of that 2xx gets it again once the user has released the transaction.
   */
  acknowledged(ack: string, flow: F): void;
  /**
   * The user will not look at {@link request} again. Call it with the final response. `late`, or of an INVITE that was
   * answered with a 2xx the user, still hears what comes of other forks, with the ACK as the request.
   */
  release(late?: ClientTransactionUser<F>): void;
  /** Nobody wants an answer any more: a request other than INVITE is not sent again, and what comes to it is not heard. */
  abandon(): void;
  /** Another user hears what may still come. */
  handOver(user: ClientTransactionUser<F>): void;
}

export interface ClientTransactionUser<F extends Channel = Channel> {
  /** Every provisional response (100 too), the final response once, and of an INVITE every 2xx, retransmissions included. */
  onResponse(response: SipResponse, transaction: ClientTransaction<F>): void;
  /** No final response in time; counts as a 408 (§8.1.3.1). The transaction has ended. */
  onTimeout(transaction: ClientTransaction<F>): void;
  /** The request could not be sent; counts as a 503 (§8.1.3.1). The transaction has ended. */
  onTransportError(reason: string, transaction: ClientTransaction<F>): void;
  /** A defect met it while it heard of a timer. Default: it is the process's to tell of. */
  onFault?(error: unknown): void;
}

export interface ClientTransactionOptions {
  /** The request's serialized text, when the caller has it already. */
  readonly text?: string;
  /** The branch of its top Via, when the caller has it already. */
  readonly branch?: string;
  /** Timer B or F in place of 64*T1, e.g. to try the next target of an RFC 3263 list earlier. */
  readonly timeoutMs?: number | undefined;
  /** An INVITE that another process has sent, and that has had a provisional response: it is not sent again. */
  readonly isUnderWay?: boolean;
}

export interface LateCancel {
  readonly cancel: SipRequest;
  /** The tag that the INVITE was answered with. */
  readonly tag: string;
  /** Address that the INVITE came from, and that of the CANCEL. */
  readonly from: string;
  readonly by: string;
}

/** What the layer hands up. */
export interface TransactionLayerUser<F extends Channel = Channel> {
  /** A new request, not ACK, not CANCEL, not merged. */
  onRequest(transaction: ServerTransaction<F>, request: SipRequest): void;
  /** An ACK that belongs to no final response other than 2xx: for a 2xx, or stray. */
  onAck(request: SipRequest, flow: F): void;
  /** A CANCEL of an INVITE that had been answered with a 2xx; by itself it changes nothing (§9.2). */
  onLateCancel?(cancel: LateCancel): void;
  /** A response to an INVITE that matches no transaction (RFC 6026 §8.1 lets an element look at a 2xx; it is dropped otherwise). */
  onStrayAnswer?(response: SipResponse, flow: F): void;
  /**
   * A CANCEL for an INVITE that is not known. True: it may be known later, or to somebody else; the CANCEL is answered when `again` is called,
   * once: as it would be then, or with 200 under the tag that is given, of the responses to its INVITE. Otherwise 481 (§9.2).
   */
  onStrayCancel?(cancel: SipRequest, flow: F, again: (tag?: string) => void): boolean;
}

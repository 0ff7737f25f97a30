import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../../base/scheduler.ts';
import { SipRequest, type SipResponse } from '../message/index.ts';
import type { TransactionCounters } from './counters.ts';
import { hasCookie } from './matching.ts';
import type { TimerSettings } from './timers.ts';
import type { Channel, ClientTransactionUser } from './types.ts';

/** What a machine needs of the layer that owns it. */
export interface TransactionHost<F extends Channel> {
  readonly scheduler: Scheduler;
  readonly timers: TimerSettings;
  readonly counters: TransactionCounters;
  /** The machine has reached Terminated and is to be forgotten. */
  ended(transaction: Transaction<F>): void;
  /** The machine has given a final response other than 2xx. */
  refused(transaction: Transaction<F>): void;
  /** Sends a CANCEL in a client transaction of its own, of which `heard` gets the final response. */
  startCancel(cancel: SipRequest, flow: F, heard: () => void): void;
  /** The sender of this server transaction's request is somebody. */
  admitted(transaction: Transaction<F>): void;
  /** The request of this server transaction is kept from now on: its copies find it. */
  keep(transaction: Transaction<F>): void;
  /** The To tag of an answer that keeps nothing. */
  statelessTag(request: SipRequest): string;
  /** Sends a final response for which nothing is kept. */
  answerStateless(response: SipResponse, request: SipRequest, flow: F): void;
  /** Of this server transaction nothing is needed any more but what its copies are answered; empty: nothing. */
  answered(transaction: Transaction<F>, answer: string): void;
  /** Of this client transaction nothing is needed any more but the ACK that was sent; empty: none was. */
  heard(transaction: Transaction<F>, ack: string, ackFlow: F, user: ClientTransactionUser<F> | undefined): void;
}

/**
 * What the four machines share: the request, the channel, the serialized text that retransmissions send again, and two timer slots.
 * No state of any machine needs more than one retransmission timer and one that ends the state.
 */
export abstract class Transaction<F extends Channel> implements TimerTarget {
  /** A stand-in once its user has released it, see {@link release}. */
  request: SipRequest;
  readonly flow: F;
  /** The layer's key. */
  key: string;
  /** Neighbours in the layer's list of transactions of one flow. */
  previousOnFlow: Transaction<F> | undefined = undefined;
  nextOnFlow: Transaction<F> | undefined = undefined;
  protected readonly host: TransactionHost<F>;
  /** What goes out again on retransmission. */
  protected text = '';
  #resendTimer: Timer | undefined = undefined;
  #stateTimer: Timer | undefined = undefined;

  constructor(host: TransactionHost<F>, key: string, request: SipRequest, flow: F) {
    this.host = host;
    this.key = key;
    this.request = request;
    this.flow = flow;
  }

  get method(): string {
    return this.request.method;
  }

  abstract readonly isClient: boolean;
  abstract onTimer(kind: number): void;
  /** The channel failed. */
  abstract transportFailed(reason: string): void;

  /** Nothing happens by itself any more: the machine has ended, or what is left of it is the layer's. */
  disarm(): void {
    this.#resendTimer = cancelTimer(this.#resendTimer);
    this.#stateTimer = cancelTimer(this.#stateTimer);
  }

  protected armResend(delayMs: number, kind: number): void {
    this.#resendTimer?.cancel();
    this.#resendTimer = this.host.scheduler.schedule(delayMs, this, kind);
  }

  protected armState(delayMs: number, kind: number): void {
    this.#stateTimer?.cancel();
    this.#stateTimer = this.host.scheduler.schedule(delayMs, this, kind);
  }

  protected disarmResend(): void {
    this.#resendTimer = cancelTimer(this.#resendTimer);
  }

  protected disarmState(): void {
    this.#stateTimer = cancelTimer(this.#stateTimer);
  }

  protected resend(): void {
    this.host.counters.retransmissionsSent++;
    this.flow.send(this.text);
  }

  /** Lets go of the request; the key tells its copies. An RFC 2543 peer's is kept, since its key does not tell all (§17.2.3). */
  release(): void {
    if (hasCookie(this.key)) this.request = standIn(this.request.method);
  }

  /** Common end of every machine: nothing stays armed, the text is let go, the layer forgets. */
  protected finish(): void {
    this.disarm();
    this.text = '';
    this.host.ended(this);
  }
}

const MAX_STAND_INS = 100;
const STAND_INS = new Map<string, SipRequest>();

/** A request of this method without anything in it. */
function standIn(method: string): SipRequest {
  let request = STAND_INS.get(method);
  if (request === undefined) {
    request = new SipRequest(method, '');
    // Peers make up methods.
    if (STAND_INS.size < MAX_STAND_INS) STAND_INS.set(method, request);
  }
  return request;
}

import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../../base/scheduler.ts';
import type { TokenEntry } from '../../base/token-map.ts';
import { parseMessage, type SipRequest, type SipResponse } from '../message/index.ts';
import type { TransactionCounters } from './counters.ts';
import type { Channel, ClientTransaction, ClientTransactionUser } from './types.ts';

/** What a {@link Queue} holds; it links entries itself. */
interface Entry {
  dueMs: number;
  nextDue: Entry | undefined;
  /** Its time has come. */
  end(): void;
}

/** Many end in each second: those that are due within this time after the first end with the next. */
const PAUSE_MS = 250;

/** Entries that all stay for the same time: first in, first out, one timer for all of them. */
export class Queue implements TimerTarget {
  readonly #scheduler: Scheduler;
  readonly #stayMs: number;
  #first: Entry | undefined = undefined;
  #last: Entry | undefined = undefined;
  #timer: Timer | undefined = undefined;

  constructor(scheduler: Scheduler, stayMs: number) {
    this.#scheduler = scheduler;
    this.#stayMs = stayMs;
  }

  add(entry: Entry): void {
    entry.dueMs = this.#scheduler.nowMs() + this.#stayMs;
    if (this.#last === undefined) this.#first = entry;
    else this.#last.nextDue = entry;
    this.#last = entry;
    this.#timer ??= this.#scheduler.schedule(this.#stayMs, this, 0);
  }

  onTimer(): void {
    const nowMs = this.#scheduler.nowMs();
    this.#timer = undefined;
    while (this.#first !== undefined && this.#first.dueMs <= nowMs) {
      const entry = this.#first;
      this.#first = entry.nextDue;
      entry.end();
    }
    if (this.#first === undefined) this.#last = undefined;
    else this.#timer = this.#scheduler.schedule(Math.max(this.#first.dueMs - nowMs, PAUSE_MS), this, 0);
  }

  clear(): void {
    this.#timer = cancelTimer(this.#timer);
    this.#first = undefined;
    this.#last = undefined;
  }
}

/** A request that was received and whose copies are known. */
export interface KnownRequest<F extends Channel> {
  readonly key: string;
  readonly mergeKey: string;
  readonly method: string;
  readonly flow: F;
  /** The tag that the peer knows. */
  readonly sentTag: string;
  readonly sentByHost: string;
  readonly sentByPort: number | undefined;
  /** Another one with the same key. */
  nextOfKey: KnownRequest<F> | undefined;
  /** The request came again. */
  receiveRequest(): void;
}

/** A request that was sent and whose responses are known by its branch. */
export interface KnownBranch<F extends Channel> extends TokenEntry<KnownBranch<F>> {
  readonly method: string;
  readonly flow: F;
  receiveResponse(response: SipResponse): void;
}

/** Where what lingers lives; `TransactionLayer` is it. */
export interface LingeringHost<F extends Channel> {
  readonly counters: TransactionCounters;
  forgetRequest(known: KnownRequest<F>): void;
  forgetBranch(known: KnownBranch<F>): void;
}

/**
 * What is left of a server transaction whose final response was given, once its user has let go of it: what tells a copy of its request,
 * and what the copy is answered. A 2xx to an INVITE is its user's to repeat.
 */
export class LingeringServer<F extends Channel> implements Entry, KnownRequest<F> {
  readonly key: string;
  readonly mergeKey: string;
  readonly method: string;
  readonly flow: F;
  readonly sentTag: string;
  readonly sentByHost: string;
  readonly sentByPort: number | undefined;
  nextOfKey: KnownRequest<F> | undefined;
  dueMs = 0;
  nextDue: Entry | undefined = undefined;
  readonly #answer: string;
  readonly #host: LingeringHost<F>;

  /** @param answer its text, empty where a copy gets none */
  constructor(host: LingeringHost<F>, of: KnownRequest<F>, answer: string) {
    this.#host = host;
    this.key = of.key;
    this.mergeKey = of.mergeKey;
    this.method = of.method;
    this.flow = of.flow;
    this.sentTag = of.sentTag;
    this.nextOfKey = of.nextOfKey;
    this.sentByHost = of.sentByHost;
    this.sentByPort = of.sentByPort;
    this.#answer = answer;
  }

  receiveRequest(): void {
    const { counters } = this.#host;
    counters.retransmissionsReceived++;
    if (this.#answer === '') return;
    counters.retransmissionsSent++;
    this.flow.send(this.#answer);
  }

  end(): void {
    this.#host.forgetRequest(this);
  }
}

/**
 * What is left of a client transaction that has heard its final response, once its user has let go of it. Of an accepted INVITE (RFC 6026
 * §7.2) it is the text of the ACK: a 2xx that comes again gets it again (RFC 3261 §13.2.2.4), and what has to be known to acknowledge and
 * end the 2xx of another fork stands in it.
 */
export class LingeringClient<F extends Channel> implements Entry, KnownBranch<F>, ClientTransaction<F> {
  readonly token: string;
  readonly method: string;
  readonly flow: F;
  nextHeld: KnownBranch<F> | undefined = undefined;
  dueMs = 0;
  nextDue: Entry | undefined = undefined;
  readonly #ack: string;
  readonly #ackFlow: F;
  #user: ClientTransactionUser<F> | undefined;
  readonly #host: LingeringHost<F>;

  /** @param ack its text, empty where none was sent; `user` hears of the 2xx that it does not answer */
  constructor(
    host: LingeringHost<F>,
    of: Pick<KnownBranch<F>, 'token' | 'method' | 'flow'>,
    ack: string,
    ackFlow: F,
    user: ClientTransactionUser<F> | undefined,
  ) {
    this.#host = host;
    this.token = of.token;
    this.method = of.method;
    this.flow = of.flow;
    this.#ack = ack;
    this.#ackFlow = ackFlow;
    this.#user = user;
  }

  readonly state = 'accepted';

  /** The ACK. */
  get request(): SipRequest {
    return parseMessage(this.#ack) as SipRequest;
  }

  receiveResponse(response: SipResponse): void {
    const { counters } = this.#host;
    const isAccepted = this.#ack !== '';
    if (isAccepted && (response.status < 200 || response.status >= 300)) return;
    // A connection that was never made has not carried the ACK.
    const isHeard = !this.#ackFlow.reliable || this.#ackFlow.connected !== false;
    if (isAccepted && !(isHeard && this.request.toTag() === response.toTag())) {
      this.#user?.onResponse(response, this);
      return;
    }
    counters.retransmissionsReceived++;
    if (!isAccepted) return;
    counters.retransmissionsSent++;
    this.#ackFlow.send(this.#ack);
  }

  end(): void {
    this.#host.forgetBranch(this);
  }

  // Nothing of this has an effect any more.
  cancel(): void {}
  release(): void {}
  acknowledged(): void {}

  handOver(user: ClientTransactionUser<F>): void {
    this.#user = user;
  }
}

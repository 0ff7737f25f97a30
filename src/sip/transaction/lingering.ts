/**
 * What is left of transactions that have said and heard all, once their users have let go of them: octets outside of the heap ({@link Shelf}).
 * Most of what a busy engine knows is this, and for half a minute each.
 */
import type { Scheduler } from '../../base/scheduler.ts';
import { SharedBudget } from '../../base/shared-budget.ts';
import { NONE, Shelf, secretHash } from '../../base/shelf.ts';
import { parseMessage, type SipRequest, type SipResponse } from '../message/index.ts';
import type { TransactionCounters } from './counters.ts';
import { mergeHashBeside } from './merged-requests.ts';
import { Numbered } from './numbered.ts';
import { addressOf } from './server-places.ts';
import type { TimerSettings } from './timers.ts';
import type { Channel, ClientTransaction, ClientTransactionUser } from './types.ts';

/** What each shelf may take of the octets that all may: those that hold answers and ACKs have most. */
const REQUESTS_PART = 3 / 8;
const CALLS_BEYOND_PART = 1 / 8;
const OTHERS_BEYOND_PART = 1 / 16;
const MERGES_PART = 1 / 8;
const ACCEPTED_PART = 1 / 4;
const OTHERS_PART = 1 / 16;

/** A request that was received and whose copies are known. */
export interface KnownRequest<F extends Channel> {
  readonly flow: F;
  /** Who was admitted, and has several addresses; empty where nobody is known to. */
  readonly peer: string;
  /** The tag that the peer knows. */
  readonly sentTag: string;
  /** The request came again. */
  receiveRequest(): void;
}

/** Whose places it takes: the flow's address, or who stands behind that. */
export interface OfSource {
  readonly source: string;
}

/** What tells a copy of a request (RFC 3261 §17.2.3). */
export interface RequestIdentity {
  readonly key: string;
  readonly method: string;
  /** In lower case. */
  readonly sentByHost: string;
  readonly sentByPort: number | undefined;
  /** Tells it from others of its branch. */
  readonly copyMark: number;
}

/** A request that was sent and whose responses are known by its branch. */
export interface KnownBranch<F extends Channel> {
  readonly method: string;
  readonly flow: F;
  receiveResponse(response: SipResponse): void;
}

// The texts and numbers of what may be merged with a request.
const MERGE_METHOD = 0;
const MERGE_TAG = 1;
const SEQUENCE = 0;
const MERGE_SOURCE = 1;

// The texts and numbers of a request's record.
const METHOD = 0;
const HOST = 1;
const SENT_TAG = 2;
const ANSWER = 3;
const FLOW = 0;
const SOURCE = 1;
const PORT = 2;
/** The source is the flow's own address. */
const OF_FLOW = -1;
const NO_PORT = -1;

/** A call has one of each, and ends or begins anew where a copy is taken for another. */
const OF_CALLS: ReadonlySet<string> = new Set(['INVITE', 'BYE', 'CANCEL']);

/**
 * Requests whose final response was given: what tells a copy of each, and what the copy is answered. A 2xx to an INVITE is its user's to
 * repeat.
 *
 * Rule it keeps: whatever one source sends, and however long, the records that others have within their shares stay for their time. Each
 * source has a share of the octets. What it has beyond that goes where the oldest end sooner, which all such sources have together: one
 * shelf for what ends of calls, one for the rest.
 */
export class LingeringRequests<F extends Channel> {
  readonly #counters: TransactionCounters;
  readonly #flows = new Numbered<F>();
  readonly #sources = new Numbered<string>();
  readonly #requests: Shelf;
  /** Those whose source has its share of the former. */
  readonly #callsBeyond: Shelf;
  readonly #othersBeyond: Shelf;
  readonly #merges: Shelf;
  /** Octets of the pieces of requests and merges, by source. */
  readonly #requestOctets: SharedBudget;
  readonly #mergeOctets: SharedBudget;
  // Of the records that are being written: a shelf writes all of a list.
  readonly #numbers = [0, 0, 0];
  readonly #texts = ['', '', '', ''];
  readonly #mergeNumbers = [0, 0];
  readonly #mergeTexts = ['', ''];

  /**
   * @param mostOctets of what lingers in all, branches too; beyond its part of them the oldest is forgotten sooner
   * @param onGone one of this source is not known any more
   */
  constructor(
    scheduler: Scheduler,
    timers: TimerSettings,
    counters: TransactionCounters,
    mostOctets: number,
    onGone: (source: string) => void = () => {},
  ) {
    const stayMs = 64 * timers.t1Ms;
    this.#counters = counters;
    const forget = (shelf: Shelf, at: number): string => {
      const number = shelf.number(at, FLOW);
      const flow = this.#flows.get(number);
      this.#flows.release(number);
      const source = this.#releaseSource(shelf.number(at, SOURCE)) ?? addressOf(flow);
      onGone(source);
      return source;
    };
    this.#requests = new Shelf(scheduler, stayMs, REQUESTS_PART * mostOctets, (at) =>
      this.#requestOctets.change(forget(this.#requests, at), -this.#requests.room(at)),
    );
    const beyond = (part: number): Shelf => {
      const shelf: Shelf = new Shelf(scheduler, stayMs, part * mostOctets, (at) => forget(shelf, at));
      return shelf;
    };
    this.#callsBeyond = beyond(CALLS_BEYOND_PART);
    this.#othersBeyond = beyond(OTHERS_BEYOND_PART);
    this.#merges = new Shelf(scheduler, stayMs, MERGES_PART * mostOctets, (at) => {
      const source = this.#releaseSource(this.#merges.number(at, MERGE_SOURCE)) as string;
      this.#mergeOctets.change(source, -this.#merges.room(at));
    });
    this.#requestOctets = new SharedBudget(this.#requests.sureOctets);
    this.#mergeOctets = new SharedBudget(this.#merges.sureOctets);
  }

  get size(): number {
    return this.#requests.size + this.#callsBeyond.size + this.#othersBeyond.size;
  }

  get octets(): number {
    return this.#requests.octets + this.#callsBeyond.octets + this.#othersBeyond.octets + this.#merges.octets;
  }

  /**
   * @param answer its text, empty where a copy gets none
   * @param merges by which the same request on another way is known (§8.2.2.2), undefined where it is not
   */
  add(request: RequestIdentity & KnownRequest<F> & OfSource, answer: string, merges?: SipRequest): void {
    const { source, method } = request;
    const isBeyond = this.#requestOctets.hasShare(source, 1);
    const beyond = OF_CALLS.has(method) ? this.#callsBeyond : this.#othersBeyond;
    const room = this.#write(isBeyond ? beyond : this.#requests, request, answer);
    if (!isBeyond) this.#requestOctets.change(source, room);
    if (merges !== undefined && !this.#mergeOctets.hasShare(source, 1)) this.#addMerges(merges, source);
  }

  /** @param sentByHost in any case */
  find(key: string, mark: number, method: string, sentByHost: string, port = NO_PORT): KnownRequest<F> | undefined {
    const host = sentByHost.toLowerCase();
    const beyond = OF_CALLS.has(method) ? this.#callsBeyond : this.#othersBeyond;
    const hash = hashOf(mark, method, host, port);
    return (
      this.#findIn(this.#requests, key, hash, method, host, port) ?? this.#findIn(beyond, key, hash, method, host, port)
    );
  }

  /** Whether it is one of them that came on another way. */
  hasMerged(request: SipRequest): boolean {
    const shelf = this.#merges;
    if (shelf.size === 0) return false;
    const callId = request.callId();
    const { sequence } = request.cseq();
    let at = shelf.first(callId, mergeHashBeside(request));
    for (; at !== NONE; at = shelf.next(callId, at)) {
      const isSame =
        shelf.number(at, SEQUENCE) === (sequence | 0) &&
        shelf.hasText(at, MERGE_TAG, request.fromTag() ?? '') &&
        shelf.hasText(at, MERGE_METHOD, request.method);
      if (isSame) return true;
    }
    return false;
  }

  clear(): void {
    this.#requests.clear();
    this.#callsBeyond.clear();
    this.#othersBeyond.clear();
    this.#merges.clear();
    this.#requestOctets.clear();
    this.#mergeOctets.clear();
    this.#flows.clear();
    this.#sources.clear();
  }

  /** The room of the record. */
  #write(shelf: Shelf, request: RequestIdentity & KnownRequest<F> & OfSource, answer: string): number {
    const { key, copyMark, method, flow, source, sentByHost, sentByPort = NO_PORT, sentTag } = request;
    const numbers = this.#numbers;
    numbers[FLOW] = this.#flows.share(flow);
    numbers[SOURCE] = source === addressOf(flow) ? OF_FLOW : this.#sources.share(source);
    numbers[PORT] = sentByPort;
    const texts = this.#texts;
    texts[METHOD] = method;
    texts[HOST] = sentByHost;
    texts[SENT_TAG] = sentTag;
    texts[ANSWER] = answer;
    return shelf.add(key, numbers, texts, hashOf(copyMark, method, sentByHost, sentByPort));
  }

  #addMerges(request: SipRequest, source: string): void {
    this.#mergeNumbers[SEQUENCE] = request.cseq().sequence;
    this.#mergeNumbers[MERGE_SOURCE] = this.#sources.share(source);
    this.#mergeTexts[MERGE_METHOD] = request.method;
    this.#mergeTexts[MERGE_TAG] = request.fromTag() ?? '';
    const room = this.#merges.add(request.callId(), this.#mergeNumbers, this.#mergeTexts, mergeHashBeside(request));
    this.#mergeOctets.change(source, room);
  }

  #findIn(
    shelf: Shelf,
    key: string,
    hash: number,
    method: string,
    host: string,
    port: number,
  ): KnownRequest<F> | undefined {
    let at = shelf.first(key, hash);
    while (at !== NONE && !isOf(shelf, at, method, host, port)) at = shelf.next(key, at);
    if (at === NONE) return undefined;
    const flow = this.#flows.get(shelf.number(at, FLOW));
    return new AnsweredRequest(this.#counters, flow, shelf.text(at, SENT_TAG), shelf.text(at, ANSWER));
  }

  /** Undefined: it is the flow's own address. */
  #releaseSource(number: number): string | undefined {
    if (number === OF_FLOW) return undefined;
    const source = this.#sources.get(number);
    this.#sources.release(number);
    return source;
  }
}

function isOf(shelf: Shelf, at: number, method: string, host: string, port: number): boolean {
  return shelf.number(at, PORT) === port && shelf.hasText(at, HOST, host) && shelf.hasText(at, METHOD, method);
}

/** With the key of all that tells a request, so that a peer who gives one branch to many has none of them looked through. */
function hashOf(mark: number, method: string, host: string, port: number): number {
  return secretHash(host, secretHash(method)) ^ port ^ mark;
}

/** A request that was found there. */
class AnsweredRequest<F extends Channel> implements KnownRequest<F> {
  readonly flow: F;
  readonly peer = '';
  readonly sentTag: string;
  readonly #counters: TransactionCounters;
  readonly #answer: string;

  constructor(counters: TransactionCounters, flow: F, sentTag: string, answer: string) {
    this.#counters = counters;
    this.flow = flow;
    this.sentTag = sentTag;
    this.#answer = answer;
  }

  receiveRequest(): void {
    this.#counters.retransmissionsReceived++;
    if (this.#answer === '') return;
    this.#counters.retransmissionsSent++;
    this.flow.send(this.#answer);
  }
}

// The texts and numbers of a branch's record: of one whose INVITE was accepted, and of others.
const ACK = 0;
const ACK_FLOW = 1;
const USER = 2;
const NO_USER = -1;
const OTHER_METHOD = 0;

/**
 * Branches whose final response was heard. Of an INVITE that was accepted (RFC 6026 §7.2) or refused the text of its ACK is kept: the answer
 * that comes again gets it again (RFC 3261 §13.2.2.4, §17.1.1.2), and what has to be known to acknowledge and end the 2xx of another fork
 * stands in it.
 */
export class LingeringBranches<F extends Channel> {
  readonly #counters: TransactionCounters;
  readonly #flows = new Numbered<F>();
  readonly #users = new Numbered<ClientTransactionUser<F>>();
  readonly #accepted: Shelf;
  readonly #others: Shelf;
  // Of the record that is being written.
  readonly #numbers = [0, 0, 0];
  readonly #texts = [''];

  /** @param mostOctets of what lingers in all, requests too; beyond its part of them the oldest is forgotten sooner */
  constructor(scheduler: Scheduler, timers: TimerSettings, counters: TransactionCounters, mostOctets: number) {
    this.#counters = counters;
    this.#accepted = new Shelf(scheduler, 64 * timers.t1Ms, ACCEPTED_PART * mostOctets, (at) =>
      this.#forgetAccepted(at),
    );
    this.#others = new Shelf(scheduler, timers.t4Ms, OTHERS_PART * mostOctets, (at) =>
      this.#flows.release(this.#others.number(at, FLOW)),
    );
  }

  get size(): number {
    return this.#accepted.size + this.#others.size;
  }

  get octets(): number {
    return this.#accepted.octets + this.#others.octets;
  }

  /** @param user hears of the 2xx that the ACK does not answer */
  addAccepted(branch: string, flow: F, ack: string, ackFlow: F, user: ClientTransactionUser<F> | undefined): void {
    const numbers = this.#numbers;
    numbers[FLOW] = this.#flows.share(flow);
    numbers[ACK_FLOW] = this.#flows.share(ackFlow);
    numbers[USER] = user === undefined ? NO_USER : this.#users.add(user);
    this.#texts[ACK] = ack;
    this.#accepted.add(branch, numbers, this.#texts);
  }

  addOther(branch: string, flow: F, method: string): void {
    this.#numbers[FLOW] = this.#flows.share(flow);
    this.#texts[OTHER_METHOD] = method;
    this.#others.add(branch, this.#numbers, this.#texts);
  }

  find(branch: string, method: string): KnownBranch<F> | undefined {
    if (method === 'INVITE') return this.#findAccepted(branch);
    const shelf = this.#others;
    let at = shelf.first(branch);
    while (at !== NONE && !shelf.hasText(at, OTHER_METHOD, method)) at = shelf.next(branch, at);
    if (at === NONE) return undefined;
    const flow = this.#flows.get(shelf.number(at, FLOW));
    return { method, flow, receiveResponse: () => this.#counters.retransmissionsReceived++ };
  }

  clear(): void {
    this.#accepted.clear();
    this.#others.clear();
    this.#flows.clear();
    this.#users.clear();
  }

  #findAccepted(branch: string): AcceptedBranch<F> | undefined {
    const shelf = this.#accepted;
    const at = shelf.first(branch);
    if (at === NONE) return undefined;
    const user = shelf.number(at, USER);
    return new AcceptedBranch(
      this.#counters,
      this.#flows.get(shelf.number(at, FLOW)),
      shelf.text(at, ACK),
      this.#flows.get(shelf.number(at, ACK_FLOW)),
      user === NO_USER ? undefined : this.#users.get(user),
    );
  }

  #forgetAccepted(at: number): void {
    const shelf = this.#accepted;
    this.#flows.release(shelf.number(at, FLOW));
    this.#flows.release(shelf.number(at, ACK_FLOW));
    const user = shelf.number(at, USER);
    if (user !== NO_USER) this.#users.release(user);
  }
}

/** An INVITE that was found there: to its user what is left of the transaction. */
class AcceptedBranch<F extends Channel> implements KnownBranch<F>, ClientTransaction<F> {
  readonly method = 'INVITE';
  readonly state = 'accepted';
  readonly flow: F;
  readonly #ack: string;
  readonly #ackFlow: F;
  readonly #user: ClientTransactionUser<F> | undefined;
  readonly #counters: TransactionCounters;

  constructor(
    counters: TransactionCounters,
    flow: F,
    ack: string,
    ackFlow: F,
    user: ClientTransactionUser<F> | undefined,
  ) {
    this.#counters = counters;
    this.flow = flow;
    this.#ack = ack;
    this.#ackFlow = ackFlow;
    this.#user = user;
  }

  /** The ACK. */
  get request(): SipRequest {
    return parseMessage(this.#ack) as SipRequest;
  }

  receiveResponse(response: SipResponse): void {
    const { status } = response;
    const { request } = this;
    // RFC 3261 §17.1.1.3: the ACK of a refusal has the branch of its INVITE.
    const isRefused = request.topVia().branch === response.topBranch();
    if (status < 200 || (status >= 300 && !isRefused)) return;
    // A connection that was never made has not carried the ACK.
    const isHeard = !this.#ackFlow.reliable || this.#ackFlow.connected !== false;
    if (isRefused ? status < 300 : !isHeard || request.toTag() !== response.toTag()) {
      this.#user?.onResponse(response, this);
      return;
    }
    this.#counters.retransmissionsReceived++;
    this.#counters.retransmissionsSent++;
    this.#ackFlow.send(this.#ack);
  }

  get isCancelHeard(): boolean {
    return false;
  }

  // Nothing of this has an effect any more.
  cancel(): void {}
  release(): void {}
  acknowledged(): void {}
  abandon(): void {}
  handOver(): void {}
}

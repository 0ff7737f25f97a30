/**
 * What is answered without being kept (§8.2.7): bad requests, those that would begin something while the node drains or has no time,
 * and what strangers send.
 */
import { PeerError } from '../../base/errors.ts';
import { fnv1aOctets } from '../../base/fnv.ts';
import type { Log } from '../../base/log.ts';
import {
  createResponse,
  HeaderId,
  type MessageLimits,
  parseMessage,
  type SipRequest,
  type SipResponse,
  serialize,
  validateRequest,
} from '../message/index.ts';
import type { TransactionLayer } from '../transaction/index.ts';
import type { Flow } from '../transport/index.ts';
import type { EndpointCounters } from './counters.ts';
import { EarlyRefusals } from './early-refusal.ts';
import { noteSource } from './reply-route.ts';
import { boundedAnswer } from './stateless-answer.ts';
import type { DrainAnswer, EndpointOptions, MessageObserver } from './types.ts';

const DRAIN_RETRY_SECONDS = 10;
/** So many of a second's refusals of what was not read are traced, with their requests. */
const SAMPLED_PER_SECOND = 20;

/** The endpoint that refuses. */
export interface RefusingEndpoint {
  readonly counters: EndpointCounters;
  readonly transactions: TransactionLayer<Flow>;
  readonly observer: MessageObserver | undefined;
  /** The way that the responses of a request take. */
  replyFlow(request: SipRequest, flow: Flow): Flow;
}

type RefusalOptions = Pick<EndpointOptions, 'sources' | 'overloadSeconds' | 'isEmergency' | 'isEmergencyNumber'>;

export class Refusals {
  readonly #host: RefusingEndpoint;
  readonly #options: RefusalOptions;
  readonly #messageLimits: MessageLimits;
  readonly #log: Log;
  readonly #early: EarlyRefusals;
  #lastHost = '';
  #sampled = 0;
  #sampledSinceMs = 0;
  /** What is done with requests outside dialogs while the node drains. */
  drainAnswer: ((request: SipRequest, flow: Flow) => DrainAnswer) | undefined;

  constructor(host: RefusingEndpoint, options: RefusalOptions, messageLimits: MessageLimits, log: Log) {
    this.#host = host;
    this.#options = options;
    this.#messageLimits = messageLimits;
    this.#log = log;
    this.#early = new EarlyRefusals(messageLimits, host.transactions.tags);
  }

  /** 503 for a new request of which nothing but its text is known. False: it is served already, or must be. */
  refuseUnread(text: string, flow: Flow): boolean {
    if (!this.#early.reads(Buffer.from(text, 'latin1'), flow))
      return !this.#isEmergency(text) && this.#refuseOdd(text, flow);
    if (this.#isEmergencyUnread()) return false;
    return this.#mayKnowUnread() ? this.#refuseOdd(text, flow) : this.#refuseUsual(flow);
  }

  /** The same of its octets; false too when it is not written as usual: then it is asked for again, as a text. */
  refuseOctets(octets: Buffer, flow: Flow): boolean {
    if (!this.#early.reads(octets, flow) || this.#isEmergencyUnread() || this.#mayKnowUnread()) return false;
    return this.#refuseUsual(flow);
  }

  #refuseUsual(flow: Flow): true {
    const { counters, transactions } = this.#host;
    const { request } = this.#early;
    counters.received[flow.transport].countRequest(request.method);
    transactions.counters.stateless++;
    const answer = this.#early.render(flow);
    const observer = this.#isSampled() ? this.#host.observer : undefined;
    observer?.onReceived(request.octets.toString('latin1'), flow);
    if (flow.sendOctets === undefined) {
      flow.send(answer.toString('latin1'));
      return true;
    }
    counters.sent[flow.transport].countResponse(503);
    observer?.onSent(answer.toString('latin1'), flow);
    flow.sendOctets(answer);
    return true;
  }

  /** Some of each second's refusals are shown to whoever watches: all of them would push what is served out of a trace. */
  #isSampled(): boolean {
    const nowMs = this.#host.transactions.scheduler.nowMs();
    if (nowMs - this.#sampledSinceMs >= 1_000) {
      this.#sampledSinceMs = nowMs;
      this.#sampled = 0;
    }
    return this.#sampled++ < SAMPLED_PER_SECOND;
  }

  #mayKnowUnread(): boolean {
    const { octets, branchStart, branchEnd } = this.#early.request;
    return this.#host.transactions.mayKnow(fnv1aOctets(octets, branchStart, branchEnd));
  }

  #isEmergencyUnread(): boolean {
    const { isEmergency, isEmergencyNumber } = this.#options;
    const { request } = this.#early;
    if (isEmergency === undefined || request.method !== 'INVITE') return false;
    const { number } = request;
    if (isEmergencyNumber === undefined || number === undefined)
      return this.#isEmergency(request.octets.toString('latin1'));
    const { fromHostStart, fromHostEnd } = request;
    // Nearly all name the same one as those before them: a text that is not new is found by a look.
    if (!request.isText(fromHostStart, fromHostEnd, this.#lastHost))
      this.#lastHost = request.text(fromHostStart, fromHostEnd);
    return isEmergencyNumber(number, this.#lastHost);
  }

  #isEmergency(text: string): boolean {
    const { isEmergency } = this.#options;
    if (isEmergency === undefined || !text.startsWith('INVITE ')) return false;
    try {
      const message = parseMessage(text, this.#messageLimits);
      return message.kind === 'request' && isEmergency(message);
    } catch {
      return false;
    }
  }

  /** The same for one that has to be read first. False: it is a copy, or no request at all. */
  #refuseOdd(text: string, flow: Flow): boolean {
    try {
      const request = parseMessage(text, this.#messageLimits);
      if (request.kind === 'response' || validateRequest(request, this.#messageLimits) !== undefined) return false;
      if (this.#host.transactions.knows(request)) return false;
      this.#host.observer?.onReceived(text, flow);
      this.#host.counters.received[flow.transport].countRequest(request.method);
      this.refuse(request, flow, 503, undefined, [[HeaderId.RetryAfter, '2']]);
      return true;
    } catch {
      // It is told what is wrong with it when its turn comes.
      return false;
    }
  }

  /** Contact of the node that takes this INVITE while this one drains. */
  redirectionOf(request: SipRequest, flow: Flow): string | undefined {
    if (this.drainAnswer === undefined || request.method !== 'INVITE' || request.toTag() !== undefined)
      return undefined;
    const answer = this.drainAnswer(request, flow);
    return typeof answer === 'string' || this.#host.transactions.knows(request) ? undefined : answer.redirectTo;
  }

  /** Retry-After for a request that starts something new while we drain or are too busy; what goes on is always served. */
  busySeconds(request: SipRequest, flow: Flow): number | undefined {
    const { overloadSeconds } = this.#options;
    if (request.method === 'ACK' || request.method === 'CANCEL' || request.toTag() !== undefined) return undefined;
    const drains = this.drainAnswer?.(request, flow) === 'refuse';
    const seconds = drains ? DRAIN_RETRY_SECONDS : overloadSeconds?.(request);
    return seconds === undefined || this.#host.transactions.knows(request) ? undefined : seconds;
  }

  /** Answers without a transaction (§8.2.7): each copy of the request gets the same answer. An ACK gets none. */
  refuse(
    request: SipRequest,
    flow: Flow,
    status: number,
    reason: string | undefined,
    headers: readonly (readonly [HeaderId, string])[],
  ): void {
    if (request.method === 'ACK') return;
    this.#host.counters.refused++;
    let route = flow;
    try {
      noteSource(request, request.topVia(), flow);
      route = this.#host.replyFlow(request, flow);
    } catch (error) {
      // A Via that cannot be read is answered as it is, where it came from.
      if (!(error instanceof PeerError)) throw error;
    }
    try {
      const toTag = this.#host.transactions.statelessTag(request);
      const response = createResponse(request, status, reason, { toTag, headers: [...headers] });
      this.#host.transactions.answerStateless(response, request, route);
    } catch (error) {
      // Octets that must not leave in a header field stood in a field that the answer repeats: no answer can be made.
      this.#host.counters.malformed++;
      this.#log.debug('refusal-not-sent', {
        status,
        remoteAddress: flow.remoteAddress,
        error: (error as Error).message,
      });
    }
  }

  /** Over UDP, where a source can be forged, what strangers get is bounded by what they sent. */
  send(response: SipResponse, request: SipRequest, flow: Flow): void {
    const text = serialize(response);
    const { sources } = this.#options;
    const forgeable =
      flow.transport === 'udp' && sources !== undefined && sources.sourceOf(flow.remoteAddress) === undefined;
    const answer = forgeable ? boundedAnswer(text, request.receivedText?.length ?? text.length) : text;
    if (answer === undefined) this.#host.counters.withheld++;
    else flow.send(answer);
  }
}

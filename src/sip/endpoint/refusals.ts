/**
 * What is answered without being kept (§8.2.7): bad requests, those that would begin something while the node drains or has no time,
 * and what strangers send.
 */
import { PeerError } from '../../base/errors.ts';
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
import { earlyRefusal } from './early-refusal.ts';
import { noteSource } from './reply-route.ts';
import { boundedAnswer } from './stateless-answer.ts';
import { plainHostOf, plainNumberOf } from './triage.ts';
import type { DrainAnswer, EndpointOptions, MessageObserver } from './types.ts';

const DRAIN_RETRY_SECONDS = 10;
/** Spread, so that those refused together do not return together (RFC 3261 §21.5.4). */
const OVERLOAD_RETRY_SECONDS = 4;

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
  /** What is done with requests outside dialogs while the node drains. */
  drainAnswer: ((request: SipRequest, flow: Flow) => DrainAnswer) | undefined;

  constructor(host: RefusingEndpoint, options: RefusalOptions, messageLimits: MessageLimits, log: Log) {
    this.#host = host;
    this.#options = options;
    this.#messageLimits = messageLimits;
    this.#log = log;
  }

  /** 503 for a new request of which nothing but its text is known. False: it is served already, or must be. */
  refuseUnread(text: string, flow: Flow): boolean {
    const refusal = earlyRefusal(text, flow, {
      status: 503,
      reason: 'Service Unavailable',
      retrySeconds: 1 + Math.floor(Math.random() * OVERLOAD_RETRY_SECONDS),
      tag: (topVia, callId) => this.#host.transactions.tags.ofUnread(topVia, callId),
    });
    if (this.#isEmergency(text, refusal?.from)) return false;
    if (refusal === undefined) return this.#refuseOdd(text, flow);
    if (this.#host.transactions.knowsSent(refusal.sentBy, refusal.method)) return false;
    this.#host.observer?.onReceived(text, flow);
    this.#host.counters.received[flow.transport].countRequest(text.slice(0, text.indexOf(' ')));
    this.#host.transactions.counters.stateless++;
    flow.send(refusal.text);
    return true;
  }

  /** @param from the From field, where it is known */
  #isEmergency(text: string, from: string | undefined): boolean {
    const { isEmergency, isEmergencyNumber } = this.#options;
    if (isEmergency === undefined || !text.startsWith('INVITE ')) return false;
    const number = from === undefined ? undefined : plainNumberOf(text);
    const host = from === undefined ? undefined : plainHostOf(from);
    if (isEmergencyNumber !== undefined && number !== undefined && host !== undefined)
      return isEmergencyNumber(number, host);
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
    const forgeable = flow.transport === 'udp' && this.#options.sources?.knows(flow.remoteAddress) === false;
    const answer = forgeable ? boundedAnswer(text, request.receivedText?.length ?? text.length) : text;
    if (answer === undefined) this.#host.counters.withheld++;
    else flow.send(answer);
  }
}

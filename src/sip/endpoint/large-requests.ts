import type { Clock } from '../../base/scheduler.ts';
import type { SipRequest, SipResponse } from '../message/index.ts';
import { type Flow, GenerationCache, type Target } from '../transport/index.ts';
import type { EndpointCounters } from './counters.ts';
import { closeIfSilent, SecondWay } from './second-way.ts';
import type { ClientTransaction, ClientTransactionUser, EndpointTransport } from './types.ts';

/** §18.1.1: 200 octets less than the usual path MTU of 1,500, for what Via grows by on the way. */
export const MAX_UDP_REQUEST_OCTETS = 1_300;
/** A peer that has no TCP should cost the call little; a packet filter says nothing at all. */
const CONNECT_TIMEOUT_MS = 1_500;
/** How long a first INVITE over TCP may stay without any answer. */
const SILENCE_MS = 3_000;
const REMEMBER_NO_TCP_MS = 600_000;
const MAX_REMEMBERED = 4_096;

/** Sends a request over a flow, with a Via for it, in a transaction of its own. */
export type SendOver = (flow: Flow, user: ClientTransactionUser, timeoutMs?: number) => ClientTransaction;

/**
 * Requests too large for UDP (RFC 3261 §18.1.1): over TCP, and over UDP after all when the peer does not speak SIP there. A port that
 * takes connections proves nothing (packet filters and load balancers do), so that is known only when a first answer has come over
 * TCP; until then a refused or ended connection and silence all lead back to UDP. What was learnt is remembered: TCP that works for
 * ever, TCP that does not for ten minutes, so that a call waits for it once.
 */
export class LargeRequests {
  readonly #transport: EndpointTransport;
  readonly #counters: EndpointCounters;
  readonly #clock: Clock;
  readonly #noTcpUntilMs = new GenerationCache<number>(MAX_REMEMBERED);
  readonly #speaksTcp = new GenerationCache<true>(MAX_REMEMBERED);

  readonly #elder: LargeRequests | undefined;

  /** @param elder what it has learnt holds here too, where nothing newer is known. */
  constructor(transport: EndpointTransport, counters: EndpointCounters, clock: Clock, elder?: LargeRequests) {
    this.#transport = transport;
    this.#counters = counters;
    this.#clock = clock;
    this.#elder = elder;
  }

  /** True when this text to this target should be tried over TCP. */
  takes(target: Target, text: string): boolean {
    if (target.transport !== 'udp' || text.length <= MAX_UDP_REQUEST_OCTETS) return false;
    if (this.#isWithoutTcp(peerKey(target), this.#clock.nowMs())) return false;
    return this.#overTcp(target) !== undefined;
  }

  /**
   * The same place over TCP, from the address that UDP leaves from: a carrier may know us by it. Undefined when nothing listens for that,
   * or when the target names a listener and none of TCP has its address.
   */
  #overTcp(target: Target): Target | undefined {
    const { transport: _udp, listenerId, ...rest } = target;
    const beside = this.#transport.listenerBeside?.(target, 'tcp');
    if (beside !== undefined) return { ...rest, transport: 'tcp', listenerId: beside };
    const isAnywhere = listenerId === undefined && this.#transport.supports('tcp', target.address);
    return isAnywhere ? { ...rest, transport: 'tcp' } : undefined;
  }

  #isWithoutTcp(key: string, nowMs: number): boolean {
    const untilMs = this.#noTcpUntilMs.get(key);
    if (untilMs !== undefined && untilMs > nowMs) return true;
    const elder = this.#elder;
    return elder === undefined ? false : elder.#isWithoutTcp(key, nowMs);
  }

  #isProven(key: string): boolean {
    const elder = this.#elder;
    return this.#speaksTcp.get(key) === true || (elder === undefined ? false : elder.#isProven(key));
  }

  send(request: SipRequest, target: Target, user: ClientTransactionUser, sendOver: SendOver): ClientTransaction {
    const overTcp: Target = { ...(this.#overTcp(target) as Target), connectTimeoutMs: CONNECT_TIMEOUT_MS };
    const tcp = this.#transport.flowTo(overTcp);
    const key = peerKey(target);
    const isProven = this.#isProven(key);
    const sentAtMs = this.#clock.nowMs();
    this.#counters.largeOverTcp++;
    const attempt: SecondWay = new SecondWay(
      this.#noting(user, key, () => attempt.flow.reliable),
      (failure) => {
        // Where SIP was spoken over TCP, a connection that was dead is made anew, and silence is silence.
        if (this.#isProven(key) && tcp.connected) {
          if (failure === 'timeout') closeIfSilent(tcp, sentAtMs);
          return failure === 'timeout' ? undefined : sendOver(this.#transport.flowTo(overTcp), attempt);
        }
        this.#counters.largeFallbacks++;
        this.#noTcpUntilMs.set(key, this.#clock.nowMs() + REMEMBER_NO_TCP_MS);
        return sendOver(this.#transport.flowTo(target), attempt);
      },
    );
    // An INVITE is answered at once, if only by 100 (§17.2.1).
    const patienceMs = isProven || request.method !== 'INVITE' ? undefined : SILENCE_MS;
    attempt.current = sendOver(tcp, attempt, patienceMs);
    return attempt;
  }

  /** The user, with a look at every answer. */
  #noting(user: ClientTransactionUser, key: string, isTcp: () => boolean): ClientTransactionUser {
    return {
      onResponse: (response: SipResponse, transaction: ClientTransaction) => {
        if (isTcp()) this.#speaksTcp.set(key, true);
        user.onResponse(response, transaction);
      },
      onTimeout: (transaction) => user.onTimeout(transaction),
      onTransportError: (reason, transaction) => user.onTransportError(reason, transaction),
    };
  }
}

/** From another listener the same peer may be out of reach, or not know us. */
function peerKey({ port, address, listenerId = '' }: Target): string {
  return `${port}|${address}|${listenerId}`;
}

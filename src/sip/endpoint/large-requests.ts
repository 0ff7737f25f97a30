import type { Clock } from '../../base/scheduler.ts';
import { HeaderId, type SipRequest, type SipResponse, serialize } from '../message/index.ts';
import type { ClientTransactionOptions, HeaderList, TransactionLayer } from '../transaction/index.ts';
import { type Flow, GenerationCache, type Target } from '../transport/index.ts';
import type { EndpointCounters } from './counters.ts';
import type { ClientTransaction, ClientTransactionUser, EndpointTransport } from './types.ts';

/** §18.1.1: 200 octets less than the usual path MTU of 1,500, for what Via grows by on the way. */
export const MAX_UDP_REQUEST_OCTETS = 1_300;
/** A peer that has no TCP should cost the call little; a packet filter says nothing at all. */
const CONNECT_TIMEOUT_MS = 1_500;
const REMEMBER_NO_TCP_MS = 600_000;
const MAX_REMEMBERED = 4_096;

interface LargeRequestRoute extends ClientTransactionOptions {
  /** A new Via for a flow. */
  readonly via: (flow: Flow) => string;
  readonly udp: Flow;
}

/**
 * Requests too large for UDP (RFC 3261 §18.1.1): over TCP if the peer takes the connection, else over UDP after all. Who refused TCP is
 * remembered for ten minutes, so that a call waits for it once.
 */
export class LargeRequests {
  readonly #transport: EndpointTransport;
  readonly #transactions: TransactionLayer<Flow>;
  readonly #counters: EndpointCounters;
  readonly #clock: Clock;
  readonly #noTcpUntilMs = new GenerationCache<number>(MAX_REMEMBERED);

  constructor(
    transport: EndpointTransport,
    transactions: TransactionLayer<Flow>,
    counters: EndpointCounters,
    clock: Clock,
  ) {
    this.#transport = transport;
    this.#transactions = transactions;
    this.#counters = counters;
    this.#clock = clock;
  }

  /** True when this text to this target should be tried over TCP. */
  takes(target: Target, text: string): boolean {
    if (target.transport !== 'udp' || text.length <= MAX_UDP_REQUEST_OCTETS) return false;
    const untilMs = this.#noTcpUntilMs.get(peerKey(target));
    if (untilMs !== undefined && untilMs > this.#clock.nowMs()) return false;
    return this.#transport.supports('tcp', target.address);
  }

  /** The request carries its Via for UDP; it gets another one for TCP. */
  send(request: SipRequest, target: Target, user: ClientTransactionUser, route: LargeRequestRoute): ClientTransaction {
    const { transport: _udp, listenerId: _udpListener, ...rest } = target;
    const tcp = this.#transport.flowTo({ ...rest, transport: 'tcp', connectTimeoutMs: CONNECT_TIMEOUT_MS });
    this.#counters.largeOverTcp++;
    const attempt = new LargeRequest(user, (failed) => this.#fallBack(failed, target, route));
    attempt.current = this.#start(request, tcp, attempt, route);
    return attempt;
  }

  #start(request: SipRequest, flow: Flow, attempt: LargeRequest, route: LargeRequestRoute): ClientTransaction {
    request.headers.set(HeaderId.Via, route.via(flow));
    const options = {
      text: serialize(request),
      ...(route.timeoutMs === undefined ? {} : { timeoutMs: route.timeoutMs }),
    };
    return this.#transactions.createClient(request, flow, attempt, options);
  }

  #fallBack(attempt: LargeRequest, target: Target, route: LargeRequestRoute): void {
    this.#counters.largeFallbacks++;
    this.#noTcpUntilMs.set(peerKey(target), this.#clock.nowMs() + REMEMBER_NO_TCP_MS);
    attempt.current = this.#start(attempt.request, route.udp, attempt, route);
  }
}

/** Stands for two transactions of which the second starts if the first gets no connection. */
class LargeRequest implements ClientTransaction, ClientTransactionUser {
  #cancelled = false;
  #current: ClientTransaction | undefined;
  #fellBack = false;
  #user: ClientTransactionUser;
  readonly #onRefused: (attempt: LargeRequest) => void;

  constructor(user: ClientTransactionUser, onRefused: (attempt: LargeRequest) => void) {
    this.#user = user;
    this.#onRefused = onRefused;
  }

  get current(): ClientTransaction {
    return this.#current as ClientTransaction;
  }

  set current(transaction: ClientTransaction) {
    this.#current = transaction;
  }

  get request(): SipRequest {
    return this.current.request;
  }

  get flow(): Flow {
    return this.current.flow;
  }

  get state(): ClientTransaction['state'] {
    return this.current.state;
  }

  cancel(headers: HeaderList = []): void {
    this.#cancelled = true;
    this.current.cancel(headers);
  }

  release(): void {
    this.current.release();
  }

  handOver(user: ClientTransactionUser): void {
    this.#user = user;
  }

  onResponse(response: SipResponse): void {
    this.#user.onResponse(response, this);
  }

  onTimeout(): void {
    this.#user.onTimeout(this);
  }

  onTransportError(reason: string): void {
    if (this.#fellBack || this.#cancelled || this.flow.connected) {
      this.#user.onTransportError(reason, this);
      return;
    }
    this.#fellBack = true;
    this.#onRefused(this);
  }
}

function peerKey(target: Target): string {
  return `${target.port}|${target.address}`;
}

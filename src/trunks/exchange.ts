/**
 * One request of a trunk's own (REGISTER, OPTIONS) to one target: a challenge is answered as the digest client allows, provisional
 * responses are passed over, and the user hears exactly once how it ended, unless the exchange was abandoned.
 */
import type { DigestClient, DigestGiveUp } from '../sip/auth/index.ts';
import {
  type ClientTransaction,
  type ClientTransactionUser,
  describeDestination,
  type Endpoint,
  type SendOptions,
} from '../sip/endpoint/index.ts';
import { HeaderId, type SipRequest, type SipResponse } from '../sip/message/index.ts';
import type { Flow, Target } from '../sip/transport/index.ts';

/** What trunks need of the endpoint. */
export type TrunkEndpoint = Pick<Endpoint, 'sendRequest' | 'advertised' | 'onFault'>;

export interface ExchangeUser {
  /** A final response that no challenge answer can change. `gaveUp` says why a challenge was not answered. */
  onAnswer(response: SipResponse, exchange: Exchange, gaveUp: DigestGiveUp | undefined): void;
  /** No answer in time, or the request could not be sent. */
  onSilence(reason: string, cause: 'timeout' | 'transport-error', exchange: Exchange): void;
  /** A defect met it while it heard of a timer. Default: it is the process's to tell of. */
  onFault?(error: unknown): void;
}

export interface ExchangeOptions {
  readonly endpoint: TrunkEndpoint;
  readonly to: Flow | Target;
  readonly digest: DigestClient | undefined;
  /** Makes the request, without Via; called again with the next CSeq for the answer to a challenge. */
  readonly build: () => SipRequest;
  readonly send: SendOptions;
  readonly user: ExchangeUser;
  /** Told before each message after the first, so that a pace can count it. */
  readonly onResend?: () => void;
}

export class Exchange implements ClientTransactionUser {
  readonly to: Flow | Target;
  readonly #options: ExchangeOptions;
  readonly #destination: string;
  #tries = 0;
  #over = false;
  #flow: Flow | undefined;
  #transaction: ClientTransaction | undefined;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.to = options.to;
    this.#destination = describeDestination(options.to);
  }

  /** The flow that the last message went over. */
  get flow(): Flow | undefined {
    return this.#flow;
  }

  /** Whether the last message had credentials with it. */
  get hadCredentials(): boolean {
    const headers = this.#transaction?.request.headers;
    return headers?.has(HeaderId.Authorization) === true || headers?.has(HeaderId.ProxyAuthorization) === true;
  }

  start(): void {
    const request = this.#options.build();
    for (const [id, value] of this.#options.digest?.preemptive(request, this.#destination) ?? []) {
      request.headers.add(id, value);
    }
    this.#send(request);
  }

  /** Whatever comes from now on is nobody's concern, and the request is not sent again. */
  abandon(): void {
    this.#over = true;
    this.#transaction?.abandon();
  }

  onResponse(response: SipResponse, transaction: ClientTransaction): void {
    if (this.#over || response.status < 200) return;
    const { digest, build, user } = this.#options;
    if ((response.status === 401 || response.status === 407) && digest !== undefined) {
      const next = build();
      const gaveUp = digest.authorize(response, transaction.request, next, this.#destination, this.#tries);
      if (gaveUp === undefined) {
        this.#tries++;
        this.#options.onResend?.();
        this.#send(next);
        return;
      }
      this.#over = true;
      user.onAnswer(response, this, gaveUp);
      return;
    }
    this.#over = true;
    if (response.status < 300) digest?.learn(response, this.#destination);
    user.onAnswer(response, this, undefined);
  }

  onTimeout(): void {
    this.#silent('no answer', 'timeout');
  }

  onTransportError(reason: string): void {
    this.#silent(reason, 'transport-error');
  }

  onFault(error: unknown): void {
    const { user } = this.#options;
    if (user.onFault === undefined) throw error;
    user.onFault(error);
  }

  #send(request: SipRequest): void {
    const { endpoint, to, send } = this.#options;
    // The answer to a challenge goes the way the request went, over the same connection.
    const way = this.#flow !== undefined && !this.#flow.closed ? this.#flow : to;
    try {
      this.#transaction = endpoint.sendRequest(request, way, this, send);
      this.#flow = this.#transaction.flow;
    } catch (error) {
      // No listener for the transport, or an unreadable TLS file: nothing left, so nothing will come back.
      this.#silent((error as Error).message, 'transport-error');
    }
  }

  #silent(reason: string, cause: 'timeout' | 'transport-error'): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.user.onSilence(reason, cause, this);
  }
}

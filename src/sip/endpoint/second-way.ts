import type { HeaderList, SipRequest, SipResponse } from '../message/index.ts';
import type { Flow } from '../transport/index.ts';
import type { ClientTransaction, ClientTransactionUser } from './types.ts';

/** How a first way has failed. */
export type WayFailure = 'timeout' | 'transport-error';

/**
 * Stands for two transactions of which the second starts when the first fails before anything of an answer has come. The user deals
 * with one transaction and hears of one end.
 */
export class SecondWay implements ClientTransaction, ClientTransactionUser {
  /** Something of an answer has come on the way that is tried now. */
  answered = false;
  #cancelled = false;
  #current: ClientTransaction | undefined;
  #isSecond = false;
  #user: ClientTransactionUser;
  readonly #next: (failure: WayFailure, refused: ClientTransaction) => ClientTransaction | undefined;

  /** `next` starts the second transaction, or does not want to. */
  constructor(
    user: ClientTransactionUser,
    next: (failure: WayFailure, failed: ClientTransaction) => ClientTransaction | undefined,
  ) {
    this.#user = user;
    this.#next = next;
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

  get isCancelHeard(): boolean {
    return this.current.isCancelHeard;
  }

  cancel(headers: HeaderList = []): void {
    this.#cancelled = true;
    this.current.cancel(headers);
  }

  acknowledged(ack: string, flow: Flow): void {
    this.current.acknowledged(ack, flow);
  }

  release(late?: ClientTransactionUser): void {
    this.current.release(late);
  }

  abandon(): void {
    this.current.abandon();
  }

  /** Once something was answered there is one way only. */
  handOver(user: ClientTransactionUser): void {
    this.#user = user;
    if (this.answered) this.current.handOver(user);
  }

  onResponse(response: SipResponse, from: ClientTransaction): void {
    // The first way may speak up after it was given up.
    if (this.#current !== undefined && from !== this.#current) return;
    this.answered = true;
    this.#user.onResponse(response, this);
  }

  onTimeout(from: ClientTransaction): void {
    if (from === this.#current && !this.#startSecond('timeout')) this.#user.onTimeout(this);
  }

  onTransportError(reason: string, from: ClientTransaction): void {
    if (from === this.#current && !this.#startSecond('transport-error')) this.#user.onTransportError(reason, this);
  }

  #startSecond(failure: WayFailure): boolean {
    if (this.#isSecond || this.#cancelled || this.answered) return false;
    const second = this.#next(failure, this.current);
    if (second === undefined) return false;
    this.#isSecond = true;
    this.#current = second;
    return true;
  }
}

/** Dead without a word: when nothing has come over a connection since, the next request goes over a fresh one. */
export function closeIfSilent(flow: Flow, sinceMs: number): void {
  if ((flow.heardAtMs ?? sinceMs) < sinceMs) flow.close('the peer has fallen silent');
}

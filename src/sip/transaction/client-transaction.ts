import { dueIn, msUntil } from '../../base/due-time.ts';
import type { TokenEntry } from '../../base/token-map.ts';
import { type HeaderList, type SipRequest, type SipResponse, serialize } from '../message/index.ts';
import type { KnownBranch } from './lingering.ts';
import { TransactionTimer } from './timers.ts';
import { Transaction, type TransactionHost } from './transaction.ts';
import type {
  Channel,
  ClientTransaction,
  ClientTransactionOptions,
  ClientTransactionUser,
  InviteClientState,
  NonInviteClientState,
} from './types.ts';

/** More than a timer of the wheel is late while the process runs. */
const LATE_MS = 200;

/** What both client machines share: their user, the time that they may take, and the ends that are no response. */
export abstract class ClientTransactionBase<F extends Channel>
  extends Transaction<F>
  implements ClientTransaction<F>, KnownBranch<F>, TokenEntry<ClientTransactionBase<F>>
{
  nextHeld: ClientTransactionBase<F> | undefined = undefined;
  abstract state: InviteClientState | NonInviteClientState;
  /** Undefined once it has heard everything. */
  protected user: ClientTransactionUser<F> | undefined;
  /** Timer B or F. */
  protected readonly timeoutMs: number;
  /** Timer A or E as it stands. */
  protected intervalMs: number;
  /** When timer B, F or CancelWait is due, see {@link dueIn}: timers that come late do not move it. */
  #end = 0;

  constructor(
    host: TransactionHost<F>,
    key: string,
    request: SipRequest,
    flow: F,
    user: ClientTransactionUser<F>,
    options: ClientTransactionOptions,
  ) {
    super(host, key, request, flow);
    this.user = user;
    this.intervalMs = host.timers.t1Ms;
    this.timeoutMs = options.timeoutMs ?? 64 * host.timers.t1Ms;
    this.text = options.text ?? serialize(request);
  }

  get isClient(): boolean {
    return true;
  }

  /** The branch. */
  get token(): string {
    return this.key;
  }

  get isCancelHeard(): boolean {
    return false;
  }

  abstract start(): void;
  abstract receiveResponse(response: SipResponse): void;
  abstract cancel(headers?: HeaderList): void;
  abstract acknowledged(ack: string, flow: F): void;
  abstract abandon(): void;

  handOver(user: ClientTransactionUser<F>): void {
    if (this.user !== undefined) this.user = user;
  }

  /** The layer has no room: the user hears of it on the next turn, as of any other failure to send. */
  refuse(): void {
    this.armState(0, TransactionTimer.Refused);
  }

  /** Sends the request: §17.1.1.2 and §17.1.2.2 resend it only over unreliable transports, and give up over all. */
  protected transmit(resendTimer: number, timeoutTimer: number): void {
    this.#end = dueIn(this.host.scheduler, this.timeoutMs);
    if (this.flow.reliable) this.armState(this.timeoutMs, timeoutTimer);
    else this.#armFirst(this.timeoutMs, resendTimer, timeoutTimer);
    this.flow.send(this.text);
  }

  /** Of the two that run while it is sent again and again only the one that is due first. */
  protected armNext(resendTimer: number, timeoutTimer: number): void {
    this.#armFirst(msUntil(this.host.scheduler, this.#end), resendTimer, timeoutTimer);
  }

  /** On the next turn where nothing is left: an answer that came while the process stood still is read before. */
  #armFirst(leftMs: number, resendTimer: number, timeoutTimer: number): void {
    if (this.intervalMs >= leftMs) this.armState(leftMs, timeoutTimer);
    else this.armResend(this.intervalMs, resendTimer);
  }

  /** Of a machine whose request is not sent again any more. */
  protected armTimeout(delayMs: number, timeoutTimer: number): void {
    this.#end = dueIn(this.host.scheduler, delayMs);
    this.armState(delayMs, timeoutTimer);
  }

  /**
   * Timer B, F or CancelWait has gone off. One that is late, since the process stood still, lets what came meanwhile be read before; once,
   * since a process that has too much to do is late on every turn.
   */
  protected timeOut(): void {
    if (msUntil(this.host.scheduler, this.#end) < -LATE_MS) this.armState(0, TransactionTimer.Overdue);
    else this.giveUp();
  }

  protected giveUp(): void {
    this.host.counters.timeouts++;
    this.terminate();
    this.user?.onTimeout(this);
  }

  onFault(error: unknown): void {
    if (this.user?.onFault === undefined) throw error;
    this.user.onFault(error);
  }

  /** §17.1.4: the machine ends and the user is informed. */
  protected failTransport(reason: string): void {
    this.host.counters.transportErrors++;
    this.terminate();
    this.user?.onTransportError(reason, this);
  }

  protected terminate(): void {
    this.state = 'terminated';
    this.finish();
  }

  /** From within a callback too: nothing is armed once it returns. */
  override disarm(): void {
    super.disarm();
    this.state = 'terminated';
  }
}

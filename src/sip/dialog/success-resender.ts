import { dueIn, msUntil } from '../../base/due-time.ts';
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../../base/scheduler.ts';
import type { SipResponse } from '../message/index.ts';

export interface SuccessResenderUser {
  /** Send the same response object again through its transaction. */
  resend(response: SipResponse): void;
  /** No ACK in 64*T1: the dialog is confirmed, and the session should be ended with a BYE (RFC 3261 §13.3.1.4). */
  onNoAck(): void;
  /** A defect met it at a timer. */
  onFault(error: unknown): void;
}

const RESEND = 1;
const GIVE_UP = 2;

/**
 * Resends a 2xx to an INVITE until its ACK comes: at T1, doubling up to T2, for 64*T1, over reliable transports too, since a proxy
 * behind may be unreliable (§13.3.1.4). The transaction does not do it (RFC 6026 §7.1).
 */
export class SuccessResender implements TimerTarget {
  readonly #scheduler: Scheduler;
  readonly #user: SuccessResenderUser;
  readonly #response: SipResponse;
  readonly #t2Ms: number;
  #intervalMs: number;
  /** When it is given up, see {@link dueIn}: timers that come late do not move it. */
  readonly #end: number;
  #timer: Timer | undefined;

  /** Starts with the response just sent. */
  constructor(scheduler: Scheduler, response: SipResponse, user: SuccessResenderUser, t1Ms = 500, t2Ms = 4000) {
    this.#scheduler = scheduler;
    this.#user = user;
    this.#response = response;
    this.#t2Ms = t2Ms;
    this.#intervalMs = t1Ms;
    this.#end = dueIn(scheduler, 64 * t1Ms);
    this.#timer = scheduler.schedule(t1Ms, this, RESEND);
  }

  /** The ACK came, or the dialog ended otherwise. */
  stop(): void {
    this.#timer = cancelTimer(this.#timer);
  }

  onFault(error: unknown): void {
    this.#user.onFault(error);
  }

  onTimer(kind: number): void {
    this.#timer = undefined;
    if (kind === GIVE_UP) {
      this.#user.onNoAck();
      return;
    }
    this.#intervalMs = Math.min(2 * this.#intervalMs, this.#t2Ms);
    const leftMs = msUntil(this.#scheduler, this.#end);
    // On the next turn where it is over: an ACK that came while the process stood still is read before.
    const isLast = this.#intervalMs >= leftMs;
    this.#timer = this.#scheduler.schedule(isLast ? leftMs : this.#intervalMs, this, isLast ? GIVE_UP : RESEND);
    this.#user.resend(this.#response);
  }
}

import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../../base/scheduler.ts';
import { HeaderId, parseRAck, type SipRequest, type SipResponse } from '../message/index.ts';

export interface ReliableProvisionalsUser {
  /** Send this response, now or again. */
  send(response: SipResponse): void;
  /** No PRACK in 64*T1: the INVITE should be answered with a 5xx (RFC 3262 §3). */
  onNoPrack(response: SipResponse): void;
  /** A defect met it at a timer. */
  onFault(error: unknown): void;
}

interface Unacknowledged {
  readonly response: SipResponse;
  readonly sequence: number;
}

const RESEND = 1;
const GIVE_UP = 2;
/** §3: the first RSeq is drawn from 1 to 2**31 - 1. */
const FIRST_RSEQ_LIMIT = 0x7fff_ffff;
/** Responses that may wait for a PRACK; more are refused. */
const MAX_WAITING = 16;

/**
 * The called side of RFC 3262: provisional responses to one INVITE that are resent until their PRACK comes.
 *
 * Rules it keeps: one unacknowledged response at a time, the others wait in order (§3 allows more after the first one's PRACK; one at
 * a time is what every peer handles); resent at T1, doubling without limit; after 64*T1 the user is told; a PRACK acknowledges only the
 * response that is out.
 */
export class ReliableProvisionals implements TimerTarget {
  readonly #scheduler: Scheduler;
  readonly #user: ReliableProvisionalsUser;
  readonly #inviteSequence: number;
  readonly #t1Ms: number;
  readonly #waiting: SipResponse[] = [];
  #nextSequence: number;
  #current: Unacknowledged | undefined = undefined;
  #intervalMs = 0;
  #resendTimer: Timer | undefined = undefined;
  #giveUpTimer: Timer | undefined = undefined;
  #ended = false;

  constructor(
    scheduler: Scheduler,
    invite: SipRequest,
    user: ReliableProvisionalsUser,
    t1Ms = 500,
    random = Math.random,
  ) {
    this.#scheduler = scheduler;
    this.#user = user;
    this.#inviteSequence = invite.cseq().sequence;
    this.#t1Ms = t1Ms;
    // Room is left for a long call set-up below 2**31.
    this.#nextSequence = 1 + Math.floor(random() * (FIRST_RSEQ_LIMIT - 1_000_000));
  }

  /** True while a response with a session description waits for its PRACK: a 2xx has to wait too (§3). */
  get holdsDescription(): boolean {
    return (
      (this.#current !== undefined && this.#current.response.body !== '') ||
      this.#waiting.some((each) => each.body !== '')
    );
  }

  /** A response was sent whose PRACK has not come. */
  get isOwed(): boolean {
    return this.#current !== undefined;
  }

  /** Sends a 101–199 reliably, or keeps it until those before it are acknowledged. False: too many are waiting, it is dropped. */
  send(response: SipResponse): boolean {
    if (this.#ended || this.#waiting.length >= MAX_WAITING) return false;
    if (this.#current === undefined) this.#start(response);
    else this.#waiting.push(response);
    return true;
  }

  /** A PRACK came. True: it acknowledges and is owed a 2xx; false: it matches nothing and is owed a 481 (§3). Throws PeerError. */
  receivePrack(prack: SipRequest): boolean {
    const value = prack.headers.value(HeaderId.RAck);
    if (value === undefined || this.#current === undefined) return false;
    const rack = parseRAck(value);
    if (rack.method !== 'INVITE' || rack.sequence !== this.#inviteSequence) return false;
    if (rack.rseq !== this.#current.sequence) return false;
    this.#disarm();
    this.#current = undefined;
    const next = this.#waiting.shift();
    if (next !== undefined) this.#start(next);
    return true;
  }

  /** The final response was sent: nothing is resent any more (§3), though a PRACK may still come and is still matched. */
  end(): void {
    this.#ended = true;
    this.#waiting.length = 0;
    this.#disarm();
  }

  onFault(error: unknown): void {
    this.#user.onFault(error);
  }

  onTimer(kind: number): void {
    const current = this.#current;
    if (current === undefined) return;
    if (kind === GIVE_UP) {
      this.end();
      this.#user.onNoPrack(current.response);
      return;
    }
    this.#intervalMs *= 2;
    this.#resendTimer = this.#scheduler.schedule(this.#intervalMs, this, RESEND);
    this.#user.send(current.response);
  }

  #start(response: SipResponse): void {
    const sequence = this.#nextSequence++;
    response.headers.set(HeaderId.RSeq, String(sequence));
    addOption(response, '100rel');
    this.#current = { response, sequence };
    this.#intervalMs = this.#t1Ms;
    this.#resendTimer = this.#scheduler.schedule(this.#t1Ms, this, RESEND);
    this.#giveUpTimer = this.#scheduler.schedule(64 * this.#t1Ms, this, GIVE_UP);
    this.#user.send(response);
  }

  #disarm(): void {
    this.#resendTimer = cancelTimer(this.#resendTimer);
    this.#giveUpTimer = cancelTimer(this.#giveUpTimer);
  }
}

function addOption(response: SipResponse, option: string): void {
  const present = response.headers.listValues(HeaderId.Require);
  if (present.some((each) => each.toLowerCase() === option)) return;
  response.headers.add(HeaderId.Require, option);
}

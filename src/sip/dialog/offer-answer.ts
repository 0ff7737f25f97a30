import { retryAfterSeconds } from './glare.ts';

/**
 * Whose turn it is in offer/answer (RFC 3264) over one dialog, as INVITE, PRACK, UPDATE and ACK carry it (RFC 6337 §2.2), and what
 * collides (RFC 3261 §14, RFC 3311 §5). It sees every message of the dialog that may hold a session description, with its sender.
 *
 * Rules it keeps: one offer outstanding at a time; an offer in a request is answered in its reliable response, an offer in a response
 * to an INVITE is answered in PRACK or ACK; a failed request leaves the session as it was; one INVITE at a time in both directions.
 */
export type Side = 'local' | 'remote';

/** What the session description in a message is. */
export type DescriptionRole =
  | 'none'
  | 'offer'
  | 'answer'
  /** In an unreliable provisional response: the answer to come, which counts only when a reliable response repeats it. */
  | 'preview'
  /** After the exchange of this INVITE is complete: ignored (RFC 6337 §2.1). */
  | 'repeat';

/** A request that collides, and the answer owed. */
export interface Collision {
  readonly status: 491 | 500;
  /** With 500: 0 to 10 (RFC 3261 §14.2). */
  readonly retryAfterSeconds?: number;
}

type OfferPlace = 'INVITE' | 'UPDATE' | 'PRACK' | 'invite-response';

/** What has happened, each a bit: every leg of every call in progress has these. */
const ESTABLISHED = 1;
/** The INVITE in progress has had its offer, in the request or in a response. */
const INVITE_OFFERED = 2;
/** An UPDATE of this side, or of the other one, has no final response. */
const UPDATE_BY_LOCAL = 4;
const UPDATE_BY_REMOTE = 8;

export class OfferAnswer {
  readonly #random: () => number;
  /** Who waits for an answer; undefined when stable. */
  #offeredBy: Side | undefined = undefined;
  #offeredIn: OfferPlace = 'INVITE';
  #inviteBy: Side | undefined = undefined;
  #state = 0;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** True once an offer of this dialog was answered. */
  get established(): boolean {
    return this.#is(ESTABLISHED);
  }

  /** The side whose offer waits for an answer. */
  get offeredBy(): Side | undefined {
    return this.#offeredBy;
  }

  /** Whether a received request may be processed; if so the caller goes on with {@link request}. */
  judge(method: string, hasDescription: boolean): Collision | undefined {
    switch (method) {
      case 'INVITE':
        // §14.2: a second INVITE before the final response to the first: 500 with Retry-After; one while ours is in progress: 491.
        if (this.#inviteBy === 'remote') return this.#later();
        if (this.#inviteBy === 'local') return { status: 491 };
        return this.#offerCollision();
      case 'UPDATE':
        // RFC 3311 §5.2: an UPDATE before the final response to the previous one.
        if (this.#is(UPDATE_BY_REMOTE)) return this.#later();
        return hasDescription ? this.#offerCollision() : undefined;
      case 'PRACK':
        return hasDescription && !this.#isAnswerInPrack('remote') ? this.#offerCollision() : undefined;
      default:
        return undefined;
    }
  }

  /** Whether this side may send the request now (§14.1, RFC 3311 §5.1). */
  maySend(method: string, hasDescription: boolean): boolean {
    switch (method) {
      case 'INVITE':
        return this.#inviteBy === undefined && this.#offeredBy === undefined;
      case 'UPDATE':
        if (this.#is(UPDATE_BY_LOCAL)) return false;
        return !hasDescription || (this.#offeredBy === undefined && this.#is(ESTABLISHED));
      case 'PRACK':
        return !hasDescription || this.#offeredBy === undefined || this.#isAnswerInPrack('local');
      default:
        return true;
    }
  }

  /** A request passed, sent by `from`. */
  request(from: Side, method: string, hasDescription: boolean): DescriptionRole {
    switch (method) {
      case 'INVITE':
        this.#inviteBy = from;
        this.#set(INVITE_OFFERED, hasDescription);
        return hasDescription ? this.#offer(from, 'INVITE') : 'none';
      case 'UPDATE':
        this.#set(updateBy(from), true);
        return hasDescription ? this.#offer(from, 'UPDATE') : 'none';
      case 'PRACK':
        if (!hasDescription) return 'none';
        return this.#isAnswerInPrack(from) ? this.#settle() : this.#offer(from, 'PRACK');
      case 'ACK':
        return this.#acknowledge(from, hasDescription);
      default:
        return 'none';
    }
  }

  /** A response passed, sent by `from`. `reliable`: a 2xx, or a provisional response with RSeq. */
  response(from: Side, method: string, status: number, hasDescription: boolean, reliable: boolean): DescriptionRole {
    switch (method) {
      case 'INVITE':
        return this.#inviteResponse(from, status, hasDescription, reliable);
      case 'UPDATE':
      case 'PRACK':
        return this.#otherResponse(from, method, status, hasDescription);
      default:
        return 'none';
    }
  }

  #inviteResponse(from: Side, status: number, hasDescription: boolean, reliable: boolean): DescriptionRole {
    const inviter = opposite(from);
    if (status >= 300) {
      this.#inviteBy = undefined;
      // §14.1: a failed re-INVITE leaves the session as it was. An offer in PRACK or UPDATE has its own transaction.
      if (this.#offeredIn === 'INVITE' || this.#offeredIn === 'invite-response') this.#offeredBy = undefined;
      return 'none';
    }
    if (status >= 200) this.#inviteBy = undefined;
    const answerDue = this.#offeredBy === inviter && this.#offeredIn === 'INVITE';
    if (!hasDescription) {
      // RFC 3261 §13.2.1: the 2xx must hold the answer. Without it nothing waits any longer.
      if (status >= 200 && answerDue) this.#offeredBy = undefined;
      return 'none';
    }
    if (status < 200 && !reliable) return answerDue || !this.#is(INVITE_OFFERED) ? 'preview' : 'repeat';
    if (answerDue) return this.#settle();
    if (this.#is(INVITE_OFFERED) || this.#offeredBy !== undefined) return 'repeat';
    this.#set(INVITE_OFFERED, true);
    return this.#offer(from, 'invite-response');
  }

  #otherResponse(from: Side, method: 'UPDATE' | 'PRACK', status: number, hasDescription: boolean): DescriptionRole {
    if (status < 200) return 'none';
    const requester = opposite(from);
    if (method === 'UPDATE') this.#set(updateBy(requester), false);
    if (this.#offeredBy !== requester || this.#offeredIn !== method) return hasDescription ? 'repeat' : 'none';
    if (status < 300 && hasDescription) return this.#settle();
    this.#offeredBy = undefined;
    return 'none';
  }

  #acknowledge(from: Side, hasDescription: boolean): DescriptionRole {
    const answerDue = this.#offeredBy === opposite(from) && this.#offeredIn === 'invite-response';
    if (!answerDue) return hasDescription ? 'repeat' : 'none';
    if (hasDescription) return this.#settle();
    this.#offeredBy = undefined;
    return 'none';
  }

  /** RFC 3262 §5: the PRACK to a response with an offer holds the answer. */
  #isAnswerInPrack(from: Side): boolean {
    return this.#offeredBy === opposite(from) && this.#offeredIn === 'invite-response';
  }

  /** RFC 3311 §5.2: 491 while our offer waits for its answer, 500 with Retry-After while we owe one. */
  #offerCollision(): Collision | undefined {
    if (this.#offeredBy === 'local') return { status: 491 };
    return this.#offeredBy === 'remote' ? this.#later() : undefined;
  }

  #later(): Collision {
    return { status: 500, retryAfterSeconds: retryAfterSeconds(this.#random) };
  }

  #offer(from: Side, place: OfferPlace): 'offer' {
    this.#offeredBy = from;
    this.#offeredIn = place;
    return 'offer';
  }

  #settle(): 'answer' {
    this.#offeredBy = undefined;
    this.#set(ESTABLISHED, true);
    return 'answer';
  }

  #is(bit: number): boolean {
    return (this.#state & bit) !== 0;
  }

  #set(bit: number, value: boolean): void {
    this.#state = value ? this.#state | bit : this.#state & ~bit;
  }
}

function updateBy(side: Side): number {
  return side === 'local' ? UPDATE_BY_LOCAL : UPDATE_BY_REMOTE;
}

function opposite(side: Side): Side {
  return side === 'local' ? 'remote' : 'local';
}

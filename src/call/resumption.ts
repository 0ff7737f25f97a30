import { describeDestination } from '../sip/endpoint/index.ts';
import { HeaderId, type SipRequest, type SipResponse } from '../sip/message/index.ts';
import type { Flow } from '../sip/transport/index.ts';
import type { LateUser } from './abandoned-invites.ts';
import type { ClientTransaction, ClientTransactionUser, Destination, WayOptions } from './ports.ts';
import type { AttemptRecord } from './record.ts';
import type { DescribedSnapshot } from './waiting.ts';

/** An INVITE of another process that rings. */
export interface RingingInvite {
  readonly invite: SipRequest;
  readonly to: Destination;
  readonly trunkId: string | undefined;
  /** CSeq of its dialogs goes on above this. */
  readonly usedSequence: number;
  /** Who rings has asked for privacy. */
  readonly identityWithheld?: boolean | undefined;
  /** How its peer is reached, and what it is told of where this process is. */
  readonly way: WayOptions;
}

/** A caller whose process has ended, and what there is of his call. */
export interface ResumedCaller {
  readonly invite: SipRequest;
  /** Where that came from. */
  readonly address: string;
  /** The tag that he was told. */
  readonly tag: string | undefined;
  readonly ringing: readonly RingingInvite[];
  /** How long he has waited already, ms. */
  readonly passedMs: number;
  /** How long he had waited when he heard it ring, ms; undefined where that is not known. */
  readonly rangAfterMs: number | undefined;
  /** Whom that process, or one before it, had tried for him. */
  readonly attempts: readonly AttemptRecord[];
  /** Whose description he was given last. */
  readonly described: DescribedSnapshot | undefined;
  /** How many processes had his call. */
  readonly takeovers: number;
}

/** Names the transaction of an INVITE, or of its CANCEL, across processes. */
export function inviteKey(request: SipRequest): string {
  return `${request.topVia().branch} ${request.callId()}`;
}

/**
 * What of a call that rang when its process ended goes on: the caller is answered under the tag that he was told, and a branch that would
 * ask somebody who rings hears his answer in place of asking anew.
 */
export class Resumption {
  readonly caller: Omit<ResumedCaller, 'ringing'>;
  /** The caller has given up meanwhile: nobody is asked. */
  cancel: SipRequest | undefined = undefined;
  #ringing: readonly RingingInvite[];

  constructor({ ringing, ...caller }: ResumedCaller) {
    this.caller = caller;
    this.#ringing = ringing;
  }

  /**
   * Whether it is the caller's INVITE that comes again. Digest protects neither Via nor Call-ID, so the credentials have to be its own: whoever
   * waits for a call himself, and has read another's INVITE, cannot have that one let in again in the place of his.
   */
  isOf(request: SipRequest, { remoteAddress }: Pick<Flow, 'remoteAddress'>): boolean {
    const { invite, address } = this.caller;
    return (
      address === remoteAddress &&
      inviteKey(invite) === inviteKey(request) &&
      credentialsOf(invite) === credentialsOf(request)
    );
  }

  /** The INVITE with this Request-URI that rings there; it is the caller's of this method from now on. */
  take(requestUri: string, to: Destination): RingingInvite | undefined {
    const where = describeDestination(to);
    const found = this.#ringing.find(
      (each) => each.invite.requestUri === requestUri && describeDestination(each.to) === where,
    );
    this.#ringing = this.#ringing.filter((each) => each !== found);
    return found;
  }

  /** What nobody has taken: to be cancelled. */
  takeAll(): readonly RingingInvite[] {
    const left = this.#ringing;
    this.#ringing = [];
    return left;
  }
}

function credentialsOf({ headers }: SipRequest): string {
  const fields = [HeaderId.Authorization, HeaderId.ProxyAuthorization].map((id) => headers.fieldValues(id));
  return JSON.stringify(fields);
}

/** Hears what comes to an INVITE that was cancelled here: one of another process, or one that was given up before. */
export class CancelledInvite implements ClientTransactionUser {
  readonly #late: LateUser;
  readonly #unanswered: (transaction: ClientTransaction) => void;

  /** @param unanswered called once when the INVITE has had no final response */
  constructor(late: LateUser, unanswered: (transaction: ClientTransaction) => void) {
    this.#late = late;
    this.#unanswered = unanswered;
  }

  onResponse(response: SipResponse, transaction: ClientTransaction): void {
    if (response.status >= 200 && response.status < 300) this.#late.onResponse(response, transaction);
    else if (response.status >= 300) transaction.release(this);
  }

  onTimeout(transaction: ClientTransaction): void {
    this.#unanswered(transaction);
  }

  onTransportError(_reason: string, transaction: ClientTransaction): void {
    this.#unanswered(transaction);
  }
}

import { randomToken } from '../../base/ids.ts';
import { ownCopy } from '../../base/text.ts';
import {
  createResponse,
  type HeaderList,
  hasToTag,
  type SipRequest,
  type SipResponse,
  serialize,
} from '../message/index.ts';
import type { KnownRequest, OfSource, RequestIdentity } from './lingering.ts';
import { copyMark, hasCookie, keyHash, serverKey } from './matching.ts';
import type { Mergeable } from './merged-requests.ts';
import { Transaction, type TransactionHost } from './transaction.ts';
import type {
  Channel,
  InviteServerState,
  NonInviteServerState,
  ServerTransaction,
  ServerTransactionUser,
} from './types.ts';

/**
 * What both server machines share: the tag of their responses, the last response sent, and whether the request is kept.
 *
 * A request is kept once its sender is admitted, or once it waits for anything but its final response. Until then a final response leaves
 * as it is and nothing is left behind (RFC 3261 §8.2.7). The layer takes the machine up once the user has returned, since no copy comes
 * before that: of a request that has its answer by then, and is let go of, there is only the record for copies.
 */
export abstract class ServerTransactionBase<F extends Channel>
  extends Transaction<F>
  implements ServerTransaction<F>, KnownRequest<F>, OfSource, RequestIdentity, Mergeable<ServerTransactionBase<F>>
{
  abstract state: InviteServerState | NonInviteServerState;
  /** sent-by of the request's top Via; the host in lower case. */
  sentByHost: string;
  readonly sentByPort: number | undefined;
  readonly copyMark: number;
  readonly keyHash: number;
  /** The next one in the same place among those that are kept. */
  nextOfKey: ServerTransactionBase<F> | undefined = undefined;
  /** By which merged requests find it (§8.2.2.2); undefined when none does any more. */
  mergeHash: number | undefined = undefined;
  /** The next one in the same place among those that may be merged with. */
  nextMerged: ServerTransactionBase<F> | undefined = undefined;
  user: ServerTransactionUser | undefined = undefined;
  answerOnce = false;
  peer = '';
  source = '';
  /** What the layer reckons that it takes of the heap while it is kept. */
  heldOctets = 0;
  #isAdmitted = false;
  /** The layer knows it. */
  #isKept = false;
  /** Of it the layer has a record and nothing else. */
  #isLetGo = false;
  /** The status last sent; 0 before the first response. */
  protected lastStatus = 0;
  #localTag = '';
  #lastResponse: SipResponse | undefined = undefined;

  constructor(host: TransactionHost<F>, request: SipRequest, flow: F) {
    super(host, serverKey(request, request.method), request, flow);
    const via = request.topVia();
    this.sentByHost = via.host === flow.remoteAddress ? flow.remoteAddress : via.host.toLowerCase();
    this.sentByPort = via.port;
    this.copyMark = copyMark(request);
    this.keyHash = keyHash(request, this.key, this.copyMark);
  }

  get isClient(): boolean {
    return false;
  }

  abstract opened(): void;
  abstract receiveRequest(): void;
  /** The machine itself, for a request that is kept. */
  protected abstract respondKept(response: SipResponse): void;
  /** The machine has answered for good without being kept. */
  protected abstract answeredStateless(): void;

  admit(peer = ''): void {
    if (this.#isAdmitted || this.lastStatus !== 0) return;
    this.#isAdmitted = true;
    this.peer = peer;
    this.host.admitted(this);
  }

  /** For the layer: the user has seen the request. */
  seen(): void {
    if (!this.#isAdmitted || this.#isKept || this.#isLetGo || this.state === 'terminated') return;
    this.#isKept = true;
    // Neither may keep the message alive that it was cut from.
    this.key = ownCopy(this.key);
    if (this.sentByHost !== this.flow.remoteAddress) this.sentByHost = ownCopy(this.sentByHost);
    this.host.keep(this);
    this.opened();
  }

  protected get isKept(): boolean {
    return this.#isKept;
  }

  respond(response: SipResponse): void {
    if (!this.#isAdmitted && response.status >= 200 && this.lastStatus === 0) {
      this.lastStatus = response.status;
      this.answeredStateless();
      this.host.answerStateless(response, this.request, this.flow);
      return;
    }
    this.admit();
    this.respondKept(response);
  }

  get localTag(): string {
    if (this.#localTag !== '') return this.#localTag;
    // What is said before anybody is admitted is said again to each copy in the same words; a dialog's tag is random.
    if (!this.#isAdmitted) return this.host.statelessTag(this.request);
    this.#localTag = randomToken();
    return this.#localTag;
  }

  /** The tag that the peer knows: of the last response with one, else the one that {@link reply} would use. */
  get sentTag(): string {
    const last = this.#lastResponse;
    // Within a dialog it is the request's.
    return last === undefined ? this.localTag : (this.request.toTag() ?? last.toTag() ?? this.localTag);
  }

  /** §9.2 wants the 200 to a CANCEL to carry the tag of the INVITE's responses. */
  adoptTag(tag: string): void {
    this.#localTag = tag;
  }

  reply(status: number, reason?: string, headers?: HeaderList): void {
    // §8.2.6.2: all responses but 100 carry a To tag, within a dialog the request's own.
    const toTag = status === 100 || hasToTag(this.request) ? undefined : this.localTag;
    this.respond(createResponse(this.request, status, reason, { toTag, headers }));
  }

  leave(): void {
    this.user = undefined;
    if (this.lastStatus >= 200) return;
    this.state = 'terminated';
    this.finish();
  }

  /** Renders a response before anything changes, since the serializer refuses what must not leave. */
  protected prepare(response: SipResponse): void {
    // A 2xx that the user sends again is the same object: its text is at hand.
    if (response !== this.#lastResponse) this.text = serialize(response);
    this.#lastResponse = response;
    this.lastStatus = response.status;
    if (response.status >= 300) this.host.refused(this);
  }

  override release(): void {
    this.#localTag = ownCopy(this.sentTag);
    this.#lastResponse = undefined;
    // One that goes on is kept by what its request says.
    this.seen();
    super.release();
  }

  /** The final response was given, and a copy of the request is known by its key alone: a record does for the machine. */
  protected get mayLinger(): boolean {
    return this.#isAdmitted && hasCookie(this.key);
  }

  /** What a copy is answered is all that is left; empty: nothing. */
  protected leaveRecord(answer: string): void {
    this.#isLetGo = true;
    this.host.answered(this, answer);
  }

  protected transmit(): void {
    this.flow.send(this.text);
  }

  protected get hasResponse(): boolean {
    return this.lastStatus !== 0;
  }
}

import { PeerError } from '../../base/errors.ts';
import { joined, ownCopy } from '../../base/text.ts';
import {
  addressValues,
  FIRST_HOPS,
  formatUri,
  HeaderId,
  isSipUri,
  readableNameAddrs,
  SipRequest,
  type SipResponse,
  withoutEmptyTag,
} from '../message/index.ts';
import { RouteSet } from './route-set.ts';

/**
 * One side of a dialog (RFC 3261 §12): identifiers, sequence numbers, route set and remote target. Pure state: it makes requests and
 * judges requests; it sends nothing and keeps no time.
 *
 * Rules it keeps: the identifiers never change; the route set is fixed at creation, except that the 2xx fixes it anew for an early
 * dialog of the calling side (§13.2.2.4); the remote target moves only with an accepted target refresh.
 */
export type DialogRole = 'uac' | 'uas';
export type DialogState = 'early' | 'confirmed' | 'terminated';

/** Why a request within the dialog is refused. */
export interface DialogRefusal {
  readonly status: number;
  readonly reason: string;
}

export interface DialogRequestOptions {
  /** Header fields after the dialog's own, in order. */
  readonly headers?: readonly (readonly [HeaderId, string])[];
  readonly contentType?: string;
  readonly body?: string;
}

/** A confirmed dialog as plain data, fit for JSON; values are octets. */
export interface DialogSnapshot {
  readonly role: DialogRole;
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** From and To values of requests that this side sends, tags included. */
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly localContact: string;
  readonly routeSet: readonly string[];
  readonly remoteTarget: string;
  /** See {@link Dialog.hasTarget}. */
  readonly hasTarget: boolean;
  readonly localSequence: number;
  readonly remoteSequence: number;
}

/** Sequence numbers that this side may have used after the snapshot: CSeq never goes back (§12.2.1.1). */
const SEQUENCE_GAP = 1000;

/** Requests that refresh the remote target (§12.2, RFC 3311, RFC 6665, RFC 3515) and therefore must carry a Contact. */
export const TARGET_REFRESH: ReadonlySet<string> = new Set(['INVITE', 'UPDATE', 'SUBSCRIBE', 'NOTIFY', 'REFER']);

/** So many has a request within a dialog, with what is added to it: one that refreshes the target, and any other. */
const REFRESH_FIELDS = 16;
const OTHER_FIELDS = 8;

const NO_ROUTES = new RouteSet([]);

export class Dialog {
  readonly role: DialogRole;
  callId: string;
  localTag: string;
  /** Empty for a peer that sends no tags (RFC 2543), as §12.1.1 allows. */
  remoteTag = '';
  /** From and To values of requests that this side sends, tags included. */
  localAddress = '';
  remoteAddress = '';
  state: DialogState = 'early';
  /** The Contact value that this side's target refresh requests carry. */
  localContact: string;
  #routeSet = NO_ROUTES;
  #remoteTarget = '';
  #hasTarget = true;
  #localSequence = 0;
  /** §12.1.2: on the calling side empty until the peer's first request. */
  #remoteSequence = -1;

  private constructor(role: DialogRole, callId: string, localTag: string, localContact: string) {
    this.role = role;
    this.callId = callId;
    this.localTag = localTag;
    this.localContact = localContact;
  }

  /**
   * The called side's dialog (§12.1.1), made when its first tagged response leaves. `localTag` is that response's To tag,
   * `localContact` its Contact value. Throws PeerError 400 when the request has no Contact.
   */
  static createUas(request: SipRequest, localTag: string, localContact: string): Dialog {
    const { headers } = request;
    const contact = request.contactUri();
    if (contact === undefined) throw new PeerError('SIP_PEER_CONTACT', 'a request that makes a dialog has no Contact');
    const dialog = new Dialog('uas', request.callId(), localTag, localContact);
    dialog.remoteTag = request.fromTag() ?? '';
    dialog.localAddress = withTag(withoutEmptyTag(headers.value(HeaderId.To) ?? ''), request.toTag(), localTag);
    dialog.remoteAddress = withoutEmptyTag(headers.value(HeaderId.From) ?? '');
    // §12.1.1: the Record-Route fields of the request, in order.
    if (headers.has(HeaderId.RecordRoute))
      dialog.#routeSet = new RouteSet(addressValues(headers, HeaderId.RecordRoute));
    dialog.#remoteTarget = contact;
    dialog.#remoteSequence = request.cseq().sequence;
    return dialog;
  }

  /**
   * The calling side's dialog (§12.1.2), made by a tagged provisional response or a 2xx. A 2xx confirms it at once.
   * DEVIATION: a response without Contact leaves the Request-URI as the remote target, since provisional responses of some gateways
   * have none; the 2xx brings the real one. A Contact or Record-Route that cannot be used is left out as well: the dialog must be made
   * all the same, since a 2xx has to be acknowledged, and says so in {@link hasTarget}.
   */
  static createUac(request: SipRequest, response: SipResponse): Dialog {
    const { headers } = request;
    const routeSet = routeSetOfResponse(response);
    const target = targetOfMessage(response);
    const localContact = headers.value(HeaderId.Contact) ?? '';
    const dialog = new Dialog('uac', request.callId(), request.fromTag() ?? '', localContact);
    dialog.remoteTag = response.toTag() ?? '';
    dialog.localAddress = headers.value(HeaderId.From) ?? '';
    dialog.remoteAddress = response.headers.value(HeaderId.To) ?? headers.value(HeaderId.To) ?? '';
    dialog.#routeSet = routeSet ?? NO_ROUTES;
    dialog.#remoteTarget = target ?? request.requestUri;
    dialog.#localSequence = request.sequence();
    if (response.status >= 200) {
      dialog.state = 'confirmed';
      dialog.#hasTarget = routeSet !== undefined && isUsable(response, target);
    }
    return dialog;
  }

  /** A confirmed dialog, of another process perhaps, goes on. */
  static restore(of: DialogSnapshot): Dialog {
    const dialog = new Dialog(of.role, of.callId, of.localTag, of.localContact);
    dialog.remoteTag = of.remoteTag;
    dialog.localAddress = of.localAddress;
    dialog.remoteAddress = of.remoteAddress;
    dialog.state = 'confirmed';
    dialog.#routeSet = new RouteSet(of.routeSet);
    dialog.#remoteTarget = of.remoteTarget;
    dialog.#hasTarget = of.hasTarget;
    dialog.#localSequence = of.localSequence + SEQUENCE_GAP;
    dialog.#remoteSequence = of.remoteSequence;
    return dialog;
  }

  snapshot(): DialogSnapshot {
    return {
      role: this.role,
      callId: this.callId,
      localTag: this.localTag,
      remoteTag: this.remoteTag,
      localAddress: this.localAddress,
      remoteAddress: this.remoteAddress,
      localContact: this.localContact,
      routeSet: this.#routeSet.values,
      remoteTarget: this.#remoteTarget,
      hasTarget: this.#hasTarget,
      localSequence: this.#localSequence,
      remoteSequence: this.#remoteSequence,
    };
  }

  /** The URI that requests of this side go to (§12.2.1.1). */
  get remoteTarget(): string {
    return this.#remoteTarget;
  }

  /** False when the 2xx that confirmed this dialog names a place that no request can go to; they go where its INVITE went. */
  get hasTarget(): boolean {
    return this.#hasTarget;
  }

  /** Route values in the order of use. */
  get routeSet(): readonly string[] {
    return this.#routeSet.values;
  }

  /** Sequence number of this side's latest request. */
  get localSequence(): number {
    return this.#localSequence;
  }

  /** The URI of the next hop: the first route, else the remote target (§8.1.2). RFC 3263 starts from it. */
  nextHop(): string {
    return this.#routeSet.firstUri ?? this.#remoteTarget;
  }

  /**
   * The 2xx came (or, on the called side, left). On the calling side it fixes route set and remote target anew (§13.2.2.4), as
   * it does for the provisional responses before it.
   */
  confirm(response?: SipResponse): void {
    if (this.state === 'terminated') return;
    if (this.role === 'uac' && response !== undefined && this.state === 'early') {
      const routeSet = routeSetOfResponse(response);
      const target = targetOfMessage(response);
      this.#routeSet = routeSet ?? NO_ROUTES;
      if (target !== undefined) this.#remoteTarget = target;
      this.#hasTarget = routeSet !== undefined && isUsable(response, target);
    }
    this.state = 'confirmed';
    this.#keepOwnCopies();
  }

  /** What an early dialog holds are slices of the messages that made it; a confirmed one may outlive them by hours, with one text of its own. */
  #keepOwnCopies(): void {
    // The calling side's own address and Call-ID are no part of a message that came.
    const isCalled = this.role === 'uas';
    const [local, callId] = isCalled ? [this.localAddress, this.callId] : ['', ''];
    const text = joined(this.remoteAddress, this.#remoteTarget, local, callId);
    const targetEnd = this.remoteAddress.length + this.#remoteTarget.length;
    this.#remoteTarget = text.slice(this.remoteAddress.length, targetEnd);
    this.remoteAddress = text.slice(0, this.remoteAddress.length);
    this.remoteTag = within(text, this.remoteTag);
    if (!isCalled) return;
    this.localAddress = text.slice(targetEnd, targetEnd + local.length);
    this.callId = text.slice(targetEnd + local.length);
    this.localTag = within(text, this.localTag);
  }

  /** Whether this is the dialog of these parts (§12.1). */
  is(callId: string, localTag: string, remoteTag: string): boolean {
    return localTag === this.localTag && remoteTag === this.remoteTag && callId === this.callId;
  }

  terminate(): void {
    this.state = 'terminated';
  }

  /**
   * Judges a request received within the dialog (§12.2.2). ACK and CANCEL have no sequence number of their own.
   * A lower number than the last one is out of order, and so is the same again, of which the RFC says nothing (a retransmission never gets
   * here, its transaction takes it), but with a BYE: a peer that does not count has left the call all the same.
   */
  receiveRequest(request: SipRequest): DialogRefusal | undefined {
    if (request.method === 'ACK' || request.method === 'CANCEL') return undefined;
    const { sequence } = request.cseq();
    const isSameAgain = sequence === this.#remoteSequence && request.method !== 'BYE';
    if (sequence < this.#remoteSequence || isSameAgain) return { status: 500, reason: 'CSeq Out Of Order' };
    this.#remoteSequence = sequence;
    return undefined;
  }

  /**
   * Moves the remote target to the Contact of a target refresh: of a request when it is answered with a 2xx, of a 2xx when it comes
   * (§12.2.1.2, §12.2.2, RFC 6141 §4). A failed re-INVITE moves nothing, nor does a Contact that cannot be used.
   */
  refreshTarget(message: SipRequest | SipResponse): void {
    const target = targetOfMessage(message);
    if (target !== undefined) this.#remoteTarget = target;
  }

  /** This side has sent requests up to this number in the dialog that nobody knows here any more: CSeq goes on from there. */
  goOnFrom(sequence: number): void {
    if (sequence > this.#localSequence) this.#localSequence = sequence;
  }

  /** The next request of this side (§12.2.1.1), without Via, which the endpoint adds. Not for ACK and CANCEL. */
  createRequest(method: string, options: DialogRequestOptions = {}): SipRequest {
    this.#localSequence++;
    return this.#build(method, this.#localSequence, options);
  }

  /**
   * The ACK to a 2xx (§13.2.2.4): the INVITE's CSeq number, its credentials, the dialog's routes; and its body, when the 2xx held the offer.
   */
  createAck(invite: SipRequest, options: DialogRequestOptions = {}): SipRequest {
    const ack = this.#build('ACK', invite.sequence(), options);
    ack.headers.takeAll(invite.headers, HeaderId.Authorization);
    ack.headers.takeAll(invite.headers, HeaderId.ProxyAuthorization);
    return ack;
  }

  #build(method: string, sequence: number, options: DialogRequestOptions): SipRequest {
    const hop = this.#routeSet.towards(this.#remoteTarget);
    const isRefresh = TARGET_REFRESH.has(method);
    const room = hop.routes.length + (isRefresh ? REFRESH_FIELDS : OTHER_FIELDS);
    const request = new SipRequest(method, hop.requestUri, options.body, room);
    const { headers } = request;
    for (const route of hop.routes) headers.add(HeaderId.Route, route);
    headers.add(HeaderId.MaxForwards, String(FIRST_HOPS));
    headers.add(HeaderId.From, this.localAddress);
    headers.add(HeaderId.To, this.remoteAddress);
    headers.add(HeaderId.CallId, this.callId);
    headers.add(HeaderId.CSeq, `${sequence} ${method}`);
    if (this.localContact !== '' && isRefresh) headers.add(HeaderId.Contact, this.localContact);
    if (options.headers !== undefined) for (const [id, value] of options.headers) headers.add(id, value);
    if (options.contentType !== undefined) headers.add(HeaderId.ContentType, options.contentType);
    return request;
  }
}

/** A text as a slice of another one that holds it. */
function within(text: string, part: string): string {
  const at = text.indexOf(part);
  return at < 0 ? ownCopy(part) : text.slice(at, at + part.length);
}

/** §12.1.2: the Record-Route fields of the response in reverse order; undefined when they cannot be read. */
function routeSetOfResponse(response: SipResponse): RouteSet | undefined {
  if (!response.headers.has(HeaderId.RecordRoute)) return NO_ROUTES;
  try {
    const values = addressValues(response.headers, HeaderId.RecordRoute);
    if (values.length === 0) return NO_ROUTES;
    const routes = new RouteSet(values.reverse());
    // A route of another scheme leads nowhere.
    return SIP_SCHEME.test(routes.firstUri ?? '') ? routes : undefined;
  } catch (error) {
    if (error instanceof PeerError) return undefined;
    throw error;
  }
}

const SIP_SCHEME = /^sips?:/;

/** The place that a Contact names; undefined when there is none, or it is none that a SIP request can go to. */
export function targetOfMessage(message: SipRequest | SipResponse): string | undefined {
  if (message.kind === 'request' && !TARGET_REFRESH.has(message.method)) return undefined;
  try {
    const contact = message.contactUri();
    if (contact === undefined || SIP_SCHEME.test(contact)) return contact;
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
  }
  // §12.1.2: there is one Contact. Of several, the first that can be used.
  const usable = readableNameAddrs(message.headers, HeaderId.Contact).find(({ uri }) => isSipUri(uri));
  return usable === undefined ? undefined : formatUri(usable.uri);
}

function isUsable(response: SipResponse, target: string | undefined): boolean {
  return target !== undefined || (response.headers.value(HeaderId.Contact) ?? '') === '';
}

function withTag(address: string, present: string | undefined, tag: string): string {
  return present === undefined ? joined(address, ';tag=', tag) : address;
}

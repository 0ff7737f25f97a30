import { glareDelayMs } from '../sip/dialog/index.ts';
import {
  type Accept,
  HeaderId,
  mediaTypeOf,
  parseAccept,
  partId,
  partsOf,
  partType,
  type SipRequest,
  type SipResponse,
  sessionDescriptionOf,
  unescapeUser,
  withParts,
} from '../sip/message/index.ts';
import type { BranchPlan } from './plan.ts';
import { clearBody, dropToken } from './relayed-headers.ts';
import type { SessionKeeper } from './session-keeper.ts';

/**
 * Of an INVITE of several parts these may mean that it has several.
 * DEVIATION: RFC 5621 §3.3 knows 415 alone; gateways that read a description alone say 400, 488 or 606, and a call would be lost for what
 * stands beside it (an emergency call's location).
 */
export const REFUSING_PARTS: ReadonlySet<number> = new Set([400, 415, 488, 606]);
const NAMING_EXTENSIONS: readonly HeaderId[] = [HeaderId.Require, HeaderId.ProxyRequire, HeaderId.Supported];

/**
 * What an INVITE needs before it is sent again to the same peer: credentials (401, 407), fewer parts (415 and its like), fewer extensions
 * (420), a longer session interval (422), another moment (491). Each repair is made a bounded number of times.
 */
export class Repair {
  readonly #plan: Pick<BranchPlan, 'credentials' | 'options'>;
  readonly #destination: string;
  readonly #session: SessionKeeper | undefined;
  #credentialTries = 0;
  #refused: SipRequest | undefined = undefined;
  #droppedExtensions: readonly string[] = [];
  #isUnsupportedKnown = false;
  #glareTries = 0;
  #accepted: Accept | undefined = undefined;

  /** `plan`: as the peer sees it; `destination` names the peer for whom credentials are made. */
  constructor(
    plan: Pick<BranchPlan, 'credentials' | 'options'>,
    destination: string,
    session: SessionKeeper | undefined,
  ) {
    this.#plan = plan;
    this.#destination = destination;
    this.#session = session;
  }

  /** Option tags that the peer has refused, in lower case: with 420, or `timer` with 422. */
  get refusedExtensions(): readonly string[] {
    return this.#droppedExtensions;
  }

  /** Ms to wait before `request`, refused by `response`, is sent again; undefined when it stays refused. */
  delayMs(response: SipResponse, request: SipRequest): number | undefined {
    this.#refused = request;
    switch (response.status) {
      case 401:
      case 407:
        return this.#plan.credentials !== undefined ? 0 : undefined;
      case 420:
        return this.#learnUnsupported(response) ? 0 : undefined;
      case 422:
        return this.#session?.receive422(response) === true || this.#leavesTimer() ? 0 : undefined;
      case 491:
        this.#glareTries++;
        return this.#glareTries > 1 ? undefined : glareDelayMs(true);
      default:
        return REFUSING_PARTS.has(response.status) && this.#learnAccepted(response, request) ? 0 : undefined;
    }
  }

  /**
   * Applies what was learned to the next version of the INVITE. False: there are no credentials for the challenge of `response`, so
   * the INVITE is not sent again.
   */
  apply(request: SipRequest, response: SipResponse): boolean {
    for (const tag of this.#droppedExtensions) {
      // DEVIATION: what is only supported is no reason for a 420 (§8.2.2.3); gateways that send one take the INVITE that does not name it.
      for (const id of NAMING_EXTENSIONS) dropToken(request.headers, id, tag);
      if (tag === 'timer') for (const id of [HeaderId.SessionExpires, HeaderId.MinSE]) request.headers.remove(id);
    }
    if (this.#accepted !== undefined) leaveParts(request, this.#accepted);
    const { credentials } = this.#plan;
    const refused = this.#refused;
    const isChallenge = response.status === 401 || response.status === 407;
    if (credentials === undefined || refused === undefined) return !isChallenge;
    if (isChallenge)
      return (
        credentials.authorize(response, refused, request, this.#destination, this.#credentialTries++) === undefined
      );
    credentials.carry(refused, request, this.#destination);
    return true;
  }

  /** RFC 3261 §8.1.3.5: once, without the extensions that Unsupported lists. */
  #learnUnsupported(response: SipResponse): boolean {
    if (this.#isUnsupportedKnown) return false;
    this.#isUnsupportedKnown = true;
    const before = this.#droppedExtensions;
    const unsupported = response.headers.listValues(HeaderId.Unsupported).map((tag) => tag.toLowerCase());
    this.#droppedExtensions = [...new Set([...before, ...unsupported])];
    return this.#droppedExtensions.length > before.length;
  }

  /** DEVIATION: RFC 4028 §7.3 knows no way on after a 422 without a longer Min-SE, or after many of them. No call needs a session timer. */
  #leavesTimer(): boolean {
    if (this.#session === undefined || this.#droppedExtensions.includes('timer')) return false;
    this.#droppedExtensions = [...this.#droppedExtensions, 'timer'];
    return true;
  }

  /**
   * RFC 3261 §8.1.3.5: once, of what stands beside the session description (ISUP, a location) only what the Accept of a 415 lists; without
   * one that is nothing (§20.1). What another node has sent on is mended there.
   */
  #learnAccepted(response: SipResponse, request: SipRequest): boolean {
    if (this.#accepted !== undefined || this.#plan.options.peerNode !== undefined) return false;
    const isMultipart = contentTypeOf(request).startsWith('multipart/');
    if (!isMultipart || sessionDescriptionOf(request) === undefined) return false;
    const { headers, status } = response;
    const isTold = status === 415 && headers.has(HeaderId.Accept);
    const accepted = parseAccept(isTold ? headers.listValues(HeaderId.Accept) : [SDP]);
    if (!accepted.takes(SDP)) return false;
    this.#accepted = accepted;
    return true;
  }
}
const SDP = 'application/sdp';

function contentTypeOf({ headers }: SipRequest): string {
  return mediaTypeOf(headers.value(HeaderId.ContentType) ?? '');
}

/** Leaves the parts of `request` that `accepted` takes, where it takes some beside the session description and not all; else that alone. */
function leaveParts(request: SipRequest, accepted: Accept): void {
  const description = sessionDescriptionOf(request);
  if (description === undefined) return;
  const { headers } = request;
  const type = headers.value(HeaderId.ContentType);
  let isBeside = false;
  const parts = withParts(type, request.body, (part) => {
    const isTaken = accepted.takes(partType(part));
    isBeside ||= isTaken && partType(part) !== SDP;
    return isTaken;
  });
  if (parts !== undefined && parts !== request.body && isBeside && accepted.takes(contentTypeOf(request))) {
    request.body = parts;
  } else {
    clearBody(request);
    request.body = description;
    headers.add(HeaderId.ContentType, SDP);
  }
  leaveReferences(request);
}

/** Fields that may point into the body (RFC 6442 §4.1, RFC 7852 §6, RFC 3261 §20.4). */
const REFERRING: readonly HeaderId[] = [HeaderId.Geolocation, HeaderId.CallInfo, HeaderId.AlertInfo];

/** Takes the values away whose `cid:` (RFC 2392) is that of no part; a location that is not there is refused with 424 (RFC 6442 §4.3). */
function leaveReferences({ headers, body }: SipRequest): void {
  const ids = new Set<string>();
  for (const part of partsOf(headers.value(HeaderId.ContentType), body)) {
    const id = partId(part);
    if (id !== undefined) ids.add(id);
  }
  for (const field of REFERRING) {
    const values = headers.listValues(field);
    const kept = values.filter((value) => {
      const id = /^<[ \t]*cid:([^>]*)>/i.exec(value)?.[1];
      return id === undefined || ids.has(unescapeUser(id));
    });
    if (kept.length === values.length) continue;
    if (kept.length > 0) headers.set(field, kept.join(', '));
    else headers.remove(field);
  }
}

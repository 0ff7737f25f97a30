import { glareDelayMs } from '../sip/dialog/index.ts';
import {
  contentKindOf,
  HeaderId,
  type SipRequest,
  type SipResponse,
  sessionDescriptionOf,
} from '../sip/message/index.ts';
import type { BranchPlan } from './plan.ts';
import { clearBody, dropToken } from './relayed-headers.ts';
import type { SessionKeeper } from './session-keeper.ts';

/**
 * What an INVITE needs before it is sent again to the same peer: credentials (401, 407), a description alone (415), fewer required
 * extensions (420), a longer session interval (422), another moment (491). Each repair is made a bounded number of times.
 */
export class Repair {
  readonly #plan: BranchPlan;
  readonly #destination: string;
  readonly #session: SessionKeeper | undefined;
  #credentialTries = 0;
  #refused: SipRequest | undefined = undefined;
  #droppedExtensions: readonly string[] = [];
  #glareTries = 0;
  #describesOnly = false;

  /** `destination` names the peer for whom credentials are made. */
  constructor(plan: BranchPlan, destination: string, session: SessionKeeper | undefined) {
    this.#plan = plan;
    this.#destination = destination;
    this.#session = session;
  }

  /** Ms to wait before `request`, refused by `response`, is sent again; undefined when it stays refused. */
  delayMs(response: SipResponse, request: SipRequest): number | undefined {
    this.#refused = request;
    switch (response.status) {
      case 401:
      case 407:
        return this.#plan.credentials !== undefined ? 0 : undefined;
      case 415:
        return this.#hasOtherParts(request) ? 0 : undefined;
      case 420:
        return this.#learnUnsupported(response) ? 0 : undefined;
      case 422:
        return this.#session?.receive422(response) === true ? 0 : undefined;
      case 491:
        this.#glareTries++;
        return this.#glareTries > 1 ? undefined : glareDelayMs(true);
      default:
        return undefined;
    }
  }

  /**
   * Applies what was learned to the next version of the INVITE. False: there are no credentials for the challenge of `response`, so
   * the INVITE is not sent again.
   */
  apply(request: SipRequest, response: SipResponse): boolean {
    for (const tag of this.#droppedExtensions) {
      dropToken(request.headers, HeaderId.Require, tag);
      dropToken(request.headers, HeaderId.ProxyRequire, tag);
    }
    if (this.#describesOnly) leaveOtherParts(request);
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
    if (this.#droppedExtensions.length > 0) return false;
    this.#droppedExtensions = response.headers.listValues(HeaderId.Unsupported);
    return this.#droppedExtensions.length > 0;
  }

  /** RFC 3261 §8.1.3.5: once, without what stands beside the session description: ISUP or a location, which not everybody reads. */
  #hasOtherParts(request: SipRequest): boolean {
    this.#describesOnly = contentKindOf(request) === 'multipart' && sessionDescriptionOf(request) !== undefined;
    return this.#describesOnly;
  }
}

function leaveOtherParts(request: SipRequest): void {
  const description = sessionDescriptionOf(request);
  if (description === undefined) return;
  clearBody(request);
  request.body = description;
  request.headers.add(HeaderId.ContentType, 'application/sdp');
}

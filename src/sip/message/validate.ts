import { PeerError } from '../../base/errors.ts';
import { BRANCH_COOKIE } from '../../base/ids.ts';
import { isSpaceCode } from './characters.ts';
import { HeaderId } from './header-id.ts';
import { DEFAULT_LIMITS, type MessageLimits } from './limits.ts';
import { parseNameAddrList, type SipMessage, type SipRequest, type SipResponse } from './message.ts';
import { METHODS } from './method.ts';
import type { Params } from './params.ts';
import { reasonPhrase } from './reason-phrase.ts';
import { parseVia } from './via.ts';

/**
 * The validator stands behind the parser and before everybody else. It reads the fields that routing and dialogs live on and names the
 * response that a bad request is owed; a bad response is dropped. Fields that only one part of the engine reads (Authorization, Date,
 * Session-Expires …) are that part's to judge, since a fault there is no reason to refuse what does not need them (RFC 4475 §3.1.2.12).
 */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly (readonly [HeaderId, string])[];
}

/** Methods of the IANA registry: known ones that are not served get 405, others 501 (RFC 3261 §8.2.1, §21.5.2). */
const KNOWN_METHODS: ReadonlySet<string> = new Set(METHODS);

/** §8.1.1 and §20 give these one value: a second one is an attempt to be read in two ways. */
const SINGLE_FIELDS: readonly HeaderId[] = [
  HeaderId.From,
  HeaderId.To,
  HeaderId.CallId,
  HeaderId.CSeq,
  HeaderId.MaxForwards,
  HeaderId.ContentType,
  HeaderId.Expires,
  HeaderId.SessionExpires,
  HeaderId.RSeq,
  HeaderId.RAck,
  HeaderId.Replaces,
  HeaderId.ReferTo,
  HeaderId.ReferredBy,
  HeaderId.Event,
  HeaderId.SubscriptionState,
  HeaderId.PCalledPartyId,
];
const LAST_SINGLE_ID = Math.max(...SINGLE_FIELDS);
const isSingle = new Uint8Array(LAST_SINGLE_ID + 1);
for (const id of SINGLE_FIELDS) isSingle[id] = 1;

/** Methods that end here whatever their hop count: a UAS serves them, nothing is forwarded. */
const HOP_METHODS = new Set(['ACK', 'CANCEL', 'OPTIONS', 'REGISTER']);

function refusal(status: number, reason = reasonPhrase(status)): Refusal {
  return { status, reason, headers: [] };
}

/** Names the response that a request is owed before anybody looks at what it asks; undefined when it is well-formed. An ACK is never answered: drop it. */
export function validateRequest(request: SipRequest, limits: MessageLimits = DEFAULT_LIMITS): Refusal | undefined {
  // §8.2, §21.5.6: nothing else of another version is read.
  if (request.version !== 'SIP/2.0') return refusal(505);
  if (request.defect !== undefined) return refusal(request.defect.status, request.defect.reason);
  if (request.requestUri.length > limits.uriOctets) return refusal(414);
  try {
    return checkRequest(request, limits);
  } catch (error) {
    if (error instanceof PeerError) return refusal(error.status, reasonOf(error));
    throw error;
  }
}

function checkRequest(request: SipRequest, limits: MessageLimits): Refusal | undefined {
  checkCommon(request, limits);
  if (!KNOWN_METHODS.has(request.method)) return refusal(501);
  // §8.1.1.5: the method MUST match that of the request.
  if (request.cseq().method !== request.method) return refusal(400, 'CSeq Method Does Not Match');
  const uri = request.uri();
  // §8.2.2.1
  if (uri.scheme === 'other') return refusal(416);
  // §19.1.1 table 1: header components are not allowed in a Request-URI; taken for fields they would be smuggled ones.
  if (uri.scheme !== 'tel' && uri.headers !== '') return refusal(400, 'Header Components In Request-URI');
  // RFC 4475 §3.2.1: a bare cookie identifies nothing.
  if (request.topVia().branch === BRANCH_COOKIE) return refusal(400, 'Empty Branch');
  // §16.3 item 3: a B2BUA relays, so a request that would be relayed ends here.
  const hops = request.maxForwards();
  if (hops === 0 && !HOP_METHODS.has(request.method) && request.toTag() === undefined) return refusal(483);
  checkRouting(request);
  return undefined;
}

/** False for a response that must be dropped: malformed, or with more than our own Via (§8.1.3.3). */
export function validateResponse(response: SipResponse, limits: MessageLimits = DEFAULT_LIMITS): boolean {
  if (response.defect !== undefined || response.version !== 'SIP/2.0' || response.status > 699) return false;
  try {
    if (checkCommon(response, limits) !== 1) return false;
    checkRouting(response);
    return true;
  } catch (error) {
    if (error instanceof PeerError) return false;
    throw error;
  }
}

/** §8.1.1: Via, From, To, Call-ID and CSeq must be there and readable. Returns the number of Via values. */
function checkCommon(message: SipMessage, limits: MessageLimits): number {
  const repeated = message.headers.firstRepeated(isSingle);
  if (repeated !== HeaderId.Other) throw fault('Repeated Header Field');
  checkParams(message.topVia().params);
  checkCallId(message.callId());
  checkParams(message.from().params);
  checkParams(message.to().params);
  message.cseq();
  return checkVias(message, limits);
}

/** What a dialog would be made of. */
function checkRouting(message: SipMessage): void {
  if (message.headers.has(HeaderId.Contact)) message.contacts();
  if (message.headers.has(HeaderId.Route)) parseNameAddrList(message.headers, HeaderId.Route);
  if (message.headers.has(HeaderId.RecordRoute)) parseNameAddrList(message.headers, HeaderId.RecordRoute);
}

/** The usual single Via has been read as the top one; any more are read here. */
function checkVias(message: SipMessage, limits: MessageLimits): number {
  if (message.headers.countOf(HeaderId.Via) === 1 && message.headers.value(HeaderId.Via)?.includes(',') === false)
    return 1;
  const values = message.headers.listValues(HeaderId.Via);
  if (values.length > limits.viaCount) throw fault('Too Many Via Values');
  for (const value of values) parseVia(value);
  return values.length;
}

/** §7.3.1: any given parameter name MUST NOT appear more than once. Checked where two tags or branches would be two readings. */
function checkParams(params: Params): void {
  if (params.hasDuplicates()) throw fault('Repeated Parameter');
}

function checkCallId(callId: string): void {
  if (callId.length === 0) throw fault('Empty Call-ID');
  for (let index = 0; index < callId.length; index++) {
    if (isSpaceCode(callId.charCodeAt(index))) throw fault('White Space In Call-ID');
  }
}

function fault(reason: string): PeerError {
  return new PeerError('SIP_PEER_SYNTAX', reason);
}

/** A reason phrase tells what was wrong but repeats nothing that the peer sent. */
function reasonOf(error: PeerError): string {
  return error.code === 'SIP_PEER_SYNTAX' ? error.message : (REASONS.get(error.code) ?? reasonPhrase(error.status));
}
const REASONS = new Map([
  ['SIP_PEER_URI', 'Malformed URI'],
  ['SIP_PEER_NAME_ADDR', 'Malformed Address'],
  ['SIP_PEER_PARAMS', 'Malformed Parameter'],
  ['SIP_PEER_VIA', 'Malformed Via'],
  ['SIP_PEER_CSEQ', 'Malformed CSeq'],
  ['SIP_PEER_MAX_FORWARDS', 'Malformed Max-Forwards'],
  ['SIP_PEER_MISSING', 'Missing Header Field'],
]);

/**
 * §8.2.2.3: a request that requires an extension outside `supported` (lower case) is owed a 420 that lists what is not supported.
 * Require is ignored in ACK and CANCEL.
 */
export function refuseExtensions(request: SipRequest, supported: ReadonlySet<string>): Refusal | undefined {
  if (request.method === 'ACK' || request.method === 'CANCEL' || !request.headers.has(HeaderId.Require))
    return undefined;
  const unsupported = request.headers.listValues(HeaderId.Require).filter((tag) => !supported.has(tag.toLowerCase()));
  if (unsupported.length === 0) return undefined;
  return { ...refusal(420), headers: [[HeaderId.Unsupported, unsupported.join(', ')]] };
}

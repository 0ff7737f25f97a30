import { PeerError } from '../../base/errors.ts';
import { BRANCH_COOKIE } from '../../base/ids.ts';
import { holdsComma, isSpaceCode, splitAddresses } from './characters.ts';
import { HeaderId } from './header-id.ts';
import { DEFAULT_LIMITS, type MessageLimits } from './limits.ts';
import {
  ENDING,
  isSpared,
  parseNameAddrList,
  readableNameAddrs,
  type SipMessage,
  type SipRequest,
  type SipResponse,
  viaValues,
} from './message.ts';
import { METHODS } from './method.ts';
import { checkTag, isPlainAddress } from './name-addr.ts';
import type { Params } from './params.ts';
import { isPlainSipUri } from './plain-uri.ts';
import { reasonPhrase } from './reason-phrase.ts';
import { isEmergencyService, isSipUri } from './uri.ts';
import { parseVia } from './via.ts';

/**
 * The validator stands behind the parser and before everybody else. It reads the fields that routing and dialogs live on and names the
 * response that a bad request is owed. Fields that only one part of the engine reads (Authorization, Date, Session-Expires …) are that
 * part's to judge, since a fault there is no reason to refuse what does not need them (RFC 4475 §3.1.2.12).
 *
 * What must not get lost is judged by what it needs and nothing else. An answer needs the Via and CSeq that find its transaction; it
 * is dropped only without them, or when it says two things. BYE, CANCEL and ACK need what finds their dialog or transaction: whoever
 * hangs up must not be held by a Contact.
 */
export interface OwedResponse {
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
const isSingle = flags(SINGLE_FIELDS);
/** Those that name a transaction and a dialog. */
const isIdentity = flags([HeaderId.From, HeaderId.To, HeaderId.CallId, HeaderId.CSeq]);

function flags(ids: readonly HeaderId[]): Uint8Array {
  const table = new Uint8Array(Math.max(...ids) + 1);
  for (const id of ids) table[id] = 1;
  return table;
}

/** Methods whose Contact becomes a remote target (§12.1, §12.2, RFC 3311 §5.1, RFC 3515 §2.2, RFC 6665 §4.1.2); REGISTER is the registrar's to judge. */
const TARGETING: ReadonlySet<string> = new Set(['INVITE', 'UPDATE', 'SUBSCRIBE', 'NOTIFY', 'REFER', 'REGISTER']);

/**
 * Methods that are never relayed, and so are served whatever their hop count. Of others that end here now and then (an UPDATE without an
 * offer, PRACK, NOTIFY, SUBSCRIBE) only their call could say so: they are 483 without hops, as all that might go on.
 */
const HOP_METHODS = new Set(['ACK', 'CANCEL', 'OPTIONS', 'REGISTER']);

function refusal(status: number, reason = reasonPhrase(status)): OwedResponse {
  return { status, reason, headers: [] };
}

/** Names the response that a request is owed before anybody looks at what it asks; undefined when it is well-formed. An ACK is never answered: drop it. */
export function validateRequest(request: SipRequest, limits: MessageLimits = DEFAULT_LIMITS): OwedResponse | undefined {
  // §8.2, §21.5.6: nothing else of another version is read.
  if (request.version !== 'SIP/2.0') return refusal(505);
  const { defect } = request;
  const isEnding = ENDING.has(request.method);
  if (defect !== undefined && !isSpared(request)) return refusal(defect.status, defect.reason);
  if (request.requestUri.length > limits.uriOctets) return refusal(414);
  try {
    return isEnding ? checkEnding(request) : checkRequest(request, limits);
  } catch (error) {
    if (error instanceof PeerError) return refusal(error.status, reasonOf(error));
    throw error;
  }
}

function checkRequest(request: SipRequest, limits: MessageLimits): OwedResponse | undefined {
  if (request.headers.firstConflict(isSingle) !== HeaderId.Other) throw fault('Repeated Header Field');
  if (request.topVia().repeats()) throw fault('Repeated Parameter');
  checkCallId(request.callId());
  checkSender(request);
  checkAddressee(request);
  request.cseq();
  checkVias(request, limits);
  if (!KNOWN_METHODS.has(request.method)) return refusal(501);
  // §8.1.1.5: the method MUST match that of the request.
  if (request.cseq().method !== request.method) return refusal(400, 'CSeq Method Does Not Match');
  const wrongUri = checkRequestUri(request);
  if (wrongUri !== undefined) return wrongUri;
  if (request.topVia().branch === BRANCH_COOKIE) return refusal(400, 'Empty Branch');
  // §16.3 item 3: a B2BUA relays, so a request that would be relayed ends here.
  const hops = request.maxForwards();
  if (hops === 0 && !HOP_METHODS.has(request.method)) return refusal(483);
  return TARGETING.has(request.method) ? checkRouting(request) : undefined;
}

/** Of an INVITE, sender and Request-URI are read by who routes it; of others hardly anybody asks more than is seen where they stand. */
const isReadAnyway = ({ method }: SipRequest): boolean => method === 'INVITE';

function checkSender(request: SipRequest): void {
  if (isReadAnyway(request) || !hasPlainSender(request)) checkParams(request.from().params);
}

/** A From that cannot be read costs nothing by itself. */
function hasPlainSender({ headers }: SipRequest): boolean {
  try {
    return headers.read(HeaderId.From, isPlainAddress) === true;
  } catch (error) {
    if (error instanceof PeerError) return false;
    throw error;
  }
}

function checkRequestUri(request: SipRequest): OwedResponse | undefined {
  const { requestUri } = request;
  if (!isReadAnyway(request) && isPlainSipUri(requestUri, 0, requestUri.length)) return undefined;
  const uri = request.uri();
  // §8.2.2.1
  if (uri.scheme === 'other' && !(request.method === 'INVITE' && isEmergencyService(uri))) return refusal(416);
  // §19.1.1 table 1: header components are not allowed in a Request-URI; taken for fields they would be smuggled ones.
  if (isSipUri(uri) && uri.headers !== '') return refusal(400, 'Header Components In Request-URI');
  return undefined;
}

/** Whom a request is for says its Request-URI (§8.2.2.1) or, within a dialog, the tags (§12.2.2); only of a REGISTER it is To (§10.2). */
function checkAddressee(request: SipRequest): void {
  const { headers, method } = request;
  const isRegister = method === 'REGISTER';
  if (!isRegister && request.toTag() !== undefined) {
    // Of several addresses the next reader may take another one's tag.
    const isList = headers.read(HeaderId.To, holdsComma) && splitAddresses(headers.value(HeaderId.To) ?? '').length > 1;
    if (isList) throw fault('Several Addresses');
    return;
  }
  if (headers.read(HeaderId.To, isPlainAddress) === true) return;
  const { params, uri } = request.to();
  checkParams(params);
  if (isRegister && uri.scheme === 'other' && uri.name === '') throw fault('Malformed URI');
}

/** BYE, CANCEL and ACK: the fields by which they are matched, and no others. */
function checkEnding(request: SipRequest): OwedResponse | undefined {
  if (request.headers.firstConflict(isIdentity) !== HeaderId.Other) throw fault('Repeated Header Field');
  const via = request.topVia();
  if (via.repeats('branch')) throw fault('Repeated Parameter');
  checkCallId(request.callId());
  // Two tags would be two dialogs. The addresses themselves may be unreadable.
  request.fromTag();
  request.toTag();
  if (request.cseq().method !== request.method) return refusal(400, 'CSeq Method Does Not Match');
  // RFC 4475 §3.2.1: a bare cookie identifies nothing.
  return via.branch === BRANCH_COOKIE ? refusal(400, 'Empty Branch') : undefined;
}

/**
 * False for a response that must be dropped: nobody can tell whose it is. DEVIATION: one with more than our own Via (§8.1.3.3, a SHOULD) is
 * kept, since a proxy that leaves its own in hides the only answer there is, and who is not meant has no such branch.
 */
export function validateResponse(response: SipResponse): boolean {
  const { defect } = response;
  if (defect !== undefined && !isSpared(response)) return false;
  if (response.version !== 'SIP/2.0' || response.status > 699) return false;
  try {
    if (response.headers.firstConflict(isIdentity) !== HeaderId.Other) return false;
    // Two branches are refused as it is read.
    response.topBranch();
    response.method();
    // So are two tags, which would be two dialogs.
    response.headers.read(HeaderId.From, checkTag);
    response.headers.read(HeaderId.To, checkTag);
    return true;
  } catch (error) {
    if (error instanceof PeerError) return false;
    throw error;
  }
}

/** What a dialog would be made of. */
function checkRouting(request: SipRequest): OwedResponse | undefined {
  const { headers, method } = request;
  // A dialog keeps the route set that it began with (§12.2), and the target where no other one can be read. A REGISTER makes none (§10.3).
  if (request.toTag() !== undefined && method !== 'REGISTER') return undefined;
  const isPlain = headers.countOf(HeaderId.Contact) === 1 && headers.read(HeaderId.Contact, isPlainAddress) === true;
  // Of the Contacts of a REGISTER the registrar leaves out what cannot be read beside others.
  const readsOne = !isPlain && method === 'REGISTER' && readableNameAddrs(headers, HeaderId.Contact).length > 0;
  if (!isPlain && !readsOne && headers.has(HeaderId.Contact)) {
    const contacts = request.contacts();
    // §8.1.1.8: the Contact is where requests of the dialog go.
    if (method !== 'REGISTER' && contacts.some(({ uri }) => !isSipUri(uri)))
      return refusal(400, 'Contact Is No SIP URI');
  }
  if (headers.has(HeaderId.RecordRoute) && method !== 'REGISTER') {
    const routes = parseNameAddrList(headers, HeaderId.RecordRoute);
    if (routes.some(({ uri }) => !isSipUri(uri))) return refusal(400, 'Record-Route Is No SIP URI');
  }
  return undefined;
}

/** The usual single Via has been read as the top one; any more are read here. */
function checkVias(message: SipMessage, limits: MessageLimits): void {
  if (hasOneVia(message)) return;
  const values = viaValues(message.headers);
  if (values.length > limits.viaCount) throw fault('Too Many Via Values');
  for (const value of values) parseVia(value);
}

/** The usual case: one field, and nothing in it that may be a second value. */
function hasOneVia({ headers }: SipMessage): boolean {
  return headers.countOf(HeaderId.Via) === 1 && headers.read(HeaderId.Via, holdsComma) === false;
}

/**
 * §7.3.1: any given parameter name MUST NOT appear more than once. Checked where two tags or branches would be two readings; the same
 * value twice is one.
 */
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
  ['SIP_PEER_MISSING', 'Missing Header Field'],
]);

/**
 * §8.2.2.3: a request that requires an extension outside `supported` (lower case) is owed a 420 that lists what is not supported.
 * Require is ignored in ACK and CANCEL. DEVIATION: in BYE as well: whoever hangs up has hung up.
 */
export function refuseExtensions(request: SipRequest, supported: ReadonlySet<string>): OwedResponse | undefined {
  if (ENDING.has(request.method) || !request.headers.has(HeaderId.Require)) return undefined;
  const unsupported = request.headers.listValues(HeaderId.Require).filter((tag) => !supported.has(tag.toLowerCase()));
  if (unsupported.length === 0) return undefined;
  return { ...refusal(420), headers: [[HeaderId.Unsupported, unsupported.join(', ')]] };
}

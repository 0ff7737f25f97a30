import {
  CONTENT_HEADERS,
  contentKindOf,
  HeaderId,
  type Headers,
  headerIdOf,
  type PartyRole,
  partType,
  partyPrivacy,
  type SipMessage,
  type SipResponse,
  typeOfBody,
  withheldBy,
  withParts,
} from '../sip/message/index.ts';
import type { LegOptions } from './plan.ts';
import type { CallEnvironment, RoutedCall } from './ports.ts';

/** What else crosses from leg to leg in responses: why it failed, how it rings. */
const RESPONSE_HEADERS: readonly HeaderId[] = [
  HeaderId.Reason,
  HeaderId.Warning,
  HeaderId.RetryAfter,
  HeaderId.AlertInfo,
  HeaderId.ErrorInfo,
];
/** What bodies a party takes, in a 415: in other responses it would invite to bodies that this engine cannot read. */
const ACCEPTED_HEADERS: readonly HeaderId[] = [HeaderId.Accept, HeaderId.AcceptEncoding];
/** RFC 5009; RFC 6086 §7. */
const RESPONSE_HEADERS_BY_NAME: readonly string[] = ['P-Early-Media', 'Recv-Info'];

/** What an in-dialog request means to the far end beyond its body. */
const REQUEST_HEADERS: readonly HeaderId[] = [
  HeaderId.Reason,
  HeaderId.Event,
  HeaderId.SubscriptionState,
  HeaderId.AlertInfo,
  HeaderId.Subject,
  HeaderId.Accept,
];
const REQUEST_HEADERS_BY_NAME: readonly string[] = ['Info-Package', 'Recv-Info', 'P-Early-Media'];

/**
 * Of those, what an anonymous party's requests may still say: nothing that it wrote, and no host of its own (RFC 3323 §4.1). Its
 * responses say a Retry-After without its comment, and requests and responses Reasons without their text.
 */
const ANONYMOUS_REQUEST_HEADERS: readonly HeaderId[] = [HeaderId.Event, HeaderId.SubscriptionState, HeaderId.Accept];

/** Puts the body of `from` into `to`, octet for octet, with the header fields that describe it. */
export function relayBody(from: SipMessage, to: SipMessage): void {
  if (from.body === '') return;
  to.body = from.body;
  copyFields(from.headers, to.headers, CONTENT_HEADERS);
  const said = from.headers.value(HeaderId.ContentType);
  const type = typeOfBody(said, from.body) ?? '';
  if (type === '') to.headers.remove(HeaderId.ContentType);
  else if (type !== said) to.headers.set(HeaderId.ContentType, type);
}

/** RFC 3261 §21.4.13: a 415 that is passed on says which bodies are taken. */
export function relayAccepted(from: SipResponse, to: SipResponse): void {
  copyFields(from.headers, to.headers, ACCEPTED_HEADERS);
}

/** RFC 3261 §21.4.6: a 405 that is passed on says which methods there are; `allow` is what is told where its sender names none. */
export function relayAllowed(from: SipResponse, to: SipResponse, method: string, allow: string): void {
  to.headers.takeAll(from.headers, HeaderId.Allow);
  if (to.headers.has(HeaderId.Allow)) return;
  to.headers.set(HeaderId.Allow, allow);
  dropToken(to.headers, HeaderId.Allow, method);
}

/** Takes the body away, with the header fields that describe it. */
export function clearBody(message: SipMessage): void {
  message.body = '';
  for (const id of CONTENT_HEADERS) message.headers.remove(id);
}

/** Takes the session description away, and leaves what stands beside it. */
export function clearDescription(message: SipMessage): void {
  const said = message.headers.value(HeaderId.ContentType);
  message.body = withParts(said, message.body, (part) => partType(part) !== 'application/sdp') ?? '';
  // Nor may one stay that stands deeper.
  if (message.body === '' || hasSessionDescription(message)) clearBody(message);
}

/** Reason (RFC 3326 §2: one value a protocol, in one field or several), as a CANCEL takes it on. */
export function reasonFields(values: readonly string[]): [HeaderId, string][] {
  return values.map((value) => [HeaderId.Reason, value]);
}

/** The Reasons of a BYE or CANCEL of `sender`, as the other party may be told them. */
export function reasonsOf({ headers }: SipMessage, sender: Pick<LegOptions, 'anonymous'>): string[] {
  const values = headers.fieldValues(HeaderId.Reason);
  return sender.anonymous === true ? values.map(withoutText).filter((value) => value !== '') : values;
}

/** The reason phrase that a response of `sender` is relayed with; undefined: that of its status, where the party wrote one in private. */
export function relayedPhrase(response: SipResponse, taker: Taker, sender: Sender): string | undefined {
  return withholds(taker, sender) ? undefined : response.reason;
}

/**
 * What may stay of a Reason that an anonymous party wrote (RFC 3326 §2): the protocol, its cause, and the location of a Q.850 cause
 * (RFC 8606); all else are words of its own. A protocol that is not one of RFC 3326 stays with a cause only: it may be a word, too.
 */
function withoutText(reason: string): string {
  return reason
    .replace(QUOTED, '"')
    .split(',')
    .map((value) => {
      const [head = '', ...params] = value.split(';');
      const kept = params
        .map((param) => CODE.exec(param))
        .flatMap((code) => (code === null ? [] : `;${code[1]}=${code[2]}`));
      const protocol = PROTOCOL.exec(head)?.[1] ?? (kept.length === 0 ? undefined : TOKEN.exec(head)?.[1]);
      return protocol === undefined ? '' : `${protocol}${kept.join('')}`;
    })
    .filter((value) => value !== '')
    .join(', ');
}
/** Also where the quotes do not end. */
const QUOTED = /"(?:[^"\\]|\\.)*\\?(?:"|$)/gs;
const PROTOCOL = /^[ \t]*(SIP|Q\.850)(?![\w.!%*+`'~-])/i;
const TOKEN = /^[ \t]*([\w.!%*+`'~-]+)[ \t]*$/;
/** A number longer than any code might be the party's own. */
const CODE = /^[ \t]*(cause|location)[ \t]*=[ \t]*([0-9]{1,5}|U|LN|LPN|TN|RLN|RPN|INTL|BI|LOC-[0-9]{1,2})(?![^ \t("])/i;

/** Who takes what is relayed: a leg, the caller before it has one, or, without a call, the sender of a MESSAGE. */
interface Taker {
  readonly options: Pick<
    LegOptions,
    'relayHeaders' | 'relayTrunkHeaders' | 'withholdsPeer' | 'trunkId' | 'isBetweenNodes' | 'peerNode'
  >;
  readonly call?: RoutedCall & { readonly env: Pick<CallEnvironment, 'peers'> };
}

/** The party whose message it is: a leg, or what is known of one that is gone; undefined: nothing is. */
type Sender =
  | {
      readonly options: Pick<LegOptions, 'anonymous' | 'trunkId' | 'owner' | 'isBetweenNodes' | 'peerNode'>;
      readonly identityWithheld?: boolean;
    }
  | undefined;

/** What a response of `sender` may say on the leg of `taker`. What privacy kept from the INVITE is kept from the whole dialog. */
export function relayResponseHeaders(from: Headers, to: Headers, taker: Taker, sender: Sender): void {
  if (withholds(taker, sender)) {
    copyRetrySeconds(from, to);
    copyReasons(from, to);
    copyNamedFields(from, to, RESPONSE_HEADERS_BY_NAME);
    return;
  }
  copyFields(from, to, RESPONSE_HEADERS);
  copyNamedFields(from, to, RESPONSE_HEADERS_BY_NAME);
  copyOwnFields(from, to, taker, sender, 'called');
}

export function relayRequestHeaders(from: Headers, to: Headers, taker: Taker, sender: Sender): void {
  if (withholds(taker, sender)) {
    copyFields(from, to, ANONYMOUS_REQUEST_HEADERS);
    copyReasons(from, to);
    copyNamedFields(from, to, REQUEST_HEADERS_BY_NAME);
    return;
  }
  copyFields(from, to, REQUEST_HEADERS);
  copyNamedFields(from, to, REQUEST_HEADERS_BY_NAME);
  copyOwnFields(from, to, taker, sender, 'calling');
}

/** What of the tenant's relay list a BYE of `sender` may say on the leg of `taker`. */
export function relayOwnHeaders(from: Headers, to: Headers, taker: Taker, sender: Sender): void {
  if (!withholds(taker, sender)) copyOwnFields(from, to, taker, sender, 'calling');
}

function copyReasons(from: Headers, to: Headers): void {
  for (const value of from.fieldValues(HeaderId.Reason)) {
    const kept = withoutText(value);
    if (kept !== '') to.add(HeaderId.Reason, kept);
  }
}

/** RFC 3261 §20.33: comment and parameters are the party's own words. */
function copyRetrySeconds(from: Headers, to: Headers): void {
  const seconds = /^[0-9]{1,10}(?![0-9])/.exec(from.value(HeaderId.RetryAfter) ?? '')?.[0];
  if (seconds !== undefined) to.set(HeaderId.RetryAfter, seconds);
}

function withholds(taker: Taker, sender: Sender): boolean {
  return taker.options.withholdsPeer === true || sender?.options.anonymous === true;
}

/** Whether the body carries a session description, alone or as a part of a multipart (RFC 5621 §3). */
export function hasSessionDescription(message: SipMessage): boolean {
  if (message.body === '') return false;
  const kind = contentKindOf(message);
  return kind === 'sdp' || (kind === 'multipart' && message.body.toLowerCase().includes('application/sdp'));
}

/** Puts `token` into a comma list, once. */
export function addToken(headers: Headers, id: HeaderId, token: string): void {
  if (headers.lists(id, token)) return;
  const present = headers.value(id);
  if (present === undefined) headers.add(id, token);
  else headers.replaceFirst(id, present === '' ? token : `${present}, ${token}`);
}

/** Takes `token` out of a comma list; the field goes when nothing is left. */
export function dropToken(headers: Headers, id: HeaderId, token: string): void {
  if (!headers.lists(id, token)) return;
  const kept = headers.listValues(id).filter((entry) => entry.toLowerCase() !== token.toLowerCase());
  if (kept.length > 0) headers.set(id, kept.join(', '));
  else headers.remove(id);
}

/** A field that is a list crosses with all its values, in order; one with a single value crosses once. */
function copyFields(from: Headers, to: Headers, ids: readonly HeaderId[]): void {
  for (const id of ids) {
    if (LISTS.has(id)) to.takeAll(from, id);
    else to.takeFirst(from, id);
  }
}
const LISTS: ReadonlySet<HeaderId> = new Set([
  HeaderId.Reason,
  HeaderId.Warning,
  HeaderId.AlertInfo,
  HeaderId.ErrorInfo,
  HeaderId.Accept,
  HeaderId.AcceptEncoding,
  HeaderId.ContentEncoding,
  HeaderId.ContentLanguage,
]);

function copyNamedFields(from: Headers, to: Headers, names: readonly string[]): void {
  for (const name of names) {
    if (!from.hasNamed(name)) continue;
    for (const value of from.fieldValuesNamed(name)) to.addNamed(name, value);
  }
}

/**
 * A tenant's own relay list: what has been copied already is not copied again, and a relayed field takes the place of a fixed one of
 * the same name, so that each leaves once. Nothing here costs anything where no such field has come.
 */
function copyOwnFields(from: Headers, to: Headers, taker: Taker, sender: Sender, role: PartyRole): void {
  const { relayHeaders, relayTrunkHeaders = relayHeaders } = taker.options;
  const listed = sender?.options.trunkId === undefined ? relayHeaders : relayTrunkHeaders;
  const copied = role === 'called' ? RESPONSE_HEADERS : REQUEST_HEADERS;
  const isOfHalf = isCallsNode(taker) || isCallsNode(sender);
  let withheld: boolean | undefined;
  for (const name of listed ?? NONE) {
    if (!from.hasNamed(name) || copied.includes(headerIdOf(name))) continue;
    // A half lists what a party says of itself and of its privacy: the node that has the call has to know.
    withheld ??= !isOfHalf && withholdsOwn(from, sender, role);
    if (withheld) return;
    const values = relayable(taker, sender, name, from.fieldValuesNamed(name));
    if (values.length === 0) continue;
    to.removeNamed(name);
    for (const value of values) to.addNamed(name, value);
  }
  if (isOfHalf) copyCrossing(from, to, taker, sender, role, [listed ?? NONE, copied]);
}
const NONE: readonly string[] = [];

/**
 * The half of a call that another node has knows no tenant: as of its INVITE, all that may cross does, and the node that has the call
 * chooses. The half's own messages have no fixed fields of such names.
 */
function copyCrossing(
  from: Headers,
  to: Headers,
  taker: Taker,
  sender: Sender,
  role: PartyRole,
  [listed, copied]: readonly [readonly string[], readonly HeaderId[]],
): void {
  const mayCross = taker.call?.env.peers.mayCross;
  // What comes from the node that has the call is what that one lets cross.
  if (mayCross === undefined || (!isCallsNode(sender) && withholdsOwn(from, sender, role))) return;
  const stays = new Set(listed.map((name) => name.toLowerCase()));
  const crossing = new Map<string, { readonly name: string; readonly values: string[] }>();
  from.forEach((name, value, id) => {
    const key = name.toLowerCase();
    const field = crossing.get(key);
    if (field !== undefined) field.values.push(value);
    else if (!stays.has(key)) {
      if (crossing.size < MOST_CROSSING && !copied.includes(id) && mayCross(name))
        crossing.set(key, { name, values: [value] });
      else stays.add(key);
    }
  });
  for (const { name, values } of crossing.values())
    for (const value of relayable(taker, sender, name, values)) to.addNamed(name, value);
}
/** Names in one message: as many as a tenant's lists can have together. */
const MOST_CROSSING = 150;

/** Of a half's two legs the one toward the node that has the call. */
function isCallsNode(
  party: { readonly options: Pick<LegOptions, 'isBetweenNodes' | 'peerNode'> } | undefined,
): boolean {
  return party?.options.isBetweenNodes === true && party.options.peerNode === undefined;
}

/**
 * RFC 3323 §4.1: what a party wrote that asks for privacy may tell who it is. The node looks at it that the party's messages come to:
 * another one may be of a version that leaves it to this one.
 */
function withholdsOwn(from: Headers, sender: Sender, role: PartyRole): boolean {
  return sender?.identityWithheld === true || withheldBy(partyPrivacy(from, role)) !== undefined;
}

function relayable(
  { call, options }: Taker,
  sender: Sender,
  name: string,
  values: readonly string[],
): readonly string[] {
  return call?.env.peers.relayable?.({ name, values, call, taker: options, sender: sender?.options }) ?? values;
}

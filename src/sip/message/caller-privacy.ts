/**
 * Whether a party's identity is withheld, as its own message says it: Privacy (RFC 3323 §4.2, RFC 3325 §9.3), an anonymous From
 * (RFC 3323 §4.1.1.3), and the `privacy` of Remote-Party-ID (draft-ietf-sip-privacy-04 §5.1) with the fields that went along with it
 * (RPID-Privacy, §5.2, and Anonymity), which many still send. The one place where this is read, for calls from phones and trunks, and
 * for answers. What cannot be read asks for nothing, unless it looks like a wish: then it is one.
 */
import { parseRemotePartyId, type RemotePartyId } from './fields/remote-party-id.ts';
import { HeaderId } from './header-id.ts';
import type { Headers } from './headers.ts';
import { addressValues, readableNameAddrs, type SipRequest } from './message.ts';
import type { NameAddr } from './name-addr.ts';
import { isSipUri, type Uri, unescapeUser } from './uri.ts';

/** The party that a Remote-Party-ID is of; without a `party` the one that sent it: calling in requests, called in responses. */
export type PartyRole = 'calling' | 'called';

const ANONYMOUS_WORD = /(?:^|[\s"<:])(?:anonymous|restricted|private|withheld)(?=$|[\s">@;])/i;

export interface PartyPrivacy {
  /** Values of Privacy, lower case, in order. */
  readonly values: readonly string[];
  /** What the party's Remote-Party-ID withholds: `number` takes the name with it. */
  readonly remoteParty: 'number' | 'name' | undefined;
}

const NOTHING: PartyPrivacy = { values: [], remoteParty: undefined };
/** Privacy values that withhold the number; `full` and `uri` are no Privacy values, yet some senders write them. */
const WITHHOLDING: readonly string[] = ['id', 'user', 'header', 'full', 'uri'];
// Addresses are looked at in each call: no text is made of theirs. A plus may stand before a word, too, see `withoutPlus`.
const ANONYMOUS_HOST = /^anonymous(?:\.invalid)?$/i;
const ANONYMOUS_USER = /^\+?(?:anonymous|restricted|private|withheld)(?:$|;)/i;
const ANONYMOUS_NAME = /^\s*(?:anonymous|restricted|private|withheld)\s*$/i;
const NO_USER = /^\+?(?:$|;)/;

/** Reads what header fields say of the privacy of a party. */
export function partyPrivacy(headers: Headers, sender: PartyRole): PartyPrivacy {
  const hasPrivacy = headers.has(HeaderId.Privacy);
  const hasRemoteParty = headers.has(HeaderId.RemotePartyId);
  const asked = olderWish(headers, sender);
  if (!hasPrivacy && !hasRemoteParty && asked === undefined) return NOTHING;
  return {
    values: hasPrivacy ? privacyValues(headers) : [],
    remoteParty: hasRemoteParty && asked !== 'number' ? (remotePartyPrivacy(headers, sender) ?? asked) : asked,
  };
}

/** What RPID-Privacy (`;party=calling;privacy=full`) and Anonymity (`uri`) ask for. */
function olderWish(headers: Headers, sender: PartyRole): PartyPrivacy['remoteParty'] {
  let wish: PartyPrivacy['remoteParty'];
  if (headers.hasNamed('RPID-Privacy')) {
    for (const value of headers.fieldValuesNamed('RPID-Privacy')) {
      const fields = `;${value}`;
      if ((loosely(PARTY, fields) ?? sender) !== sender) continue;
      const what = withholds(loosely(PRIVACY, fields));
      if (what === 'number') return what;
      wish ??= what;
    }
  }
  return headers.hasNamed('Anonymity') ? (withholds(headers.valueNamed('Anonymity')?.toLowerCase()) ?? wish) : wish;
}

/** The Privacy value or field that withholds the number, in words; undefined when nothing does. `none` is left to the caller. */
export function withheldBy({ values, remoteParty }: PartyPrivacy): string | undefined {
  for (const value of values) if (WITHHOLDING.includes(value)) return `Privacy: ${value}`;
  return remoteParty === 'number' ? 'a Remote-Party-ID with privacy' : undefined;
}

/** RFC 3323 §4.2: the party wants nothing withheld. `none` stands alone; beside a value that withholds it says nothing. */
export function refusesPrivacy({ values }: Pick<PartyPrivacy, 'values'>): boolean {
  return values.includes('none') && !values.some((value) => WITHHOLDING.includes(value));
}

/** Whether From, or another address of the caller, names nobody. A URI without user part names nobody when its name says so. */
export function isAnonymousAddress({ uri, displayName }: Pick<NameAddr, 'uri' | 'displayName'>): boolean {
  // The whole of a field that cannot be read.
  if (uri.scheme === 'other') return uri.name === '' && ANONYMOUS_WORD.test(uri.text);
  if (!('host' in uri)) return false;
  if (ANONYMOUS_HOST.test(uri.host)) return true;
  const user = unescapeUser(uri.user ?? '');
  return NO_USER.test(user) ? ANONYMOUS_NAME.test(displayName ?? '') : ANONYMOUS_USER.test(user);
}

/** What gateways to the telephone network write where they know no number: it is nobody's, and nobody withholds it (3GPP TS 23.003 §13.7). */
const UNKNOWN_USERS: readonly string[] = ['unavailable', 'unknown'];

export function isUnknownNumber(number: string): boolean {
  return UNKNOWN_USERS.includes(withoutPlus(number.toLowerCase()));
}

/** Rules that make every number of a carrier's an international one do not spare words. */
function withoutPlus(user: string): string {
  return user.charCodeAt(0) === 0x2b ? user.slice(1) : user;
}

/** A field in which a caller says that it is nobody. */
export type AnonymousField = 'From' | 'P-Preferred-Identity';

/** The field in which an endpoint, which is known by other means, asks not to be named (RFC 3323 §4.1.1.3, RFC 3325 §9.2). */
export function anonymousBy(request: SipRequest): AnonymousField | undefined {
  if (isAnonymousAddress(request.from())) return 'From';
  return allNameNobody(request.headers, HeaderId.PPreferredIdentity) ? 'P-Preferred-Identity' : undefined;
}

/** Whether From alone names nobody, for a sender whose Privacy says nothing of the caller's wish. */
export function isWithheldFrom(request: SipRequest): boolean {
  const from = request.from();
  // A trunk that gives no number at all has none to show.
  return isAnonymousAddress(from) || namesNobody(from.uri);
}

/** Whether the caller of an INVITE wants to be withheld, for a sender whose From is what it was given: a carrier, a gateway. */
export function isWithheldCaller(request: SipRequest): boolean {
  if (isWithheldFrom(request)) return true;
  const { headers } = request;
  return (
    withheldBy(partyPrivacy(headers, 'calling')) !== undefined || allNameNobody(headers, HeaderId.PAssertedIdentity)
  );
}

/** No user part, one of punctuation alone, or an address that no call can be returned to. */
function namesNobody(uri: Uri): boolean {
  if (uri.scheme === 'other') return true;
  if (uri.scheme === 'tel') return false;
  const [user = ''] = unescapeUser(uri.user ?? '').split(';', 1);
  return /^[-+.()\s]*$/.test(user);
}

/** Every identity that the field gives names nobody, and it gives one. */
function allNameNobody(headers: Headers, id: HeaderId): boolean {
  if (!headers.has(id)) return false;
  const addresses = readableNameAddrs(headers, id);
  return addresses.length > 0 && addresses.every(isAnonymousAddress);
}

/** RFC 3323 §4.2: `Privacy-hdr = "Privacy" HCOLON priv-value *(";" priv-value)`; a comma is read alike. */
export function privacyValues(headers: Headers): string[] {
  const values: string[] = [];
  for (const field of headers.fieldValues(HeaderId.Privacy)) {
    for (const part of field.split(/[;,]/, 16)) {
      const value = part.replaceAll('"', '').trim().toLowerCase();
      if (value !== '') values.push(value);
    }
  }
  return values;
}

function remotePartyPrivacy(headers: Headers, sender: PartyRole): PartyPrivacy['remoteParty'] {
  let withheld: PartyPrivacy['remoteParty'];
  for (const value of addressValues(headers, HeaderId.RemotePartyId)) {
    const { party, privacy } = readRemoteParty(value);
    if ((party ?? sender) !== sender) continue;
    const what = withholds(privacy);
    if (what === 'number') return 'number';
    withheld ??= what;
  }
  return withheld;
}

/** §5.1: one of `full`, `name`, `uri`, `off`, or several, each perhaps with a suffix that says who shall do it. */
function withholds(privacy: string | undefined): PartyPrivacy['remoteParty'] {
  if (privacy === undefined) return undefined;
  let withheld: PartyPrivacy['remoteParty'];
  for (const part of privacy.replaceAll('"', '').split(/[,;\s]+/)) {
    const type = part.split('-')[0];
    if (type === 'off' || type === 'none' || type === 'no' || type === '') continue;
    if (type !== 'name') return 'number';
    withheld = 'name';
  }
  return withheld;
}

function readRemoteParty(value: string): Pick<RemotePartyId, 'party' | 'privacy'> {
  try {
    const { address, party } = parseRemotePartyId(value);
    // Some write it inside the brackets, or twice.
    const said = [...address.params.entries(), ...(isSipUri(address.uri) ? address.uri.params.entries() : [])];
    const privacy = said.filter(([name]) => name.toLowerCase() === 'privacy').map(([, each]) => each ?? '');
    return { party, privacy: privacy.length === 0 ? undefined : privacy.join(',').toLowerCase() };
  } catch {
    return { party: loosely(PARTY, value), privacy: loosely(PRIVACY, value) };
  }
}

const PARTY = /;\s*party\s*=\s*"?([a-z-]+)/i;
const PRIVACY = /;\s*privacy\s*=\s*"?([a-z-]+)/i;

function loosely(parameter: RegExp, value: string): string | undefined {
  return parameter.exec(value)?.[1]?.toLowerCase();
}

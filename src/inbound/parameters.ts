/** Reads the called number, the caller's number and name of an INVITE from a trunk, where the trunk's inbound parameters say. */
import { ownCopy } from '../base/text.ts';
import { normalizeNumber, plainNumber } from '../provisioning/tenants/number.ts';
import { inE164, type NumberFormat } from '../provisioning/tenants/number-format.ts';
import type { InboundParameters, InboundSource, Normalization } from '../provisioning/trunk-settings/schema.ts';
import {
  HeaderId,
  isUnknownNumber,
  type NameAddr,
  partyPrivacy,
  readableNameAddrs,
  type SipRequest,
  subscriberNumber,
} from '../sip/message/index.ts';

export interface InboundNumbers {
  /** The likeliest of {@link calledNumbers}; empty when no source has one. */
  readonly calledNumber: string;
  /** Empty when no source has one, or all say that it is unavailable. */
  readonly callerNumber: string;
  /** Octets as received. */
  readonly callerDisplayName: string;
}

const FIELD_HEADERS: Readonly<Record<string, HeaderId>> = {
  contact: HeaderId.Contact,
  remotePartyIdCalled: HeaderId.RemotePartyId,
  remotePartyIdCalling: HeaderId.RemotePartyId,
  pAssertedIdentity: HeaderId.PAssertedIdentity,
  pPreferredIdentity: HeaderId.PPreferredIdentity,
  pCalledPartyId: HeaderId.PCalledPartyId,
  diversion: HeaderId.Diversion,
  historyInfo: HeaderId.HistoryInfo,
};

/** Values of a field that the source may mean. One that cannot be read counts as absent: it must not cost the call. */
function addressesOf(request: SipRequest, field: string): readonly NameAddr[] {
  if (field === 'to') return [request.to()];
  if (field === 'from') return [request.from()];
  const id = FIELD_HEADERS[field];
  if (id === undefined) return [];
  const values = readableNameAddrs(request.headers, id);
  if (id !== HeaderId.RemotePartyId) return values;
  // RPI is the calling party's unless it says otherwise (draft-ietf-sip-privacy-04 §5.2).
  const wanted = field === 'remotePartyIdCalled' ? 'called' : 'calling';
  return values.filter((value) => (value.params.get('party') ?? 'calling').toLowerCase() === wanted);
}

/** What is read stays in the call's record when the INVITE is gone, so it is a text of its own. */
function readSource(request: SipRequest, source: InboundSource): string {
  const [field = '', part] = source.split('.');
  if (field === 'requestUri') return ownCopy(subscriberNumber(request.uri()));
  const addresses = addressesOf(request, field);
  if (part !== 'displayName') return ownCopy(numberIn(addresses.map(({ uri }) => subscriberNumber(uri))));
  return ownCopy(addresses.find(({ displayName }) => (displayName ?? '') !== '')?.displayName ?? '');
}

/** RFC 3325 §9.1: of two identities one may be a name (`sip:alice@…`) and the other the number. */
function numberIn(values: readonly string[]): string {
  if (values.length === 1) return values[0] as string;
  return values.find((value) => normalizeNumber(value) !== undefined) ?? values.find((value) => value !== '') ?? '';
}

function firstOf(request: SipRequest, sources: readonly InboundSource[]): string {
  return firstSource(request, sources)?.value ?? '';
}

/** The source that a value is read from: the first that has one. Undefined: none has. */
export function firstSource(
  request: SipRequest,
  sources: readonly InboundSource[],
): { readonly source: InboundSource; readonly value: string } | undefined {
  for (const source of sources) {
    const value = readSource(request, source);
    if (value !== '') return { source, value };
  }
  return undefined;
}

/**
 * Where the called number stands: where the trunk says. Where it says To, and nobody has what that holds, it is in the Request-URI, which
 * says whom a request is for (RFC 3261 §8.2.2.1); and where a registrar has put our Contact there, in P-Called-Party-ID (RFC 7315 §4.2).
 */
export function calledSources({ calledNumber }: InboundParameters): readonly InboundSource[] {
  if (!calledNumber.includes('to.user')) return calledNumber;
  const sources = new Set([...calledNumber, ...BEHIND_TO]);
  return sources.size === calledNumber.length ? calledNumber : [...sources];
}

const BEHIND_TO: readonly InboundSource[] = ['requestUri.user', 'pCalledPartyId.user'];

/**
 * What the called number may be, the likeliest first: numbers before what is none. Most calls have one. Who owns none of the first is asked
 * for the next: a call that another network sent on has the number that was dialled in To, and the DID in the Request-URI.
 * @throws PeerError when To or the Request-URI cannot be read.
 */
export function calledNumbers(
  request: SipRequest,
  parameters: InboundParameters,
  sources = calledSources(parameters),
): readonly string[] {
  const values = new Set<string>();
  for (const source of sources) {
    const value = normalizedNumber(plainNumber(readSource(request, source)), parameters.normalize.calledNumber);
    if (value !== '') values.add(value);
  }
  const found = [...values];
  return found.length < 2 ? found : [...found.filter(isNumber), ...found.filter((value) => !isNumber(value))];
}

const isNumber = (value: string): boolean => /^[0-9+*#]+$/.test(value);

/** The source that the called number was read from: the first whose value is that number. */
export function calledSource(
  request: SipRequest,
  parameters: InboundParameters,
  called: string,
): { readonly source: InboundSource; readonly value: string } | undefined {
  const sources = calledSources(parameters);
  for (const source of sources) {
    const value = readSource(request, source);
    const number = normalizedNumber(plainNumber(value), parameters.normalize.calledNumber);
    if (value !== '' && number === called) return { source, value };
  }
  return firstSource(request, sources);
}

/** Where the network says who calls, asked when a gateway has written that it knows nobody in the place of the number. */
const NETWORKS_WORD: readonly InboundSource[] = ['pAssertedIdentity.user', 'remotePartyIdCalling.user'];

/** The caller's number from the first source that has one; `unavailable` in its place is none. */
function callerNumberOf(request: SipRequest, sources: readonly InboundSource[]): string {
  const first = firstOf(request, sources);
  if (!isUnknownNumber(first)) return first;
  for (const source of [...sources, ...NETWORKS_WORD]) {
    const number = readSource(request, source);
    if (number !== '' && !isUnknownNumber(number)) return number;
  }
  return '';
}

/**
 * @param called what {@link calledNumbers} has read of it
 * @throws PeerError when From, To or the Request-URI cannot be read.
 */
export function readInboundNumbers(
  request: SipRequest,
  parameters: InboundParameters,
  format: NumberFormat,
  called: readonly string[] = calledNumbers(request, parameters),
): InboundNumbers {
  const { normalize } = parameters;
  // A name alone may be withheld (draft-ietf-sip-privacy-04 §5.1).
  const hasName = partyPrivacy(request.headers, 'calling').remoteParty !== 'name';
  const [calledNumber = ''] = called;
  // RFC 3966 §5.1.1: no rule, mask or other trunk sees visual separators.
  const callerNumber = plainNumber(callerNumberOf(request, parameters.callerNumber));
  const callerDisplayName = hasName ? firstOf(request, parameters.callerDisplayName) : '';
  return {
    calledNumber,
    callerNumber: inE164(normalizedNumber(callerNumber, normalize.callerNumber), format),
    callerDisplayName: normalized(callerDisplayName, normalize.callerDisplayName),
  };
}

/** Separators are no digits to strip (RFC 3966 §5.1.1). `anonymous` and other names in the place of a number are none, and stay. */
function normalizedNumber(value: string, how: Normalization | undefined): string {
  if (how === undefined) return value;
  const number = plainNumber(value);
  return /^[0-9+*#]/.test(number) ? normalized(number, how) : value;
}

function normalized(value: string, how: Normalization | undefined): string {
  if (how === undefined || value === '') return value;
  const { strip = 0, replacePrefix = [], prepend = '' } = how;
  const rest = value.slice(strip);
  const prefix = replacePrefix.find(({ from }) => rest.startsWith(from));
  return prepend + (prefix === undefined ? rest : prefix.to + rest.slice(prefix.from.length));
}

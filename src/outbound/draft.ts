/**
 * The INVITE while the route steps work on it. It belongs to one route of one call, and only the steps of this folder write to it;
 * {@link toLegDraft} turns it into text at the end, once, so that escaping and quoting have one place.
 */
import { KnownTexts } from '../base/known-texts.ts';
import { joined } from '../base/text.ts';
import { escapeUser, type LegDraft } from '../sip/message/index.ts';

/** A URI with its display name: plain values, neither escaped nor quoted. An empty user means a URI without a user part. */
export interface Address {
  displayName: string;
  user: string;
  /** `host` or `host:port`, IPv6 in brackets. */
  host: string;
  /** URI parameters with their `;`, e.g. `;transport=tcp`. */
  uriParams: string;
  /** Write `tel:` with the digits of the user part and no host. */
  tel: boolean;
}

export type IdentityFieldName =
  | 'pAssertedIdentity'
  | 'pPreferredIdentity'
  | 'pCalledPartyId'
  | 'remotePartyIdCalled'
  | 'remotePartyIdCalling';

export type FieldName = 'requestUri' | 'to' | 'from' | 'contact' | IdentityFieldName;

/** Header field and its wire form, in the order in which the identity fields are sent. */
export const IDENTITY_FIELDS: readonly {
  readonly name: IdentityFieldName;
  readonly header: string;
  readonly params: string;
}[] = [
  { name: 'pAssertedIdentity', header: 'P-Asserted-Identity', params: '' },
  { name: 'pPreferredIdentity', header: 'P-Preferred-Identity', params: '' },
  { name: 'pCalledPartyId', header: 'P-Called-Party-ID', params: '' },
  { name: 'remotePartyIdCalled', header: 'Remote-Party-ID', params: ';party=called;privacy=off;screen=yes' },
  { name: 'remotePartyIdCalling', header: 'Remote-Party-ID', params: ';party=calling;privacy=off;screen=yes' },
];

export const FIELD_LABEL: Readonly<Record<FieldName, string>> = {
  requestUri: 'Request-URI',
  to: 'To',
  from: 'From',
  contact: 'Contact',
  pAssertedIdentity: 'P-Asserted-Identity',
  pPreferredIdentity: 'P-Preferred-Identity',
  pCalledPartyId: 'P-Called-Party-ID',
  remotePartyIdCalled: 'Remote-Party-ID (called)',
  remotePartyIdCalling: 'Remote-Party-ID (calling)',
};

export type HeaderField = readonly [name: string, value: string];

const NONE: readonly never[] = [];
/** Until a step has put another one in its place. */
const NOBODY: Address = Object.freeze(emptyAddress());

export class Draft {
  requestUri: Address = NOBODY;
  to: Address = NOBODY;
  from: Address = NOBODY;
  contact: Address = NOBODY;
  pAssertedIdentity: Address | undefined = undefined;
  pPreferredIdentity: Address | undefined = undefined;
  pCalledPartyId: Address | undefined = undefined;
  remotePartyIdCalled: Address | undefined = undefined;
  remotePartyIdCalling: Address | undefined = undefined;
  /** Value of the Privacy header field; empty: not sent. */
  privacy = '';
  diversion: readonly string[] = NONE;
  historyInfo: readonly string[] = NONE;
  /** How the last History-Info entry, this request's own target, goes on behind its URI: URI parameters, then the entry's. */
  historyTarget: { readonly uriParams: string; readonly params: string } | undefined = undefined;
  routes: readonly string[] = NONE;
  /** Session timer and standard header fields, in order. */
  standard: readonly HeaderField[] = NONE;
  /** Header fields of the user's own: relayed and added. */
  own: readonly HeaderField[] = NONE;
  internal: readonly HeaderField[] = NONE;
  /** Content-Type and its kin. */
  content: readonly HeaderField[] = NONE;
  body = '';
}

export function emptyAddress(): Address {
  return { displayName: '', user: '', host: '', uriParams: '', tel: false };
}

/** Writes the draft: the one place where values are escaped, quoted and put in order (the order of the guide's sample). */
export function toLegDraft(draft: Draft): LegDraft {
  const headers: HeaderField[] = [];
  for (const { name, header, params } of IDENTITY_FIELDS) {
    const address = draft[name];
    if (address !== undefined) headers.push([header, formatAddress(address) + params]);
  }
  if (draft.privacy !== '') headers.push(['Privacy', draft.privacy]);
  for (const value of draft.diversion) headers.push(['Diversion', value]);
  for (const value of draft.historyInfo) headers.push(['History-Info', value]);
  if (draft.historyTarget !== undefined) {
    const { uriParams, params } = draft.historyTarget;
    headers.push(['History-Info', `<${formatUriOf(draft.requestUri)}${uriParams}>${params}`]);
  }
  for (const field of draft.standard) {
    if (field[0] === 'Supported') for (const described of draft.content) headers.push(described);
    headers.push(field);
  }
  for (const field of draft.own) headers.push(field);
  for (const field of draft.internal) headers.push(field);
  return {
    requestUri: formatUriOf(draft.requestUri),
    from: formatAddress(draft.from),
    to: formatAddress(draft.to),
    contact: formatAddress(draft.contact),
    routes: draft.routes,
    headers,
    body: draft.body,
  };
}

/** `sip:user@host;params`, or `tel:digits` (RFC 3966). */
export function formatUriOf(address: Address): string {
  if (address.tel) return `tel:${address.user}`;
  const user = address.user === '' ? '' : `${escapeUser(address.user)}@`;
  return `sip:${user}${address.host}${address.uriParams}`;
}

/** One text of its own, not the parts that it was put together from: a Contact lives as long as the call. */
export function formatAddress(address: Address): string {
  const { displayName, user, host, uriParams, tel } = address;
  const start = displayName === '' ? '<' : `"${quotable(displayName)}" <`;
  if (tel || user === '') return joined(start, formatUriOf(address), '>');
  return joined(start, 'sip:', escapeUser(user), ENDS.of(host, uriParams));
}

/** How an address of a host ends: hosts are few, of trunks, tenants and this node, and so are parameters. */
const ENDS = new KnownTexts((host, uriParams: string) => `@${host}${uriParams}>`);

/** What stands between the quotes (RFC 3261 §25.1). Values are octets; control characters cannot be represented and become spaces. */
function quotable(name: string): string {
  let plain = true;
  for (let index = 0; index < name.length && plain; index += 1) {
    const code = name.charCodeAt(index);
    plain = code >= 0x20 && code !== 0x22 && code !== 0x5c && code !== 0x7f;
  }
  return plain ? name : name.replaceAll(/[\u0000-\u001f\u007f]+/g, ' ').replaceAll(/["\\]/g, '\\$&');
}

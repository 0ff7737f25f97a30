import type { AddressScope } from '../base/address-scope.ts';
import type { HostPort, TransportName } from '../base/transport.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import { plainNumber } from '../provisioning/tenants/number.ts';
import { memberOf, type Party } from '../provisioning/tenants/party.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import type { Trunk, TrunkType } from '../provisioning/trunk-settings/schema.ts';
import { namedAddress } from '../provisioning/trunk-settings/teams.ts';
import {
  type AnonymousField,
  addressValues,
  anonymousBy,
  FIRST_HOPS,
  HeaderId,
  type Headers,
  isSipUri,
  type PartyPrivacy,
  partyPrivacy,
  readTypedAddress,
  type SipRequest,
  subscriberNumber,
  type Uri,
  unescapeUser,
} from '../sip/message/index.ts';
import type { TrunkCondition } from '../trunks/trunk-status.ts';

/**
 * What the pipeline knows of a call: plain data, fetched before it starts and never changed by it. The same facts always give the
 * same INVITE, which is what lets `explain` speak for a live call, before or after it.
 */
export interface OutboundFacts {
  readonly directory: Directory;
  readonly tenant: Tenant;
  /** Who calls as far as rules and caller IDs go: on a forwarded or transferred call, who forwarded or transferred it. */
  readonly caller: Party;
  /** What was dialled, unescaped; see {@link dialledNumber}. A setting's number may have separators: the pipeline takes them off. */
  readonly dialled: string;
  /** Set when the call is forwarded, transferred or overflows; then the request is not the caller's own. */
  readonly forwarding: Forwarding | undefined;
  /** A redirection named the number (RFC 3261 §8.1.3.4), nobody dialled it: an E.164 number has no access code in front. */
  readonly redirected?: true | undefined;
  readonly request: EndpointRequest;
  readonly trunkState: (trunkId: string, tenant: Tenant) => TrunkCondition;
  /** Wall clock, for hours and holidays. */
  readonly wallMs: number;
  readonly node: NodeFacts;
  /** Seed for the order of `random` routes. */
  readonly randomSeed: number;
  /** Names the call in X-Session-Id. */
  readonly sessionId: string;
}

export type ForwardReason =
  | 'unconditional'
  | 'user-busy'
  | 'no-answer'
  | 'unavailable'
  | 'time-of-day'
  | 'deflection'
  | 'unknown';

export interface Forwarding {
  readonly kind: 'forward' | 'transfer' | 'overflow';
  /** The call came from a trunk: who calls is not authenticated here. */
  readonly fromTrunk?: true;
  /** What kind of trunk the party is on that is sent on; left out: it is a phone. */
  readonly otherTrunk?: TrunkType | undefined;
  /** Set when the call came from a trunk: how it introduced itself. */
  readonly originator:
    | { readonly number: string; readonly displayName: string; readonly anonymous: boolean }
    | undefined;
  /** Who sent the call on, the first one first; `number` is what had been called, a DID where there was one. */
  readonly diversions: readonly { readonly number: string; readonly reason: ForwardReason }[];
  /** Who had sent it on before it came here, as a trusted trunk says; the first one first. */
  readonly earlier?: readonly EarlierDiversion[];
}

export interface EarlierDiversion {
  /** As it was written. */
  readonly number: string;
  readonly reason: ForwardReason;
  /** For how many diversions it stands (RFC 5806 §6), 1 to 99. */
  readonly counter: number;
}

/** The caller's INVITE as far as it matters here. Texts are octets as received. */
export interface EndpointRequest {
  /** The whole message as received; '' for one that was not received. */
  readonly text: string;
  readonly callId: string;
  readonly maxForwards: number;
  readonly fromDisplayName: string;
  /** The field in which the caller says that it is nobody (RFC 3323 §4.1.1.3). */
  readonly anonymousBy: AnonymousField | undefined;
  /** Numbers of the sip, sips and tel URIs in P-Preferred-Identity, in order. */
  readonly preferredIdentities: readonly string[];
  /** Privacy values (RFC 3323 §4.2), lower case. */
  readonly privacy: readonly string[];
  /** What the caller's Remote-Party-ID withholds (draft-ietf-sip-privacy-04 §5.1). */
  readonly remoteParty: PartyPrivacy['remoteParty'];
  /** Values of the X-Outbound-Cli header fields. */
  readonly outboundCli: readonly string[];
  /** All header fields, for the tenant's relay lists and the body's own description. */
  readonly headers: Headers;
  readonly body: string;
}

/** How this node is reached, per transport, and what it says of itself. One object for the life of the listeners. */
export interface NodeFacts {
  /** What is said to peers in general: the public address. */
  readonly addresses: Readonly<Record<TransportName, HostPort>>;
  /** What is said to trunks with `usePrivateIp`: the private address, else the local one of the socket. */
  readonly privateAddresses: Readonly<Record<TransportName, HostPort>>;
  /** What the socket that sends to a trunk says of itself; undefined where that is not known before it sends. */
  readonly addressFor?: (trunk: Trunk, scope: AddressScope) => HostPort | undefined;
  readonly userAgent: string;
  readonly allow: string;
  /** Option tags of Supported besides `timer`, which the trunk's session timer settings decide. */
  readonly supported: readonly string[];
  readonly acceptLanguage: string;
}

/** What the socket that sends to one place says of itself. */
export interface SeenAs {
  readonly transport: Trunk['transport'];
  /** `host` or `host:port` of the datacentre that is tried; undefined on trunks that have one host. */
  readonly host?: string | undefined;
  address(scope: AddressScope): HostPort | undefined;
}

/** Where a trunk reaches this node, as Via and Contact say; `seenAs` once it is known which socket sends. */
export function nodeAddress(node: NodeFacts, trunk: Trunk, scope: AddressScope, seenAs?: SeenAs): HostPort {
  const otherwise = scope === 'private' ? node.privateAddresses : node.addresses;
  return namedAddress(trunk, seenAs?.address(scope) ?? node.addressFor?.(trunk, scope) ?? otherwise[trunk.transport]);
}

export function callerNumber(caller: Party): string {
  return memberOf(caller).number;
}

export function callerName(caller: Party): string {
  return memberOf(caller).name ?? '';
}

/**
 * What a URI dials: the user part, or the number of a tel URI, unescaped, without parameters and without visual separators (RFC 3966
 * §5.1.1), so that every spelling of a number is the same number from here on; '' when it dials nothing. A `phone-context` names the
 * dial plan in which a local number is dialled (§5.1.5), which is the tenant's own: its digits are not put in front.
 */
export function dialledNumber(uri: Uri): string {
  if (uri.scheme === 'tel') return plainNumber((uri as Extract<Uri, { number: string }>).number);
  if (!isSipUri(uri)) return '';
  // DEVIATION: `sip:911`, which some phones send, names no host: no name of one is a number (RFC 1123 §2.1).
  if (uri.user === undefined) return uri.port === undefined && /^\d+$/.test(uri.host) ? uri.host : '';
  const user = unescapeUser(uri.user);
  const semicolon = user.indexOf(';');
  return plainNumber(semicolon < 0 ? user : user.slice(0, semicolon));
}

/** Reads what matters here from the caller's INVITE. Identity header fields that cannot be read count as not sent. */
export function endpointRequest(request: SipRequest): EndpointRequest {
  const from = request.from();
  const privacy = partyPrivacy(request.headers, 'calling');
  return {
    text: request.receivedText ?? '',
    callId: request.callId(),
    maxForwards: request.maxForwards() ?? FIRST_HOPS,
    fromDisplayName: from.displayName ?? '',
    anonymousBy: anonymousBy(request),
    preferredIdentities: request.headers.has(HeaderId.PPreferredIdentity) ? preferred(request.headers) : NONE,
    privacy: privacy.values,
    remoteParty: privacy.remoteParty,
    outboundCli: request.headers.has(HeaderId.XOutboundCli) ? request.headers.fieldValues(HeaderId.XOutboundCli) : NONE,
    headers: request.headers,
    body: request.body,
  };
}

const NONE: readonly string[] = [];
/** RFC 3325 §9.2 knows two, a SIP URI and a tel URI. */
const MAX_IDENTITIES = 4;

/** What cannot be read is no wish. */
function preferred(headers: Headers): readonly string[] {
  const numbers = addressValues(headers, HeaderId.PPreferredIdentity)
    .slice(0, MAX_IDENTITIES)
    .map((text) => {
      const address = readTypedAddress(text);
      return address === undefined ? '' : plainNumber(subscriberNumber(address.uri));
    });
  return numbers.filter((number) => number !== '');
}

/** The requests that a trunk sends on its own account: REGISTER (RFC 3261 §10.2, RFC 6140) and OPTIONS (§11.1). */

import { scopeOf, viaOf } from '../provisioning/trunk-settings/own-address.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import { namedAddress } from '../provisioning/trunk-settings/teams.ts';
import type { SendOptions } from '../sip/endpoint/index.ts';
import {
  escapeUser,
  FIRST_HOPS,
  formatHost,
  HeaderId,
  octetsFromText,
  SipRequest,
  transportParameter,
} from '../sip/message/index.ts';
import type { Flow, HostPort, Target } from '../sip/transport/index.ts';
import type { TrunkEndpoint } from './exchange.ts';
import type { RegistrarPlace } from './registrar-redirection.ts';

/** What stays the same in all requests of one registration (§10.2: one Call-ID, rising CSeq). */
export interface SenderIdentity {
  readonly callId: string;
  readonly fromTag: string;
  readonly userAgent: string;
}

export interface RegisterFacts extends SenderIdentity {
  readonly token: string;
  readonly sequence: number;
  readonly expiresSeconds: number;
  /** Where the registrar has sent us (§8.1.3.4); undefined for the trunk's own. */
  readonly place: RegistrarPlace | undefined;
}

/** URI parameter of a Contact whose user part the provider fills in (RFC 6140); `identification.ts` reads it. */
export const TOKEN_PARAMETER = 'tdm';

export function registerRequest(trunk: Trunk, facts: RegisterFacts, own: HostPort, to: Flow | Target): SipRequest {
  // §10.2: the Request-URI names the domain of the location service, without a user part.
  const request = new SipRequest('REGISTER', providerUri(facts.place ?? { host: trunk.host, port: trunk.port }));
  const address = `<sip:${escapeUser(octetsFromText(trunk.credentials?.username ?? ''))}@${formatHost(trunk.host)}>`;
  const { headers } = request;
  addRoute(trunk, request);
  headers
    .add(HeaderId.MaxForwards, String(FIRST_HOPS))
    .add(HeaderId.From, `${address};tag=${facts.fromTag}`)
    .add(HeaderId.To, address)
    .add(HeaderId.CallId, facts.callId)
    .add(HeaderId.CSeq, `${facts.sequence} REGISTER`)
    .add(HeaderId.Contact, registeredContact(trunk, facts.token, own, to))
    .add(HeaderId.Expires, String(facts.expiresSeconds));
  if (trunk.options.bnc) {
    // RFC 6140 §5.1: both a registrar and a proxy on the way must understand bulk registration.
    headers.add(HeaderId.Require, 'gin').add(HeaderId.ProxyRequire, 'gin').add(HeaderId.Supported, 'path, gin');
  } else headers.add(HeaderId.Supported, 'path');
  addFixed(trunk, request, facts.userAgent);
  return request;
}

export function optionsRequest(
  trunk: Trunk,
  facts: SenderIdentity & { readonly sequence: number; readonly allow: string },
  own: HostPort,
  to: Flow | Target,
): SipRequest {
  const request = new SipRequest('OPTIONS', pingedUri(trunk, to));
  const user =
    trunk.credentials === undefined || trunk.type === 'accept-register'
      ? ''
      : `${escapeUser(octetsFromText(trunk.credentials.username))}@`;
  const here = `${formatHost(own.host)}:${own.port}`;
  const { headers } = request;
  addRoute(trunk, request);
  headers
    .add(HeaderId.MaxForwards, String(FIRST_HOPS))
    .add(HeaderId.From, `<sip:${user}${user === '' ? here : formatHost(trunk.host)}>;tag=${facts.fromTag}`)
    .add(HeaderId.To, `<${request.requestUri}>`)
    .add(HeaderId.CallId, facts.callId)
    .add(HeaderId.CSeq, `${facts.sequence} OPTIONS`)
    .add(HeaderId.Contact, `<sip:${here}${transportParameter(to.transport)}>`)
    .add(HeaderId.Accept, 'application/sdp');
  // Teams sends no REFER to who does not say that it takes one.
  if (trunk.teams !== undefined) headers.add(HeaderId.Allow, facts.allow);
  addFixed(trunk, request, facts.userAgent);
  return request;
}

/** Which of our addresses the trunk is told, for Via. */
export function sendOptions(trunk: Trunk, endpoint: TrunkEndpoint, to: Flow | Target): SendOptions {
  const { largeRequests } = trunk.options;
  return { scope: scopeOf(trunk), largeRequests, ...viaOf(trunk, (scope) => endpoint.advertised(to, scope)) };
}

/** Our address in Contact toward the trunk; undefined when nothing listens for the target's transport. */
export function ownAddress(trunk: Trunk, endpoint: TrunkEndpoint, to: Flow | Target): HostPort | undefined {
  const address = endpoint.advertised(to, scopeOf(trunk));
  return address && namedAddress(trunk, address);
}

function registeredContact(trunk: Trunk, token: string, own: HostPort, to: Flow | Target): string {
  const here = `${formatHost(own.host)}:${own.port}${transportParameter(to.transport)}`;
  // RFC 6140 §5.1: no user part; the provider fills in each number and copies the other parameters (§5.2).
  return trunk.options.bnc ? `<sip:${here};bnc;${TOKEN_PARAMETER}=${token}>` : `<sip:${token}@${here}>`;
}

function providerUri({ host, port }: RegistrarPlace): string {
  return `sip:${formatHost(host)}${port === undefined ? '' : `:${port}`}`;
}

function pingedUri(trunk: Trunk, to: Flow | Target): string {
  if (trunk.type === 'accept-register') return gatewayUri(to);
  // Each of Teams' datacentres has its own name.
  const name = trunk.teams === undefined || 'send' in to ? undefined : to.serverName;
  return providerUri(
    name === undefined || 'send' in to ? { host: trunk.host, port: trunk.port } : { host: name, port: to.port },
  );
}

function gatewayUri(to: Flow | Target): string {
  const [address, port] = 'send' in to ? [to.remoteAddress, to.remotePort] : [to.address, to.port];
  return `sip:${formatHost(address)}:${port}${transportParameter(to.transport)}`;
}

function addRoute(trunk: Trunk, request: SipRequest): void {
  const proxy = trunk.outboundProxy;
  if (proxy?.route !== true) return;
  const port = proxy.port === undefined ? '' : `:${proxy.port}`;
  request.headers.add(HeaderId.Route, `<sip:${formatHost(proxy.host)}${port};lr>`);
}

function addFixed(trunk: Trunk, request: SipRequest, userAgent: string): void {
  request.headers.add(HeaderId.UserAgent, userAgent);
  for (const { name, value } of trunk.addHeaders) request.headers.addNamed(name, octetsFromText(value));
}

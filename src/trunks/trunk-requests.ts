/** What the requests that a trunk sends on its own account have in common, and its OPTIONS (RFC 3261 §11.1); REGISTER: register-series.ts. */

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

/** URI parameter of a Contact whose user part the provider fills in (RFC 6140); `identification.ts` reads it. */
export const TOKEN_PARAMETER = 'tdm';

export function optionsRequest(
  trunk: Trunk,
  facts: Readonly<Record<'callId' | 'fromTag' | 'userAgent' | 'allow', string>> & { readonly sequence: number },
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

export function providerUri({ host, port }: RegistrarPlace): string {
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

export function addRoute(trunk: Trunk, request: SipRequest): void {
  const proxy = trunk.outboundProxy;
  if (proxy?.route !== true) return;
  const port = proxy.port === undefined ? '' : `:${proxy.port}`;
  request.headers.add(HeaderId.Route, `<sip:${formatHost(proxy.host)}${port};lr>`);
}

export function addFixed(trunk: Trunk, request: SipRequest, userAgent: string): void {
  request.headers.add(HeaderId.UserAgent, userAgent);
  for (const { name, value } of trunk.addHeaders) request.headers.addNamed(name, octetsFromText(value));
}

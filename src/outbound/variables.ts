import type { HostPort } from '../base/transport.ts';
import { scopeOf } from '../provisioning/trunk-settings/own-address.ts';
import { hostPort } from '../sip/message/index.ts';
import type { RouteState } from './context.ts';
import { nodeAddress } from './facts.ts';
import type { MappedSource } from './trunk-profile.ts';

/** What anonymous calls show in place of a number or name (guide "Variables"). */
export const ANONYMOUS = 'anonymous';

/** Value of a user part or display name; '' when the variable has none on this call, which makes the field fall to its default. */
export function userValue(route: RouteState, source: MappedSource): string {
  const { call, callerId, profile } = route;
  switch (source.variable) {
    case 'AuthID':
      return profile.authId;
    case 'CalledNum':
      return route.calledNumber;
    case 'CallerNum':
      return call.callerNumber;
    case 'CallerDispName':
      return callerDisplayName(route);
    case 'OriginatorCallerID':
      return originator(route);
    case 'OutboundCallerId':
      // Behaviour 3: no candidate left means the extension's number.
      return callerId?.value ?? call.callerNumber;
    case 'OutboundCallerIdAndOriginatorCallerID':
      return callerId?.value ?? originator(route);
    case 'Anonymous':
      return call.anonymous ? ANONYMOUS : '';
    case 'custom':
      return source.text;
    default:
      return '';
  }
}

/** Value of a host part. */
export function hostValue(route: RouteState, source: MappedSource): string {
  switch (source.variable) {
    case 'TrunkHostPort':
      return route.seenAs?.host ?? route.profile.trunkHostPort;
    case 'OutHostPort':
      return route.profile.outHostPort;
    case 'ContactUri':
      return contactUri(route);
    case 'SipDomain':
      return hostPort(route.call.facts.tenant.domain, undefined);
    case 'custom':
      return source.text;
    default:
      return '';
  }
}

/** For a call that came from a trunk and was forwarded, the number it came with; else CallerNum; `anonymous` in anonymous mode. */
function originator(route: RouteState): string {
  const { call } = route;
  if (call.anonymous) return ANONYMOUS;
  const number = call.facts.forwarding?.originator?.number ?? '';
  return number === '' ? call.callerNumber : number;
}

/** The endpoint's From display name, else the user's name; a name that was set together with a caller ID for this trunk precedes. */
function callerDisplayName(route: RouteState): string {
  const { call, callerId } = route;
  if (call.anonymous) return 'Anonymous';
  if (callerId?.displayName !== undefined) return callerId.displayName;
  const { forwarding, request } = call.facts;
  if (forwarding === undefined && request.remoteParty === 'name') return '';
  if (forwarding === undefined) return request.fromDisplayName === '' ? call.callerName : request.fromDisplayName;
  const name = forwarding.originator?.displayName ?? '';
  return name === '' ? call.callerName : name;
}

/**
 * The address at which the trunk reaches this engine, port always present: the private one when the trunk is talked to with the
 * private address, else the public one.
 */
export function contactUri(route: RouteState): string {
  const { host, port } = contactAddress(route);
  return hostPort(host, port);
}

export function contactAddress({ call, trunk, seenAs }: RouteState): HostPort {
  return nodeAddress(call.facts.node, trunk, scopeOf(trunk), seenAs);
}

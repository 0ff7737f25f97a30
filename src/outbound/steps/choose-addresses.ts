import type { HostPort } from '../../base/transport.ts';
import { viaOf, viaScopeOf } from '../../provisioning/trunk-settings/own-address.ts';
import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import { hostPort } from '../../sip/message/index.ts';
import type { RouteState, RouteStep } from '../context.ts';
import { type NodeFacts, nodeAddress, type SeenAs } from '../facts.ts';
import type { Trace } from '../trace.ts';
import { originOf } from '../trunk-profile.ts';

/**
 * Route, next hop and what Via says: the private address for a trunk that is talked to with it, unless `rewriteViaHost` puts the public
 * one there, else the public one. The engine ends every call leg, so there is one Via.
 */
export const chooseAddresses: RouteStep = {
  name: 'addresses',
  run(route, trace) {
    const { profile, planned, draft } = route;
    const isRouted = profile.routes.length > 0 || planned.serviceRoutes.length > 0;
    if (isRouted) draft.routes = [...profile.routes, ...planned.serviceRoutes];
    if (trace.on) tell(route, trace);
    return undefined;
  },
};

function tell({ profile, planned, trunk, call }: RouteState, trace: Trace): void {
  for (const value of profile.routes) {
    const reason = 'the outbound proxy is named in Route';
    trace.field({ field: 'Route', value, source: 'outboundProxy.route', origin: 'trunk', reason });
  }
  for (const value of planned.serviceRoutes) {
    const reason = 'learnt when the trunk registered (RFC 3608 §6.1)';
    trace.field({ field: 'Route', value, source: 'Service-Route', origin: 'call', reason });
  }
  const { host, port } = viaAddress(call.facts.node, trunk);
  const { usePrivateIp, rewriteViaHost } = trunk.options;
  const source =
    trunk.teams !== undefined
      ? 'teams.fqdn'
      : rewriteViaHost
        ? 'rewriteViaHost'
        : usePrivateIp
          ? 'usePrivateIp'
          : 'listener';
  const origin =
    source === 'listener' ? 'engine' : source === 'teams.fqdn' ? 'trunk' : originOf(trunk, `options.${source}`);
  trace.field({ field: 'Via', value: hostPort(host, port), source, origin, reason: 'sent-by of this leg' });
}

/** Sent-by of the leg's Via, as the socket that sends is expected to say it. */
export function viaAddress(node: NodeFacts, trunk: Trunk, seenAs?: SeenAs): HostPort {
  return nodeAddress(node, trunk, viaScopeOf(trunk), seenAs);
}

/** How every request of the leg says who sent it: as the socket that sends does, or with the public address all the same. */
export function viaSettings({ call, trunk, seenAs }: RouteState): ReturnType<typeof viaOf> {
  return viaOf(trunk, (scope) => nodeAddress(call.facts.node, trunk, scope, seenAs));
}

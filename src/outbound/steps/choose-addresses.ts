import type { RouteState, RouteStep } from '../context.ts';
import type { NodeAddress } from '../facts.ts';
import { originOf } from '../trunk-profile.ts';

/**
 * Route, next hop and what Via says: the private address for a trunk that is talked to with it, the public one in Via only where
 * `rewriteViaHost` asks for it, else what the listener advertises. The engine ends every call leg, so there is one Via whatever
 * `singleVia` says.
 */
export const chooseAddresses: RouteStep = {
  name: 'addresses',
  run(route, trace) {
    const { profile, planned, draft } = route;
    const isRouted = profile.routes.length > 0 || planned.serviceRoutes.length > 0;
    if (isRouted) draft.routes = [...profile.routes, ...planned.serviceRoutes];
    if (trace.on) tell(route);
    return undefined;

    function tell({ trunk }: RouteState): void {
      for (const value of draft.routes) {
        const isProxy = profile.routes.includes(value);
        trace.field({
          field: 'Route',
          value,
          source: isProxy ? 'outboundProxy.route' : 'Service-Route',
          origin: isProxy ? 'trunk' : 'call',
          reason: isProxy ? 'the outbound proxy is named in Route' : 'learnt when the trunk registered (RFC 3608 §6.1)',
        });
      }
      const { host, port } = viaAddress(route);
      const source = trunk.options.usePrivateIp
        ? 'usePrivateIp'
        : trunk.options.rewriteViaHost
          ? 'rewriteViaHost'
          : 'listener';
      trace.field({
        field: 'Via',
        value: `${host}:${port}`,
        source,
        origin: source === 'listener' ? 'engine' : originOf(trunk, `options.${source}`),
        reason: 'sent-by of this leg',
      });
    }
  },
};

/** Sent-by of the leg's Via. */
export function viaAddress(route: RouteState): NodeAddress {
  const { node } = route.call.facts;
  const { options, transport } = route.trunk;
  const address = node.addresses[transport];
  const host = options.usePrivateIp ? node.privateHost : options.rewriteViaHost ? node.publicHost : undefined;
  return host === undefined ? address : { host, port: address.port };
}

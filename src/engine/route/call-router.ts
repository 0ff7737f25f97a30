/** What calls ask that belongs to the tenants' rules: transfers, takeovers, where requests within them go and may come from. */
import type { CallRouter } from '../../call/index.ts';
import type { NodeFacts } from '../../outbound/index.ts';
import type { Endpoint } from '../../sip/endpoint/index.ts';
import type { TrunkService } from '../../trunks/trunk-service.ts';
import type { FrontProxies } from '../admit/front-proxies.ts';
import type { Registrations } from '../registrations.ts';
import type { Served } from '../served.ts';
import type { OutboundGuards } from './outbound-guards.ts';
import { assertedParty } from './party-address.ts';
import { Peers, type PeersOptions } from './peers.ts';
import type { Routing } from './routing.ts';
import { Transfers } from './transfers.ts';

export interface CallRouterParts {
  readonly routing: Routing;
  readonly guards: OutboundGuards;
  readonly registrations: Registrations;
  readonly trunks: TrunkService;
  readonly transport: Endpoint['transport'];
  readonly node: NodeFacts;
  readonly served: Served;
  readonly nodes: PeersOptions['nodes'];
  readonly isPassedOn: PeersOptions['isPassedOn'];
  readonly wasNode: PeersOptions['wasNode'];
  readonly front: Pick<FrontProxies, 'senderOf'>;
}

export function callRouter(parts: CallRouterParts): CallRouter {
  const { routing, guards, registrations, trunks, transport, node, served, nodes, isPassedOn, wasNode, front } = parts;
  const transfers = new Transfers({ routing, served, node, nodes, outbound: routing.outbound, guards });
  const peers = new Peers({ served, trunks, registrations, transport, nodes, isPassedOn, wasNode, front });
  return {
    referred: (call, leg, referTo, referredBy) => transfers.referred(call, leg, referTo, referredBy),
    mayReplace: (requester, call, leg) => transfers.mayReplace(requester, call, leg),
    mayConnect: (one, other) => transfers.mayConnect(one, other),
    asserted: (leg, address) => assertedParty(served.directory, leg, address),
    nextHop: (leg, uri) => peers.nextHop(leg, uri),
    credentials: (trunkId) => {
      const trunk = served.directory.trunk(trunkId);
      return trunk === undefined ? undefined : trunks.digestClient(trunk);
    },
    plausible: (leg, flow, request) => peers.plausible(leg, flow, request),
  };
}

/** What calls ask that belongs to the tenants' rules: transfers, takeovers, where requests within them go and may come from. */
import type { CallRouter } from '../call/index.ts';
import type { NodeFacts } from '../outbound/index.ts';
import type { Endpoint } from '../sip/endpoint/index.ts';
import type { Directory } from '../trunks/directory.ts';
import type { TrunkService } from '../trunks/trunk-service.ts';
import { assertedParty } from './party-address.ts';
import { Peers } from './peers.ts';
import type { Registrations } from './registrations.ts';
import type { Routing } from './routing.ts';
import { Transfers } from './transfers.ts';

export interface CallRouterParts {
  readonly routing: Routing;
  readonly registrations: Registrations;
  readonly trunks: TrunkService;
  readonly transport: Endpoint['transport'];
  readonly node: NodeFacts;
  readonly directory: () => Directory;
  readonly isOwnHost: (host: string) => boolean;
  readonly isOwnAddress: (host: string, port: number) => boolean;
}

export function callRouter(parts: CallRouterParts): CallRouter {
  const { routing, registrations, trunks, transport, node, directory, isOwnHost, isOwnAddress } = parts;
  const transfers = new Transfers({ routing, directory, node, isOwnHost });
  const peers = new Peers({
    isOfTrunk: (trunkId, address) => trunks.identification.isOf(trunkId, address),
    isOwn: isOwnAddress,
    transportOf: (trunkId) => {
      const trunk = directory().trunk(trunkId);
      return trunk === undefined || trunk.type === 'accept-register' ? undefined : trunk.transport;
    },
    listensFor: (kind, address) => transport.supports(kind, address),
    secured: (trunkId, target) => (trunkId === undefined ? target : trunks.secured(trunkId, target)),
    home: (trunkId) => trunks.home(trunkId),
    bindings: (owner) => registrations.bindingsOfOwner(owner),
    ownerOn: (flow) => registrations.ownerOn(flow),
  });
  return {
    referred: (call, leg, referTo) => transfers.referred(call, leg, referTo),
    mayReplace: (requester, call, leg) => transfers.mayReplace(requester, call, leg),
    asserted: (leg, address) => assertedParty(directory(), leg, address),
    nextHop: (leg, uri) => peers.nextHop(leg, uri),
    credentials: (trunkId) => {
      const trunk = directory().trunk(trunkId);
      return trunk === undefined ? undefined : trunks.digestClient(trunk);
    },
    plausible: (leg, flow) => peers.plausible(leg, flow),
  };
}

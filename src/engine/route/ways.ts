/** Where calls go: the parts of this folder, in the order in which a call asks them. */
import type { CallRouter } from '../../call/index.ts';
import type { MediaRelays } from '../../media/index.ts';
import { signaturesHere } from '../../stir/index.ts';
import type { TrunkService } from '../../trunks/trunk-service.ts';
import type { Reception } from '../admit/reception.ts';
import type { KnownNodes } from '../continuity/known-nodes.ts';
import type { NodeMark } from '../continuity/node-mark.ts';
import type { EngineOptions } from '../engine-options.ts';
import type { EngineNetwork } from '../network.ts';
import type { PeerNodes, PeerPass } from '../peer-nodes.ts';
import type { Served } from '../served.ts';
import type { EngineFacts } from '../tell/engine-facts.ts';
import { Branches } from './branches.ts';
import { callRouter } from './call-router.ts';
import { MediaParties } from './media-parties.ts';
import { OutboundGuards } from './outbound-guards.ts';
import { RegisteredNodes } from './registered-node.ts';
import { Routing } from './routing.ts';
import { StirService } from './stir-service.ts';

export interface WaysOptions {
  readonly options: EngineOptions;
  readonly served: Served;
  readonly reception: Reception;
  readonly network: EngineNetwork;
  readonly trunks: TrunkService;
  readonly relays: MediaRelays;
  readonly facts: EngineFacts;
  readonly peers: PeerNodes;
  /** Nodes as they are, and as they were when they were heard of last. */
  readonly known: Pick<KnownNodes, 'wasAt'>;
  readonly pass: PeerPass;
  /** Of what a node passes on. */
  readonly mark: Pick<NodeMark, 'isOn'>;
}

export class Ways {
  /** Whom the engine believes about callers, and what it has fetched for that. */
  readonly stir: StirService;
  /** Trunks that calls leave through one node only for. */
  readonly registered: RegisteredNodes;
  readonly branches: Branches;
  readonly guards: OutboundGuards;
  readonly routing: Routing;
  readonly router: CallRouter;

  constructor(parts: WaysOptions) {
    const { served, trunks, facts, peers, pass, network } = parts;
    const { registrations, front, sources } = parts.reception;
    this.stir = stirOf(parts);
    this.registered = new RegisteredNodes({ peers, pass, served, trunks });
    const media = new MediaParties(parts.relays);
    this.branches = branchesOf(parts, this.registered, media);
    this.guards = guardsOf(parts);
    this.routing = this.#routingOf(parts, media);
    this.router = callRouter({
      served,
      registrations,
      trunks,
      front,
      routing: this.routing,
      guards: this.guards,
      transport: network.endpoint.transport,
      node: facts,
      nodes: peers,
      isPassedOn: (request) => parts.mark.isOn(request),
      wasNode: (address) => parts.known.wasAt(address) && !sources.knows(address),
    });
  }

  #routingOf({ options, reception, network, trunks, facts }: WaysOptions, media: MediaParties): Routing {
    const { settings, observer, scheduler, random = Math.random } = options;
    const { branches, guards, registered, stir } = this;
    return new Routing({
      media,
      guards,
      trunks,
      registered,
      branches,
      random,
      clock: scheduler,
      node: facts,
      front: reception.front,
      ringTimeoutMs: settings.timers.ringMs,
      sessionLimitMs: settings.timers.sessionLimitMs,
      verification: stir.verification,
      outbound: {
        trunkBranch: (draft, plan) => branches.toTrunk(draft, plan),
        onRoute: (route, plan) => observer.onRoute(route, plan),
        onRefused: (plan, refusal) => observer.onOutboundRefused(plan, refusal),
      },
      contactHost: (flow, scope) => network.endpoint.advertised(flow, scope),
    });
  }
}

function stirOf({ options, served, network: { certificateHosts } }: WaysOptions): StirService {
  const { settings, scheduler, fetchCertificate: fetch, signatures = signaturesHere } = options;
  return new StirService({
    signatures,
    scheduler,
    served,
    settings: settings.stir,
    addressesOf: async (host, port) =>
      (await certificateHosts.locate({ host, port, transport: 'tls' })).map(({ address }) => address),
    ...(fetch !== undefined && { fetch }),
  });
}

function branchesOf(parts: WaysOptions, registered: RegisteredNodes, media: MediaParties): Branches {
  const { options, served, reception, network, trunks, peers } = parts;
  const { settings, log, observer, signatures = signaturesHere } = options;
  return new Branches({
    media,
    trunks,
    registered,
    served,
    peers,
    endpoint: network.endpoint,
    registrations: reception.registrations,
    signs: (input, { key }) => signatures.sign(input, key),
    attemptMs: settings.timers.attemptMs,
    onAttempt: (trunk, attempt) => observer.onAttempt(trunk, attempt),
    onUnlocated: (trunk, error) => log.warn('trunk-not-located', { trunk: trunk.name, error }),
  });
}

function guardsOf({ options, trunks }: WaysOptions): OutboundGuards {
  const { scheduler, log, tallyStore, observer } = options;
  const { shared, capacity } = trunks;
  return new OutboundGuards({ scheduler, log, shared, capacity, tallyStore, onEvent: observer.onFraud.bind(observer) });
}

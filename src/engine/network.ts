/** The engine's way to the network: its endpoint with the listeners, and how names are found. */

import { Egress } from '../base/egress.ts';
import { Later } from '../base/later.ts';
import { peerOf, sourceOf } from '../base/source.ts';
import type { TransportName } from '../base/transport.ts';
import { SERVED_TAGS } from '../call/index.ts';
import type { AddressesOf } from '../observe/index.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import { Endpoint, type EndpointUser, type RoomForCalls } from '../sip/endpoint/index.ts';
import { DnsQuestions, Locator, readHostsFile } from '../sip/locate/index.ts';
import type { KeyPair } from '../sip/transport/index.ts';
import type { Reception, ReceptionOptions } from './admit/reception.ts';
import type { KnownNodes } from './continuity/known-nodes.ts';
import type { EngineOptions } from './engine-options.ts';
import { LiveListeners } from './live-listeners.ts';
import type { Served } from './served.ts';
import type { EngineFacts } from './tell/engine-facts.ts';

export interface NetworkOptions extends ReceptionOptions, Pick<Reception, 'identification' | 'intake' | 'dealing'> {
  /** Nodes of the store, which may speak for each other. */
  readonly known: KnownNodes;
}

export class EngineNetwork {
  /** What tenants may make this engine send to. */
  readonly egress: Egress;
  readonly endpoint: Endpoint;
  readonly listeners: LiveListeners;
  /** Of trunks. */
  readonly locator: Locator;
  /** Of callers' certificates and tenants' webhooks: what those have looked up stays apart from what trunks are found by. */
  readonly webHosts: Locator;
  /** Addresses of such a host; rejects when there are none. */
  readonly addressesOf: AddressesOf = async (host, port, owner) => {
    const targets = await this.webHosts.locate({
      host,
      port,
      transport: 'tls',
      owner: peerOf(owner) === owner ? sourceOf(owner, 'web') : owner,
    });
    return targets.map(({ address }) => address);
  };
  /** What the engine says of itself: follows the listeners. */
  readonly audience = new Later<Pick<EngineFacts, 'listeningChanged'>>('what the engine says of itself');
  readonly room = new Later<RoomForCalls>('the room for calls');
  readonly #served: Served;

  constructor(options: NetworkOptions, user: EndpointUser) {
    const { settings, scheduler, served, identification, intake, known } = options;
    this.#served = served;
    this.egress = new Egress({
      allow: settings.egress.allow,
      isOwn: (address, port) => served.isOwnAddress(address, port),
    });
    this.endpoint = new Endpoint(
      {
        scheduler,
        supported: SERVED_TAGS,
        timers: { t1Ms: settings.timers.t1Ms, t2Ms: settings.timers.t2Ms, t4Ms: settings.timers.t4Ms },
        egress: this.egress,
        ofOnePeer: (one, other, trunkId) =>
          (trunkId === undefined ? identification.ofOneTrunk(one, other) : identification.isOf(trunkId, other)) ||
          known.mayFollow(one, other),
        ...intake.endpointOptions(),
        cpuShare: options.cpuShare,
        room: () => this.room.part,
        ids: options.dealing,
        createTransport: options.createTransport,
        createSocket: options.createSocket,
      },
      user,
      options.log,
    );
    this.endpoint.observer = options.observer;
    const onChange = () => {
      this.audience.part.listeningChanged();
      this.serveNames();
    };
    const listeners = new LiveListeners({ ...options, transport: this.endpoint.transport, onChange });
    this.listeners = listeners;
    const dns = new DnsQuestions(options.dns, scheduler);
    this.locator = locatorOf({ ...options, dns }, () => listeners.transports, settings.timers.failedTargetMs);
    this.webHosts = locatorOf({ ...options, dns }, () => ['tls']);
  }

  /** The names over TLS of trunks, as they are provisioned now. */
  serveNames(): void {
    this.endpoint.transport.serveNames?.(servedNames(this.#served.directory));
  }
}

/** What Teams trunks are called by is what TLS listeners answer to: the pair for each such name. */
export function servedNames(directory: Directory): ReadonlyMap<string, KeyPair> {
  const pairs = new Map<string, KeyPair>();
  for (const trunk of directory.trunks) {
    const certificate = trunk.teams === undefined ? undefined : directory.tlsCertificateOf(trunk);
    if (trunk.enabled && trunk.teams !== undefined && certificate !== undefined)
      pairs.set(trunk.teams.fqdn, { cert: certificate.cert, key: certificate.key });
  }
  return pairs;
}

function locatorOf(
  { dns, scheduler, settings }: EngineOptions,
  transports: () => readonly TransportName[],
  failureMemoryMs?: number,
): Locator {
  return new Locator({
    dns,
    transports,
    clock: scheduler,
    hosts: readHostsFile(),
    ttl: { minSeconds: settings.dns.minTtlSeconds, maxSeconds: settings.dns.maxTtlSeconds },
    ...(failureMemoryMs !== undefined && { failureMemoryMs }),
  });
}

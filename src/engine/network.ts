/** The engine's way to the network: its endpoint with the listeners, and how names are found. */

import { Egress } from '../base/egress.ts';
import { Later } from '../base/later.ts';
import type { TransportName } from '../base/transport.ts';
import { SERVED_TAGS } from '../call/index.ts';
import { Endpoint, type EndpointUser, type RoomForCalls } from '../sip/endpoint/index.ts';
import { Locator, readHostsFile } from '../sip/locate/index.ts';
import type { Reception } from './admit/reception.ts';
import type { KnownNodes } from './continuity/known-nodes.ts';
import type { EngineOptions } from './engine-options.ts';
import { LiveListeners } from './live-listeners.ts';
import type { Served } from './served.ts';
import { servedNames } from './served-names.ts';
import type { EngineFacts } from './tell/engine-facts.ts';

export class EngineNetwork {
  /** What tenants may make this engine send to. */
  readonly egress: Egress;
  readonly endpoint: Endpoint;
  readonly listeners: LiveListeners;
  /** Of trunks. */
  readonly locator: Locator;
  /** Of callers' certificates: what callers have looked up stays apart from what trunks are found by. */
  readonly certificateHosts: Locator;
  /** What the engine says of itself: follows the listeners. */
  readonly facts = new Later<Pick<EngineFacts, 'listeningChanged'>>('what the engine says of itself');
  readonly room = new Later<RoomForCalls>('the room for calls');
  readonly #served: Served;

  /** @param known nodes of the store, which may speak for each other */
  constructor(options: EngineOptions, served: Served, reception: Reception, known: KnownNodes, user: EndpointUser) {
    const { settings, scheduler, workers } = options;
    const { identification, intake, dealing } = reception;
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
        ofOnePeer: (one, other) => identification.ofOneTrunk(one, other) || known.mayFollow(one, other),
        ...intake.endpointOptions(),
        cpuShare: options.cpuShare,
        room: () => this.room.part,
        ids: dealing,
        createTransport: options.createTransport,
        createSocket: options.createSocket,
      },
      user,
      options.log,
    );
    const { messages } = options.observer;
    if (messages !== undefined) this.endpoint.observer = messages;
    const { transport } = this.endpoint;
    const onChange = () => this.#listeningChanged();
    const listeners = new LiveListeners({ settings, transport, served, workers, dealing, onChange });
    this.listeners = listeners;
    this.locator = locatorOf(options, () => listeners.transports, settings.timers.failedTargetMs);
    this.certificateHosts = locatorOf(options, () => ['tls']);
  }

  #listeningChanged(): void {
    this.facts.part.listeningChanged();
    this.serveNames();
  }

  /** The names over TLS of trunks, as they are provisioned now. */
  serveNames(): void {
    this.endpoint.transport.serveNames?.(servedNames(this.#served.directory));
  }
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

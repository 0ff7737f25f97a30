/**
 * The engine as a value: everything wired, nothing global. Two engines run in one process in tests. `node/` gives it what has to do
 * with the outside (stores, log, files); what it serves is a {@link Directory}, replaced as a whole when provisioning changes.
 */

import { randomBytes } from 'node:crypto';
import { storeTime } from '../base/store-time.ts';
import { type CallObserver, Calls, SERVED_METHODS } from '../call/index.ts';
import { Media, MediaRelays, openDatagrams } from '../media/index.ts';
import { diffOf } from '../provisioning/directory/difference.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import type { Endpoint } from '../sip/endpoint/index.ts';
import type { Listening } from '../sip/transport/index.ts';
import { signaturesHere } from '../stir/index.ts';
import { Guards } from '../trunks/guards.ts';
import { TrunkService } from '../trunks/trunk-service.ts';
import type { Acquaintances } from './acquaintances.ts';
import type { Intake } from './admit/intake.ts';
import { Reception } from './admit/reception.ts';
import { CallRoom } from './call-room.ts';
import { CallContinuity } from './continuity/call-continuity.ts';
import { KnownNodes } from './continuity/known-nodes.ts';
import { NodeMark } from './continuity/node-mark.ts';
import { Restoration } from './continuity/restoration.ts';
import { processOf, type SealedContacts, sealedContacts, selfOf } from './continuity/sealed-contacts.ts';
import { Dispatcher } from './dispatcher.ts';
import { Draining } from './draining.ts';
import type { EngineOptions } from './engine-options.ts';
import { Following } from './following.ts';
import type { LiveListeners } from './live-listeners.ts';
import { Messaging } from './messaging.ts';
import { EngineNetwork } from './network.ts';
import { NO_PEERS, PeerPass } from './peer-nodes.ts';
import { Placement } from './placement.ts';
import type { Registrations } from './registrations.ts';
import { Branches } from './route/branches.ts';
import { CallGrants, endUsedUp } from './route/call-grants.ts';
import { MediaParties } from './route/media-parties.ts';
import { Peers } from './route/peers.ts';
import { RegisteredNodes } from './route/registered-node.ts';
import { Routing } from './route/routing.ts';
import { StirService } from './route/stir-service.ts';
import { Transfers } from './route/transfers.ts';
import { Served } from './served.ts';
import { CertificateWatch } from './tell/certificate-watch.ts';
import { EngineFacts } from './tell/engine-facts.ts';
import { TrunkDoctor } from './trunk-doctor.ts';

export class Engine {
  readonly endpoint: Endpoint;
  readonly listeners: LiveListeners;
  readonly registrations: Registrations;
  readonly calls: Calls;
  /** Names this process among all that have worked on the store. */
  readonly process: string;
  /** Contacts that carry their calls. */
  readonly contacts: SealedContacts;
  readonly trunks: TrunkService;
  readonly media: Media;
  readonly messaging: Messaging;
  readonly doctor: TrunkDoctor;
  /** Whom the engine knows, and how much of what the network brings is let in. */
  readonly sources: Acquaintances;
  readonly intake: Intake;
  /** What tenants may make this engine send to. */
  readonly egress: EngineNetwork['egress'];
  readonly addressesOf: EngineNetwork['addressesOf'];
  /** Whom the engine believes about callers, and what it has fetched for that. */
  readonly stir: StirService;
  /** Trunks that calls leave through one node only for. */
  readonly registered: RegisteredNodes;
  readonly branches: Branches;
  readonly guards: Guards;
  readonly routing: Routing;
  readonly #options: EngineOptions;
  readonly #served: Served;
  readonly #reception: Reception;
  readonly #network: EngineNetwork;
  readonly #continuity: CallContinuity;
  readonly #certificates: CertificateWatch;
  readonly #following: Following;
  #restoration: Restoration | undefined;
  #draining: Draining | undefined;

  constructor(options: EngineOptions) {
    const { settings, scheduler, log, observer, workers, callStore, peers = NO_PEERS } = options;
    this.#options = options;
    const userAgent = `tandem/${options.version}`;
    const secret = options.nonceSecret ?? randomBytes(32);

    // What is served, who is let in (admit/), and the way to the network: what comes from there goes to the dispatcher.
    const served = new Served(settings, options.directory, workers);
    this.#served = served;
    const inCommon = storeTime(callStore, scheduler);
    const pass = new PeerPass({ node: settings.node, secret, clock: inCommon, peers });
    const [known, mark] = [new KnownNodes(peers, served), new NodeMark(secret)];
    const here = { ...options, userAgent, secret, served, peers, storeTime: inCommon, pass, known, mark };
    const reception = new Reception(here);
    this.#reception = reception;
    ({ registrations: this.registrations, sources: this.sources, intake: this.intake } = reception);
    const dispatcher = new Dispatcher();
    const network = new EngineNetwork({ ...here, ...reception }, dispatcher);
    this.#network = network;
    ({ endpoint: this.endpoint, listeners: this.listeners, egress: this.egress } = network);
    this.addressesOf = network.addressesOf;

    // The lines to carriers, messages, and what the node says of itself.
    const { endpoint, registrations } = this;
    const trunks = trunksOf({ ...here, ...reception, ...network });
    this.trunks = trunks;
    const facts = new EngineFacts(userAgent, endpoint, trunks);
    const relays = new MediaRelays(scheduler, options.openDatagrams ?? openDatagrams, observer);
    this.media = new Media(relays, scheduler);
    const parts = { ...here, ...reception, ...network, trunks, facts, relays, media: new MediaParties(relays) };
    const messaging = new Messaging(parts);
    this.messaging = messaging;
    this.doctor = new TrunkDoctor({ ...parts, messaging });

    // Where calls go (route/).
    const { signatures = signaturesHere } = options;
    this.stir = new StirService(parts);
    this.registered = new RegisteredNodes(parts);
    this.branches = new Branches({
      ...parts,
      registered: this.registered,
      attemptMs: settings.timers.attemptMs,
      signs: (input, { key }) => signatures.sign(input, key),
      onUnlocated: (trunk, error) => log.warn('trunk-not-located', { trunk: trunk.name, error }),
    });
    const { shared, capacity } = trunks;
    const onEvent = observer.onFraud.bind(observer);
    const onUsedUp = (callId: string) => endUsedUp(this.calls, callId);
    this.guards = new Guards({ ...options, shared, capacity, onEvent, onUsedUp });
    const { stir, registered, branches, guards } = this;
    const grants = new CallGrants(guards);
    const ways = { ...parts, stir, registered, branches, grants };
    const routing = new Routing(ways);
    this.routing = routing;

    // The calls, who hears of them, and what becomes of them beyond this process (continuity/).
    const self = selfOf(settings.node, workers?.count);
    this.process = processOf(self);
    this.contacts = sealedContacts(self, secret, settings, scheduler, served, callStore);
    const callPeers = new Peers(parts);
    const observers: Partial<CallObserver>[] = [grants, observer];
    const calls = new Calls({
      endpoint,
      scheduler,
      log,
      router: new Transfers({ ...ways, routing, guards }),
      peers: callPeers,
      observers,
      contacts: settings.continuity.contactToken ? this.contacts : undefined,
      media: this.media,
      timers: { t1Ms: settings.timers.t1Ms, t2Ms: settings.timers.t2Ms },
      limits: { maxCalls: settings.limits.calls },
    });
    this.calls = calls;
    const continuity = new CallContinuity({
      ...{ ...ways, calls, self, contacts: this.contacts },
      plausible: (leg, flow, request) => callPeers.plausible(leg, flow, request),
    });
    this.#continuity = continuity;

    // What follows the directory.
    const onExpiring = observer.onCertificateExpiring.bind(observer);
    const shown = () => this.listeners.certificateFiles();
    this.#certificates = new CertificateWatch({ scheduler, served, shown, onExpiring });
    this.#following = new Following({ ...parts, guards, capacity });

    // Whoever was made first now meets those who came later.
    network.audience.give(facts);
    registrations.audience.give({ trunks, messaging });
    const { intake, admission } = reception;
    intake.watch(calls, endpoint.transactions);
    network.room.give(new CallRoom(calls, capacity));
    admission.calls.give(calls);
    if (continuity.observer !== undefined) observers.push(continuity.observer);
    calls.comers = continuity;
    const placement = new Placement({ ...ways, routing, calls, storeSetting: options.storeSetting.bind(options) });
    dispatcher.serve({ calls, admission, registrations, trunks, continuity, placement, messaging });
  }

  get directory(): Directory {
    return this.#served.directory;
  }

  get listening(): readonly Listening[] {
    return this.#served.listening;
  }

  /** Opens every listener or none, brings registrations back, and serves. Throws a SettingsError that names the addresses at fault. */
  async start(): Promise<readonly Listening[]> {
    const { settings, scheduler, log } = this.#options;
    this.#restoration = new Restoration({ scheduler, log, restore: () => this.registrations.restore() });
    await this.#restoration.run();
    await this.#reception.restore();
    await this.trunks.restore();
    await this.guards.restore();
    // Calls that come back have sessions there.
    this.media.relays.apply(settings.mediaRelays);
    await this.#continuity.restore();
    await this.listeners.open();
    this.#options.workers?.onNews((news) => this.trunks.take(news));
    this.#options.workers?.onGiven(({ listenerId, octets, address, port }) =>
      this.endpoint.transport.bring?.(listenerId, octets, address, port),
    );
    this.apply(this.directory);
    this.trunks.start();
    this.#continuity.start();
    this.#certificates.look();
    return this.listening;
  }

  /** See `LiveListeners.readCertificates`; what is returned also has the files of trunks read when they are needed next. */
  readCertificates(settings: NodeSettings): () => void {
    const renew = this.listeners.readCertificates(settings);
    return () => {
      renew();
      this.#certificates.look();
      this.trunks.forgetFiles();
    };
  }

  /** Serves a new snapshot of what is provisioned. Calls in progress keep the one they began with. */
  apply(directory: Directory): void {
    const previous = this.directory;
    this.#served.directory = directory;
    const diff = diffOf(previous.provisioning, directory.provisioning);
    this.trunks.apply(directory);
    if (diff.certificates.length > 0) this.#certificates.look();
    if (diff.certificates.length > 0 || diff.trunks.length > 0) this.#network.serveNames();
    this.#following.follow(diff);
  }

  /**
   * What others can do they do from now on: leases are given up, new calls go to another node of the store, or are refused where there
   * is none. Resolves when the last call has ended or the time has passed.
   */
  async drain(limitMs: number): Promise<void> {
    this.#drains();
    this.trunks.handOver();
    this.#continuity.handOver();
    this.registrations.registrar.endsSoon();
    const drained = Promise.withResolvers<void>();
    this.calls.drain(drained.resolve, false);
    const timer = this.#options.scheduler.schedule(limitMs, { onTimer: () => drained.resolve() }, 0);
    await drained.promise;
    timer.cancel();
  }

  #drains(): Draining {
    if (this.#draining !== undefined) return this.#draining;
    const { scheduler: clock, peers = NO_PEERS } = this.#options;
    const draining = new Draining({ clock, peers, served: this.#served, admission: this.#reception.admission });
    this.endpoint.drain((request, flow) => draining.answer(request, flow));
    this.#draining = draining;
    return draining;
  }

  async close(): Promise<void> {
    this.#drains().leave();
    this.#reception.stop();
    this.#certificates.stop();
    this.#restoration?.stop();
    await this.#continuity.leaveCalls();
    this.calls.endAll('shutdown');
    await this.#continuity.stop();
    await this.trunks.stop();
    await this.registrations.flush();
    await this.#reception.flush();
    await this.guards.stop();
    await this.endpoint.close();
    this.media.relays.close();
  }
}

type LineParts = EngineOptions &
  Pick<Reception, 'registrations' | 'identification'> &
  Pick<EngineNetwork, 'endpoint' | 'locator' | 'egress' | 'listeners'> & { readonly userAgent: string };

function trunksOf({ registrations, endpoint, listeners, observer, workers, ...parts }: LineParts): TrunkService {
  const { scheduler, log, directory, locator, identification, egress, userAgent, useOfNodes } = parts;
  return new TrunkService({
    ...{ scheduler, log, endpoint, locator, directory, identification, egress, userAgent, useOfNodes },
    gatewayReach: (trunk) => registrations.gatewayReach(trunk),
    isGatewayElsewhere: (trunk) => registrations.isGatewayElsewhere(trunk),
    hasListener: (name, transport) => listeners.has(name, transport),
    allow: SERVED_METHODS,
    retire: (target) => endpoint.transport.retire?.(target),
    listener: observer,
    contactSecret: parts.nonceSecret,
    sharing: workers?.trunks,
    lease: parts.lease,
    claimStore: parts.claimStore,
    elsewhere: parts.trunkElsewhere,
  });
}

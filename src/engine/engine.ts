/**
 * The engine as a value: everything wired, nothing global. Two engines run in one process in tests. `node/` gives it what has to do
 * with the outside (stores, log, files); what it serves is a {@link Directory}, replaced as a whole when provisioning changes.
 */

import { randomBytes } from 'node:crypto';
import type { AddressScope } from '../base/address-scope.ts';
import { Egress } from '../base/egress.ts';
import { allAtOnce } from '../base/steps.ts';
import { Calls, SERVED_METHODS, SERVED_TAGS } from '../call/index.ts';
import { Media, MediaRelays, openDatagrams } from '../media/index.ts';
import type { StoredSetting } from '../outbound/index.ts';
import { diffOf } from '../provisioning/directory/difference.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import { GuessThrottle } from '../sip/auth/index.ts';
import { Endpoint, StallGuard } from '../sip/endpoint/index.ts';
import { Locator, readHostsFile } from '../sip/locate/index.ts';
import type { Listening } from '../sip/transport/index.ts';
import { signaturesHere } from '../stir/index.ts';
import { TrunkService, type TrunkStatus } from '../trunks/trunk-service.ts';
import { Acquaintances } from './acquaintances.ts';
import { Accounts } from './admit/accounts.ts';
import { Admission } from './admit/admission.ts';
import { Dealing } from './admit/dealing.ts';
import { engineDigest } from './admit/digest.ts';
import { FrontProxies } from './admit/front-proxies.ts';
import { guessBudgets, Intake } from './admit/intake.ts';
import { KnownSources } from './admit/known-sources.ts';
import { SignIns } from './admit/sign-ins.ts';
import { TrustedExtensions } from './admit/trusted-extensions.ts';
import { CallContinuity } from './continuity/call-continuity.ts';
import { Restoration } from './continuity/restoration.ts';
import type { SealedContacts } from './continuity/sealed-contacts.ts';
import { Dispatcher } from './dispatcher.ts';
import { Draining } from './draining.ts';
import type { EngineOptions } from './engine-options.ts';
import { calledNumbersOf } from './explain/inbound-view.ts';
import { Following } from './following.ts';
import { LiveListeners } from './live-listeners.ts';
import { Messaging } from './messaging.ts';
import { NO_PEERS, PeerPass } from './peer-nodes.ts';
import { Placement } from './placement.ts';
import { ContactReach } from './reach.ts';
import { Registrations } from './registrations.ts';
import { Branches } from './route/branches.ts';
import { callRouter } from './route/call-router.ts';
import { MediaParties } from './route/media-parties.ts';
import { OutboundGuards } from './route/outbound-guards.ts';
import { RegisteredNodes } from './route/registered-node.ts';
import { Routing } from './route/routing.ts';
import { StirService } from './route/stir-service.ts';
import { Served } from './served.ts';
import { servedNames } from './served-names.ts';
import { CallAudience } from './tell/call-audience.ts';
import { CertificateWatch } from './tell/certificate-watch.ts';
import { EngineFacts } from './tell/engine-facts.ts';
import { type TrunkDoctor, trunkDoctor } from './trunk-doctor.ts';

export class Engine {
  /** What tenants may make this engine send to. */
  readonly egress: Egress;
  readonly endpoint: Endpoint;
  readonly listeners: LiveListeners;
  readonly registrations: Registrations;
  readonly calls: Calls;
  readonly trunks: TrunkService;
  readonly routing: Routing;
  readonly guards: OutboundGuards;
  readonly doctor: TrunkDoctor;
  readonly branches: Branches;
  /** Trunks that calls leave through one node only for. */
  readonly registered: RegisteredNodes;
  readonly media: Media;
  readonly messaging: Messaging;
  /** Whom the engine believes about callers, and what it has fetched for that. */
  readonly stir: StirService;
  readonly #certificates: CertificateWatch;
  readonly sources: Acquaintances;
  /** How much of what the network brings is let in. */
  readonly intake: Intake;
  readonly #registered: KnownSources;
  readonly #stallGuard: StallGuard | undefined;
  readonly #signIns: SignIns;
  readonly #throttle: GuessThrottle;
  #restoration: Restoration | undefined;
  readonly #continuity: CallContinuity;
  readonly #dealing: Dealing | undefined;
  readonly #options: EngineOptions;
  readonly #nodeFacts: EngineFacts;
  readonly #served: Served;
  readonly #trusted = new TrustedExtensions();
  readonly #front: FrontProxies;
  readonly #following: Following;

  constructor(options: EngineOptions) {
    const { settings, scheduler, log, observer, peers = NO_PEERS } = options;
    this.#options = options;
    this.#front = new FrontProxies(settings.frontProxies);
    const served = new Served(settings, options.directory, options.workers);
    this.#served = served;
    allAtOnce(this.#trusted.follow(options.directory.tenants.map((after) => ({ before: undefined, after }))));
    const accounts = new Accounts(served);
    this.#nodeFacts = new EngineFacts(options.version, (trunk, scope) => this.#addressFor(trunk, scope));
    this.#signIns = new SignIns(options.signInStore, scheduler, log);
    this.#throttle = new GuessThrottle(scheduler, {
      ...guessBudgets(settings.limits),
      onSignIn: (pair) => this.#signIns.add(pair),
    });
    const digest = engineDigest({
      throttle: this.#throttle,
      settings,
      scheduler,
      log,
      served,
      accounts,
      nonceSecret: options.nonceSecret,
    });
    this.egress = new Egress({
      allow: settings.egress.allow,
      isOwn: (address, port) => served.isOwnAddress(address, port),
    });
    const located = {
      dns: options.dns,
      clock: scheduler,
      hosts: readHostsFile(),
      ttl: { minSeconds: settings.dns.minTtlSeconds, maxSeconds: settings.dns.maxTtlSeconds },
    };
    const locator = new Locator({
      ...located,
      transports: () => this.listeners.transports,
      failureMemoryMs: settings.timers.failedTargetMs,
    });
    const keptMs = settings.limits.knownAfterSignInSeconds * 1000;
    // What callers have looked up stays apart from what trunks are found by.
    const certificateHosts = new Locator({ ...located, transports: () => ['tls'] });
    const { signatures = signaturesHere } = options;
    this.stir = new StirService({
      signatures,
      settings: settings.stir,
      scheduler,
      served,
      addressesOf: async (host, port) =>
        (await certificateHosts.locate({ host, port, transport: 'tls' })).map(({ address }) => address),
      ...(options.fetchCertificate !== undefined && { fetch: options.fetchCertificate }),
    });
    this.#registered = new KnownSources(settings.node, scheduler, keptMs, observer.registrations);
    this.sources = new Acquaintances({
      trunks: () => this.trunks,
      registered: this.#registered,
      trusted: this.#trusted,
      front: this.#front,
      peers,
      registrations: () => this.registrations,
    });
    const knows = (address: string) => this.sources.knows(address);
    const guardsLoad = options.guardsLoad === true;
    if (guardsLoad) this.#stallGuard = new StallGuard(scheduler, settings.limits.queueAgeMs);
    this.intake = new Intake({
      limits: settings.limits,
      clock: scheduler,
      knows,
      dialogs: () => this.calls.counters.legs,
      lingeringOctets: () => this.endpoint.transactions.lingeringOctets,
      guardsLoad,
      overloadSeconds: () => this.#stallGuard?.retryAfterSeconds(),
      served,
    });
    const dispatcher = new Dispatcher();
    if (options.workers !== undefined)
      this.#dealing = new Dealing(options.workers, (address) => this.trunks.knows(address));
    this.endpoint = new Endpoint(
      {
        scheduler,
        supported: SERVED_TAGS,
        timers: { t1Ms: settings.timers.t1Ms, t2Ms: settings.timers.t2Ms, t4Ms: settings.timers.t4Ms },
        egress: this.egress,
        ofOnePeer: (one, other) =>
          this.trunks.identification.ofOneTrunk(one, other) || this.#continuity.mayFollow(one, other),
        ...this.intake.endpointOptions(),
        cpuShare: options.cpuShare,
        ids: this.#dealing,
        createTransport: options.createTransport,
        createSocket: options.createSocket,
      },
      dispatcher,
      log,
    );
    this.listeners = new LiveListeners({
      settings,
      transport: this.endpoint.transport,
      served,
      workers: options.workers,
      dealing: this.#dealing,
      onChange: () => this.#listeningChanged(),
    });
    if (observer.messages !== undefined) this.endpoint.observer = observer.messages;
    const secret = options.nonceSecret ?? randomBytes(32);
    const pass = new PeerPass({ node: settings.node, secret, clock: scheduler, peers });
    this.registrations = new Registrations({
      reach: new ContactReach({ node: settings.node, peers, pass, front: this.#front }),
      front: this.#front,
      settings,
      scheduler,
      log,
      served,
      accounts,
      digest,
      trusted: () => this.#trusted.index,
      listener: this.#registered,
      store: options.bindingStore,
      onRefused: (detail) => observer.onRefused('register-refused', detail),
      gatewayChanged: (trunkId) => this.trunks.gatewayChanged(trunkId),
      phoneRegistered: (tenant, number) => this.messaging.outside?.phoneRegistered(tenant, number),
    });
    this.messaging = new Messaging({
      endpoint: this.endpoint,
      served,
      registrations: this.registrations,
      userAgent: this.#nodeFacts.userAgent,
    });
    this.trunks = new TrunkService({
      scheduler,
      log,
      endpoint: this.endpoint,
      locator,
      directory: options.directory,
      egress: this.egress,
      gatewayReach: (trunk) => this.registrations.gatewayReach(trunk),
      calledNumbers: calledNumbersOf,
      isFront: (address) => this.#front.has(address),
      hasListener: (name, transport) => this.listeners.has(name, transport),
      userAgent: this.#nodeFacts.userAgent,
      allow: SERVED_METHODS,
      retire: (target) => this.endpoint.transport.retire?.(target),
      listener: observer.trunks,
      contactSecret: options.nonceSecret,
      pings: options.workers?.pings,
      ...(options.lease === undefined ? {} : { lease: options.lease }),
      ...(options.claimStore === undefined ? {} : { claimStore: options.claimStore }),
      useOfNodes: options.useOfNodes,
      ...(options.trunkElsewhere === undefined ? {} : { elsewhere: options.trunkElsewhere }),
    });
    this.registered = new RegisteredNodes({ peers, pass, served, trunks: () => this.trunks });
    const relays = new MediaRelays(scheduler, options.openDatagrams ?? openDatagrams, observer.relays);
    this.media = new Media(relays, scheduler);
    const mediaParties = new MediaParties(() => relays.configured);
    this.branches = new Branches({
      media: mediaParties,
      endpoint: this.endpoint,
      registrations: this.registrations,
      trunks: this.trunks,
      registered: this.registered,
      served,
      signs: (input, { key }) => signatures.sign(input, key),
      attemptMs: settings.timers.attemptMs,
      onAttempt: (trunk, attempt) => observer.onAttempt(trunk, attempt),
      onUnlocated: (trunk, error) => log.warn('trunk-not-located', { trunk: trunk.name, error }),
    });
    this.#certificates = new CertificateWatch({
      scheduler,
      served,
      onExpiring: (certificate) => observer.onCertificateExpiring(certificate),
    });
    const guarding = {
      scheduler,
      log,
      shared: this.trunks.shared,
      capacity: this.trunks.capacity,
      tallyStore: options.tallyStore,
      onEvent: observer.onFraud.bind(observer),
    };
    this.guards = new OutboundGuards(guarding, (...call) => this.calls.end(...call));
    this.routing = new Routing({
      media: mediaParties,
      guards: this.guards,
      trunks: this.trunks,
      registered: this.registered,
      branches: this.branches,
      clock: scheduler,
      random: options.random ?? Math.random,
      node: this.#nodeFacts,
      ringTimeoutMs: settings.timers.ringMs,
      sessionLimitMs: settings.timers.sessionLimitMs,
      verification: this.stir.verification,
      outbound: {
        trunkBranch: (draft, plan) => this.branches.toTrunk(draft, plan),
        onRoute: (route, plan) => observer.onRoute(route, plan),
        onRefused: (plan, refusal) => observer.onOutboundRefused(plan, refusal),
      },
      contactHost: (flow, scope) => this.endpoint.advertised(flow, scope),
      front: this.#front,
    });
    const { endpoint, trunks, messaging } = this;
    this.doctor = trunkDoctor({ scheduler, served, locator, endpoint, trunks, messaging, relays });
    const router = callRouter({
      routing: this.routing,
      guards: this.guards,
      registrations: this.registrations,
      trunks: this.trunks,
      transport: this.endpoint.transport,
      node: this.#nodeFacts,
      served,
      nodes: peers,
      front: this.#front,
    });
    this.#continuity = new CallContinuity({
      carrying: { settings, secret, userAgent: this.#nodeFacts.userAgent, workers: options.workers?.count },
      isPlausible: (leg, flow, request) => router.plausible?.(leg, flow, request) === true,
      store: options.callStore,
      peers,
      endpoint: this.endpoint,
      scheduler,
      log,
      calls: () => this.calls,
      restoring: { trunks: this.trunks, guards: this.guards, served },
      isOwnHost: (address) => served.isOwnHost(address),
      recordFacts: (record) => observer.recordFacts?.(record) ?? record.facts,
      isKnown: (request, flow) => this.sources.knowsSender(request, flow),
      knows,
    });
    this.calls = new Calls({
      endpoint: this.endpoint,
      scheduler,
      log,
      observer: new CallAudience(this.guards, observer.calls, () => this.#continuity.observer),
      router,
      contacts: settings.continuity.contactToken ? this.contacts : undefined,
      media: this.media,
      mayCome: (transaction, retry) => this.#continuity.mayCome(transaction, retry),
      timers: { t1Ms: settings.timers.t1Ms, t2Ms: settings.timers.t2Ms },
      limits: { maxCalls: settings.limits.calls },
    });
    const admission = new Admission({
      served,
      accounts,
      digest,
      pass,
      flows: this.registrations,
      trunks: this.trunks.identification,
      trusted: () => this.#trusted.index,
      front: this.#front,
      onSignedIn: (address) => this.#registered.signedIn(address),
      onRefused: (code, { remoteAddress, remotePort, transport }, detail) =>
        observer.onRefused(code, {
          source: `${remoteAddress}:${remotePort}`,
          transport,
          ...detail,
        }),
    });
    const { registrations, calls, routing, intake, guards } = this;
    const { capacity } = trunks;
    this.#following = new Following({ log, served, trusted: this.#trusted, registrations, guards, capacity });
    const storeSetting = (tenant: Tenant, setting: StoredSetting) => options.storeSetting(tenant, setting);
    dispatcher.serve({
      calls,
      admission,
      registrations,
      trunks,
      continuity: this.#continuity,
      placement: new Placement({ routing, calls, served, log, storeSetting, intake, guards }),
      messages: this.messaging,
    });
  }

  /** Contacts that carry their calls. */
  get contacts(): SealedContacts {
    return this.#continuity.contacts;
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
    this.#throttle.restore(await this.#signIns.load());
    await this.trunks.restore();
    await this.guards.restore();
    // Calls that come back have sessions there.
    this.media.relays.apply(settings.mediaRelays);
    await this.#continuity.restore();
    await this.listeners.open();
    this.#options.workers?.onPinged((outcome) => this.trunks.pinged(outcome));
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
    if (diff.certificates.length > 0 || diff.trunks.length > 0) this.#serveNames();
    this.#following.follow(diff);
  }

  #listeningChanged(): void {
    this.#nodeFacts.listensOn((transport, scope) => this.endpoint.advertised(transport, scope));
    this.#serveNames();
  }

  #serveNames(): void {
    this.endpoint.transport.serveNames?.(servedNames(this.directory));
  }

  /** State of a trunk and since when; undefined for one that does not exist. */
  trunkStatus(trunkId: string): TrunkStatus | undefined {
    return this.trunks.status(trunkId);
  }

  /**
   * What others can do they do from now on: leases are given up, new calls go to another node of the store, or are refused where there
   * is none. Resolves when the last call has ended or the time has passed.
   */
  async drain(limitMs: number): Promise<void> {
    const { scheduler: clock, peers = NO_PEERS } = this.#options;
    const draining = new Draining({ clock, peers, served: this.#served });
    this.endpoint.drain((request, flow) => draining.answer(request, flow));
    this.trunks.handOver();
    this.#continuity.handOver();
    this.registrations.registrar.endsSoon();
    const drained = Promise.withResolvers<void>();
    this.calls.drain(drained.resolve, false);
    const timer = this.#options.scheduler.schedule(limitMs, { onTimer: () => drained.resolve() }, 0);
    await drained.promise;
    timer.cancel();
  }

  async close(): Promise<void> {
    this.#stallGuard?.stop();
    this.#certificates.stop();
    this.#restoration?.stop();
    await this.#continuity.leaveCalls();
    this.calls.endAll('shutdown');
    await this.#continuity.stop();
    await this.trunks.stop();
    await this.registrations.registrar.flush();
    await this.#signIns.flush();
    await this.guards.stop();
    await this.endpoint.close();
    this.media.relays.close();
  }

  /** What Via and Contact say to a trunk: the address of the listener that its requests leave from. */
  #addressFor(trunk: Trunk, scope: AddressScope): { readonly host: string; readonly port: number } | undefined {
    const target = this.trunks.firstTarget(trunk);
    return target === undefined ? undefined : this.endpoint.advertised(target, scope);
  }
}

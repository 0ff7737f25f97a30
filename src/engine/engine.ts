/**
 * The engine as a value: everything wired, nothing global. Two engines run in one process in tests. `main.ts` gives it what has to do
 * with the outside (stores, log, files); what it serves is a {@link Directory}, replaced as a whole when provisioning changes.
 */
import { readFileSync } from 'node:fs';
import { randomToken } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { Scheduler } from '../base/scheduler.ts';
import {
  type AttemptRecord,
  type BranchOptions,
  type BranchPlan,
  type CallObserver,
  Calls,
  relayMessage,
} from '../call/index.ts';
import type {
  LegSettings,
  NodeFacts,
  OutboundPlan,
  RouteDraft,
  RouteRefusal,
  StoredSetting,
  TrunkState,
} from '../outbound/index.ts';
import {
  aorKey,
  type BindingStore,
  RegisterHandler,
  Registrar,
  type RegistrationListener,
} from '../registrar/index.ts';
import type { Listen, NodeSettings } from '../settings/node-schema.ts';
import { DigestServer } from '../sip/auth/index.ts';
import type { SessionTimerOptions } from '../sip/dialog/index.ts';
import { Endpoint, type MessageObserver, type ServerTransaction } from '../sip/endpoint/index.ts';
import { type DnsPort, Locator, readHostsFile } from '../sip/locate/index.ts';
import { escapeUser, formatHost, HeaderId } from '../sip/message/index.ts';
import type { Flow, ListenerOptions, Listening, Target } from '../sip/transport/index.ts';
import type { Tenant } from '../tenants/schema.ts';
import { AddressIndex } from '../trunks/address-index.ts';
import type { CapacityGrant } from '../trunks/capacity.ts';
import type { Directory } from '../trunks/directory.ts';
import { Identification } from '../trunks/identification.ts';
import type { Trunk } from '../trunks/schema.ts';
import { Accounts } from './accounts.ts';
import { Admission, type Source, type TrustedExtension } from './admission.ts';
import { splitAor } from './aor.ts';
import type { CallContext } from './call-context.ts';
import { Dispatcher } from './dispatcher.ts';
import { planMessage } from './message-plan.ts';
import { phoneBranch } from './phone-leg.ts';
import { Routing } from './routing.ts';
import { Transfers } from './transfers.ts';
import { TrunkLinks } from './trunk-links.ts';

/** What happens in the engine, for events, records, logs and metrics. Called synchronously; must not throw. */
export interface EngineObserver {
  readonly calls: CallObserver;
  readonly registrations: RegistrationListener<Flow>;
  readonly messages?: MessageObserver;
  /** A caller ID candidate or directive that was passed over, or a foreign number that was kept in. */
  onRoute(route: RouteDraft | RouteRefusal, plan: OutboundPlan): void;
  /** A request or registration that was refused for who sent it. */
  onRefused(code: string, detail: Readonly<Record<string, unknown>>): void;
  onAttempt(trunk: Trunk, attempt: AttemptRecord): void;
}

export interface EngineOptions {
  readonly settings: NodeSettings;
  readonly scheduler: Scheduler;
  readonly log: Log;
  readonly dns: DnsPort;
  readonly observer: EngineObserver;
  readonly directory: Directory;
  readonly version: string;
  readonly bindingStore?: BindingStore;
  /** Key of the nonces, shared by the nodes of one store. */
  readonly nonceSecret?: Uint8Array;
  /** Writes a setting that a dial code asked for; rejects with what the phone is told. */
  storeSetting(tenant: Tenant, setting: StoredSetting): Promise<void>;
}

const SUPPORTED_TAGS = ['100rel', 'replaces', 'norefersub'];
const ALLOW = 'INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, MESSAGE, REGISTER';
const ACCEPT_LANGUAGE = 'en';

export interface TrunkStatus {
  readonly trunkId: string;
  readonly name: string;
  readonly type: string;
  readonly state: 'online' | 'offline' | 'registering' | 'rejected' | 'unknown';
  /** ISO 8601. */
  readonly since: string;
  readonly lastCode?: number;
  readonly reason?: string;
  readonly activeCalls: number;
}

export class Engine {
  readonly endpoint: Endpoint;
  readonly registrar: Registrar<Flow>;
  readonly calls: Calls;
  readonly links: TrunkLinks;
  readonly identification: Identification;
  readonly routing: Routing;
  readonly #options: EngineOptions;
  readonly #register: RegisterHandler<Flow>;
  readonly #locator: Locator;
  readonly #accounts: Accounts;
  readonly #nodeFacts: NodeFacts;
  readonly #startedAt: string;
  #directory: Directory;
  #trusted = new AddressIndex<TrustedExtension>();
  #listening: readonly Listening[] = [];

  constructor(options: EngineOptions) {
    const { settings, scheduler, log, observer } = options;
    this.#options = options;
    this.#startedAt = new Date(scheduler.wallMs()).toISOString();
    this.#directory = options.directory;
    const directory = () => this.#directory;
    this.#accounts = new Accounts(directory);
    this.identification = new Identification(options.directory);
    this.#nodeFacts = {
      addresses: { udp: NOWHERE, tcp: NOWHERE, tls: NOWHERE },
      publicHost: settings.advertise.publicHost,
      privateHost: settings.advertise.privateHost,
      userAgent: `tandem/${options.version}`,
      allow: ALLOW,
      supported: SUPPORTED_TAGS,
      acceptLanguage: ACCEPT_LANGUAGE,
    };
    const digest = new DigestServer({
      clock: scheduler,
      algorithms: settings.digest.algorithms,
      nonceLifetimeMs: settings.digest.nonceSeconds * 1000,
      ...(options.nonceSecret === undefined ? {} : { secret: options.nonceSecret }),
    });
    this.#locator = new Locator({
      dns: options.dns,
      clock: scheduler,
      hosts: readHostsFile(),
      transports: transportsListened(settings.listen),
      failureMemoryMs: settings.timers.failedTargetMs,
    });
    this.endpoint = new Endpoint(
      {
        scheduler,
        supported: ['timer', ...SUPPORTED_TAGS],
        timers: { t1Ms: settings.timers.t1Ms, t2Ms: settings.timers.t2Ms, t4Ms: settings.timers.t4Ms },
        maxServerTransactions: settings.limits.transactions,
        maxClientTransactions: settings.limits.transactions,
      },
      // The dispatcher needs the endpoint's transactions and the endpoint a user: each hears of the other through this object.
      {
        onRequest: (transaction, request) => dispatcher.onRequest(transaction, request),
        onAck: (request, flow) => dispatcher.onAck(request, flow),
        onStray2xx: (response, flow) => dispatcher.onStray2xx(response, flow),
        onFlowClosed: (flow) => dispatcher.onFlowClosed(flow),
      },
      log,
    );
    if (observer.messages !== undefined) this.endpoint.observer = observer.messages;
    this.registrar = new Registrar<Flow>({
      scheduler,
      log,
      node: settings.node,
      isOwn: (host, port) => this.#isOwn(host, port),
      maxContactsPerAor: settings.limits.contactsPerExtension,
      maxBindings: settings.limits.bindings,
      defaultExpiresSeconds: settings.registrar.defaultExpiresSeconds,
      minExpiresSeconds: settings.registrar.minExpiresSeconds,
      maxExpiresSeconds: settings.registrar.maxExpiresSeconds,
      listener: observer.registrations,
      ...(options.bindingStore === undefined ? {} : { store: options.bindingStore }),
    });
    this.links = new TrunkLinks(scheduler, this.#locator, (trunk) => this.#gatewayReach(trunk));
    this.routing = new Routing({
      clock: scheduler,
      node: this.#nodeFacts,
      ringTimeoutMs: settings.timers.ringMs,
      sessionLimitMs: settings.timers.sessionLimitMs,
      trunkState: (trunkId) => this.#trunkState(trunkId),
      outbound: {
        trunkBranch: (draft, plan) => this.#trunkBranch(draft, plan),
        onRoute: (route, plan) => observer.onRoute(route, plan),
      },
      phoneBranches: (context, number) => this.#phoneBranches(context, number),
      contactHost: (flow) => hostPort(this.endpoint.advertised(flow)),
    });
    this.calls = new Calls({
      endpoint: this.endpoint,
      scheduler,
      log,
      observer: observer.calls,
      router: new Transfers({ routing: this.routing, directory, node: this.#nodeFacts }),
      timers: { t1Ms: settings.timers.t1Ms, t2Ms: settings.timers.t2Ms },
      limits: { maxCalls: settings.limits.calls },
    });
    const admission = new Admission({
      directory,
      accounts: this.#accounts,
      digest,
      flows: { registeredOn: (flow) => this.#registeredOn(flow) },
      trunks: this.identification,
      trusted: () => this.#trusted,
      log,
      onRefused: (code, flow, detail) =>
        observer.onRefused(code, {
          source: `${flow.remoteAddress}:${flow.remotePort}`,
          transport: flow.transport,
          ...detail,
        }),
    });
    this.#register = new RegisterHandler<Flow>({
      accounts: {
        domainOf: (host) => this.#registerDomain(host),
        find: (domain, username) => this.#registerAccount(domain, username),
        trusted: (domain, user, source) => this.#trustedAccount(domain, user, source),
      },
      digest,
      registrar: this.registrar,
      isOwnHost: (host) => this.#isOwnHost(host),
      onRefused: ({ digest: why, ...refusal }) => {
        // The first, unauthenticated REGISTER of every phone is refused; only what came with credentials is worth a word.
        if (why !== 'no-credentials')
          observer.onRefused('register-refused', { ...refusal, ...(why === undefined ? {} : { why }) });
      },
    });
    const dispatcher = new Dispatcher({
      calls: this.calls,
      admission,
      allow: ALLOW,
      supported: ['timer', ...SUPPORTED_TAGS].join(', '),
      register: (transaction) => this.#register.handle(transaction),
      invite: (transaction, source) => this.#invite(transaction, source),
      message: (transaction, source) => this.#message(transaction, source),
      flowClosed: (flow) => this.registrar.flowClosed(flow.key),
    });
  }

  get directory(): Directory {
    return this.#directory;
  }

  get listening(): readonly Listening[] {
    return this.#listening;
  }

  /** Opens every listener or none, brings registrations back, and serves. Throws a SettingsError that names the addresses at fault. */
  async start(): Promise<readonly Listening[]> {
    const { settings, log } = this.#options;
    this.#listening = await this.endpoint.open(settings.listen.map((listen) => listenerOptions(listen, settings)));
    const addresses = this.#nodeFacts.addresses as Record<'udp' | 'tcp' | 'tls', { host: string; port: number }>;
    for (const transport of ['udp', 'tcp', 'tls'] as const) {
      addresses[transport] = this.endpoint.advertised(transport) ?? addresses[transport];
    }
    const restored = await this.registrar.restore();
    if (restored > 0) log.info('registrations-restored', { count: restored });
    this.apply(this.#directory);
    return this.#listening;
  }

  /** Serves a new snapshot of what is provisioned. Calls in progress keep the one they began with. */
  apply(directory: Directory): void {
    const previous = this.#directory;
    this.#directory = directory;
    this.identification.update(directory);
    const trusted = new AddressIndex<TrustedExtension>();
    for (const tenant of directory.tenants) {
      for (const extension of tenant.extensions) {
        if (extension.enabled && extension.trustedAddresses.length > 0) {
          trusted.set({ tenant, extension }, extension.trustedAddresses);
        }
      }
    }
    this.#trusted = trusted;
    for (const trunk of directory.trunks) {
      if (trunk !== previous.trunk(trunk.id) || directory === previous) this.#learnAddresses(trunk);
    }
    this.#forgetRemoved(previous, directory);
  }

  /** State of a trunk and since when; undefined for one that does not exist. */
  trunkStatus(trunkId: string): TrunkStatus | undefined {
    const trunk = this.#directory.trunk(trunkId);
    if (trunk === undefined) return undefined;
    const activeCalls = this.links.capacity.inProgress(`trunk ${trunkId}`);
    return { trunkId, name: trunk.name, type: trunk.type, state: 'unknown', since: this.#startedAt, activeCalls };
  }

  retryTrunk(_trunkId: string): boolean {
    return false;
  }

  /** No new calls from now on; resolves when the last call has ended or the time has passed. */
  async drain(limitMs: number): Promise<void> {
    this.endpoint.drain();
    const drained = Promise.withResolvers<void>();
    this.calls.drain(drained.resolve);
    const timer = this.#options.scheduler.schedule(limitMs, { onTimer: () => drained.resolve() }, 0);
    await drained.promise;
    timer.cancel();
  }

  async close(): Promise<void> {
    this.calls.endAll('shutdown');
    await this.registrar.flush();
    await this.endpoint.close();
  }

  /** Bindings of accounts that are no longer provisioned or enabled are worth nothing. */
  #forgetRemoved(previous: Directory, directory: Directory): void {
    if (previous === directory) return;
    for (const binding of this.registrar.all()) {
      const { user, domain } = splitAor(binding.aor);
      if (this.#registerAccount(domain, user) === undefined) this.registrar.remove(binding.aor);
    }
  }

  #invite(transaction: ServerTransaction, source: Source): void {
    const { request, flow } = transaction;
    if (request.headers.has(HeaderId.Replaces)) {
      this.calls.replace(transaction, this.routing.partyLeg(request, flow, source));
      return;
    }
    const { plan, outbound } = this.routing.route(request, flow, source, this.#directory);
    const setting = outbound?.storedSetting;
    if (outbound === undefined || setting === undefined) {
      this.calls.start(transaction, plan);
      return;
    }
    // A dial code that only stores a setting: the answer says what was set, or why not.
    this.#options.storeSetting(outbound.facts.tenant, setting).then(
      () => transaction.reply(outbound.refusal?.status ?? 200, outbound.refusal?.reason),
      (error: Error) => {
        this.#options.log.warn('setting-not-stored', { extension: setting.extension, error: error.message });
        transaction.reply(500, 'Setting Not Stored');
      },
    );
  }

  #message(transaction: ServerTransaction, source: Source): void {
    if (source.kind === 'trunk') {
      transaction.reply(405, 'Method Not Allowed', [[HeaderId.Allow, ALLOW]]);
      return;
    }
    const plan = planMessage({
      request: transaction.request,
      source,
      directory: this.#directory,
      bindings: (aor) => this.registrar.bindings(aor),
      userAgent: this.#nodeFacts.userAgent,
    });
    if (plan === undefined) transaction.reply(404, 'Not Found');
    else relayMessage(this.endpoint, transaction, plan, randomToken);
  }

  #phoneBranches(context: CallContext, number: string): readonly BranchPlan[] {
    const bindings = this.registrar.bindings(aorKey(number, context.tenant.domain));
    return bindings.map((binding) => {
      const toward = binding.flow ?? (binding.target as Target);
      const advertised = this.endpoint.advertised(toward) ?? NOWHERE;
      const transport = toward.transport === 'udp' ? '' : `;transport=${toward.transport}`;
      const contact = `<sip:${context.caller.anonymous ? '' : contactUser(context)}${hostPort(advertised)}${transport}>`;
      return phoneBranch({ context, number, binding, contact });
    });
  }

  #trunkBranch(route: RouteDraft, plan: OutboundPlan): BranchPlan {
    const { trunk, draft, leg, nextHop } = route;
    const { tenant } = plan.facts;
    const credentials = this.links.digestClient(trunk);
    let grant: CapacityGrant | undefined;
    return {
      label: trunk.name,
      trunkId: trunk.id,
      draft,
      options: branchOptions(leg, this.#options.settings.timers.attemptMs),
      resolve: () => this.links.targets(trunk, nextHop),
      ...(credentials === undefined ? {} : { credentials }),
      onStart: () => {
        const answer = this.links.admit(trunk, tenant, this.#directory);
        if (!answer.granted) return false;
        grant = answer;
        return true;
      },
      onAttempt: (attempt) => this.#options.observer.onAttempt(trunk, attempt),
      onEnd: () => grant?.release(),
    };
  }

  #trunkState(trunkId: string): TrunkState {
    const trunk = this.#directory.trunk(trunkId);
    if (trunk === undefined) return { up: false, full: false, reason: 'unknown' };
    if (trunk.type === 'accept-register' && this.#gatewayBindings(trunk).length === 0) {
      return { up: false, full: false, reason: 'its gateway is not registered' };
    }
    const limit = trunk.limits.concurrentCalls;
    const full = limit !== undefined && this.links.capacity.inProgress(`trunk ${trunkId}`) >= limit;
    return { up: true, full, reason: full ? `${limit} calls in progress` : '' };
  }

  /** Where a trunk may send from, as far as it is known by name: asked of the DNS now, learnt again whenever calls resolve it. */
  #learnAddresses(trunk: Trunk): void {
    this.identification.setAddresses(trunk, []);
    if (trunk.type === 'accept-register' || trunk.type === 'whatsapp') return;
    const hop = { kind: 'host', host: trunk.host, port: trunk.port, transport: trunk.transport } as const;
    const proxy = trunk.outboundProxy;
    const hops = proxy === undefined ? [hop] : [hop, { ...hop, host: proxy.host, port: proxy.port }];
    for (const each of hops) {
      Promise.resolve()
        .then(() => this.links.targets(trunk, each))
        .then((targets) => this.identification.setAddresses(trunk, targets as readonly Target[]))
        .catch((error: Error) =>
          this.#options.log.warn('trunk-not-located', { trunk: trunk.name, error: error.message }),
        );
    }
  }

  #gatewayBindings(trunk: Trunk) {
    return this.registrar.bindings(aorKey(trunk.credentials?.authName ?? '', trunk.host));
  }

  #gatewayReach(trunk: Trunk): Flow | readonly Target[] {
    const [binding] = this.#gatewayBindings(trunk);
    if (binding === undefined) return [];
    if (binding.flow !== undefined && !binding.flow.closed) return binding.flow;
    return binding.target === undefined ? [] : [binding.target];
  }

  #registeredOn(flow: Flow): { domain: string; user: string } | undefined {
    const binding = this.registrar.bindingByFlow(flow.key);
    return binding === undefined ? undefined : splitAor(binding.aor);
  }

  #registerDomain(host: string): string | undefined {
    const tenant = this.#directory.tenantByDomain(host);
    if (tenant !== undefined) return tenant.domain.toLowerCase();
    return this.#accounts.isGatewayRealm(host) ? host.toLowerCase() : undefined;
  }

  #registerAccount(domain: string, username: string) {
    const tenant = this.#directory.tenantByDomain(domain);
    const account =
      tenant === undefined ? this.#accounts.gateway(domain, username) : this.#accounts.endpoint(tenant, username);
    if (account === undefined) return undefined;
    const aor = aorKey(username, domain);
    if (account.kind === 'trunk') return { secret: account.secret, aor, users: 'any' as const, newestOnly: true };
    const maxContacts = account.kind === 'extension' ? account.extension.maxContacts : undefined;
    return { secret: account.secret, aor, users: [username], ...(maxContacts === undefined ? {} : { maxContacts }) };
  }

  #trustedAccount(domain: string, user: string, source: string) {
    const found = this.#trusted
      .find(source)
      .find(({ tenant, extension }) => extension.number === user && tenant.domain.toLowerCase() === domain);
    if (found === undefined) return undefined;
    const { maxContacts } = found.extension;
    return {
      secret: UNUSED_SECRET,
      aor: aorKey(user, domain),
      users: [user],
      ...(maxContacts === undefined ? {} : { maxContacts }),
    };
  }

  #isOwnHost(host: string): boolean {
    const { publicHost, privateHost } = this.#options.settings.advertise;
    if (host === publicHost || host === privateHost) return true;
    return this.#listening.some(
      (listening) => listening.host === host || this.endpoint.advertised(listening.transport)?.host === host,
    );
  }

  #isOwn(host: string, port: number): boolean {
    if (this.#directory.tenantByDomain(host) !== undefined) return true;
    return this.#isOwnHost(host) && this.#listening.some((listening) => listening.port === port);
  }
}

const NOWHERE = { host: '0.0.0.0', port: 0 };
/** An account that is admitted by address is never asked for its password. */
const UNUSED_SECRET = { ha1: {} };

function transportsListened(listen: readonly Listen[]) {
  return [...new Set(listen.map(({ transport }) => transport))];
}

function listenerOptions(listen: Listen, settings: NodeSettings): ListenerOptions {
  const { transport, host, port, certificate, key, ca, clientCertificate, minVersion, publicPort } = listen;
  const publicHost = listen.publicHost ?? settings.advertise.publicHost;
  const { privateHost } = settings.advertise;
  return {
    transport,
    host,
    port,
    ...(publicHost === undefined ? {} : { publicHost }),
    ...(privateHost === undefined ? {} : { privateHost }),
    ...(publicPort === undefined ? {} : { publicPort }),
    ...(certificate === undefined ? {} : { certificate: readFileSync(certificate, 'utf8') }),
    ...(key === undefined ? {} : { key: readFileSync(key, 'utf8') }),
    ...(ca === undefined ? {} : { clientCa: readFileSync(ca, 'utf8') }),
    clientCertificate,
    minVersion,
  };
}

function branchOptions(leg: LegSettings, firstResponseMs: number): BranchOptions {
  const { sessionTimer: timer, ...rest } = leg;
  if (timer === undefined) return { ...rest, firstResponseMs };
  const { sessionExpiresSeconds: intervalSeconds, minSeSeconds: minSeconds, refresher } = timer;
  const intervals = { intervalSeconds, minSeconds };
  // On the leg toward the trunk this engine is the UAC (RFC 4028 §7.1).
  const sessionTimer: SessionTimerOptions =
    refresher === undefined ? intervals : { ...intervals, refresher: refresher === 'uac' ? 'local' : 'remote' };
  return { ...rest, sessionTimer, firstResponseMs };
}

function hostPort({ host, port }: { host: string; port: number }): string {
  return `${formatHost(host)}:${port}`;
}

function contactUser(context: CallContext): string {
  const { number } = context.caller;
  return number === '' ? '' : `${escapeUser(number)}@`;
}

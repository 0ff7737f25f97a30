/**
 * All trunks of an engine at work: registrations, pings, addresses, states, next hops and capacity. It follows the directory: what is
 * new begins, what is gone ends, and a change disturbs only what it touches (docs/trunks.md).
 */
import type { Log } from '../base/log.ts';
import { cancelTimer, type Scheduler, type Timer } from '../base/scheduler.ts';
import type { DigestClient } from '../sip/auth/index.ts';
import type { Flow, Target } from '../sip/transport/index.ts';
import type { Tenant } from '../tenants/schema.ts';
import { AddressWatch } from './address-watch.ts';
import { Capacity, type CapacityGrant, type CapacityHolder, type CapacityRefusal } from './capacity.ts';
import type { Directory } from './directory.ts';
import { judge, type TrunkAttempt } from './evidence.ts';
import type { TrunkEndpoint } from './exchange.ts';
import { healthOf, isUp, registers, type TrunkHealth, type TrunkStateName } from './health.ts';
import {
  type GatewayReach,
  hopOf,
  type Reach,
  reachKey,
  type TrunkHop,
  TrunkHops,
  type TrunkLocator,
  targetOfKey,
} from './hops.ts';
import { Identification, type TrunkAddress } from './identification.ts';
import { KeepAlive } from './keep-alive.ts';
import { ALWAYS_GRANTED, type LeasePort } from './lease.ts';
import { Pacer, type PacerOptions } from './pacer.ts';
import { Registration } from './registration.ts';
import type { Trunk } from './schema.ts';
import { TargetHealth } from './target-health.ts';

export interface TrunkStatus {
  readonly trunkId: string;
  readonly name: string;
  readonly type: string;
  readonly state: TrunkStateName;
  /** ISO 8601. */
  readonly since: string;
  readonly lastCode?: number;
  readonly reason?: string;
  readonly activeCalls: number;
  /** Where the trunk is registered and for how long each time. */
  readonly registration?: { readonly server: string; readonly grantedSeconds: number };
}

/** What the outbound pipeline asks about a trunk. */
export interface TrunkCondition {
  readonly up: boolean;
  readonly full: boolean;
  readonly reason: string;
  readonly serviceRoutes?: readonly string[];
}

export interface TrunkListener {
  /** The state of a trunk is another one. Called synchronously; must not throw. */
  onTrunkState(trunk: Trunk, status: TrunkStatus, previous: TrunkStateName): void;
}

export interface TrunkServiceOptions {
  readonly scheduler: Scheduler;
  readonly log: Log;
  readonly endpoint: TrunkEndpoint;
  readonly locator: TrunkLocator;
  readonly directory: Directory;
  readonly gatewayReach: GatewayReach;
  readonly userAgent: string;
  readonly listener?: TrunkListener;
  readonly lease?: LeasePort;
  readonly pacer?: PacerOptions;
  /** A number in [0, 1); default Math.random. */
  readonly random?: () => number;
  /** Reads TLS files of trunks; default: the file system. */
  readonly readFile?: (path: string) => string;
}

interface Entry {
  trunk: Trunk;
  readonly health: TargetHealth;
  registration: Registration | undefined;
  keepAlive: KeepAlive | undefined;
  addresses: readonly TrunkAddress[];
  /** Flow that the registration is known by in the index. */
  flowKey: string | undefined;
  rateUntilMs: number;
  rateReason: string;
  release: Timer | undefined;
  shown: TrunkHealth;
  sinceMs: number;
}

const NO_TARGETS: readonly Target[] = [];

export class TrunkService {
  readonly capacity: Capacity;
  readonly identification: Identification;
  readonly #options: TrunkServiceOptions;
  readonly #random: () => number;
  readonly #hops: TrunkHops;
  readonly #watch: AddressWatch;
  readonly #entries = new Map<string, Entry>();
  readonly #pacers = new Map<string, Pacer>();
  readonly #byFlow = new Map<string, Set<Entry>>();
  /** Registrations that are being removed at their providers. */
  readonly #leaving = new Set<Registration>();
  #directory: Directory;
  #started = false;
  #stopped: (() => void) | undefined;

  constructor(options: TrunkServiceOptions) {
    const { scheduler, locator, log, directory } = options;
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#directory = directory;
    this.capacity = new Capacity(scheduler);
    this.identification = new Identification(directory);
    this.#hops = new TrunkHops(locator, options.gatewayReach, options.readFile);
    this.#watch = new AddressWatch({
      scheduler,
      locator,
      onAddresses: (trunk, addresses) => this.#onAddresses(trunk, addresses),
      onProblem: (trunk, error) => log.warn('trunk-not-located', { trunk: trunk.name, error }),
    });
  }

  /** Begins to register and to ping; the listeners are open by now. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    for (const trunk of this.#directory.trunks) this.#begin(trunk);
  }

  /** Serves a new snapshot. A trunk whose settings did not change is not disturbed. */
  apply(directory: Directory): void {
    this.#directory = directory;
    this.identification.update(directory);
    if (!this.#started) return;
    for (const [id, entry] of this.#entries) if (directory.trunk(id) === undefined) this.#remove(id, entry);
    for (const trunk of directory.trunks) {
      const entry = this.#entries.get(trunk.id);
      if (entry === undefined) this.#begin(trunk);
      else if (entry.trunk !== trunk) this.#change(entry, trunk);
    }
    this.#prunePacers();
  }

  /** Targets of a next hop in the order to try them; at once when nothing has to be asked. Throws or rejects when there is none. */
  targets(trunk: Trunk, hop: TrunkHop): Reach | Promise<readonly Target[]> {
    const reach = this.#hops.reach(trunk, hop);
    const server = hop.kind === 'host' ? this.#entries.get(trunk.id)?.registration?.target : undefined;
    if (server === undefined || 'send' in server || 'send' in reach) return reach;
    if (reach instanceof Promise) return reach.then((targets) => serverFirst(targets, server));
    return serverFirst(reach, server);
  }

  /** A TLS target that is the trunk's, with its TLS material; undefined when the trunk or a file of it is not there. */
  secured(trunkId: string, target: Target): Target | undefined {
    const trunk = this.#directory.trunk(trunkId);
    if (trunk === undefined) return undefined;
    try {
      return this.#hops.withTls(trunk, [{ serverName: trunk.host, ...target }])[0];
    } catch {
      return undefined;
    }
  }

  /** The digest client of a trunk's calls; undefined for a trunk without credentials. */
  digestClient(trunk: Trunk): DigestClient | undefined {
    return this.#hops.digestClient(trunk, 'calls');
  }

  /** Takes a place on the trunk and in the tenant's share of it, for an outbound attempt. */
  admit(trunk: Trunk, tenant: Tenant, directory: Directory = this.#directory): CapacityGrant | CapacityRefusal {
    return this.capacity.admit(trunkHolders(trunk, tenant, directory));
  }

  /** The same for an inbound call, which takes a place of the tenant's own too (the guards do that for outbound ones). */
  admitInbound(trunk: Trunk, tenant: Tenant, directory: Directory = this.#directory): CapacityGrant | CapacityRefusal {
    const { concurrentCalls } = tenant.limits;
    return this.capacity.admit([
      ...trunkHolders(trunk, tenant, directory),
      { key: `tenant ${tenant.name}`, concurrentCalls },
    ]);
  }

  /** What an attempt over a trunk tells about its target. */
  noteAttempt(trunk: Trunk, attempt: TrunkAttempt): void {
    const entry = this.#entries.get(trunk.id);
    const evidence = judge(attempt, trunk.brand);
    const target = targetOfKey(attempt.target);
    if (entry === undefined || evidence.kind === 'none' || target === undefined) return;
    const nowMs = this.#options.scheduler.nowMs();
    const { keepAlive } = trunk.options;
    const { locator } = this.#options;
    switch (evidence.kind) {
      case 'silent':
        locator.markFailed(target);
        // Without pings nothing would bring the trunk back up, so silence only puts the target last for a while.
        if (entry.keepAlive !== undefined) entry.health.failed(attempt.target, undefined, evidence.reason, keepAlive);
        break;
      case 'hold':
        locator.markFailed(target, evidence.holdMs);
        entry.health.hold(attempt.target, nowMs + evidence.holdMs, attempt.status, 'asked to wait');
        break;
      case 'rate':
        locator.markAlive(target);
        entry.rateUntilMs = nowMs + evidence.holdMs;
        entry.rateReason = `${attempt.status} ${attempt.reason}`;
        entry.health.alive(attempt.target, attempt.status, attempt.reason, keepAlive);
        break;
      case 'alive':
        locator.markAlive(target);
        entry.health.alive(attempt.target, attempt.status, attempt.reason, keepAlive);
        break;
      default:
        evidence satisfies never;
    }
    this.#evaluate(entry);
  }

  /** Whether calls may go out over a trunk, for the outbound pipeline; `tenant` counts its share of the trunk in. */
  condition(trunkId: string, tenant?: Tenant): TrunkCondition {
    const entry = this.#entries.get(trunkId);
    const trunk = this.#directory.trunk(trunkId);
    if (trunk === undefined) return { up: false, full: false, reason: 'unknown' };
    if (entry === undefined) return { up: trunk.enabled, full: false, reason: trunk.enabled ? '' : 'disabled' };
    const { state, reason } = this.#evaluate(entry);
    if (!isUp(state)) return { up: false, full: false, reason };
    const full = this.#whyFull(entry, trunk, tenant);
    const serviceRoutes = entry.registration?.serviceRoutes ?? [];
    return { up: true, full: full !== '', reason: full, ...(serviceRoutes.length === 0 ? {} : { serviceRoutes }) };
  }

  /** State of a trunk and since when; undefined for one that does not exist. */
  status(trunkId: string): TrunkStatus | undefined {
    const entry = this.#entries.get(trunkId);
    if (entry !== undefined) {
      this.#evaluate(entry);
      return this.#statusOf(entry);
    }
    const trunk = this.#directory.trunk(trunkId);
    if (trunk === undefined) return undefined;
    const since = new Date(this.#options.scheduler.wallMs()).toISOString();
    return { trunkId, name: trunk.name, type: trunk.type, state: 'unknown', since, activeCalls: 0 };
  }

  /** An administrator's retry: forgets refusals, realms and TLS files, registers and pings now. False for what does not exist. */
  retry(trunkId: string): boolean {
    const entry = this.#entries.get(trunkId);
    if (entry === undefined || !entry.trunk.enabled) return false;
    this.#hops.forget(trunkId);
    entry.rateUntilMs = 0;
    entry.registration?.retry();
    entry.keepAlive?.now();
    return true;
  }

  /** A connection is gone: whoever was registered over it registers again. */
  flowClosed(flow: Flow): void {
    const entries = this.#byFlow.get(flow.key);
    if (entries !== undefined) for (const entry of [...entries]) entry.registration?.flowClosed(flow);
  }

  /** The gateway of an accept-register trunk has registered, moved or left. */
  gatewayChanged(trunkId: string): void {
    const entry = this.#entries.get(trunkId);
    if (entry === undefined) return;
    if (hasTargets(this.#options.gatewayReach(entry.trunk))) entry.keepAlive?.now();
    this.#evaluate(entry);
  }

  /** Whether a trunk may send from this address. */
  knows(address: string): boolean {
    return this.identification.knows(address);
  }

  /** Removes every registration at its provider; resolves when each has been answered or given up, after a few seconds at most. */
  async stop(): Promise<void> {
    if (!this.#started) return;
    this.#started = false;
    const stopped = Promise.withResolvers<void>();
    this.#stopped = stopped.resolve;
    for (const [id, entry] of this.#entries) this.#remove(id, entry);
    this.#watch.end();
    if (this.#leaving.size === 0) stopped.resolve();
    await stopped.promise;
  }

  // A trunk's life.

  #begin(trunk: Trunk): void {
    const entry: Entry = {
      trunk,
      health: new TargetHealth(),
      registration: undefined,
      keepAlive: undefined,
      addresses: [],
      flowKey: undefined,
      rateUntilMs: 0,
      rateReason: '',
      release: undefined,
      shown: { state: 'unknown', code: undefined, reason: 'not asked yet' },
      sinceMs: this.#options.scheduler.wallMs(),
    };
    this.#entries.set(trunk.id, entry);
    this.#watchAddresses(entry);
    this.#beginRegistration(entry);
    this.#beginKeepAlive(entry);
    this.#evaluate(entry);
  }

  /** Behaviour: a change registers again only when host, proxy, transport or credentials are others. */
  #change(entry: Entry, trunk: Trunk): void {
    const before = entry.trunk;
    entry.trunk = trunk;
    this.#watchAddresses(entry);
    if (registrationKey(before) !== registrationKey(trunk)) {
      this.#endRegistration(entry);
      this.#hops.forget(trunk.id);
      this.#beginRegistration(entry);
    } else entry.registration?.update(trunk);
    if (entry.keepAlive !== undefined && pings(trunk)) entry.keepAlive.update(trunk);
    else {
      entry.keepAlive?.end();
      entry.keepAlive = undefined;
      entry.health.keepOnly(new Set());
      this.#beginKeepAlive(entry);
    }
    this.#evaluate(entry);
  }

  #remove(id: string, entry: Entry): void {
    this.#entries.delete(id);
    this.#watch.forget(id);
    entry.keepAlive?.end();
    entry.release = cancelTimer(entry.release);
    this.#endRegistration(entry);
    this.#hops.forget(id);
  }

  #beginRegistration(entry: Entry): void {
    const { trunk } = entry;
    if (!registers(trunk)) return;
    const { scheduler, endpoint, userAgent, lease } = this.#options;
    let client = this.#hops.digestClient(trunk, 'registration');
    const registration: Registration = new Registration(trunk, {
      scheduler,
      endpoint,
      random: this.#random,
      userAgent,
      lease: lease ?? ALWAYS_GRANTED,
      pacer: this.#pacerOf(trunk),
      digest: () => {
        // A registration that is being removed goes on with the credentials it was made with.
        if (entry.registration === registration) client = this.#hops.digestClient(entry.trunk, 'registration');
        return client;
      },
      locate: () => this.#hops.reach(entry.trunk, hopOf(entry.trunk)),
      noteTarget: (to, answered, holdMs) => this.#noteTarget(to, answered, holdMs),
      onChange: (changed) => {
        if (entry.registration === changed) this.#onRegistration(entry, changed);
      },
    });
    entry.registration = registration;
    this.identification.setToken(trunk, registration.token);
    registration.start();
  }

  #endRegistration(entry: Entry): void {
    const { registration } = entry;
    entry.registration = undefined;
    this.#indexFlow(entry, undefined);
    if (registration === undefined) return;
    this.#leaving.add(registration);
    registration.end(() => {
      this.#leaving.delete(registration);
      if (this.#leaving.size === 0) this.#stopped?.();
    });
  }

  #beginKeepAlive(entry: Entry): void {
    if (!pings(entry.trunk)) return;
    const { scheduler, endpoint, userAgent } = this.#options;
    entry.keepAlive = new KeepAlive(entry.trunk, entry.health, {
      scheduler,
      endpoint,
      random: this.#random,
      userAgent,
      digest: () => this.#hops.digestClient(entry.trunk, 'calls'),
      reach: () => this.#pingReach(entry),
      noteTarget: (to, answered, holdMs) => this.#noteTarget(to, answered, holdMs),
      onEvidence: () => this.#evaluate(entry),
    });
    entry.keepAlive.start();
  }

  /** Pings go to the server that has the registration rather than to another; without one the registration itself is the ping. */
  #pingReach(entry: Entry): Reach | Promise<readonly Target[]> {
    const { trunk, registration } = entry;
    if (registration === undefined) return this.#hops.reach(trunk, hopOf(trunk));
    const server = registration.target;
    if (server === undefined) return NO_TARGETS;
    return 'send' in server ? server : [server];
  }

  #watchAddresses(entry: Entry): void {
    const { trunk } = entry;
    const isLocated =
      trunk.enabled && trunk.type !== 'accept-register' && trunk.type !== 'whatsapp' && trunk.host !== '';
    if (isLocated) this.#watch.watch(trunk);
    else {
      this.#watch.forget(trunk.id);
      this.#onAddresses(trunk, []);
    }
  }

  #onAddresses(trunk: Trunk, addresses: readonly TrunkAddress[]): void {
    const entry = this.#entries.get(trunk.id);
    if (entry === undefined) return;
    entry.addresses = addresses;
    this.#identify(entry);
  }

  /** The server that has the registration may send calls even after the DNS has stopped naming it. */
  #identify(entry: Entry): void {
    const server = entry.registration?.target;
    const registered = server === undefined ? [] : [addressOf(server)];
    this.identification.setAddresses(entry.trunk, [...entry.addresses, ...registered]);
  }

  #onRegistration(entry: Entry, registration: Registration): void {
    this.#indexFlow(entry, registration.flow);
    this.#identify(entry);
    if (registration.state === 'registered') entry.keepAlive?.update(entry.trunk);
    this.#evaluate(entry);
  }

  #indexFlow(entry: Entry, flow: Flow | undefined): void {
    if (entry.flowKey === flow?.key) return;
    if (entry.flowKey !== undefined) {
      const set = this.#byFlow.get(entry.flowKey);
      set?.delete(entry);
      if (set?.size === 0) this.#byFlow.delete(entry.flowKey);
    }
    entry.flowKey = flow?.key;
    if (flow === undefined) return;
    const set = this.#byFlow.get(flow.key);
    if (set === undefined) this.#byFlow.set(flow.key, new Set([entry]));
    else set.add(entry);
  }

  #noteTarget(to: Flow | Target, answered: boolean, holdMs?: number): void {
    const target = targetOfKey(reachKey(to));
    if (target === undefined) return;
    if (answered) this.#options.locator.markAlive(target);
    else this.#options.locator.markFailed(target, holdMs);
  }

  #pacerOf(trunk: Trunk): Pacer {
    const key = providerKey(trunk);
    let pacer = this.#pacers.get(key);
    if (pacer === undefined) {
      pacer = new Pacer(this.#options.scheduler, this.#options.pacer);
      this.#pacers.set(key, pacer);
    }
    return pacer;
  }

  #prunePacers(): void {
    const inUse = new Set<string>();
    for (const { trunk, registration } of this.#entries.values())
      if (registration !== undefined) inUse.add(providerKey(trunk));
    for (const key of this.#pacers.keys()) if (!inUse.has(key)) this.#pacers.delete(key);
  }

  // States.

  #whyFull(entry: Entry, trunk: Trunk, tenant: Tenant | undefined): string {
    if (entry.rateUntilMs > this.#options.scheduler.nowMs()) return `the carrier says ${entry.rateReason}`;
    const holders = tenant === undefined ? [trunkHolder(trunk)] : trunkHolders(trunk, tenant, this.#directory);
    for (const { key, concurrentCalls } of holders) {
      if (concurrentCalls !== undefined && this.capacity.inProgress(key) >= concurrentCalls)
        return `${concurrentCalls} calls in progress`;
    }
    return '';
  }

  #evaluate(entry: Entry): TrunkHealth {
    const { trunk, registration, health } = entry;
    const { scheduler, gatewayReach, listener } = this.#options;
    const hasGateway = trunk.type !== 'accept-register' || hasTargets(gatewayReach(trunk));
    const nowMs = scheduler.nowMs();
    const shown = healthOf(trunk, registration, hasGateway, health.verdict(nowMs));
    const previous = entry.shown.state;
    entry.shown = shown;
    const releaseMs = health.nextReleaseMs(nowMs);
    if (releaseMs !== undefined && entry.release === undefined) {
      const onTimer = () => {
        entry.release = undefined;
        this.#evaluate(entry);
      };
      entry.release = scheduler.schedule(releaseMs - nowMs, { onTimer }, 0);
    }
    if (shown.state !== previous) {
      entry.sinceMs = scheduler.wallMs();
      if (this.#entries.get(trunk.id) === entry) listener?.onTrunkState(trunk, this.#statusOf(entry), previous);
    }
    return shown;
  }

  #statusOf(entry: Entry): TrunkStatus {
    const { trunk, registration, shown, sinceMs } = entry;
    const server = registration?.target;
    return {
      trunkId: trunk.id,
      name: trunk.name,
      type: trunk.type,
      state: shown.state,
      since: new Date(sinceMs).toISOString(),
      ...(shown.code === undefined ? {} : { lastCode: shown.code }),
      ...(shown.reason === '' ? {} : { reason: shown.reason }),
      activeCalls: this.capacity.inProgress(trunkHolder(trunk).key),
      ...(server === undefined || registration === undefined
        ? {}
        : { registration: { server: reachKey(server), grantedSeconds: registration.grantedSeconds } }),
    };
  }
}

function trunkHolder(trunk: Trunk): CapacityHolder {
  return { key: `trunk ${trunk.id}`, ...trunk.limits };
}

function trunkHolders(trunk: Trunk, tenant: Tenant, directory: Directory): CapacityHolder[] {
  const holders = [trunkHolder(trunk)];
  const share = directory.assignment(trunk.id, tenant.name)?.concurrentCalls;
  if (share !== undefined) holders.push({ key: `trunk ${trunk.id} tenant ${tenant.name}`, concurrentCalls: share });
  return holders;
}

function pings(trunk: Trunk): boolean {
  return trunk.enabled && trunk.options.keepAlive.enabled && trunk.type !== 'whatsapp';
}

/** The server of a registration before all others, even if the DNS does not name it any more. */
function serverFirst(targets: readonly Target[], server: Target): readonly Target[] {
  const key = reachKey(server);
  return [server, ...targets.filter((target) => reachKey(target) !== key)];
}

function addressOf(to: Flow | Target): TrunkAddress {
  return 'send' in to ? { address: to.remoteAddress, port: to.remotePort } : { address: to.address, port: to.port };
}

function hasTargets(reach: Reach): boolean {
  return 'send' in reach || reach.length > 0;
}

/** Trunks with the same one share a registrar, and with it a pace. */
function providerKey(trunk: Trunk): string {
  const { host, port } = trunk.outboundProxy ?? trunk;
  return `${host.toLowerCase()} ${port ?? ''} ${trunk.transport}`;
}

/** What a registration depends on; with any of it changed the old one is removed and a new one made. */
function registrationKey(trunk: Trunk): string {
  const { host, port, transport, outboundProxy, credentials, tls, options } = trunk;
  const { registerSeconds: _seconds, ...identity } = credentials ?? {};
  const how = [registers(trunk), options.bnc, options.usePrivateIp];
  return JSON.stringify([host, port, transport, outboundProxy, identity, tls, how]);
}

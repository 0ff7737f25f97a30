/**
 * All trunks of an engine at work: registrations, pings, addresses, states, next hops and capacity. It follows the directory: what is
 * new begins, what is gone ends, and a change disturbs only what it touches (docs/trunks.md).
 */

import type { Egress } from '../base/egress.ts';
import type { Log } from '../base/log.ts';
import { type Network, networksIn } from '../base/network.ts';
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../base/scheduler.ts';
import type { TransportName } from '../base/transport.ts';
import type { Contest } from '../provisioning/directory/coincidences.ts';
import { diffOf } from '../provisioning/directory/difference.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import { trunkIdOf } from '../provisioning/trunk-settings/effective.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import type { DigestClient } from '../sip/auth/index.ts';
import type { Flow, Target } from '../sip/transport/index.ts';
import { AddressHistory, type ClaimStore } from './address-history.ts';
import { AddressWatch, addressesInTime, hasNames } from './address-watch.ts';
import { Capacity, type CapacityGrant, type CapacityRefusal } from './capacity.ts';
import { CoincidenceWatch } from './coincidence-watch.ts';
import { contactTokens } from './contact-token.ts';
import type { TrunkAttempt } from './evidence.ts';
import type { TrunkEndpoint } from './exchange.ts';
import { FlowLines } from './flow-lines.ts';
import type { ToldHealth, TrunkHealth, TrunkStateName } from './health.ts';
import { inboundHolders, trunkHolders } from './holders.ts';
import { type GatewayReach, hopOf, type Reach, type TrunkHop, TrunkHops, type TrunkLocator } from './hops.ts';
import type { Identification } from './identification.ts';
import { ALWAYS_GRANTED, type LeasePort } from './lease.ts';
import { type PacerOptions, ProviderPacers } from './pacer.ts';
import { type PingAnswer, ping } from './ping.ts';
import type { Registration } from './registration.ts';
import { SharedLimits, type UseOfNodes } from './shared-limits.ts';
import type { TrunkNews, TrunkSharing } from './sharing.ts';
import type { DatacentreState, DatacentreStatus, TrunkStatus } from './status-facts.ts';
import { TrunkLine, type TrunkLinePorts } from './trunk-line.ts';
import type { TrunkCondition } from './trunk-status.ts';

export type { TrunkStatus } from './status-facts.ts';
export type { TrunkCondition } from './trunk-status.ts';

export interface TrunkListener {
  /** The state of a trunk is another one. Called synchronously; must not throw. */
  onTrunkState(trunk: Trunk, status: TrunkStatus, previous: TrunkStateName): void;
  /** The state of a datacentre of a teams trunk is another one; the same rules. */
  onDatacentre?(trunk: Trunk, status: DatacentreStatus, previous: DatacentreState): void;
  /** By the DNS, trunks of two tenants with a number in common have come to be of one provider, or are not any more. */
  onContest?(contest: Contest, state: 'began' | 'ended'): void;
}

export interface TrunkServiceOptions {
  readonly scheduler: Scheduler;
  readonly log: Log;
  readonly endpoint: TrunkEndpoint;
  readonly locator: TrunkLocator;
  readonly directory: Directory;
  readonly gatewayReach: GatewayReach;
  /** Whether the gateway of an accept-register trunk is registered at another node, which pings it. Default: never. */
  readonly isGatewayElsewhere?: (trunk: Trunk) => boolean;
  /** Tells which trunk sent something: of the same directory. */
  readonly identification: Identification;
  readonly userAgent: string;
  /** What Allow says; default: nothing. */
  readonly allow?: string;
  /** Whether this node has a listener of this name and transport; default: any. */
  readonly hasListener?: (name: string, transport: TransportName) => boolean;
  /** No new request uses the connections to this target any more. Default: nothing is done. */
  readonly retire?: (target: Target) => void;
  /** What tenants may make this engine send to; default: anything. */
  readonly egress?: Pick<Egress, 'refusal'>;
  readonly listener?: TrunkListener;
  /** Which of several nodes registers a trunk; default: this one. */
  readonly lease?: LeasePort | undefined;
  /** What the names in registered Contacts are made of, the same at all nodes and after a restart. Default: they are random. */
  readonly contactSecret?: Uint8Array | undefined;
  /** What the other nodes of the store have of the limits. Default: there are none. */
  readonly useOfNodes?: UseOfNodes | undefined;
  /** How the other nodes say that a trunk is which one of them registers. Default: nobody says. */
  readonly elsewhere?: ((trunkId: string) => TrunkHealth | undefined) | undefined;
  /** The other processes of this machine; default: this one is alone. */
  readonly sharing?: TrunkSharing | undefined;
  /** Since when names have resolved to which addresses, beyond the life of the process. Default: forgotten with it. */
  readonly claimStore?: ClaimStore | undefined;
  /** Pace toward each provider. */
  readonly pacer?: PacerOptions;
  /** A number in [0, 1); default Math.random. */
  readonly random?: () => number;
  /** Reads TLS files of trunks; default: the file system. */
  readonly readFile?: (path: string) => string;
}

/** How many lines begin, change or end before others have their turn. */
const FOLLOWED_AT_ONCE = 64;

const NOWHERE: readonly Target[] = [];

export class TrunkService implements TimerTarget {
  readonly shared: SharedLimits;
  readonly capacity: Capacity;
  readonly identification: Identification;
  readonly #options: TrunkServiceOptions;
  readonly #hops: TrunkHops;
  readonly #watch: AddressWatch;
  readonly #coincidences: CoincidenceWatch;
  readonly #history: AddressHistory | undefined;
  readonly #ports: TrunkLinePorts;
  readonly #lines = new Map<string, TrunkLine>();
  readonly #pacers: ProviderPacers;
  /** By the flow that their registration was made over. */
  readonly #flows = new FlowLines<TrunkLine>();
  /** Registrations that are being removed at their providers. */
  readonly #leaving = new Set<Registration>();
  #directory: Directory;
  /** Trunks that are others than their lines know. */
  readonly #toFollow = new Set<string>();
  #following: Timer | undefined;
  #started = false;
  #stopped: (() => void) | undefined;

  constructor(options: TrunkServiceOptions) {
    const { scheduler, endpoint, locator, log, directory, gatewayReach, userAgent } = options;
    this.#options = options;
    this.#directory = directory;
    this.shared = new SharedLimits(scheduler, options.useOfNodes);
    this.capacity = new Capacity(scheduler, this.shared);
    this.#pacers = new ProviderPacers(scheduler, options.pacer);
    this.identification = options.identification;
    const { precedence } = this.identification;
    if (options.claimStore !== undefined)
      this.#history = new AddressHistory(options.claimStore, precedence, scheduler, log);
    this.#coincidences = new CoincidenceWatch(directory, {
      scheduler,
      identification: this.identification,
      onContest: (contest, state) => options.listener?.onContest?.(contest, state),
    });
    this.#hops = new TrunkHops({
      locator,
      gatewayReach,
      readFile: options.readFile,
      hasListener: options.hasListener,
      egress: options.egress,
      certificateOf: (trunk) => this.#directory.tlsCertificateOf(trunk),
    });
    this.#watch = new AddressWatch({
      scheduler,
      locator,
      onAddresses: (trunk, addresses, areNew, isWhole) => {
        this.#lines.get(trunk.id)?.located(addresses, isWhole);
        if (areNew) this.#coincidences.located(trunk);
      },
      onProblem: (trunk, error) => log.warn('trunk-not-located', { trunk: trunk.name, error }),
    });
    this.#ports = {
      scheduler,
      endpoint,
      locator,
      random: options.random ?? Math.random,
      userAgent,
      allow: options.allow ?? '',
      lease: options.lease ?? ALWAYS_GRANTED,
      tokenOf: contactTokens(options.contactSecret),
      hops: this.#hops,
      gatewayReach,
      isGatewayElsewhere: options.isGatewayElsewhere ?? (() => false),
      identification: this.identification,
      capacity: this.capacity,
      directory: () => this.#directory,
      pacerOf: (trunk) => this.#pacers.of(trunk),
      sharing: options.sharing,
      elsewhere: options.elsewhere ?? (() => undefined),
      retire: options.retire ?? (() => {}),
      onState: (line, previous) => options.listener?.onTrunkState(line.trunk, line.status(), previous),
      onDatacentre: (line, status, previous) => options.listener?.onDatacentre?.(line.trunk, status, previous),
      onFlow: (line, flow) => this.#flows.set(line, flow),
      onLeaving: (registration) => this.#leaving.add(registration),
      onLeft: (registration) => this.#left(registration),
    };
  }

  /** Brings back who had which address first, before {@link start}. */
  async restore(): Promise<void> {
    await this.#history?.begin(this.#directory);
  }

  /** Begins to register and to ping; the listeners are open by now. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    for (const trunk of this.#directory.trunks) this.#begin(trunk);
    this.#coincidences.look(this.#directory);
  }

  /** Serves a new snapshot. A trunk whose settings did not change is not disturbed; of many that did, some begin a little later. */
  apply(directory: Directory): void {
    const { trunks } = diffOf(this.#directory.provisioning, directory.provisioning);
    this.#directory = directory;
    const changed = trunks.flatMap(({ before, after }) => after ?? before ?? []).map(trunkIdOf);
    this.identification.update(directory);
    if (!this.#started) return;
    for (const id of changed) this.#toFollow.add(id);
    this.#follow();
    this.#coincidences.update(directory, trunks);
  }

  onTimer(): void {
    this.#following = undefined;
    this.#follow();
  }

  /** Lets the lines of trunks follow the snapshot that is served now, some at a time. */
  #follow(): void {
    let count = 0;
    let isPacerLeft = false;
    for (const id of this.#toFollow) {
      if (++count > FOLLOWED_AT_ONCE) {
        this.#following ??= this.#options.scheduler.schedule(1, this, 0);
        break;
      }
      this.#toFollow.delete(id);
      const line = this.#lines.get(id);
      const trunk = this.#directory.trunk(id);
      const registered = line?.registers === true ? line.trunk : undefined;
      if (trunk === undefined) {
        if (line !== undefined) this.#remove(id, line);
      } else if (line === undefined) this.#begin(trunk);
      else if (line.trunk !== trunk) {
        line.change(trunk);
        this.#watchAddresses(line);
      }
      isPacerLeft ||=
        registered !== undefined &&
        (trunk === undefined || line?.registers !== true || !this.#pacers.areSame(registered, trunk));
    }
    if (isPacerLeft) this.#pacers.keep(this.#registering());
  }

  /**
   * What these trunks' names resolve to, before they are served, beside what is known of the others. Names that take long are left out:
   * what they come to is told later.
   */
  async networksWith(trunks: readonly Trunk[]): Promise<(trunkId: string) => readonly Network[]> {
    const found = await addressesInTime(this.#options.locator, this.#options.scheduler, trunks);
    const networks = new Map(Array.from(found, ([id, addresses]) => [id, networksIn(addresses)]));
    return (trunkId) => networks.get(trunkId) ?? this.identification.networksOf(trunkId);
  }

  /**
   * Targets of a next hop in the order to try them; at once when nothing has to be asked. Throws or rejects when there is none.
   *
   * @param tenant whose call it is, where that is known
   */
  targets(trunk: Trunk, hop: TrunkHop, tenant?: string): Reach | Promise<readonly Target[]> {
    const line = this.#lines.get(trunk.id);
    return line === undefined ? this.#hops.reach(trunk, hop) : line.targets(hop, tenant);
  }

  /** Where the next request to a trunk goes, as far as that is known without asking anybody. */
  firstTarget(trunk: Trunk): Flow | Target | undefined {
    return this.#hops.first(trunk);
  }

  /** Where the trunk is by what is known at once, for a dialog that has lost its connection: the gateway's flow, or its targets. */
  home(trunkId: string): Reach {
    const trunk = this.#directory.trunk(trunkId);
    if (trunk === undefined) return NOWHERE;
    try {
      const reach = this.targets(trunk, hopOf(trunk));
      if (!(reach instanceof Promise)) return reach;
      reach.catch(() => undefined);
    } catch {
      // Whoever sends a new request there hears why.
    }
    return NOWHERE;
  }

  /**
   * A place that the trunk's peer names, as a target of the trunk: with its TLS material, and guarded as its own are. Undefined when
   * nothing may be sent there, or the trunk or a file of it is not there.
   */
  secured(trunkId: string, target: Target): Target | undefined {
    const trunk = this.#directory.trunk(trunkId);
    if (trunk === undefined) return undefined;
    try {
      const [guarded] = this.#hops.guarded(trunk, [target]);
      if (guarded === undefined || target.transport !== 'tls') return guarded;
      return this.#hops.withTls(trunk, [{ serverName: this.#serverName(trunk, target), ...guarded }])[0];
    } catch {
      return undefined;
    }
  }

  /** The name that a place of the trunk must have in its certificate: of several hosts the one that is there. */
  #serverName(trunk: Trunk, { address }: Target): string {
    if (trunk.teams !== undefined) {
      const home = this.home(trunk.id);
      const target = 'send' in home ? undefined : home.find((each) => each.address === address);
      if (target?.serverName !== undefined) return target.serverName;
    }
    return (trunk.outboundProxy ?? trunk).host;
  }

  /** Has the TLS files of every trunk read again when they are needed next. */
  forgetFiles(): void {
    this.#hops.forgetFiles();
  }

  /** The digest client of a trunk's calls; undefined for a trunk without credentials. */
  digestClient(trunk: Trunk): DigestClient | undefined {
    return this.#hops.digestClient(trunk, 'calls');
  }

  /** Takes a place on the trunk and in the tenant's share of it, for an outbound attempt. */
  admit(
    trunk: Trunk,
    tenant: Tenant,
    directory: Directory = this.#directory,
    emergency = false,
  ): CapacityGrant | CapacityRefusal {
    return this.capacity.admit(trunkHolders(trunk, tenant, directory), emergency);
  }

  /** The same for an inbound call, which takes a place of the tenant's own too (the guards do that for outbound ones). */
  admitInbound(
    trunk: Trunk,
    tenant: Tenant,
    directory: Directory = this.#directory,
    emergency = false,
  ): CapacityGrant | CapacityRefusal {
    return this.capacity.admit(inboundHolders(trunk, tenant, directory), emergency);
  }

  /** What an attempt over a trunk tells about its target. @param tenant whose call it was; undefined: not known */
  noteAttempt(trunk: Trunk, attempt: TrunkAttempt, tenant?: string): void {
    this.#lines.get(trunk.id)?.noteAttempt(attempt, tenant);
  }

  /**
   * Whether calls may go out over a trunk, for the outbound pipeline; `tenant` counts its share of the trunk in. `capacity`: whose
   * places are looked at; default: the ones that calls take.
   */
  condition(trunkId: string, tenant?: Tenant, capacity = this.capacity): TrunkCondition {
    const line = this.#lines.get(trunkId);
    if (line !== undefined) return line.condition(tenant, capacity);
    const trunk = this.#directory.trunk(trunkId);
    if (trunk === undefined) return { up: false, full: false, reason: 'unknown' };
    return { up: trunk.enabled, full: false, reason: trunk.enabled ? '' : 'disabled' };
  }

  /** OPTIONS to one target of a trunk, because somebody asks. */
  ping(trunk: Trunk, to: Flow | Target): Promise<PingAnswer> {
    const digest = trunk.type === 'accept-register' ? undefined : this.digestClient(trunk);
    return ping(trunk, to, digest, this.#ports);
  }

  /** State of a trunk and since when; undefined for one that does not exist. */
  status(trunkId: string): TrunkStatus | undefined {
    const status = this.#lines.get(trunkId)?.status() ?? this.#statusWithoutLine(trunkId);
    const alarms = this.#coincidences.alarmsOf(trunkId);
    return status === undefined || alarms.length === 0 ? status : { ...status, alarms };
  }

  /** Whoever reaches a trunk's provider another way than by SIP says how it is. */
  tell(trunkId: string, health: ToldHealth): void {
    this.#lines.get(trunkId)?.tell(health);
  }

  /** An administrator's retry: forgets refusals, realms and TLS files, registers and pings now. False when there is nothing to try. */
  retry(trunkId: string): boolean {
    return this.#lines.get(trunkId)?.retry() ?? false;
  }

  /** Whether it is this node that registers a trunk. */
  registersHere(trunkId: string): boolean {
    return this.#lines.get(trunkId)?.registersHere === true;
  }

  /** Ids of the trunks that this node registers, whether their providers have taken it or not. */
  registeredHere(): readonly string[] {
    const found: string[] = [];
    this.#lines.forEach(({ registersHere }, id) => {
      if (registersHere) found.push(id);
    });
    return found;
  }

  /** Trunks that this node registers and that are not online, by id, for the nodes that do not; the first `most`. */
  troubles(most: number): Record<string, TrunkHealth> {
    const found: Record<string, TrunkHealth> = {};
    let count = 0;
    // Asked twice a second: an iterator makes two objects for each of ten thousand.
    this.#lines.forEach((line, id) => {
      const trouble = count < most ? line.trouble : undefined;
      if (trouble === undefined) return;
      found[id] = trouble;
      count++;
    });
    return found;
  }

  /** A connection is gone: whoever was registered over it registers again. */
  flowClosed(flow: Flow): void {
    for (const line of this.#flows.over(flow)) line.flowClosed(flow);
  }

  /** The gateway of an accept-register trunk has registered, moved or left. */
  gatewayChanged(trunkId: string): void {
    this.#lines.get(trunkId)?.gatewayChanged();
  }

  /** Whether a trunk may send from this address. */
  knows(address: string): boolean {
    return this.identification.knows(address);
  }

  /** What another process of this machine has learnt. */
  take(news: TrunkNews): void {
    this.#lines.get(news.trunkId)?.take(news);
  }

  /** Removes every registration at its provider and gives the leases up, for another node to register; calls go on. */
  handOver(): void {
    for (const line of this.#lines.values()) line.handOver();
  }

  /** Removes every registration at its provider; resolves when each has been answered or given up, after a few seconds at most. */
  async stop(): Promise<void> {
    if (!this.#started) return;
    this.#started = false;
    this.#following = cancelTimer(this.#following);
    const stopped = Promise.withResolvers<void>();
    this.#stopped = stopped.resolve;
    for (const [id, line] of this.#lines) this.#remove(id, line);
    this.#watch.end();
    this.#coincidences.end();
    if (this.#leaving.size === 0) stopped.resolve();
    await stopped.promise;
    await this.#history?.flush();
  }

  #statusWithoutLine(trunkId: string): TrunkStatus | undefined {
    const trunk = this.#directory.trunk(trunkId);
    if (trunk === undefined) return undefined;
    const since = new Date(this.#options.scheduler.wallMs()).toISOString();
    return { trunkId, name: trunk.name, type: trunk.type, state: 'unknown', since, activeCalls: 0 };
  }

  *#registering(): Iterable<Trunk> {
    for (const { registers, trunk } of this.#lines.values()) if (registers) yield trunk;
  }

  #begin(trunk: Trunk): void {
    const line = new TrunkLine(trunk, this.#ports);
    this.#lines.set(trunk.id, line);
    this.#watchAddresses(line);
    line.begin();
  }

  #remove(id: string, line: TrunkLine): void {
    this.#lines.delete(id);
    this.#watch.forget(id);
    line.end();
  }

  #watchAddresses(line: TrunkLine): void {
    const { id, enabled } = line.trunk;
    if (enabled && hasNames(line.trunk)) this.#watch.watch(line.trunk);
    else {
      this.#watch.forget(id);
      line.located([], true);
    }
  }

  #left(registration: Registration): void {
    this.#leaving.delete(registration);
    if (this.#leaving.size === 0) this.#stopped?.();
  }
}

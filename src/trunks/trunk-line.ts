/**
 * One trunk at work: its registration, its pings, what its targets are known to do, and the state that follows from them. The service
 * gives it what all trunks share.
 */
import { cancelTimer, type Timer, type TimerTarget } from '../base/scheduler.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import { describeDestination } from '../sip/endpoint/index.ts';
import type { Flow, Target } from '../sip/transport/index.ts';
import type { Capacity } from './capacity.ts';
import { CarrierRefusals, TargetRefusals, toldBy, UNKNOWN } from './carrier-refusals.ts';
import { Datacentres } from './datacentres.ts';
import { judge, type TrunkAttempt } from './evidence.ts';
import { healthOf, isUp, registers, type ToldHealth, type TrunkHealth, type TrunkStateName } from './health.ts';
import { trunkHolder, trunkHolders } from './holders.ts';
import {
  type GatewayReach,
  hasTargets,
  hopOf,
  noteTarget,
  type Reach,
  serverFirst,
  type TrunkHop,
  type TrunkHops,
  type TrunkLocator,
  targetOfKey,
  wayOf,
} from './hops.ts';
import type { Identification, TrunkAddress } from './identification.ts';
import { KeepAlive, type KeepAlivePorts } from './keep-alive.ts';
import type { LeasePort } from './lease.ts';
import type { Pacer } from './pacer.ts';
import { Registration } from './registration.ts';
import type { TrunkNews, TrunkSharing } from './sharing.ts';
import type { DatacentreState, DatacentreStatus, TrunkStatus } from './status-facts.ts';
import { TargetHealth } from './target-health.ts';
import { registrationRow, type TrunkCondition } from './trunk-status.ts';

/** What all trunks of an engine share. */
export interface TrunkLinePorts
  extends Pick<KeepAlivePorts, 'scheduler' | 'endpoint' | 'random' | 'userAgent' | 'allow'> {
  readonly locator: TrunkLocator;
  readonly lease: LeasePort;
  readonly tokenOf: (trunk: Trunk) => string;
  readonly hops: TrunkHops;
  readonly gatewayReach: GatewayReach;
  readonly isGatewayElsewhere: (trunk: Trunk) => boolean;
  readonly identification: Identification;
  readonly capacity: Capacity;
  readonly directory: () => Directory;
  readonly pacerOf: (trunk: Trunk) => Pacer;
  /** Undefined: this process is alone on its machine. */
  readonly sharing: TrunkSharing | undefined;
  /** How the node that registers a trunk, or has its gateway, says it is; undefined when none has said. */
  readonly elsewhere: (trunkId: string) => TrunkHealth | undefined;
  /** No new request uses the connections to this target any more. */
  readonly retire: (target: Target) => void;
  /** Another state than before. */
  readonly onState: (line: TrunkLine, previous: TrunkStateName) => void;
  /** A datacentre of a teams trunk has another state than before. */
  readonly onDatacentre: (line: TrunkLine, status: DatacentreStatus, previous: DatacentreState) => void;
  /** The registration is known by another flow, or by none. */
  readonly onFlow: (line: TrunkLine, flow: Flow | undefined) => void;
  /** A registration begins to be removed at its provider, and has been. */
  readonly onLeaving: (registration: Registration) => void;
  readonly onLeft: (registration: Registration) => void;
}

const NO_TARGETS: readonly Target[] = [];

export class TrunkLine implements TimerTarget {
  readonly #ports: TrunkLinePorts;
  readonly #health = new TargetHealth();
  #trunk: Trunk;
  #registration: Registration | undefined;
  #keepAlive: KeepAlive | undefined;
  #addresses: readonly TrunkAddress[] = [];
  #isWhole = true;
  /** The server of the latest registration. */
  #server: string | undefined;
  /** The one that is a source of the trunk. */
  #source: TrunkAddress | undefined;
  /** For the call rate, or for want of channels. */
  readonly #rates = new CarrierRefusals();
  /** 503 with Retry-After (RFC 3261 §21.5.4). */
  readonly #waits = new TargetRefusals();
  #release: Timer | undefined;
  #shown: TrunkHealth = { state: 'unknown', code: undefined, reason: 'not asked yet' };
  #sinceMs: number;
  #told: ToldHealth | undefined;
  #datacentres: Datacentres | undefined;
  #ended = false;

  constructor(trunk: Trunk, ports: TrunkLinePorts) {
    this.#trunk = trunk;
    this.#ports = ports;
    this.#sinceMs = ports.scheduler.wallMs();
    const locate = () => ports.hops.reach(this.#trunk, hopOf(this.#trunk));
    if (trunk.teams !== undefined) this.#datacentres = new Datacentres(this.#health, this.#sinceMs, locate);
  }

  get trunk(): Trunk {
    return this.#trunk;
  }

  /** True while the trunk registers with its provider, successfully or not. */
  get registers(): boolean {
    return this.#registration !== undefined;
  }

  /** What the other nodes cannot know: how the registration is that this one makes, or the gateway that it has; undefined when it is well, or another's. */
  get trouble(): TrunkHealth | undefined {
    const registration = this.#registration;
    if (registration === undefined ? !this.#hasGateway : registration.state === 'standby') return undefined;
    return this.#shown.state === 'online' ? undefined : this.#shown;
  }

  begin(): void {
    this.#beginRegistration();
    this.#beginKeepAlive();
    this.#evaluate();
  }

  /** New settings; what they do not touch goes on. */
  change(trunk: Trunk): void {
    const before = this.#trunk;
    this.#trunk = trunk;
    if (registrationKey(before) !== registrationKey(trunk)) {
      this.#endRegistration();
      this.#ports.hops.forget(trunk.id);
      this.#beginRegistration();
    } else this.#registration?.update(trunk);
    if (this.#keepAlive !== undefined && pings(trunk)) this.#keepAlive.update(trunk);
    else {
      this.#keepAlive?.end();
      this.#keepAlive = undefined;
      this.#health.keepOnly(new Set());
      this.#beginKeepAlive();
    }
    this.#evaluate();
  }

  /** Removes the registration and gives its lease up; calls go on over the trunk. */
  handOver(): void {
    this.#endRegistration();
    this.#evaluate();
  }

  end(): void {
    this.#ended = true;
    this.#keepAlive?.end();
    this.#release = cancelTimer(this.#release);
    this.#endRegistration();
    this.#ports.hops.forget(this.#trunk.id);
  }

  /** False when there is nothing to try or to forget: the trunk neither registers nor pings and has no credentials. */
  retry(): boolean {
    const hasLearned = this.#trunk.credentials !== undefined;
    this.#ports.hops.forget(this.#trunk.id);
    this.#rates.clear();
    this.#waits.clear();
    if (this.#registration === undefined && this.#keepAlive === undefined) {
      this.#evaluate();
      return hasLearned;
    }
    this.#registration?.retry();
    this.#keepAlive?.now();
    return true;
  }

  flowClosed(flow: Flow): void {
    this.#registration?.flowClosed(flow);
  }

  gatewayChanged(): void {
    if (hasTargets(this.#ports.gatewayReach(this.#trunk))) this.#keepAlive?.now();
    this.#evaluate();
  }

  /** Whoever reaches the provider another way than by SIP says how it is. */
  tell(health: ToldHealth): void {
    this.#ports.sharing?.tell({ kind: 'told', trunkId: this.#trunk.id, health });
    this.#hear(health);
  }

  #hear(health: ToldHealth): void {
    this.#told = health;
    this.#evaluate();
  }

  /** What another process of this machine has learnt. */
  take(news: TrunkNews): void {
    switch (news.kind) {
      case 'attempt':
        this.#learn(news.attempt, news.attempt.tenant);
        break;
      case 'ping':
        this.#meet(news.outcome.target);
        this.#keepAlive?.take(news.outcome);
        break;
      case 'told':
        this.#hear(news.health);
        break;
      default:
        news satisfies never;
    }
  }

  /** The addresses that the trunk's names have now, as far as they have answered. */
  located(addresses: readonly TrunkAddress[], isWhole: boolean): void {
    this.#addresses = addresses;
    this.#isWhole = isWhole;
    this.#identify();
  }

  /** Where a next hop's requests go: to the server that has the registration first, and last to one that has asked the tenant to wait. */
  targets(hop: TrunkHop, tenant: string | undefined): Reach | Promise<readonly Target[]> {
    const reach = this.#ports.hops.reach(this.#trunk, hop);
    if (reach instanceof Promise) return reach.then((targets) => this.#inOrder(targets, hop, tenant));
    return 'send' in reach ? reach : this.#inOrder(reach, hop, tenant);
  }

  #inOrder(targets: readonly Target[], hop: TrunkHop, tenant: string | undefined): readonly Target[] {
    const nowMs = this.#ports.scheduler.nowMs();
    const datacentres = this.#datacentres;
    if (datacentres !== undefined) return this.#waits.last(datacentres.inOrder(targets, nowMs), tenant, nowMs);
    const server = hop.kind === 'host' ? this.#registration?.grant?.to : undefined;
    const isPlain = server === undefined || 'send' in server;
    return this.#waits.last(isPlain ? targets : serverFirst(targets, server), tenant, nowMs);
  }

  noteAttempt(attempt: TrunkAttempt, tenant: string | undefined): void {
    if (!this.#learn(attempt, tenant)) return;
    const { target, status, reason, cause, retryAfterSeconds, reasonHeaders = [] } = attempt;
    const own = { target, status, reason, cause, retryAfterSeconds, reasonHeaders, tenant };
    this.#ports.sharing?.tell({ kind: 'attempt', trunkId: this.#trunk.id, attempt: own });
  }

  /** Whether the attempt says anything that was not so before. */
  #learn(attempt: TrunkAttempt, tenant: string | undefined): boolean {
    const { locator, scheduler } = this.#ports;
    this.#meet(attempt.target);
    const evidence = judge(attempt, this.#trunk.brand);
    const target = targetOfKey(attempt.target);
    if (evidence.kind === 'none' || target === undefined) return false;
    const { keepAlive } = this.#trunk.options;
    const { status, reason } = attempt;
    const way = wayOf(this.#trunk);
    const nowMs = scheduler.nowMs();
    const whose = this.#trunk.assignments.length > 1 ? (tenant ?? UNKNOWN) : undefined;
    const isNews = evidence.kind !== 'alive' || !this.#health.isSound(attempt.target) || locator.isFailed(target, way);
    switch (evidence.kind) {
      case 'silent':
        locator.markFailed(target, way);
        // Without pings nothing would bring the trunk back up, so silence only puts the target last for a while.
        if (this.#keepAlive !== undefined) this.#health.failed(attempt.target, undefined, evidence.reason, keepAlive);
        break;
      case 'hold':
        if (!this.#waits.note(attempt.target, whose, toldBy(attempt, nowMs + evidence.holdMs), nowMs)) {
          // What a ping, or two tenants, were told goes on.
          if (!this.#health.isHeld(attempt.target, nowMs))
            this.#health.alive(attempt.target, status, reason, keepAlive);
          break;
        }
        locator.markFailed(target, way, evidence.holdMs);
        this.#health.hold(attempt.target, nowMs + evidence.holdMs, status, 'asked to wait');
        if (this.#trunk.teams !== undefined) this.#ports.retire(target);
        break;
      case 'rate':
      case 'alive':
        if (evidence.kind === 'rate') this.#rates.note(whose, toldBy(attempt, nowMs + evidence.holdMs), nowMs);
        locator.markAlive(target, way);
        this.#health.alive(attempt.target, status, reason, keepAlive);
        break;
      default:
        evidence satisfies never;
    }
    this.#evaluate();
    return isNews;
  }

  condition(tenant: Tenant | undefined, capacity = this.#ports.capacity): TrunkCondition {
    const { state, reason } = this.#evaluate();
    // Of a whatsapp trunk the state is that of its messages.
    if (!isUp(state) && this.#trunk.type !== 'whatsapp') return { up: false, full: false, reason };
    const full = this.#whyFull(tenant, capacity);
    const word = full === '' ? this.#rates.reasonFor(tenant?.name, this.#ports.scheduler.nowMs()) : '';
    const routes = this.#registration?.grant?.serviceRoutes;
    return {
      up: true,
      full: full !== '' || word !== '',
      ...(word !== '' && { isByWord: true }),
      reason: full || word,
      serviceRoutes: routes?.length === 0 ? undefined : routes,
    };
  }

  /** This node is the one that registers the trunk. */
  get registersHere(): boolean {
    return this.#registration?.holdsLease === true;
  }

  status(): TrunkStatus {
    const { code, reason, state } = this.#evaluate();
    const trunk = this.#trunk;
    const { scheduler } = this.#ports;
    return {
      trunkId: trunk.id,
      name: trunk.name,
      type: trunk.type,
      state,
      since: new Date(this.#sinceMs).toISOString(),
      ...(code === undefined ? {} : { lastCode: code }),
      ...(reason === '' ? {} : { reason }),
      activeCalls: this.#ports.capacity.inProgress(trunkHolder(trunk).key),
      ...(this.#isElsewhere && { elsewhere: true }),
      ...(trunk.teams !== undefined &&
        this.#datacentres !== undefined && {
          datacentres: this.#datacentres.rows(trunk.teams, scheduler.nowMs(), scheduler.wallMs()),
        }),
      ...(this.#registration !== undefined && registrationRow(this.#registration, scheduler)),
    };
  }

  /** The end of a hold. */
  onTimer(): void {
    this.#release = undefined;
    this.#evaluate();
  }

  #beginRegistration(): void {
    const trunk = this.#trunk;
    if (!registers(trunk)) return;
    const { hops, pacerOf, identification, locator, ...shared } = this.#ports;
    let client = hops.digestClient(trunk, 'registration');
    const registration: Registration = new Registration(trunk, {
      ...shared,
      pacer: pacerOf(trunk),
      digest: () => {
        // A registration that is being removed goes on with the credentials it was made with.
        if (this.#registration === registration) client = hops.digestClient(this.#trunk, 'registration');
        return client;
      },
      locate: (place) =>
        place === undefined ? hops.reach(this.#trunk, hopOf(this.#trunk)) : hops.elsewhere(this.#trunk, place),
      noteTarget: (to, answered, holdMs) => noteTarget(locator, this.#trunk, describeDestination(to), answered, holdMs),
      onChange: (changed) => {
        if (this.#registration === changed) this.#onRegistration(changed);
      },
    });
    this.#registration = registration;
    identification.setToken(trunk, registration.series.token);
    registration.start();
  }

  #endRegistration(): void {
    const registration = this.#registration;
    this.#registration = undefined;
    if (registration === undefined) return;
    const { onFlow, onLeaving, onLeft } = this.#ports;
    onFlow(this, undefined);
    onLeaving(registration);
    registration.end(() => onLeft(registration));
  }

  #onRegistration(registration: Registration): void {
    const { grant } = registration;
    this.#ports.onFlow(this, grant?.flow);
    const server = grant && describeDestination(grant.to);
    if (server !== undefined && server !== this.#server) {
      // What another server did says nothing about this one.
      this.#server = server;
      this.#health.keepOnly(new Set([server]));
      this.#keepAlive?.now();
    }
    // Of the many refreshes hardly one brings another.
    const source = sourceOf(registration);
    if (source?.address !== this.#source?.address || source?.port !== this.#source?.port) this.#identify();
    this.#evaluate();
  }

  #beginKeepAlive(): void {
    if (!pings(this.#trunk)) return;
    const { hops, locator, sharing, ...shared } = this.#ports;
    this.#keepAlive = new KeepAlive(this.#trunk, this.#health, {
      ...shared,
      digest: () => hops.digestClient(this.#trunk, 'calls'),
      reach: () => this.#pingReach(),
      suspicion: () => hops.certificateFault(this.#trunk, shared.scheduler.wallMs()),
      noteTarget: (key, answered, holdMs) => noteTarget(locator, this.#trunk, key, answered, holdMs),
      // What registers is pinged by who has registered it, and a gateway by who can reach it.
      sharing: registers(this.#trunk) || this.#trunk.type === 'accept-register' ? undefined : sharing,
      onEvidence: () => this.#evaluate(),
    });
    this.#keepAlive.start();
  }

  /** Pings go to the server that has the registration rather than to another; without one the registration itself is the ping. */
  #pingReach(): Reach | Promise<readonly Target[]> {
    if (this.#datacentres !== undefined) return this.#datacentres.reach();
    // A node that is asked in its place would answer by itself.
    if (this.#isElsewhere) return NO_TARGETS;
    if (this.#registration === undefined) return this.#ports.hops.reach(this.#trunk, hopOf(this.#trunk));
    const server = this.#registration.grant?.to;
    if (server === undefined) return NO_TARGETS;
    return 'send' in server ? server : [server];
  }

  #meet(target: string): void {
    this.#datacentres?.meet(target, () => this.#evaluate());
  }

  /**
   * The server that has the registration may send calls even after the DNS has stopped naming it. One that the registrar has named is no
   * source of the trunk: its calls are known by the token of the Contact.
   */
  #identify(): void {
    this.#source = sourceOf(this.#registration);
    const registered = this.#source === undefined ? [] : [this.#source];
    this.#ports.identification.setAddresses(this.#trunk, [...this.#addresses, ...registered], this.#isWhole);
  }

  #whyFull(tenant: Tenant | undefined, capacity: Capacity): string {
    const { scheduler, directory } = this.#ports;
    const refused = this.#waits.reasonFor(tenant?.name, this.#health, scheduler.nowMs());
    if (refused !== '') return refused;
    const trunk = this.#trunk;
    const holders = tenant === undefined ? [trunkHolder(trunk)] : trunkHolders(trunk, tenant, directory());
    for (const holder of holders) if (capacity.isFull(holder)) return `${holder.concurrentCalls} calls in progress`;
    return '';
  }

  #evaluate(): TrunkHealth {
    const trunk = this.#trunk;
    const { scheduler, gatewayReach, onState } = this.#ports;
    const isElsewhere = this.#registration === undefined && this.#isElsewhere;
    const gateway =
      trunk.type === 'accept-register' ? { isMissing: !hasTargets(gatewayReach(trunk)), isElsewhere } : undefined;
    const nowMs = scheduler.nowMs();
    const previous = this.#shown.state;
    this.#shown =
      this.#told !== undefined && trunk.enabled
        ? this.#told
        : healthOf(trunk, this.#registration, gateway, this.#health.verdict(nowMs), this.#ports.elsewhere);
    if (trunk.teams !== undefined)
      this.#datacentres?.look(trunk.teams, nowMs, scheduler.wallMs(), (status, before) => {
        if (!this.#ended && this.#tells) this.#ports.onDatacentre(this, status, before);
      });
    const releaseMs = this.#ended ? undefined : this.#health.nextReleaseMs(nowMs);
    if (releaseMs !== undefined) this.#release ??= scheduler.schedule(releaseMs - nowMs, this, 0);
    if (this.#shown.state !== previous) {
      this.#sinceMs = scheduler.wallMs();
      if (!this.#ended && this.#tells) onState(this, previous);
    }
    return this.#shown;
  }

  /** Another node registers the trunk, or has its gateway. */
  get #isElsewhere(): boolean {
    if (this.#registration !== undefined) return this.#registration.isElsewhere;
    return this.#trunk.type === 'accept-register' && this.#ports.isGatewayElsewhere(this.#trunk);
  }

  get #hasGateway(): boolean {
    const trunk = this.#trunk;
    return trunk.type === 'accept-register' && !this.#isElsewhere && hasTargets(this.#ports.gatewayReach(trunk));
  }

  /** Whoever registers the trunk or has its gateway tells of its changes; of any other trunk, one process of a machine. */
  get #tells(): boolean {
    if (this.#isElsewhere) return false;
    return this.#registration !== undefined || this.#hasGateway || this.#ports.sharing?.isFirst() !== false;
  }
}

function pings(trunk: Trunk): boolean {
  return trunk.enabled && trunk.options.keepAlive.enabled && trunk.type !== 'whatsapp';
}

function sourceOf(registration: Registration | undefined): TrunkAddress | undefined {
  const grant = registration?.grant;
  if (grant === undefined || grant.place !== undefined) return undefined;
  const { to } = grant;
  return 'send' in to ? { address: to.remoteAddress, port: to.remotePort } : { address: to.address, port: to.port };
}

/** What a registration depends on; with any of it changed the old one is removed and a new one made. */
function registrationKey(trunk: Trunk): string {
  const { host, port, transport, outboundProxy, credentials, tls, options } = trunk;
  const { registerSeconds: _seconds, ...identity } = credentials ?? {};
  const how = [registers(trunk), options.bnc, options.usePrivateIp];
  return JSON.stringify([host, port, transport, outboundProxy, identity, tls, how]);
}

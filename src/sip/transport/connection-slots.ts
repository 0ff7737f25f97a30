import { hostKey } from '../../base/network.ts';
import type { Clock } from '../../base/scheduler.ts';
import { SharedBudget } from '../../base/shared-budget.ts';
import type { TransportCounters } from './counters.ts';
import type { SourcePolicy, TransportLimits } from './types.ts';

/** A connection that was accepted, and has brought a message. */
export interface SlotHolder {
  readonly remoteAddress: string;
  /** When it brought its latest message, ms. */
  readonly messageAtMs: number;
  /** Its slot is another's now: it closes at once. */
  giveWay(): void;
}

/** 64*T1 (RFC 3261 §17.1): whoever has brought nothing for so long has no transaction under way, and who has been here for so long has had time to sign in. */
const LONG_MS = 32_000;
/** Connections that are looked at for one that gives way; the next look goes on behind them. */
const MOST_LOOKED_AT = 128;
/** Addresses of a host that are looked up for one connection, taken over many: an office may have thousands. */
const LOOKED_UP_EACH = 64;

class SourceSlots {
  total = 0;
  unproven = 0;
  /** As it was when that was asked last. */
  isKnown = false;
  /** Connections that came while it was known, and as what source all of them count. */
  counted = 0;
  countsAs = '';
}

/** An address, or a /64 of IPv6. */
class Host {
  readonly addresses = new Map<string, SourceSlots>();
  /** What addresses hold that nobody is known by. An office has one /64, and a phone that is registered is none of its strangers. */
  readonly strangers = { total: 0, unproven: 0 };
  /** Connections of strangers since all addresses were looked up. */
  #asked = 0;

  /** A stranger's connection has come: who is known by now, and who not any more. */
  lookUp(knows: (address: string) => boolean): void {
    if (++this.#asked * LOOKED_UP_EACH < this.addresses.size) return;
    this.#asked = 0;
    for (const [address, source] of this.addresses) this.mark(source, knows(address));
  }

  mark(source: SourceSlots, isKnown: boolean): void {
    if (source.isKnown === isKnown) return;
    const sign = isKnown ? -1 : 1;
    this.strangers.total += sign * source.total;
    this.strangers.unproven += sign * source.unproven;
    source.isKnown = isKnown;
  }

  change(source: SourceSlots, total: number, unproven: number): void {
    source.total += total;
    source.unproven += unproven;
    if (source.isKnown) return;
    this.strangers.total += total;
    this.strangers.unproven += unproven;
  }
}

/**
 * Who may have a connection. A known peer may have three times what is left. Strangers share what known peers do not have reserved, and
 * one host (an address, or a /64 of IPv6) can neither take every slot nor hold many connections that never bring a message. When none is
 * left, a stranger's gives way: one that has brought nothing for long, else one that has been here for long and is a stranger still. So no
 * message, and no number of them, is leave to hold a slot that somebody else needs.
 */
export class ConnectionSlots {
  readonly #limits: TransportLimits;
  readonly #counters: TransportCounters;
  readonly #policy: SourcePolicy | undefined;
  readonly #clock: Clock;
  readonly #hosts = new Map<string, Host>();
  /** What known peers hold. */
  readonly #ofKnown: SharedBudget;
  /** Those that may give way, if they are strangers', with when each brought its first message, ms; who was looked at last is at the end. */
  readonly #holders = new Map<SlotHolder, number>();
  /** Strangers that may connect now. */
  #places: number;
  #refilledAtMs: number;

  constructor(clock: Clock, limits: TransportLimits, counters: TransportCounters, policy: SourcePolicy | undefined) {
    this.#clock = clock;
    this.#places = limits.strangersPerSecond;
    this.#refilledAtMs = clock.nowMs();
    this.#ofKnown = new SharedBudget(limits.maxConnections);
    this.#limits = limits;
    this.#counters = counters;
    this.#policy = policy;
  }

  /** Takes a slot for a connection from `address`; undefined when granted, else why not. */
  take(address: string): string | undefined {
    const key = hostKey(address);
    const host = this.#hosts.get(key) ?? new Host();
    const known = this.#policy?.sourceOf(address);
    const isKnown = known !== undefined;
    const source = host.addresses.get(address) ?? new SourceSlots();
    // As what it counts already: else it had a second share once that changes.
    const countsAs = isKnown && source.counted > 0 ? source.countsAs : known;
    const refusal =
      (countsAs === undefined ? this.#strangersRefusal(host) : this.#shareRefusal(countsAs)) ??
      this.#placeRefusal(isKnown);
    if (refusal !== undefined) return refusal;
    host.mark(source, isKnown);
    host.change(source, 1, 1);
    if (countsAs !== undefined) this.#count(source, countsAs);
    host.addresses.set(address, source);
    this.#hosts.set(key, host);
    this.#counters.connections++;
    return undefined;
  }

  /** The connection brought its first message, or ended before. */
  prove(address: string, holder?: SlotHolder): void {
    const host = this.#hosts.get(hostKey(address));
    const source = host?.addresses.get(address);
    if (host === undefined || source === undefined) return;
    host.change(source, 0, -1);
    if (holder !== undefined) this.#holders.set(holder, this.#clock.nowMs());
  }

  release(address: string, holder?: SlotHolder): void {
    this.#counters.connections--;
    if (holder !== undefined) this.#holders.delete(holder);
    const key = hostKey(address);
    const host = this.#hosts.get(key);
    const source = host?.addresses.get(address);
    if (host === undefined || source === undefined) return;
    host.change(source, -1, 0);
    if (source.counted > 0) {
      source.counted--;
      this.#ofKnown.change(source.countsAs, -1);
    }
    if (source.total === 0) host.addresses.delete(address);
    if (host.addresses.size === 0) this.#hosts.delete(key);
  }

  #count(slots: SourceSlots, source: string): void {
    slots.counted++;
    slots.countsAs = source;
    this.#ofKnown.change(source, 1);
  }

  #shareRefusal(source: string): string | undefined {
    return this.#ofKnown.hasShare(source, 1) ? 'this peer has its share of the connections' : undefined;
  }

  #knows(address: string): boolean {
    return this.#policy?.sourceOf(address) !== undefined;
  }

  /** Its own host's share comes first: what is refused for that takes none of the places that all strangers have in this second. */
  #strangersRefusal(host: Host): string | undefined {
    const { maxConnectionsPerSource, maxUnprovenPerSource } = this.#limits;
    host.lookUp((address) => this.#knows(address));
    const { total, unproven } = host.strangers;
    if (total >= maxConnectionsPerSource) return 'too many connections from this address';
    if (unproven >= maxUnprovenPerSource) return 'too many connections from this address without a message';
    if (this.#policy !== undefined && !this.#takesPlace())
      return 'too many connections from unknown addresses in this second';
    return undefined;
  }

  #placeRefusal(isKnown: boolean): string | undefined {
    const { maxConnections, reservedConnections } = this.#limits;
    const { connections } = this.#counters;
    if (connections < maxConnections - (isKnown ? 0 : reservedConnections)) return undefined;
    if (this.#makePlace()) return undefined;
    if (connections >= maxConnections) return 'all connection slots are taken';
    return 'the remaining connection slots are kept for known peers';
  }

  /** Of some strangers the one that has been silent longest gives way, if that is long, else the one that has been here longest; the next look is at others. */
  #makePlace(): boolean {
    if (this.#policy === undefined) return false;
    const longAgoMs = this.#clock.nowMs() - LONG_MS;
    let silentSinceMs = longAgoMs;
    let hereSinceMs = longAgoMs;
    let silent: SlotHolder | undefined;
    let eldest: SlotHolder | undefined;
    let left = Math.min(MOST_LOOKED_AT, this.#holders.size);
    for (const [holder, provedAtMs] of this.#holders) {
      if (left-- === 0) break;
      this.#holders.delete(holder);
      this.#holders.set(holder, provedAtMs);
      if (provedAtMs > hereSinceMs && holder.messageAtMs > silentSinceMs) continue;
      if (this.#knows(holder.remoteAddress)) continue;
      if (holder.messageAtMs <= silentSinceMs) [silent, silentSinceMs] = [holder, holder.messageAtMs];
      if (provedAtMs <= hereSinceMs) [eldest, hereSinceMs] = [holder, provedAtMs];
    }
    const leaves = silent ?? eldest;
    if (leaves === undefined) return false;
    this.#holders.delete(leaves);
    this.#counters.connectionsGaveWay++;
    leaves.giveWay();
    return true;
  }

  #takesPlace(): boolean {
    const { strangersPerSecond } = this.#limits;
    const nowMs = this.#clock.nowMs();
    const refilled = this.#places + ((nowMs - this.#refilledAtMs) * strangersPerSecond) / 1000;
    this.#places = Math.min(strangersPerSecond, refilled);
    this.#refilledAtMs = nowMs;
    if (this.#places < 1) return false;
    this.#places--;
    return true;
  }
}

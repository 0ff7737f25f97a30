import { hostKey } from '../../base/network.ts';
import type { Clock } from '../../base/scheduler.ts';
import type { TransportCounters } from './counters.ts';
import type { SourcePolicy, TransportLimits } from './types.ts';

class SourceSlots {
  total = 0;
  unproven = 0;
}

/**
 * Who may have a connection. Strangers share what known peers do not have reserved, and one host (an address, or a /64 of IPv6) can
 * neither take every slot nor hold many connections that never bring a message.
 */
export class ConnectionSlots {
  readonly #limits: TransportLimits;
  readonly #counters: TransportCounters;
  readonly #policy: SourcePolicy | undefined;
  readonly #clock: Clock;
  /** By host, and there by address. */
  readonly #hosts = new Map<string, Map<string, SourceSlots>>();
  /** Strangers that may connect now. */
  #places: number;
  #refilledAtMs: number;

  constructor(clock: Clock, limits: TransportLimits, counters: TransportCounters, policy: SourcePolicy | undefined) {
    this.#clock = clock;
    this.#places = limits.strangersPerSecond;
    this.#refilledAtMs = clock.nowMs();
    this.#limits = limits;
    this.#counters = counters;
    this.#policy = policy;
  }

  /** Takes a slot for a connection from `address`; undefined when granted, else why not. */
  take(address: string): string | undefined {
    const { maxConnections, reservedConnections, maxConnectionsPerSource, maxUnprovenPerSource } = this.#limits;
    const open = this.#counters.connections;
    if (open >= maxConnections) return 'all connection slots are taken';
    const key = hostKey(address);
    const host = this.#hosts.get(key) ?? new Map<string, SourceSlots>();
    if (this.#policy?.knows(address) !== true) {
      const strangers = this.#strangersOf(host);
      if (open >= maxConnections - reservedConnections)
        return 'the remaining connection slots are kept for known peers';
      if (strangers.total >= maxConnectionsPerSource) return 'too many connections from this address';
      if (this.#policy !== undefined && !this.#takesPlace())
        return 'too many connections from unknown addresses in this second';
      if (strangers.unproven >= maxUnprovenPerSource) return 'too many connections from this address without a message';
    }
    const source = host.get(address) ?? new SourceSlots();
    source.total++;
    source.unproven++;
    host.set(address, source);
    this.#hosts.set(key, host);
    this.#counters.connections++;
    return undefined;
  }

  /** What addresses of a host hold that nobody is known by now. An office has one /64, and a phone that is registered is none of its strangers. */
  #strangersOf(host: ReadonlyMap<string, SourceSlots>): SourceSlots {
    const sum = new SourceSlots();
    for (const [address, { total, unproven }] of host) {
      if (this.#policy?.knows(address) === true) continue;
      sum.total += total;
      sum.unproven += unproven;
    }
    return sum;
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

  /** The connection brought its first message, or ended before. */
  prove(address: string): void {
    const source = this.#hosts.get(hostKey(address))?.get(address);
    if (source !== undefined) source.unproven--;
  }

  release(address: string): void {
    this.#counters.connections--;
    const key = hostKey(address);
    const host = this.#hosts.get(key);
    const source = host?.get(address);
    if (host === undefined || source === undefined) return;
    source.total--;
    if (source.total === 0) host.delete(address);
    if (host.size === 0) this.#hosts.delete(key);
  }
}

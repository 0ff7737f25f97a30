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
  readonly #sources = new Map<string, SourceSlots>();
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
    const source = this.#sources.get(key) ?? new SourceSlots();
    if (this.#policy?.knows(address) !== true) {
      if (open >= maxConnections - reservedConnections)
        return 'the remaining connection slots are kept for known peers';
      if (source.total >= maxConnectionsPerSource) return 'too many connections from this address';
      if (this.#policy !== undefined && !this.#takesPlace())
        return 'too many connections from unknown addresses in this second';
      if (source.unproven >= maxUnprovenPerSource) return 'too many connections from this address without a message';
    }
    source.total++;
    source.unproven++;
    this.#sources.set(key, source);
    this.#counters.connections++;
    return undefined;
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
    const source = this.#sources.get(hostKey(address));
    if (source !== undefined) source.unproven--;
  }

  release(address: string): void {
    this.#counters.connections--;
    const key = hostKey(address);
    const source = this.#sources.get(key);
    if (source === undefined) return;
    source.total--;
    if (source.total === 0) this.#sources.delete(key);
  }
}

import type { TransportCounters } from './counters.ts';
import type { SourcePolicy, TransportLimits } from './types.ts';

class SourceSlots {
  total = 0;
  unproven = 0;
}

/**
 * Who may have a connection. Strangers share what known peers do not have reserved, and one address can neither take every slot nor
 * hold many connections that never bring a message.
 */
export class ConnectionSlots {
  readonly #limits: TransportLimits;
  readonly #counters: TransportCounters;
  readonly #policy: SourcePolicy | undefined;
  readonly #sources = new Map<string, SourceSlots>();

  constructor(limits: TransportLimits, counters: TransportCounters, policy: SourcePolicy | undefined) {
    this.#limits = limits;
    this.#counters = counters;
    this.#policy = policy;
  }

  /** Takes a slot for a connection from `address`; undefined when granted, else why not. */
  take(address: string): string | undefined {
    const { maxConnections, reservedConnections, maxConnectionsPerSource, maxUnprovenPerSource } = this.#limits;
    const open = this.#counters.connections;
    if (open >= maxConnections) return 'all connection slots are taken';
    const source = this.#sources.get(address) ?? new SourceSlots();
    if (this.#policy?.knows(address) !== true) {
      if (open >= maxConnections - reservedConnections)
        return 'the remaining connection slots are kept for known peers';
      if (source.total >= maxConnectionsPerSource) return 'too many connections from this address';
      if (source.unproven >= maxUnprovenPerSource) return 'too many connections from this address without a message';
    }
    source.total++;
    source.unproven++;
    this.#sources.set(address, source);
    this.#counters.connections++;
    return undefined;
  }

  /** The connection brought its first message, or ended before. */
  prove(address: string): void {
    const source = this.#sources.get(address);
    if (source !== undefined) source.unproven--;
  }

  release(address: string): void {
    this.#counters.connections--;
    const source = this.#sources.get(address);
    if (source === undefined) return;
    source.total--;
    if (source.total === 0) this.#sources.delete(address);
  }
}

/**
 * All trunks of one network or certificate name together, as far as a call from there asks: made once for a set of trunks, however
 * many they are.
 */

import type { Network } from '../base/network.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import type { NumberIndex } from '../provisioning/directory/number-index.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import type { Members } from './address-index.ts';

/** A trunk with what is known of where it sends from. */
export interface Known {
  trunk: Trunk;
  /** `address port` of the targets in use, their addresses and their ports. Each once; of most trunks it is one. */
  targets: readonly string[];
  addresses: readonly string[];
  /** The same as networks of one host. */
  networks: readonly Network[];
  ports: ReadonlySet<number>;
  /** Certificate names that it is filed under. */
  certificateNames: readonly string[];
  /** Newest last; older ones still name the trunk in requests that were routed by an earlier registration. */
  readonly tokens: string[];
}

/** Trunks that read the called number in one way. */
export interface Reader {
  /** One of them. */
  readonly trunk: Trunk;
  /** Who owns which number at the providers that they are of. */
  readonly providers: ReadonlySet<NumberIndex>;
}

export class SourceView {
  /** The members' version that this was made of. */
  readonly version: number;
  readonly readers: readonly Reader[];
  readonly #readerOf = new Map<Known, Reader>();
  readonly #certified: Known | undefined;
  /** By the `address port` that they are sent to. */
  #byTarget: Map<string, Known> | undefined;
  /** Of those that verify the port, by port. */
  #byPort: Map<number, Known> | undefined;
  readonly #anyPort: Known | undefined;

  constructor({ entries, version }: Members<Known>, directory: Directory) {
    this.version = version;
    const readers = new Map<string, Reader & { readonly providers: Set<NumberIndex> }>();
    for (const known of entries) {
      const { trunk } = known;
      if (!trunk.enabled || !goesByAddress(trunk)) continue;
      const reading = JSON.stringify([trunk.inboundParameters, trunk.numberFormat]);
      const reader = readers.get(reading) ?? { trunk, providers: new Set() };
      readers.set(reading, reader);
      this.#readerOf.set(known, reader);
      const provider = directory.provider(trunk.id);
      if (provider !== undefined) reader.providers.add(provider);
      this.#certified = firstOf(this.#certified, known);
      if (trunk.options.mutualTls) continue;
      this.#byTarget = withFirst(this.#byTarget, known.targets, known);
      if (!trunk.options.verifyPort) this.#anyPort = firstOf(this.#anyPort, known);
      else this.#byPort = withFirst(this.#byPort, known.ports, known);
    }
    this.readers = [...readers.values()];
  }

  /** Undefined: the source does not speak for it, whatever else it says. */
  readerOf(known: Known): Reader | undefined {
    return this.#readerOf.get(known);
  }

  /** The providers of all of them. */
  *providers(): Iterable<NumberIndex> {
    for (const { providers } of this.readers) yield* providers;
  }

  /** The one that a call to nobody's number is refused as; undefined when the port is none of theirs. */
  refusing(address: string, port: number, certified: boolean): Known | undefined {
    if (certified) return this.#certified;
    const exact = this.#byTarget?.get(`${address} ${port}`);
    if (exact !== undefined) return exact;
    const ofPort = this.#byPort?.get(port);
    return ofPort !== undefined && speaksFor(ofPort, address, port, false) ? ofPort : this.#anyPort;
  }
}

/** Whether a source that is in a trunk's networks, or certified by its name, speaks for it. */
export function speaksFor(known: Known, address: string, port: number, certified: boolean): boolean {
  const { enabled, options } = known.trunk;
  if (!enabled || !goesByAddress(known.trunk)) return false;
  if (certified) return true;
  // A mutual TLS trunk is known by its certificate in place of its addresses.
  if (options.mutualTls) return false;
  return !options.verifyPort || usesPort(known, address, port);
}

/** Teams is known by a name beside its address, WhatsApp by the number's password. */
function goesByAddress({ teams, type }: Trunk): boolean {
  return teams === undefined && type !== 'whatsapp';
}

/** An address that the host resolves to has its own ports; an associated one uses any of the trunk's. */
function usesPort({ targets, addresses, ports }: Known, address: string, port: number): boolean {
  return addresses.includes(address) ? targets.includes(`${address} ${port}`) : ports.has(port);
}

/** A table is there when it has an entry: most networks are one trunk's, of which nothing is resolved. */
function withFirst<K>(table: Map<K, Known> | undefined, keys: Iterable<K>, known: Known): Map<K, Known> | undefined {
  let filled = table;
  for (const key of keys) {
    filled ??= new Map();
    filled.set(key, firstOf(filled.get(key), known));
  }
  return filled;
}

/** The system's before a tenant's, else by id: the order in which trunks were made or located never matters. */
function firstOf(best: Known | undefined, known: Known): Known {
  if (best === undefined) return known;
  const bySystem = Number(best.trunk.owner !== 'system') - Number(known.trunk.owner !== 'system');
  return bySystem > 0 || (bySystem === 0 && known.trunk.id < best.trunk.id) ? known : best;
}

/**
 * Which entries cover an address, longest prefix first. One hash table per prefix length in use, so that a look-up costs at most as
 * many probes as there are different lengths (33 for IPv4, 129 for IPv6), however many networks are known.
 */
import { added } from '../base/added.ts';
import { type AddressWords, type Network, parseAddress, parseNetwork, prefixKey } from '../base/network.ts';

const ANY = () => true;

/** The entries of one network. */
export interface Members<T> {
  readonly entries: ReadonlySet<T>;
  /** Another number whenever the entries are others. */
  readonly version: number;
}

/** The same, with the network. */
export interface Claimed<T> extends Members<T> {
  readonly network: Network;
}

interface Filed<T> extends Claimed<T> {
  readonly entries: Set<T>;
  version: number;
}

class FamilyIndex<T> {
  readonly #byLength = new Map<number, Map<number | string, Filed<T>>>();
  /** Lengths in use, longest first. */
  #lengths: number[] = [];

  add(network: Network, entry: T): void {
    const { words, length } = network;
    let table = this.#byLength.get(length);
    if (table === undefined) {
      table = new Map();
      this.#byLength.set(length, table);
      this.#lengths = [...this.#byLength.keys()].sort((a, b) => b - a);
    }
    const key = prefixKey(words, length);
    const filed = table.get(key);
    if (filed === undefined) table.set(key, { network, entries: new Set([entry]), version: 0 });
    else {
      filed.entries.add(entry);
      filed.version++;
    }
  }

  remove({ words, length }: Network, entry: T): void {
    const table = this.#byLength.get(length);
    const key = prefixKey(words, length);
    const filed = table?.get(key);
    if (table === undefined || filed === undefined) return;
    filed.entries.delete(entry);
    filed.version++;
    if (filed.entries.size === 0) table.delete(key);
    if (table.size > 0) return;
    this.#byLength.delete(length);
    this.#lengths = [...this.#byLength.keys()].sort((a, b) => b - a);
  }

  find(words: AddressWords, accept: (entry: T) => boolean): T[] {
    let accepted: T[] = [];
    for (const length of this.#lengths) {
      const filed = this.#byLength.get(length)?.get(prefixKey(words, length));
      if (filed === undefined) continue;
      for (const entry of filed.entries) if (accept(entry)) accepted = added(accepted, entry);
      if (accepted.length > 0) break;
    }
    return accepted;
  }

  covering(words: AddressWords): Claimed<T>[] {
    const found: Claimed<T>[] = [];
    for (const length of this.#lengths) {
      const filed = this.#byLength.get(length)?.get(prefixKey(words, length));
      if (filed !== undefined) found.push(filed);
    }
    return found;
  }

  has(words: AddressWords): boolean {
    for (const length of this.#lengths)
      if (this.#byLength.get(length)?.has(prefixKey(words, length)) === true) return true;
    return false;
  }
}

export class AddressIndex<T> {
  readonly #ipv4 = new FamilyIndex<T>();
  readonly #ipv6 = new FamilyIndex<T>();
  readonly #networksOf = new Map<T, readonly Network[]>();

  /** Replaces the networks of an entry: addresses and CIDR networks; what is neither is passed over. */
  set(entry: T, networks: readonly string[]): void {
    this.delete(entry);
    const kept: Network[] = [];
    for (const text of networks) {
      const network = parseNetwork(text);
      if (network === undefined) continue;
      this.#family(network.words).add(network, entry);
      kept.push(network);
    }
    if (kept.length > 0) this.#networksOf.set(entry, kept);
  }

  delete(entry: T): void {
    for (const network of this.#networksOf.get(entry) ?? []) this.#family(network.words).remove(network, entry);
    this.#networksOf.delete(entry);
  }

  /** The accepted entries of the longest prefix that has any; none for what is no address. */
  find(address: string, accept: (entry: T) => boolean = ANY): T[] {
    if (this.#networksOf.size === 0) return [];
    const words = parseAddress(address);
    return words === undefined ? [] : this.#family(words).find(words, accept);
  }

  /** The networks that hold the address, longest prefix first; none for what is no address. */
  covering(address: string): readonly Claimed<T>[] {
    const words = parseAddress(address);
    return words === undefined ? [] : this.#family(words).covering(words);
  }

  /** Whether any entry covers the address. */
  has(address: string): boolean {
    if (this.#networksOf.size === 0) return false;
    const words = parseAddress(address);
    return words !== undefined && this.#family(words).has(words);
  }

  #family(words: AddressWords): FamilyIndex<T> {
    return words.length === 1 ? this.#ipv4 : this.#ipv6;
  }
}

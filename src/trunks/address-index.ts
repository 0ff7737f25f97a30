/**
 * Which entries cover an address, longest prefix first. One hash table per prefix length in use, so that a look-up costs at most as
 * many probes as there are different lengths (33 for IPv4, 129 for IPv6), however many networks are known.
 */
import { isIPv4, isIPv6 } from 'node:net';

interface Network {
  readonly bits: string;
}

/** The address as a text of 32 or 128 binary digits; undefined when it is none. An IPv4-mapped address counts as IPv4. */
function addressBits(address: string): string | undefined {
  const bare = address.startsWith('[') && address.endsWith(']') ? address.slice(1, -1) : address;
  if (isIPv4(bare))
    return bare
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('');
  if (!isIPv6(bare)) return undefined;
  const zone = bare.indexOf('%');
  const groups = expandIpv6(zone < 0 ? bare : bare.slice(0, zone));
  const bits = groups.map((group) => group.toString(2).padStart(16, '0')).join('');
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  return mapped ? bits.slice(96) : bits;
}

function expandIpv6(address: string): number[] {
  const [head = '', tail] = address.split('::');
  const left = groupsOf(head);
  if (tail === undefined) return left;
  const right = groupsOf(tail);
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
}

function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/');
  const bits = addressBits(slash < 0 ? text : text.slice(0, slash));
  if (bits === undefined) return undefined;
  return { bits: slash < 0 ? bits : bits.slice(0, Number(text.slice(slash + 1))) };
}

class FamilyIndex<T> {
  readonly #byLength = new Map<number, Map<string, Set<T>>>();
  /** Lengths in use, longest first. */
  #lengths: number[] = [];

  add(bits: string, entry: T): void {
    let table = this.#byLength.get(bits.length);
    if (table === undefined) {
      table = new Map();
      this.#byLength.set(bits.length, table);
      this.#lengths = [...this.#byLength.keys()].sort((a, b) => b - a);
    }
    const entries = table.get(bits);
    if (entries === undefined) table.set(bits, new Set([entry]));
    else entries.add(entry);
  }

  remove(bits: string, entry: T): void {
    const table = this.#byLength.get(bits.length);
    const entries = table?.get(bits);
    if (table === undefined || entries === undefined) return;
    entries.delete(entry);
    if (entries.size === 0) table.delete(bits);
    if (table.size > 0) return;
    this.#byLength.delete(bits.length);
    this.#lengths = [...this.#byLength.keys()].sort((a, b) => b - a);
  }

  find(bits: string, accept: (entry: T) => boolean): T[] {
    for (const length of this.#lengths) {
      const entries = this.#byLength.get(length)?.get(bits.slice(0, length));
      if (entries === undefined) continue;
      const accepted = [...entries].filter(accept);
      if (accepted.length > 0) return accepted;
    }
    return [];
  }
}

export class AddressIndex<T> {
  readonly #ipv4 = new FamilyIndex<T>();
  readonly #ipv6 = new FamilyIndex<T>();
  readonly #networksOf = new Map<T, string[]>();

  /** Replaces the networks of an entry: addresses and CIDR networks; what is neither is passed over. */
  set(entry: T, networks: readonly string[]): void {
    this.delete(entry);
    const kept: string[] = [];
    for (const text of networks) {
      const network = parseNetwork(text);
      if (network === undefined) continue;
      this.#family(text).add(network.bits, entry);
      kept.push(text);
    }
    if (kept.length > 0) this.#networksOf.set(entry, kept);
  }

  delete(entry: T): void {
    for (const text of this.#networksOf.get(entry) ?? []) {
      const network = parseNetwork(text);
      if (network !== undefined) this.#family(text).remove(network.bits, entry);
    }
    this.#networksOf.delete(entry);
  }

  /** The accepted entries of the longest prefix that has any; none for what is no address. */
  find(address: string, accept: (entry: T) => boolean = () => true): T[] {
    const bits = addressBits(address);
    if (bits === undefined) return [];
    return (bits.length === 32 ? this.#ipv4 : this.#ipv6).find(bits, accept);
  }

  #family(network: string): FamilyIndex<T> {
    const address = network.split('/')[0] ?? '';
    return addressBits(address)?.length === 32 ? this.#ipv4 : this.#ipv6;
  }
}

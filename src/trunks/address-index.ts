/**
 * Which entries cover an address, longest prefix first. One hash table per prefix length in use, so that a look-up costs at most as
 * many probes as there are different lengths (33 for IPv4, 129 for IPv6), however many networks are known.
 */
import { isIPv6 } from 'node:net';

/** An address as 32-bit words: one for IPv4, four for IPv6. An IPv4-mapped IPv6 address counts as IPv4. */
type Words = readonly number[];

interface Network {
  readonly words: Words;
  readonly length: number;
}

const ANY = () => true;

function parseAddress(address: string): Words | undefined {
  const ipv4 = parseIpv4(address);
  if (ipv4 >= 0) return [ipv4];
  const bare = address.startsWith('[') && address.endsWith(']') ? address.slice(1, -1) : address;
  if (!isIPv6(bare)) return undefined;
  const zone = bare.indexOf('%');
  const groups = expandIpv6(zone < 0 ? bare : bare.slice(0, zone));
  const words = [0, 2, 4, 6].map((index) => (((groups[index] ?? 0) << 16) | (groups[index + 1] ?? 0)) >>> 0);
  const isMapped = words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
  return isMapped ? words.slice(3) : words;
}

/** The address as a number; -1 for what is no dotted quad. */
function parseIpv4(text: string): number {
  let value = 0;
  let part = -1;
  let dots = 0;
  for (let index = 0; index < text.length; index++) {
    const digit = text.charCodeAt(index) - 0x30;
    if (digit >= 0 && digit <= 9) {
      // A leading zero is refused: some read it as octal.
      if (part === 0) return -1;
      part = part < 0 ? digit : part * 10 + digit;
      if (part > 255) return -1;
    } else if (text.charCodeAt(index) === 0x2e && part >= 0 && ++dots <= 3) {
      value = value * 256 + part;
      part = -1;
    } else return -1;
  }
  return dots === 3 && part >= 0 ? value * 256 + part : -1;
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
  const words = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (words === undefined) return undefined;
  const width = words.length * 32;
  if (slash < 0) return { words, length: width };
  const isMapped = words.length === 1 && text.includes(':');
  const length = Number(text.slice(slash + 1)) - (isMapped ? 96 : 0);
  return Number.isInteger(length) && length >= 0 && length <= width ? { words, length } : undefined;
}

/** The first `length` bits as a key: a number for up to 32 bits in one word, else a text. */
function prefixKey(words: Words, length: number): number | string {
  const full = length >>> 5;
  const rest = length & 31;
  const last = rest === 0 ? 0 : ((words[full] ?? 0) >>> (32 - rest)) >>> 0;
  if (words.length === 1) return full === 1 ? (words[0] ?? 0) : last;
  let key = String(last);
  for (let index = 0; index < full; index++) key += `:${words[index]}`;
  return key;
}

class FamilyIndex<T> {
  readonly #byLength = new Map<number, Map<number | string, Set<T>>>();
  /** Lengths in use, longest first. */
  #lengths: number[] = [];

  add({ words, length }: Network, entry: T): void {
    let table = this.#byLength.get(length);
    if (table === undefined) {
      table = new Map();
      this.#byLength.set(length, table);
      this.#lengths = [...this.#byLength.keys()].sort((a, b) => b - a);
    }
    const key = prefixKey(words, length);
    const entries = table.get(key);
    if (entries === undefined) table.set(key, new Set([entry]));
    else entries.add(entry);
  }

  remove({ words, length }: Network, entry: T): void {
    const table = this.#byLength.get(length);
    const key = prefixKey(words, length);
    const entries = table?.get(key);
    if (table === undefined || entries === undefined) return;
    entries.delete(entry);
    if (entries.size === 0) table.delete(key);
    if (table.size > 0) return;
    this.#byLength.delete(length);
    this.#lengths = [...this.#byLength.keys()].sort((a, b) => b - a);
  }

  find(words: Words, accept: (entry: T) => boolean): T[] {
    const accepted: T[] = [];
    for (const length of this.#lengths) {
      const entries = this.#byLength.get(length)?.get(prefixKey(words, length));
      if (entries === undefined) continue;
      for (const entry of entries) if (accept(entry)) accepted.push(entry);
      if (accepted.length > 0) break;
    }
    return accepted;
  }

  has(words: Words): boolean {
    return this.#lengths.some((length) => this.#byLength.get(length)?.has(prefixKey(words, length)) === true);
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
    const words = parseAddress(address);
    return words === undefined ? [] : this.#family(words).find(words, accept);
  }

  /** Whether any entry covers the address. */
  has(address: string): boolean {
    const words = parseAddress(address);
    return words !== undefined && this.#family(words).has(words);
  }

  #family(words: Words): FamilyIndex<T> {
    return words.length === 1 ? this.#ipv4 : this.#ipv6;
  }
}

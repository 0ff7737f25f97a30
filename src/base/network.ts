/** IP addresses and networks as numbers: one spelling for all that people write. */
import { BlockList, isIP, isIPv6 } from 'node:net';

/** An address as 32-bit words: one for IPv4, four for IPv6. An IPv4-mapped IPv6 address counts as IPv4 (RFC 4291 §2.5.5.2). */
export type AddressWords = readonly number[];

export interface Network {
  readonly words: AddressWords;
  /** Prefix length in bits. */
  readonly length: number;
}

/** Brackets and a zone are left aside; undefined for what is no address. The source of a request is asked for several times in a row. */
export function parseAddress(address: string): AddressWords | undefined {
  if (address !== latest) {
    latestWords = wordsOf(address);
    latest = address;
  }
  return latestWords;
}
let latest = '';
let latestWords: AddressWords | undefined;

function wordsOf(address: string): AddressWords | undefined {
  const ipv4 = parseIpv4(address);
  if (ipv4 >= 0) return [ipv4];
  const bare = address.startsWith('[') && address.endsWith(']') ? address.slice(1, -1) : address;
  if (!isIPv6(bare)) return undefined;
  const groups = expandIpv6(withoutZone(bare));
  const words = [0, 2, 4, 6].map((index) => (((groups[index] ?? 0) << 16) | (groups[index + 1] ?? 0)) >>> 0);
  const isMapped = words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
  return isMapped ? words.slice(3) : words;
}

/** An address as it may be written to others: the zone of `fe80::1%eth0` is an interface of this machine, and no part of an address in SIP (RFC 3261 §25.1). */
export function withoutZone(address: string): string {
  const zone = address.indexOf('%');
  return zone < 0 ? address : address.slice(0, zone);
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

/** An address or a network with its prefix length; undefined for what is neither. */
export function parseNetwork(text: string): Network | undefined {
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
export function prefixKey(words: AddressWords, length: number): number | string {
  const full = length >>> 5;
  const rest = length & 31;
  const last = rest === 0 ? 0 : ((words[full] ?? 0) >>> (32 - rest)) >>> 0;
  if (words.length === 1) return full === 1 ? (words[0] ?? 0) : last;
  let key = String(last);
  for (let index = 0; index < full; index++) key += `:${words[index]}`;
  return key;
}

/** What stands for whoever comes from an address: an IPv6 host has a whole /64 to come from. */
export function hostKey(address: string): string {
  if (!address.includes(':')) return address;
  const words = parseAddress(address);
  return words?.length === 4 ? `${prefixKey(words, 64)}/64` : address;
}

/** Those of the texts that are addresses or networks. */
export function networksIn(texts: Iterable<string>): Network[] {
  return Array.from(texts).flatMap((text) => parseNetwork(text) ?? []);
}

/** Whether a network holds all of another. Asked of every trunk at each change of one: nothing is allocated. */
export function covers(outer: Network, inner: Network): boolean {
  const { words, length } = outer;
  if (words.length !== inner.words.length || length > inner.length) return false;
  const full = length >>> 5;
  for (let index = 0; index < full; index++) if (words[index] !== inner.words[index]) return false;
  const rest = length & 31;
  return rest === 0 || ((words[full] ?? 0) ^ (inner.words[full] ?? 0)) >>> (32 - rest) === 0;
}

/** IPv4 before IPv6, then by first address, the wider network first: whatever a network holds comes right after it. */
export function compareNetworks(a: Network, b: Network): number {
  if (a.words.length !== b.words.length) return a.words.length - b.words.length;
  for (let index = 0; index < a.words.length; index++) {
    const difference = firstWord(a, index) - firstWord(b, index);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** A word of a network's first address. */
function firstWord({ words, length }: Network, index: number): number {
  const bits = Math.min(Math.max(length - index * 32, 0), 32);
  const word = words[index] ?? 0;
  return bits === 32 ? word : bits === 0 ? 0 : ((word >>> (32 - bits)) << (32 - bits)) >>> 0;
}

/** In the canonical form of RFC 5952, without the length for a single address: `203.0.113.0/24`, `2001:db8::1`. */
export function formatNetwork(network: Network): string {
  const { words, length } = network;
  const first = words.map((_, index) => firstWord(network, index));
  const address = words.length === 1 ? formatIpv4(first[0] ?? 0) : formatIpv6(first);
  return length === words.length * 32 ? address : `${address}/${length}`;
}

function formatIpv4(word: number): string {
  return [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff).join('.');
}

/** RFC 5952 §4: lower case, no leading zeros, the longest run of zero groups as `::`. */
function formatIpv6(words: AddressWords): string {
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]);
  let start = -1;
  let run = 1;
  for (let index = 0; index < groups.length; index++) {
    let end = index;
    while (end < groups.length && groups[end] === 0) end++;
    if (end - index > run) [start, run] = [index, end - index];
    index = Math.max(index, end - 1);
  }
  const hex = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return start < 0 ? hex(0, 8) : `${hex(0, start)}::${hex(start + run, 8)}`;
}

/** Tells whether an address is one of these, or in one of these networks. */
export function isAmong(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', length] = network.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (length === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(length), family);
  }
  return (address) => isIP(address) !== 0 && list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

import { isIPv4, isIPv6 } from 'node:net';
import { withoutZone } from '../base/network.ts';

/** What a literal address is for, as far as a Contact is concerned. */
export type AddressClass = 'unicast' | 'unspecified' | 'loopback' | 'link-local' | 'multicast' | 'unusable';

/** Undefined for a host name. IPv6 without brackets. */
export function classifyAddress(host: string): AddressClass | undefined {
  const address = plainAddress(host);
  if (isIPv4(address)) return classifyIpv4(address);
  return isIPv6(address) ? classifyIpv6(address.toLowerCase()) : undefined;
}

/** One spelling per address: an IPv4 address mapped into IPv6 is the IPv4 address; IPv6 is compressed as the URL standard does, without its zone, which each machine writes its own way. */
export function plainAddress(host: string): string {
  if (!host.includes(':')) return host;
  const lower = withoutZone(host.toLowerCase());
  const tail = lower.slice(lower.lastIndexOf(':') + 1);
  if (lower.startsWith('::ffff:') && isIPv4(tail)) return tail;
  return isIPv6(lower) ? new URL(`sip://[${lower}]`).hostname.slice(1, -1) : lower;
}

function classifyIpv4(address: string): AddressClass {
  if (address === '0.0.0.0') return 'unspecified';
  // The metadata service of clouds, no host of a link.
  if (address === '169.254.169.254') return 'unusable';
  const first = Number.parseInt(address, 10);
  const second = Number.parseInt(address.slice(address.indexOf('.') + 1), 10);
  if (first === 127) return 'loopback';
  if (first === 169 && second === 254) return 'link-local';
  if (first >= 224 && first <= 239) return 'multicast';
  // RFC 6890: "this network", and the reserved block with the limited broadcast address.
  return first === 0 || first >= 240 ? 'unusable' : 'unicast';
}

function classifyIpv6(address: string): AddressClass {
  if (address === '::1') return 'loopback';
  if (address === '::') return 'unspecified';
  if (address.startsWith('ff')) return 'multicast';
  const head = Number.parseInt(address.slice(0, 4), 16);
  return head >= 0xfe80 && head <= 0xfebf ? 'link-local' : 'unicast';
}

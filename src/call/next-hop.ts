import { isIP } from 'node:net';
import { isSipUri, parseUri } from '../sip/message/index.ts';
import type { Target } from '../sip/transport/index.ts';
import { addressOf } from './destination.ts';
import type { Destination } from './ports.ts';

/**
 * Where a request within a dialog goes by RFC 3261 §12.2.1.1 and §8.1.2: to the address in `uri`, the first route or the remote
 * target. Undefined keeps it on the way the leg's messages have gone so far: when that is the same place, when the address is a name
 * (the way so far answered), asks for another transport (whose certificate or listener nobody has configured), or is one that no peer
 * may send this engine to: link-local (cloud metadata), multicast, unspecified, or loopback for a peer that is not there itself.
 */
export function literalNextHop(uri: string, soFar: Destination): Target | undefined {
  const parsed = parseUri(uri);
  if (!isSipUri(parsed) || soFar.transport !== 'udp') return undefined;
  if (parsed.scheme === 'sips' || (parsed.params.get('transport') ?? 'udp').toLowerCase() !== 'udp') return undefined;
  const { host, port = 5060 } = parsed;
  const known = addressOf(soFar);
  const knownPort = 'send' in soFar ? soFar.remotePort : soFar.port;
  if (isIP(host) === 0 || isIP(host) !== isIP(known) || (host === known && port === knownPort)) return undefined;
  if (!isReachable(host, known)) return undefined;
  const { listenerId } = soFar;
  return { transport: 'udp', address: host, port, ...(listenerId !== undefined && { listenerId }) };
}

function isReachable(address: string, known: string): boolean {
  if (address === known) return true;
  if (isIP(address) === 6) return isReachableV6(address.toLowerCase());
  const first = Number.parseInt(address, 10);
  if (first === 127) return known.startsWith('127.');
  return first !== 0 && first < 224 && !address.startsWith('169.254.');
}

function isReachableV6(address: string): boolean {
  // Of `::` forms (unspecified, loopback, IPv4-mapped and -compatible) none is a peer's public address.
  if (address.startsWith('::')) return false;
  const head = Number.parseInt(address.split(':')[0] ?? '', 16);
  return head < 0xfe80;
}

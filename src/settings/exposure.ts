/** What of a node others than this machine can reach. */
import { BlockList, isIP, isIPv6 } from 'node:net';
import type { NodeSettings } from './node-schema.ts';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** True for addresses (and names) that only this machine itself can send to. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '');
  if (isIP(bare) === 0) return bare.toLowerCase() === 'localhost';
  return LOOPBACK.check(bare, isIPv6(bare) ? 'ipv6' : 'ipv4');
}

/** Who reads the reference and the metrics when the settings do not say: anybody of this machine; beyond it, whoever has a token. */
export function httpDefaults({ api }: NodeSettings): {
  readonly docs: boolean;
  readonly metricsAccess: 'public' | 'system';
} {
  const isPrivate = isLoopback(api.host);
  return { docs: api.docs ?? isPrivate, metricsAccess: api.metricsAccess ?? (isPrivate ? 'public' : 'system') };
}

import { hostKey } from '../base/network.ts';

/**
 * By what is counted where somebody asks from: an IPv6 host has all addresses of its /64. Who has reset the connection by the time it is
 * looked at has no address any more, and nor has the other end of a local socket: they are counted together.
 */
export function sourceOf({ ip }: { readonly ip: string | undefined }): string {
  return hostKey(ip ?? '');
}

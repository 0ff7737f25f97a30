import { BlockList, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { AddressScope } from '../../base/address-scope.ts';
import { withoutZone } from '../../base/network.ts';
import type { HostPort } from '../../base/transport.ts';
import type { ListenerOptions } from './types.ts';

const MAX_REMEMBERED = 1024;

/**
 * What Via and Contact say of one listener (RFC 3261 §18.1.1 "sent-by"). A configured host rules; else the address that is bound;
 * a listener on all interfaces says the address of the interface that the peer is reached through.
 */
export class AdvertisedAddress {
  readonly #options: ListenerOptions;
  readonly #port: number;
  readonly #fixed: { readonly public: HostPort | undefined; readonly private: HostPort | undefined };
  readonly #byRemote = new Map<string, HostPort>();

  constructor(options: ListenerOptions, boundPort: number) {
    this.#options = options;
    this.#port = boundPort;
    const bound = isWildcard(options.host) ? undefined : options.host;
    const publicHost = options.publicHost ?? bound;
    const privateHost = options.privateHost ?? bound;
    this.#fixed = {
      public: publicHost === undefined ? undefined : { host: publicHost, port: options.publicPort ?? boundPort },
      private: privateHost === undefined ? undefined : { host: privateHost, port: boundPort },
    };
  }

  /** `remoteAddress` is the peer that will read it; `local` the address that the socket toward it has, '' when that is not known. */
  toward(remoteAddress: string, scope: AddressScope = 'public', local = ''): HostPort {
    const fixed = scope === 'public' ? this.#fixed.public : this.#fixed.private;
    if (fixed !== undefined) return fixed;
    if (local !== '' && !isWildcard(local)) return { host: withoutZone(local), port: this.#port };
    const known = this.#byRemote.get(remoteAddress);
    if (known !== undefined) return known;
    const found = { host: interfaceAddressToward(remoteAddress, isIPv6(this.#options.host)), port: this.#port };
    if (this.#byRemote.size >= MAX_REMEMBERED) this.#byRemote.clear();
    this.#byRemote.set(remoteAddress, found);
    return found;
  }
}

export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** Where a listener is for processes of its own machine, whatever it says of itself. */
export function localAddress(host: string): string {
  return isWildcard(host) ? interfaceAddressToward(host, isIPv6(host)) : host;
}

/** The own address in the peer's subnet, for one of a link (`fe80::1%eth0`) that on its interface, else the first one that is not loopback, else loopback. */
function interfaceAddressToward(remoteAddress: string, ipv6: boolean): string {
  const family = ipv6 ? 'ipv6' : 'ipv4';
  const [address = '', zone] = remoteAddress.split('%', 2);
  let fallback: string | undefined;
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    for (const own of addresses ?? []) {
      if (own.family.toLowerCase() !== family || (own.address.startsWith('fe80:') && name !== zone)) continue;
      const subnet = new BlockList();
      if (own.cidr !== null) subnet.addSubnet(own.address, Number(own.cidr.slice(own.cidr.indexOf('/') + 1)), family);
      if (subnet.check(address, family)) return own.address;
      if (!own.internal) fallback ??= own.address;
    }
  }
  return fallback ?? (ipv6 ? '::1' : '127.0.0.1');
}

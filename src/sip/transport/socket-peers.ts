import { SocketAddress } from 'node:net';
import { networkInterfaces } from 'node:os';
import { parseAddress } from '../../base/network.ts';
import { addressOfName, NAME_WORDS, portOfName, type SocketName, socketName } from './native-datagrams.ts';

/** The address and port of a peer, as text and as the kernel has it. */
export interface SocketPeer {
  readonly address: string;
  readonly port: number;
  readonly name: SocketName;
}

const LATEST_PEERS = 256;
/** The words of an IPv6 name that tell peers apart: all but the flow label. */
const IPV6_NAME = [0, 2, 3, 4, 5, 6];
const IPV4_NAME = [0, 1];

/** Addresses of one family from the kernel's form to text and back, as `node:dgram` writes them; the latest ones are remembered. */
export class SocketPeers {
  readonly #isIpv6: boolean;
  readonly #told: readonly number[];
  readonly #byName = new Array<SocketPeer | undefined>(LATEST_PEERS).fill(undefined);
  readonly #byText = new Array<SocketPeer | undefined>(LATEST_PEERS).fill(undefined);

  constructor(isIpv6: boolean) {
    this.#isIpv6 = isIpv6;
    this.#told = isIpv6 ? IPV6_NAME : IPV4_NAME;
  }

  /** The peer at a place of a table of names. */
  named(names: Uint32Array, slot: number): SocketPeer {
    const start = slot * NAME_WORDS;
    const first = names[start] as number;
    const last = names[start + (this.#isIpv6 ? 5 : 1)] as number;
    // The parts of port and address that change from peer to peer come last, in memory.
    const place = ((first >>> 24) ^ (first >>> 16) ^ (last >>> 24) ^ (last >>> 16)) % LATEST_PEERS;
    const known = this.#byName[place];
    if (known !== undefined && this.#told.every((word) => known.name[word] === names[start + word])) return known;
    const peer = this.#read(names, start);
    this.#byName[place] = peer;
    return peer;
  }

  /** Undefined for what only the runtime's own socket can send to, or refuse: no address of this family, a zone, no port. */
  of(address: string, port: number): SocketPeer | undefined {
    const length = address.length;
    const place =
      (port ^ (port >>> 8) ^ (address.charCodeAt(length - 1) * 7) ^ (address.charCodeAt(length - 2) * 31)) &
      (LATEST_PEERS - 1);
    const known = this.#byText[place];
    if (known !== undefined && known.port === port && known.address === address) return known;
    const name = this.nameOf(address, port);
    if (name === undefined || port === 0) return undefined;
    const peer = { address, port, name };
    this.#byText[place] = peer;
    return peer;
  }

  /** The same for an address to listen at. */
  nameOf(address: string, port: number): SocketName | undefined {
    if (!Number.isInteger(port) || port < 0 || port > 65_535 || address.includes('%')) return undefined;
    if (address.includes(':') !== this.#isIpv6) return undefined;
    const words = parseAddress(address);
    if (words === undefined) return undefined;
    return socketName(this.#isIpv6 && words.length === 1 ? [0, 0, 0xffff, ...words] : words, port);
  }

  #read(names: Uint32Array, start: number): SocketPeer {
    const name = Array.from(names.subarray(start, start + (this.#isIpv6 ? NAME_WORDS - 1 : 4)));
    return { address: this.#isIpv6 ? ipv6Text(name) : ipv4Text(name), port: portOfName(name[0] as number), name };
  }
}

function ipv4Text(name: SocketName): string {
  const [word = 0] = addressOfName(name);
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

function ipv6Text(name: SocketName): string {
  const words = addressOfName(name);
  const groups = words.flatMap((word) => [(word >>> 16).toString(16), (word & 0xffff).toString(16)]);
  const { address } = new SocketAddress({ address: groups.join(':'), family: 'ipv6' });
  const scope = name[6] ?? 0;
  // fe80::/10: the same address may be there on each interface.
  if (scope === 0 || (words[0] as number) >>> 22 !== 0xfe80 >>> 6) return address;
  for (const [interfaceName, addresses] of Object.entries(networkInterfaces()))
    if (addresses?.some(({ family, scopeid }) => family === 'IPv6' && scopeid === scope))
      return `${address}%${interfaceName}`;
  return `${address}%${scope}`;
}

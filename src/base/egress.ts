/** Where this engine may be made to send: the one table of addresses that are nobody's public address (RFC 6890). */
import { covers, formatNetwork, type Network, parseAddress, parseNetwork } from './network.ts';

const SPECIAL: readonly (readonly [kind: string, ...networks: string[]])[] = [
  ['unspecified', '0.0.0.0/8', '::/128'],
  ['loopback', '127.0.0.0/8', '::1/128'],
  ['a metadata service', '169.254.169.254/32', '168.63.129.16/32', '100.100.100.200/32', 'fd00:ec2::254/128'],
  ['link-local', '169.254.0.0/16', 'fe80::/10'],
  ['private', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7', 'fec0::/10'],
  ['broadcast', '255.255.255.255/32'],
  ['multicast', '224.0.0.0/4', 'ff00::/8'],
  ['reserved', '192.0.0.0/24', '198.18.0.0/15', '240.0.0.0/4', '::/96', '100::/64'],
  // An IPv4 address in another coat: where it leads is for a gateway to say.
  ['translated', '64:ff9b::/96', '64:ff9b:1::/48', '2001::/32', '2002::/16'],
];

const networks = SPECIAL.flatMap(([kind, ...texts]) => texts.map((text) => ({ kind, network: known(text) })));

export interface EgressOptions {
  /** Addresses and networks that tenants may name although they are not public; the operator's word. */
  readonly allow?: readonly string[];
  /** Whether this engine itself listens there. */
  readonly isOwn?: (address: string, port: number) => boolean;
  /** The setting that `allow` is of. Default `egress.allow`. */
  readonly setting?: string;
}

/** A tenant named a destination that it may not make this engine send to. */
export class EgressError extends Error {}

/**
 * Guards what leaves for a destination that a tenant can name: a trunk's host or proxy, what the DNS makes of it, what its peer writes
 * into Contact and Record-Route, a webhook. Asked with the address itself at the moment of connecting or sending, so that no name can
 * mean one thing when it is checked and another when it is used. What the operator names is free.
 */
export class Egress {
  readonly #allow: readonly Network[];
  readonly #isOwn: (address: string, port: number) => boolean;
  readonly #setting: string;

  constructor({ allow = [], isOwn = () => false, setting = 'egress.allow' }: EgressOptions = {}) {
    this.#setting = setting;
    this.#allow = allow.map(known);
    this.#isOwn = isOwn;
  }

  /** Why nothing may leave for there; undefined when it may. */
  refusal(address: string, port: number): string | undefined {
    const words = parseAddress(address);
    if (words === undefined) return `egress: ${address} is no address`;
    const single = { words, length: words.length * 32 };
    if (this.#isOwn(formatNetwork(single), port)) return `egress: ${address} port ${port} is this engine itself`;
    const kind = kindOf(single);
    if (kind === undefined || this.#allow.some((network) => covers(network, single))) return undefined;
    return `egress: ${address} is not a public address (${kind}); ${this.#setting} of the node's configuration can admit it`;
  }
}

/** An address that means nothing to others where it is written by who sends from `source`: only behind a NAT, on one link or one machine. */
export function isInward(address: string, source: string): boolean {
  switch (kindOfText(address)) {
    case 'private':
    case 'link-local':
    case 'unspecified':
      return true;
    case 'loopback':
      return kindOfText(source) !== 'loopback';
    default:
      return false;
  }
}

function kindOfText(address: string): string | undefined {
  const words = parseAddress(address);
  return words === undefined ? undefined : kindOf({ words, length: words.length * 32 });
}

function kindOf(single: Network): string | undefined {
  return networks.find(({ network }) => covers(network, single))?.kind;
}

function known(text: string): Network {
  const network = parseNetwork(text);
  if (network === undefined) throw new Error(`${text} is no address and no network`);
  return network;
}

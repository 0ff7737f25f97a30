/**
 * Where a trunk's calls may come from, in one spelling: the names that it goes by (host, outbound proxy, certificates), the addresses
 * and networks that are written for it, and the brands whose hosts or networks those are. What its names resolve to is not written
 * anywhere and not known here.
 */

import { derived } from '../../base/derived.ts';
import { type Network, parseAddress, parseNetwork } from '../../base/network.ts';
import { TextMap } from '../../base/text-map.ts';
import { brandOfHost } from './brand-hosts.ts';
import { brandPreset } from './brands.ts';
import type { Trunk } from './schema.ts';

export interface TrunkSources {
  readonly brands: readonly string[];
  /** Lower case, without a dot at the end. */
  readonly names: readonly string[];
  readonly networks: readonly Network[];
}

/** RFC 6761 §6.3: whatever ends in it is the loopback; and what is sent to no address at all arrives there. */
const LOOPBACK = new TextMap<readonly string[]>([
  ['localhost', ['127.0.0.1', '::1']],
  ['0.0.0.0', ['127.0.0.1']],
  ['::', ['::1']],
]);

export const sourcesOf = derived(read);

function read(trunk: Trunk): TrunkSources {
  const names = new TextMap<true>();
  const networks: Network[] = [];
  const brands = new Set(trunk.brand === 'generic' ? [] : [trunk.brand]);
  const datacentres = trunk.teams?.targets.map(({ host }) => host) ?? [];
  const hosts = [
    trunk.host,
    ...datacentres,
    trunk.outboundProxy?.host ?? '',
    trunk.tls.serverName ?? '',
    ...certificateNames(trunk),
  ];
  for (const host of hosts) {
    if (host === '') continue;
    const addresses = literalAddresses(host);
    if (addresses === undefined) names.set(canonicalName(host), true);
    else networks.push(...addresses);
    const brand = brandOfHost(canonicalName(host));
    if (brand !== undefined) brands.add(brand.id);
  }
  const texts = [...trunk.associatedIps];
  // A gateway that registers with us does not send from its provider's networks.
  if (trunk.type !== 'accept-register')
    for (const brand of brands) texts.push(...(brandPreset(brand)?.associatedIps ?? []));
  for (const text of new Set(texts)) {
    const network = parseNetwork(text);
    if (network !== undefined) networks.push(network);
  }
  return { brands: listOf(brands), names: listOf(names), networks: networks.slice() };
}

/** Sources with networks beside: the addresses that their names resolved to. */
export function withNetworks(sources: TrunkSources, networks: readonly Network[]): TrunkSources {
  return networks.length === 0 ? sources : { ...sources, networks: [...sources.networks, ...networks] };
}

const NONE: readonly string[] = [];

/** Most have no brand, or no name: those share one list. A copy has no room to grow. */
function listOf(texts: Pick<ReadonlyMap<string, unknown>, 'size' | 'keys'>): readonly string[] {
  return texts.size === 0 ? NONE : [...texts.keys()].slice();
}

/** The names in a client certificate that identify a trunk (`mutualTls`), in one spelling. */
export function certificateNames({ options, tls, host }: Trunk): string[] {
  if (!options.mutualTls) return [];
  return (tls.peerNames.length > 0 ? tls.peerNames : [host]).map(canonicalName);
}

/** One text for all spellings of a host: case and a dot at the end, zeros and brackets of an address, `localhost`. */
export function canonicalHost(host: string): string {
  const [first] = literalAddresses(host) ?? [];
  return first === undefined ? canonicalName(host) : first.words.join(':');
}

/** The addresses that a host is by itself, without asking the DNS; undefined for a name. */
function literalAddresses(host: string): readonly Network[] | undefined {
  const name = canonicalName(host);
  const spelled = LOOPBACK.get(name.endsWith('.localhost') ? 'localhost' : bare(name)) ?? [name];
  const addresses = spelled.map(parseAddress);
  return addresses[0] === undefined
    ? undefined
    : addresses.flatMap((words) => (words === undefined ? [] : { words, length: words.length * 32 }));
}

function canonicalName(host: string): string {
  const lower = host.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

function bare(host: string): string {
  const address = host.startsWith('[') ? host.slice(1, -1) : host;
  // Any spelling of the unspecified address.
  return address.includes(':') && /^[0:]+$/.test(address) ? '::' : address;
}

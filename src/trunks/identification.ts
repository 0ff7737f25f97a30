/**
 * Which trunk sent this request: the token that our Contact carried, the certificate of a mutual TLS trunk, then the source address (with
 * its port where the trunk verifies it) over what the trunk's host resolves to and its associated addresses, longest prefix first.
 * Several candidates are told apart by the called number's DID pool, then by the port that each is sent to; what is still ambiguous is
 * said so and never guessed.
 */
import { HeaderId, isSipUri, parseNameAddrList, type SipRequest, unescapeUser } from '../sip/message/index.ts';
import type { Flow } from '../sip/transport/index.ts';
import { AddressIndex } from './address-index.ts';
import type { Directory } from './directory.ts';
import type { Trunk } from './schema.ts';
import { TOKEN_PARAMETER } from './trunk-requests.ts';

export type Identified =
  /** `exact`: by token, by certificate, or by an address and port that the trunk itself uses. */
  | { readonly kind: 'trunk'; readonly trunk: Trunk; readonly exact: boolean }
  | { readonly kind: 'ambiguous'; readonly trunks: readonly Trunk[] }
  | { readonly kind: 'unknown' };

/** An address that a trunk's host resolved to, with the port that it is sent to. */
export interface TrunkAddress {
  readonly address: string;
  readonly port: number;
}

interface Known {
  trunk: Trunk;
  /** `address port` of the targets in use, their addresses and their ports. */
  readonly targets: Set<string>;
  readonly addresses: Set<string>;
  readonly ports: Set<number>;
  /** Certificate names that it is filed under, lower case. */
  certificateNames: readonly string[];
  /** Newest last; older ones still name the trunk in requests that were routed by an earlier registration. */
  readonly tokens: string[];
}

const UNKNOWN: Identified = { kind: 'unknown' };
const MAX_TOKENS = 4;

export class Identification {
  readonly #index = new AddressIndex<Known>();
  readonly #known = new Map<string, Known>();
  readonly #byToken = new Map<string, Known>();
  readonly #byCertificateName = new Map<string, Set<Known>>();
  #directory: Directory;

  constructor(directory: Directory) {
    this.#directory = directory;
  }

  /** Takes over a new snapshot; addresses of trunks that are still there are kept until {@link setAddresses} replaces them. */
  update(directory: Directory): void {
    this.#directory = directory;
    for (const [id, known] of this.#known) {
      const trunk = directory.trunk(id);
      if (trunk === undefined) this.#forget(id, known);
      else if (trunk !== known.trunk) this.#rename(known, trunk);
    }
  }

  /** The addresses that a trunk may send from: what its host resolved to, and its associated addresses and networks. */
  setAddresses(trunk: Trunk, resolved: readonly TrunkAddress[]): void {
    const known = this.#knownOf(trunk);
    known.targets.clear();
    known.addresses.clear();
    known.ports.clear();
    for (const { address, port } of resolved) {
      known.targets.add(`${address} ${port}`);
      known.addresses.add(address);
      known.ports.add(port);
    }
    if (known.ports.size === 0) known.ports.add(trunk.port ?? (trunk.transport === 'tls' ? 5061 : 5060));
    this.#index.set(known, [...known.addresses, ...trunk.associatedIps]);
  }

  /** The token that a registration's Contact carries for this trunk. */
  setToken(trunk: Trunk, token: string): void {
    const known = this.#knownOf(trunk);
    known.tokens.push(token);
    this.#byToken.set(token, known);
    const oldest = known.tokens.length > MAX_TOKENS ? known.tokens.shift() : undefined;
    if (oldest !== undefined) this.#byToken.delete(oldest);
  }

  identify(request: SipRequest, flow: Flow): Identified {
    const byToken = this.#trunkOfToken(request);
    if (byToken !== undefined) return { kind: 'trunk', trunk: byToken, exact: true };
    const certified = this.#trunksOfCertificate(flow);
    if (certified.length > 0) return this.#chooseAmong(certified, request, flow, true);
    let sourcePort = -1;
    const candidates = this.#index.find(flow.remoteAddress, (known) => {
      // A mutual TLS trunk is known by its certificate in place of its addresses.
      if (!known.trunk.enabled || known.trunk.options.mutualTls) return false;
      if (!known.trunk.options.verifyPort) return true;
      if (sourcePort < 0) sourcePort = portOf(request, flow);
      return usesPort(known, flow.remoteAddress, sourcePort);
    });
    if (candidates.length === 0) return UNKNOWN;
    return this.#chooseAmong(candidates, request, flow, false);
  }

  /** Whether any trunk may send from this address; such sources keep their share when others flood. */
  knows(address: string): boolean {
    return this.#index.has(address);
  }

  /** Whether this trunk may send from, and be sent to, an address. */
  isOf(trunkId: string, address: string): boolean {
    return this.#index.find(address, ({ trunk }) => trunk.id === trunkId && trunk.enabled).length > 0;
  }

  #chooseAmong(candidates: readonly Known[], request: SipRequest, flow: Flow, certified: boolean): Identified {
    const only = candidates.length === 1 ? candidates[0] : undefined;
    const source = `${flow.remoteAddress} ${portOf(request, flow)}`;
    const chosen = only ?? this.#tellApart(candidates, request, source);
    if (!('trunk' in chosen)) return { kind: 'ambiguous', trunks: chosen.map(({ trunk }) => trunk) };
    return { kind: 'trunk', trunk: chosen.trunk, exact: certified || chosen.targets.has(source) };
  }

  /** The one candidate in whose pools the called number is, else the one that is sent to this very address and port. */
  #tellApart(candidates: readonly Known[], request: SipRequest, source: string): Known | readonly Known[] {
    const numbers = calledNumbers(request);
    const owners = candidates.filter(({ trunk }) =>
      numbers.some((number) => this.#directory.didOwner(trunk.id, number) !== undefined),
    );
    const left = owners.length > 0 ? owners : candidates;
    const exact = left.length === 1 ? left : left.filter(({ targets }) => targets.has(source));
    return exact.length === 1 && exact[0] !== undefined ? exact[0] : left;
  }

  #trunkOfToken(request: SipRequest): Trunk | undefined {
    if (this.#byToken.size === 0) return undefined;
    const uri = request.uri();
    if (!isSipUri(uri)) return undefined;
    // The token is the user part, or a parameter where the user part is the dialled number (RFC 6140 bnc).
    const token = uri.params.get(TOKEN_PARAMETER) ?? uri.user;
    const trunk = token === undefined || token === '' ? undefined : this.#byToken.get(token)?.trunk;
    return trunk?.enabled === true ? trunk : undefined;
  }

  #trunksOfCertificate(flow: Flow): Known[] {
    if (this.#byCertificateName.size === 0 || flow.tls?.verified !== true) return [];
    const found = new Set<Known>();
    for (const name of flow.tls.names) {
      for (const known of this.#byCertificateName.get(name.toLowerCase()) ?? [])
        if (known.trunk.enabled) found.add(known);
    }
    return [...found];
  }

  #knownOf(trunk: Trunk): Known {
    let known = this.#known.get(trunk.id);
    if (known === undefined) {
      known = {
        trunk,
        targets: new Set(),
        addresses: new Set(),
        ports: new Set(),
        certificateNames: [],
        tokens: [],
      };
      this.#known.set(trunk.id, known);
      this.#rename(known, trunk);
    } else if (known.trunk !== trunk) this.#rename(known, trunk);
    return known;
  }

  #rename(known: Known, trunk: Trunk): void {
    this.#unfile(known);
    known.trunk = trunk;
    if (!trunk.options.mutualTls) return;
    const names = trunk.tls.peerNames.length > 0 ? trunk.tls.peerNames : [trunk.host];
    known.certificateNames = names.map((name) => name.toLowerCase());
    for (const name of known.certificateNames) {
      const filed = this.#byCertificateName.get(name);
      if (filed === undefined) this.#byCertificateName.set(name, new Set([known]));
      else filed.add(known);
    }
  }

  #unfile(known: Known): void {
    for (const name of known.certificateNames) {
      const filed = this.#byCertificateName.get(name);
      filed?.delete(known);
      if (filed?.size === 0) this.#byCertificateName.delete(name);
    }
    known.certificateNames = [];
  }

  #forget(id: string, known: Known): void {
    this.#known.delete(id);
    this.#index.delete(known);
    this.#unfile(known);
    for (const token of known.tokens) this.#byToken.delete(token);
  }
}

/**
 * The port that a trunk's message came from. A connection that the peer opened comes from a port without meaning; what counts there is
 * the port in Via, where the peer says that it listens. Its address cannot be forged.
 */
function portOf(request: SipRequest, flow: Flow): number {
  if (flow.transport === 'udp') return flow.remotePort;
  return request.topVia().port ?? (flow.transport === 'tls' ? 5061 : 5060);
}

/** An address that the host resolves to has its own ports; an associated one uses any of the trunk's. */
function usesPort({ targets, addresses, ports }: Known, address: string, port: number): boolean {
  return addresses.has(address) ? targets.has(`${address} ${port}`) : ports.has(port);
}

/** Numbers that may be the called one: To, Request-URI, P-Called-Party-ID. */
function calledNumbers(request: SipRequest): string[] {
  const uris = [request.to().uri, request.uri()];
  try {
    for (const { uri } of parseNameAddrList(request.headers, HeaderId.PCalledPartyId)) uris.push(uri);
  } catch {
    // A field that cannot be read tells nothing.
  }
  return uris.flatMap((uri) => {
    if (uri.scheme === 'tel') return [uri.number];
    return isSipUri(uri) && uri.user !== undefined ? [unescapeUser(uri.user).split(';')[0] ?? ''] : [];
  });
}

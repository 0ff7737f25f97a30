/**
 * Which trunk sent this request: the token that our Contact carried, the certificate of a mutual TLS trunk, then source address and
 * port over what the trunk's host resolves to and its associated addresses, longest prefix first. Several candidates are told apart by
 * the called number's DID pool; what is still ambiguous is said so and never guessed.
 */
import { HeaderId, isSipUri, parseNameAddrList, type SipRequest, unescapeUser } from '../sip/message/index.ts';
import type { Flow } from '../sip/transport/index.ts';
import { AddressIndex } from './address-index.ts';
import type { Directory } from './directory.ts';
import type { Trunk } from './schema.ts';

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
  /** `address port` of the targets in use. */
  readonly targets: Set<string>;
}

const UNKNOWN: Identified = { kind: 'unknown' };

export class Identification {
  readonly #index = new AddressIndex<Known>();
  readonly #known = new Map<string, Known>();
  readonly #byToken = new Map<string, string>();
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
      else if (trunk !== known.trunk) {
        this.#nameCertificates(known, trunk);
        known.trunk = trunk;
      }
    }
  }

  /** The addresses that a trunk may send from: what its host resolved to, and its associated addresses and networks. */
  setAddresses(trunk: Trunk, resolved: readonly TrunkAddress[]): void {
    const known = this.#knownOf(trunk);
    known.targets.clear();
    for (const { address, port } of resolved) known.targets.add(`${address} ${port}`);
    const networks = [...resolved.map(({ address }) => address), ...trunk.associatedIps];
    // A mutual TLS trunk is known by its certificate in place of its addresses.
    this.#index.set(known, trunk.options.mutualTls ? [] : networks);
  }

  /** The token that a registration's Contact carries for this trunk. */
  setToken(trunk: Trunk, token: string): void {
    this.#byToken.set(token, trunk.id);
  }

  identify(request: SipRequest, flow: Flow): Identified {
    const byToken = this.#trunkOfToken(request);
    if (byToken !== undefined) return { kind: 'trunk', trunk: byToken, exact: true };
    const byCertificate = this.#trunksOfCertificate(flow);
    const candidates =
      byCertificate.length > 0
        ? byCertificate
        : this.#index.find(flow.remoteAddress, ({ trunk, targets }) => {
            if (!trunk.enabled || trunk.options.mutualTls) return false;
            return !trunk.options.verifyPort || targets.has(`${flow.remoteAddress} ${flow.remotePort}`);
          });
    if (candidates.length === 0) return UNKNOWN;
    return this.#chooseAmong(candidates, request, flow, byCertificate.length > 0);
  }

  /** Whether any trunk may send from this address; such sources keep their share when others flood. */
  knows(address: string): boolean {
    return this.#index.find(address).length > 0;
  }

  /** Whether this trunk may send from, and be sent to, an address. */
  isOf(trunkId: string, address: string): boolean {
    return this.#index.find(address, ({ trunk }) => trunk.id === trunkId && trunk.enabled).length > 0;
  }

  #chooseAmong(candidates: readonly Known[], request: SipRequest, flow: Flow, certified: boolean): Identified {
    const source = `${flow.remoteAddress} ${flow.remotePort}`;
    const exact = candidates.filter(({ targets }) => targets.has(source));
    const narrowed = exact.length > 0 ? exact : candidates;
    const only = narrowed.length === 1 ? narrowed[0] : this.#ownerOfCalledNumber(narrowed, request);
    if (only === undefined) return { kind: 'ambiguous', trunks: narrowed.map(({ trunk }) => trunk) };
    return { kind: 'trunk', trunk: only.trunk, exact: certified || exact.length > 0 };
  }

  /** The one candidate in whose pools the called number is; undefined when none or several have it. */
  #ownerOfCalledNumber(candidates: readonly Known[], request: SipRequest): Known | undefined {
    const numbers = calledNumbers(request);
    const owners = candidates.filter(({ trunk }) =>
      numbers.some((number) => this.#directory.didOwner(trunk.id, number) !== undefined),
    );
    return owners.length === 1 ? owners[0] : undefined;
  }

  #trunkOfToken(request: SipRequest): Trunk | undefined {
    if (this.#byToken.size === 0) return undefined;
    const uri = request.uri();
    if (!isSipUri(uri)) return undefined;
    // The token is the user part, or a parameter where the user part is the dialled number (RFC 6140 bnc).
    const token = uri.params.get('tdm') ?? (uri.user === undefined ? undefined : unescapeUser(uri.user));
    const id = token === undefined || token === '' ? undefined : this.#byToken.get(token);
    const trunk = id === undefined ? undefined : this.#directory.trunk(id);
    return trunk?.enabled === true ? trunk : undefined;
  }

  #trunksOfCertificate(flow: Flow): Known[] {
    if (this.#byCertificateName.size === 0 || flow.tls === undefined) return [];
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
      known = { trunk, targets: new Set() };
      this.#known.set(trunk.id, known);
    }
    if (known.trunk !== trunk || trunk.options.mutualTls) this.#nameCertificates(known, trunk);
    known.trunk = trunk;
    return known;
  }

  #nameCertificates(known: Known, trunk: Trunk): void {
    for (const set of this.#byCertificateName.values()) set.delete(known);
    if (!trunk.options.mutualTls) return;
    const names = trunk.tls.peerNames.length > 0 ? trunk.tls.peerNames : [trunk.host];
    for (const name of names) {
      const key = name.toLowerCase();
      const set = this.#byCertificateName.get(key) ?? new Set();
      set.add(known);
      this.#byCertificateName.set(key, set);
    }
  }

  #forget(id: string, known: Known): void {
    this.#known.delete(id);
    this.#index.delete(known);
    for (const set of this.#byCertificateName.values()) set.delete(known);
    for (const [token, trunkId] of this.#byToken) if (trunkId === id) this.#byToken.delete(token);
  }
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

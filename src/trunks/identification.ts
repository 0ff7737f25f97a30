/**
 * Which trunk sent this request (behaviour 26). The token that our Contact carried proves a trunk. Else all trunks count for which the
 * source speaks: by an address in a network of any length, or by a name in a verified certificate (which alone speaks for a trunk with
 * `mutualTls`), and with a port of its own where the trunk verifies it. Of these it is the one whose DID pool holds the called number,
 * as that trunk reads it. When no pool holds it the call is nobody's: the owner of the longest prefix gets to refuse it.
 *
 * A teams trunk is spoken for by its name in the Request-URI, over TLS from Teams' addresses, and by nothing else.
 *
 * So a claim to an address gives nobody a call to a number outside its own pool, and pools of different tenants at one provider never
 * overlap. A trunk's settings may read any number as one of its own pool, though, so whose number stands there, as the trunk's
 * `numberFormat` reads it, comes before whose is made of it. The earlier owner keeps the call (`precedence.ts`) where two such readings
 * are alike: digits without a mark are one tenant's number in E.164 and another's written nationally, and nothing in the request says
 * which the carrier means; or the DNS makes two tenants' trunks coincide that were not of one provider when they were written.
 */

import { type Network, networksIn } from '../base/network.ts';
import { defaultPort } from '../base/transport.ts';
import { diffOf } from '../provisioning/directory/difference.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import type { NumberIndex } from '../provisioning/directory/number-index.ts';
import type { Precedence } from '../provisioning/directory/precedence.ts';
import { trunkIdOf } from '../provisioning/trunk-settings/effective.ts';
import type { InboundSource, Trunk } from '../provisioning/trunk-settings/schema.ts';
import { certificateNames } from '../provisioning/trunk-settings/sources.ts';
import { isSipUri, type SipRequest } from '../sip/message/index.ts';
import type { Flow } from '../sip/transport/index.ts';
import { AddressIndex, type Claimed, type Members } from './address-index.ts';
import { tokenIn } from './contact-token.ts';
import { type Known, type Reader, SourceView, speaksFor } from './source-view.ts';

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

/** What the called number of a request from this trunk may be, likeliest first, as its inbound settings say, or in these places. Must not throw. */
export type CalledNumberReader = (
  request: SipRequest,
  trunk: Trunk,
  sources?: readonly InboundSource[],
) => readonly number[];

/** Where a request came from. */
type Source = Pick<Flow, 'remoteAddress' | 'remotePort' | 'transport' | 'tls'>;

/** What a request's source speaks for. */
interface Spoken {
  readonly members: Members<Known>;
  readonly certified: boolean;
}

/** A trunk whose pool holds the called number. */
interface Holder {
  readonly known: Known;
  readonly tenant: string;
  readonly number: number;
  /** Place in what the source speaks for: certificate names first, then the longest prefix. */
  readonly rank: number;
  readonly certified: boolean;
}

interface Names extends Members<Known> {
  readonly entries: Set<Known>;
  version: number;
}

/** Whether an address is that of a proxy in front of this engine. */
interface Front {
  has(address: string): boolean;
}

const NO_FRONT: Front = { has: () => false };
const UNKNOWN: Identified = { kind: 'unknown' };
const MAX_TOKENS = 4;

export class Identification {
  readonly #index = new AddressIndex<Known>();
  readonly #known = new Map<string, Known>();
  readonly #byToken = new Map<string, Known>();
  readonly #byCertificateName = new Map<string, Names>();
  /** Teams trunks by the name that Teams calls them by. */
  readonly #byFqdn = new Map<string, Known>();
  readonly precedence: Precedence;
  readonly #calledNumbers: CalledNumberReader;
  readonly #front: Front;
  #views = new WeakMap<Members<Known>, SourceView>();
  #directory: Directory;

  /** @param front proxies of the operator's own: trunks are sent to there, and they are the source of none. */
  constructor(
    directory: Directory,
    calledNumbers: CalledNumberReader,
    precedence: Precedence,
    front: Front = NO_FRONT,
  ) {
    this.#front = front;
    this.#directory = directory;
    this.#calledNumbers = calledNumbers;
    this.precedence = precedence;
  }

  /** Takes over a new snapshot; addresses of trunks that are still there are kept until {@link setAddresses} replaces them. */
  update(directory: Directory): void {
    const { trunks } = diffOf(this.#directory.provisioning, directory.provisioning);
    this.#directory = directory;
    if (trunks.length === 0) return;
    this.#views = new WeakMap();
    for (const { before } of trunks) {
      const id = before === undefined ? '' : trunkIdOf(before);
      const known = this.#known.get(id);
      if (known === undefined) continue;
      const trunk = directory.trunk(id);
      if (trunk === undefined) this.#forget(id, known);
      else if (trunk !== known.trunk) this.#rename(known, trunk);
    }
  }

  /**
   * The addresses that a trunk may send from: what its host resolved to, and its associated addresses and networks.
   *
   * @param isWhole those of all its names
   */
  setAddresses(trunk: Trunk, located: readonly TrunkAddress[], isWhole = true): void {
    const resolved = located.filter(({ address }) => !this.#front.has(address));
    const known = this.#knownOf(trunk);
    known.targets = distinct(resolved.map(({ address, port }) => `${address} ${port}`));
    known.addresses = distinct(resolved.map(({ address }) => address));
    known.networks = networksIn(known.addresses);
    const ports = new Set(resolved.map(({ port }) => port));
    const [port = trunk.port ?? defaultPort(trunk.transport)] = ports;
    known.ports = ports.size > 1 ? ports : onlyPort(port);
    this.precedence.located(trunk, known.addresses, isWhole);
    this.#index.set(known, [...known.addresses, ...trunk.associatedIps]);
  }

  /** The token that a registration's Contact carries for this trunk. */
  setToken(trunk: Trunk, token: string): void {
    const known = this.#knownOf(trunk);
    this.#byToken.set(token, known);
    if (known.tokens.includes(token)) return;
    known.tokens.push(token);
    const oldest = known.tokens.length > MAX_TOKENS ? known.tokens.shift() : undefined;
    if (oldest !== undefined) this.#byToken.delete(oldest);
  }

  identify(request: SipRequest, flow: Source): Identified {
    const byToken = this.#trunkOfToken(request);
    if (byToken !== undefined) return { kind: 'trunk', trunk: byToken, exact: true };
    const spoken = this.#spokenFor(flow);
    if (spoken.length === 0) return UNKNOWN;
    const named = this.#byFqdn.size === 0 ? undefined : this.#namedIn(request, flow);
    // The name is the tenant's word; what makes a call the tenant's is the number.
    if (named !== undefined && this.#holdsNumber(named, request)) return { kind: 'trunk', trunk: named, exact: true };
    const { remoteAddress } = flow;
    const port = portOf(request, flow);
    const holders = isAlone(spoken) ? [] : this.#holdersOf(request, spoken, remoteAddress, port);
    if (holders.length > 0)
      return this.#chooseAmong(this.#ofOneTenant(holders, request, remoteAddress), remoteAddress, port);
    for (const { members, certified } of spoken) {
      const known = this.#viewOf(members).refusing(remoteAddress, port, certified);
      if (known === undefined) continue;
      const exact = certified || known.targets.includes(`${remoteAddress} ${port}`);
      return { kind: 'trunk', trunk: known.trunk, exact };
    }
    return named === undefined ? UNKNOWN : { kind: 'trunk', trunk: named, exact: true };
  }

  /** Whether any trunk may send from this address; such sources keep their share when others flood. */
  knows(address: string): boolean {
    return this.#index.has(address);
  }

  /** The networks of trunks that hold an address, longest prefix first. */
  networksAround(address: string): readonly Claimed<Pick<Known, 'trunk'>>[] {
    return this.#index.covering(address);
  }

  /** What a trunk's names resolve to, as networks of one host; the same list until that is another. */
  networksOf(trunkId: string): readonly Network[] {
    return this.#known.get(trunkId)?.networks ?? NOWHERE;
  }

  /** What a trunk's names resolve to. */
  addressesOf(trunkId: string): string[] {
    return [...(this.#known.get(trunkId)?.addresses ?? [])];
  }

  /** Whether an address that a trunk's names resolve to is a source of another provider's trunk. */
  meetsOthers({ id }: Trunk): boolean {
    const own = this.#directory.provider(id);
    return this.addressesOf(id).some((address) =>
      this.#index.covering(address).some((members) => {
        for (const each of this.#viewOf(members).providers()) if (each !== own) return true;
        return false;
      }),
    );
  }

  /** Whether a trunk had an address before another that has it too. */
  precedes(trunk: Trunk, other: Trunk): boolean {
    const shared = [...this.addressesOf(trunk.id), ...this.addressesOf(other.id)].find(
      (address) => this.isOf(trunk.id, address) && this.isOf(other.id, address),
    );
    return this.precedence.compare(trunk, other, shared ?? '', this.#directory) < 0;
  }

  /** Whether this trunk may send from, and be sent to, an address. */
  isOf(trunkId: string, address: string): boolean {
    const known = this.#known.get(trunkId);
    if (known === undefined || !known.trunk.enabled) return false;
    return this.#index.covering(address).some(({ entries }) => entries.has(known));
  }

  /** Whether some trunk may send from both addresses. */
  ofOneTrunk(address: string, other: string): boolean {
    for (const { entries } of this.#index.covering(address))
      for (const { trunk } of entries) if (trunk.enabled && this.isOf(trunk.id, other)) return true;
    return false;
  }

  /** The teams trunk whose name is in the Request-URI, when it comes over TLS from where Teams is. */
  #namedIn(request: SipRequest, flow: Source): Trunk | undefined {
    const uri = request.uri();
    const known = isSipUri(uri) ? this.#byFqdn.get(uri.host.toLowerCase()) : undefined;
    if (known === undefined || flow.transport !== 'tls' || !this.isOf(known.trunk.id, flow.remoteAddress))
      return undefined;
    return known.trunk;
  }

  #holdsNumber(trunk: Trunk, request: SipRequest): boolean {
    return this.#calledNumbers(request, trunk).some((number) => this.#directory.inPool(trunk.id, trunk.owner, number));
  }

  #spokenFor(flow: Source): Spoken[] {
    const spoken: Spoken[] = [];
    if (this.#byCertificateName.size > 0 && flow.tls?.verified === true) {
      for (const name of flow.tls.names) {
        const members = this.#byCertificateName.get(name.toLowerCase());
        if (members !== undefined) spoken.push({ members, certified: true });
      }
    }
    for (const members of this.#index.covering(flow.remoteAddress)) spoken.push({ members, certified: false });
    return spoken;
  }

  /**
   * The trunks whose pool holds the called number. Whoever has it reads it, so the providers of those who do are asked for its owner, and
   * the owner's trunks are then looked at: nothing here grows with the number of candidates that read alike, and with that of readings it
   * grows no faster than they do.
   */
  #holdersOf(request: SipRequest, spoken: readonly Spoken[], address: string, port: number): Holder[] {
    const found = new Map<Known, Holder>();
    for (const [rank, { members, certified }] of spoken.entries()) {
      const view = this.#viewOf(members);
      const numbers = new Map<Reader, readonly number[]>();
      for (const reader of view.readers) numbers.set(reader, this.#calledNumbers(request, reader.trunk));
      const providersOf = providersByNumber(numbers);
      const isHeld = (number: number): boolean => {
        let isFound = false;
        for (const provider of providersOf(number)) {
          for (const { known, tenant } of this.#trunksHolding(provider, number)) {
            if (!found.has(known)) {
              const reader = view.readerOf(known);
              // Another trunk of these may read the number somewhere else.
              if (reader === undefined || numbers.get(reader)?.includes(number) !== true) continue;
              if (!speaksFor(known, address, port, certified)) continue;
              found.set(known, { known, tenant, number, rank, certified });
            }
            isFound = true;
          }
        }
        return isFound;
      };
      const held = new Map<number, boolean>();
      for (const read of numbers.values()) {
        // What the called number may also be counts only when nobody has what it more likely is, found for this reader or before.
        for (const number of read) {
          if (!held.has(number)) held.set(number, isHeld(number));
          if (held.get(number) === true) break;
        }
      }
    }
    return [...found.values()];
  }

  *#trunksHolding(provider: NumberIndex, number: number) {
    const tenant = provider.owner(number);
    if (tenant === undefined) return;
    for (const trunk of this.#directory.trunksHolding(provider, tenant, number)) {
      const known = this.#known.get(trunk.id);
      if (known !== undefined) yield { known, tenant };
    }
  }

  #chooseAmong(holders: readonly Holder[], address: string, port: number): Identified {
    const target = `${address} ${port}`;
    let left = preferring(holders, ({ known }) => known.trunk.options.verifyPort);
    const longest = Math.min(...left.map(({ rank }) => rank));
    left = left.filter(({ rank }) => rank === longest);
    left = preferring(left, ({ known }) => known.targets.includes(target));
    // Of a tenant's two trunks to one provider, the one that is known by its address.
    left = preferring(left, ({ known }) => known.trunk.type === 'ip');
    const [only, ...others] = left;
    if (only === undefined || others.length > 0)
      return { kind: 'ambiguous', trunks: left.map(({ known }) => known.trunk) };
    return { kind: 'trunk', trunk: only.known.trunk, exact: only.certified || only.known.targets.includes(target) };
  }

  #ofOneTenant(holders: readonly Holder[], request: SipRequest, address: string): readonly Holder[] {
    if (isOfOneTenant(holders)) return holders;
    const isSystems = ({ known }: Holder) => known.trunk.owner === 'system';
    const isAsWritten = ({ known, number }: Holder) =>
      this.#calledNumbers(request, asWritten(known.trunk), WRITTEN_IN).includes(number);
    const [first, ...rest] = [isSystems, isAsWritten].reduce(preferring, holders);
    let earliest = first as Holder;
    for (const other of rest) {
      const trunks = [other.known.trunk, earliest.known.trunk] as const;
      if (this.precedence.compare(...trunks, address, this.#directory) < 0) earliest = other;
    }
    return holders.filter(({ tenant }) => tenant === earliest.tenant);
  }

  #viewOf(members: Members<Known>): SourceView {
    let view = this.#views.get(members);
    if (view === undefined || view.version !== members.version) {
      view = new SourceView(members, this.#directory);
      this.#views.set(members, view);
    }
    return view;
  }

  #trunkOfToken(request: SipRequest): Trunk | undefined {
    if (this.#byToken.size === 0) return undefined;
    const uri = request.uri();
    if (!isSipUri(uri)) return undefined;
    const trunk = this.#byToken.get(tokenIn(uri))?.trunk;
    return trunk?.enabled === true ? trunk : undefined;
  }

  #knownOf(trunk: Trunk): Known {
    let known = this.#known.get(trunk.id);
    if (known === undefined) {
      known = {
        trunk,
        targets: NONE,
        addresses: NONE,
        networks: NOWHERE,
        ports: NO_PORTS,
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
    if (trunk.teams !== undefined) this.#byFqdn.set(trunk.teams.fqdn, known);
    known.certificateNames = certificateNames(trunk);
    for (const name of known.certificateNames) {
      const filed = this.#byCertificateName.get(name);
      if (filed === undefined) this.#byCertificateName.set(name, { entries: new Set([known]), version: 0 });
      else {
        filed.entries.add(known);
        filed.version++;
      }
    }
  }

  #unfile(known: Known): void {
    for (const name of known.certificateNames) {
      const filed = this.#byCertificateName.get(name);
      if (filed === undefined) continue;
      filed.entries.delete(known);
      filed.version++;
      if (filed.entries.size === 0) this.#byCertificateName.delete(name);
    }
    known.certificateNames = [];
    const { teams } = known.trunk;
    if (teams !== undefined && this.#byFqdn.get(teams.fqdn) === known) this.#byFqdn.delete(teams.fqdn);
  }

  #forget(id: string, known: Known): void {
    this.#known.delete(id);
    this.#index.delete(known);
    this.#unfile(known);
    this.precedence.forget(id);
    for (const token of known.tokens) this.#byToken.delete(token);
  }
}

/**
 * The port that a trunk's message came from. A connection that the peer opened comes from a port without meaning; what counts there is
 * the port in Via, where the peer says that it listens. Its address cannot be forged.
 */
function portOf(request: SipRequest, flow: Source): number {
  if (flow.transport === 'udp') return flow.remotePort;
  return request.topVia().port ?? defaultPort(flow.transport);
}

/** Gives the providers of all that read a number. */
function providersByNumber(
  numbers: ReadonlyMap<Reader, readonly number[]>,
): (number: number) => ReadonlySet<NumberIndex> {
  const [[only] = []] = numbers;
  if (only !== undefined && numbers.size === 1) return () => only.providers;
  const providers = new Map<number, Set<NumberIndex>>();
  for (const [reader, read] of numbers) {
    for (const number of read) {
      const there = providers.get(number) ?? new Set<NumberIndex>();
      for (const provider of reader.providers) there.add(provider);
      providers.set(number, there);
    }
  }
  return (number) => providers.get(number) ?? new Set();
}

/** Trunks of which nothing is resolved share these, and those that use one port have one set. */
const NONE: readonly never[] = [];
const NOWHERE: readonly Network[] = [];
const NO_PORTS: ReadonlySet<never> = new Set<never>();

function distinct(items: readonly string[]): readonly string[] {
  const different = items.filter((item, at) => items.indexOf(item) === at);
  if (different.length < items.length) return different;
  // A filtered list has room to grow.
  return items.length === 0 ? NONE : items;
}

const byPort = new Map<number, ReadonlySet<number>>();

function onlyPort(port: number): ReadonlySet<number> {
  const ports = byPort.get(port) ?? new Set([port]);
  byPort.set(port, ports);
  return ports;
}

/** What begins with one 0 is written nationally, and no number as it stands. */
const NOT_NATIONAL = {
  replacePrefix: [
    { from: '00', to: '00' },
    { from: '0', to: '*' },
  ],
};

/** Not P-Called-Party-ID, which a caller's network may have written for another number, and which counts alone. */
const WRITTEN_IN: readonly InboundSource[] = ['to.user', 'requestUri.user'];

/** A trunk as if it had no settings of its own for what becomes of the called number, but for how its provider writes numbers. */
function asWritten(trunk: Trunk): Trunk {
  const { inboundParameters } = trunk;
  const calledNumber = trunk.numberFormat === 'e164' ? NOT_NATIONAL : undefined;
  const normalize = { ...inboundParameters.normalize, calledNumber };
  return { ...trunk, inboundParameters: { ...inboundParameters, normalize } };
}

function isOfOneTenant([first, ...rest]: readonly Holder[]): boolean {
  return rest.every(({ tenant }) => tenant === first?.tenant);
}

/** One trunk, and no other, may have sent it: whose pool holds the number does not matter. */
function isAlone(spoken: readonly Spoken[]): boolean {
  return spoken.length === 1 && spoken[0]?.members.entries.size === 1;
}

function preferring(holders: readonly Holder[], accept: (holder: Holder) => boolean): readonly Holder[] {
  if (holders.length < 2) return holders;
  const accepted = holders.filter(accept);
  return accepted.length > 0 ? accepted : holders;
}

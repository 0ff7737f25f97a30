/**
 * Everything provisioned, as an immutable snapshot with an index for every question that a call asks. A change makes a new
 * snapshot; what did not change (a tenant, a trunk, its pools) keeps its parsed form, so that a snapshot after a small change is cheap.
 */
import { type List, mapped } from '../../base/chunked-list.ts';
import { derived } from '../../base/derived.ts';
import { allAtOnce, type Steps } from '../../base/steps.ts';
import { DidPool } from '../tenants/did-pool.ts';
import { normalizeNumber } from '../tenants/number.ts';
import { type NumberFormat, numbersMeant } from '../tenants/number-format.ts';
import type { Party } from '../tenants/party.ts';
import type { Extension, Group, InboundRule, OutboundRule, Service, Tenant } from '../tenants/schema.ts';
import { byPrecedence, type SigningCertificate, signingCertificate } from '../trunk-settings/certificates.ts';
import { withBrand } from '../trunk-settings/effective.ts';
import type { Assignment, Provisioned, Trunk, TrunkSettings } from '../trunk-settings/schema.ts';
import { type TlsCertificate, tlsCertificate } from '../trunk-settings/tls-certificates.ts';
import { diffOf, diffSteps } from './difference.ts';
import { type Indexes, indexSteps, NO_INDEXES, type Provider, providersMet, trunkNamed } from './indexes.ts';
import type { NumberIndex } from './number-index.ts';
import { certificateIn } from './places.ts';
import { type TenantTables, tablesOf } from './tenant-tables.ts';
import { assignmentOf, poolOf, trunkIndex } from './trunk-pools.ts';
import { TrunksByNumber } from './trunks-by-number.ts';

const NONE: readonly never[] = [];
const NOTHING: Provisioned = { tenants: [], trunks: [], certificates: [] };

/** Whether a provider that coincides with this one gives the number to another tenant than this. */
type AskElsewhere = (directory: Directory, provider: NumberIndex, tenant: string, number: number) => boolean;

/** The trunks as they take effect; the same list for the same list of what is written. */
const inEffect = derived((trunks: List<TrunkSettings>): List<Trunk> => mapped(trunks, withBrand));

export class Directory {
  static readonly EMPTY = new Directory(NOTHING);

  readonly provisioning: Provisioned;
  readonly tenants: List<Tenant>;
  readonly trunks: List<Trunk>;
  readonly #indexes: Indexes;
  /** Made when first asked for, by tenant and provider. */
  readonly #trunksByNumber = new Map<string, ReadonlyMap<NumberIndex | undefined, TrunksByNumber>>();
  /** Made when first asked for, by tenant and trunk. */
  readonly #inboundRules = new Map<string, readonly InboundRule[]>();

  #certificates: ReadonlyMap<string, readonly SigningCertificate[]> | undefined;
  #isAnothersElsewhere: AskElsewhere | undefined;

  /** Makes a snapshot of a state that passed `checkProvisioning`. */
  constructor(provisioning: Provisioned, indexes?: Indexes) {
    this.provisioning = provisioning;
    this.tenants = provisioning.tenants;
    this.trunks = inEffect(provisioning.trunks);
    this.#indexes = indexes ?? allAtOnce(indexSteps(provisioning, NO_INDEXES, diffOf(NOTHING, provisioning)));
  }

  /** The snapshot that comes after another: what did not change is shared. Answers as one that is made anew. */
  static *after(previous: Directory, provisioning: Provisioned): Steps<Directory> {
    const diff = yield* diffSteps(previous.provisioning, provisioning);
    const indexes = diff.isReordered
      ? yield* indexSteps(provisioning, NO_INDEXES, yield* diffSteps(NOTHING, provisioning))
      : yield* indexSteps(provisioning, previous.#indexes, diff);
    return new Directory(provisioning, indexes);
  }

  /** The tenant of a SIP domain; host names compare without case (RFC 3261 §19.1.4), and without the dot of the root. */
  tenantByDomain(domain: string): Tenant | undefined {
    const { byDomain } = this.#indexes;
    return byDomain.get(domain) ?? byDomain.get((domain.endsWith('.') ? domain.slice(0, -1) : domain).toLowerCase());
  }

  tenantByName(name: string): Tenant | undefined {
    return this.#indexes.byName.get(name);
  }

  extension(tenant: string, number: string): Extension | undefined {
    return this.#tablesOf(tenant)?.extensions.get(number);
  }

  service(tenant: string, number: string): Service | undefined {
    return this.#tablesOf(tenant)?.services.get(number);
  }

  /** Whose a number of the tenant is; undefined for a number outside. No number is both an extension's and a service's. */
  party(tenant: string, number: string): Party | undefined {
    const extension = this.extension(tenant, number);
    if (extension !== undefined) return { kind: 'extension', extension };
    const service = this.service(tenant, number);
    return service === undefined ? undefined : { kind: 'service', service };
  }

  /** The extension or service of a number, for what both have. */
  member(tenant: string, number: string): Extension | Service | undefined {
    return this.extension(tenant, number) ?? this.service(tenant, number);
  }

  group(tenant: string, name: string): Group | undefined {
    return this.#tablesOf(tenant)?.groups.get(name);
  }

  /** Enabled outbound rules in the order in which they are tried: by priority, then by name. */
  outboundRules(tenant: string): readonly OutboundRule[] {
    return this.#tablesOf(tenant)?.outboundRules ?? NONE;
  }

  /** Enabled inbound rules of a tenant on a trunk. */
  inboundRules(tenant: string, trunkId: string): readonly InboundRule[] {
    const key = `${trunkId} ${tenant}`;
    let rules = this.#inboundRules.get(key);
    if (rules === undefined) {
      const all = this.#indexes.byName.get(tenant)?.inboundRules ?? NONE;
      rules = all.filter((rule) => rule.enabled && this.trunkFor(tenant, rule.trunk)?.id === trunkId);
      this.#inboundRules.set(key, rules);
    }
    return rules;
  }

  trunk(id: string): Trunk | undefined {
    return this.#indexes.trunksById.get(id);
  }

  /** Trunks whose host is this one, compared without case; on accept-register trunks the host is a label. */
  trunksByHost(host: string): readonly Trunk[] {
    return this.#indexes.trunksByHost.get(host.toLowerCase()) ?? NONE;
  }

  /** The first trunk of this name; with a tenant, among those it may use. */
  trunkByName(name: string, tenant?: string): Trunk | undefined {
    if (tenant !== undefined) return trunkNamed(this.trunksOf(tenant), name);
    return this.trunks.find((trunk) => trunk.name === name);
  }

  /** What a tenant's rule means by `trunk`: one that it may use, by name or by id. */
  trunkFor(tenant: string, reference: string): Trunk | undefined {
    const byName = this.trunkByName(reference, tenant);
    if (byName !== undefined) return byName;
    const byId = this.#indexes.trunksById.get(reference);
    return byId !== undefined && assignmentOf(byId, tenant) !== undefined ? byId : undefined;
  }

  /** The trunks that a tenant may use. */
  trunksOf(tenant: string): readonly Trunk[] {
    return this.#indexes.trunksOfTenant.get(tenant) ?? NONE;
  }

  assignment(trunkId: string, tenant: string): Assignment | undefined {
    const trunk = this.#indexes.trunksById.get(trunkId);
    return trunk === undefined ? undefined : assignmentOf(trunk, tenant);
  }

  /** The certificates that may sign a tenant's calls, its own and the system's, in the order in which they are asked. */
  certificatesFor(tenant: string): readonly SigningCertificate[] {
    this.#certificates ??= Map.groupBy(
      this.provisioning.certificates.filter(({ use }) => use === 'stir').map(signingCertificate),
      ({ owner }) => owner,
    );
    const [own, shared] = [this.#certificates.get(tenant) ?? NONE, this.#certificates.get('system') ?? NONE];
    if (own.length + shared.length < 2) return own.length === 0 ? shared : own;
    return [...own, ...shared].sort(byPrecedence);
  }

  /** What a teams trunk shows as TLS client and server; undefined for any other trunk. */
  tlsCertificateOf({ teams }: Trunk): TlsCertificate | undefined {
    const settings = teams === undefined ? undefined : certificateIn(this.provisioning, teams.certificate);
    return settings?.use === 'tls' ? tlsCertificate(settings) : undefined;
  }

  /** A tenant's DID pool on a trunk; empty when it may not use the trunk. */
  pool(trunkId: string, tenant: string): DidPool {
    const assignment = this.assignment(trunkId, tenant);
    return assignment === undefined ? DidPool.EMPTY : poolOf(assignment);
  }

  /** Says whether a number, compared as in a pool, is inside a tenant's pool on a trunk. */
  inPool(trunkId: string, tenant: string, number: string | number): boolean {
    const pool = this.pool(trunkId, tenant);
    return this.#meant(trunkId, number).some((meant) => pool.contains(meant));
  }

  /** The tenant whose pool on this trunk holds the number. O(log DIDs). */
  didOwner(trunkId: string, number: string | number): string | undefined {
    const trunk = this.#indexes.trunksById.get(trunkId);
    if (trunk === undefined) return undefined;
    const only = trunk.assignments.length === 1 ? trunk.assignments[0] : undefined;
    for (const wanted of this.#meant(trunkId, number)) {
      if (only === undefined) {
        const owner = trunkIndex(trunk).owner(wanted);
        if (owner !== undefined) return owner;
      } else if (poolOf(only).contains(wanted)) return only.tenant;
    }
    return undefined;
  }

  /** Who owns which number on a trunk's provider: all trunks with a brand, a name or a source address in common. */
  provider(trunkId: string): NumberIndex | undefined {
    return this.#indexes.providers.get(trunkId)?.index;
  }

  /** The providers of trunks that these, new or changed, have sources in common with. */
  providersMet(comers: readonly Trunk[]): Steps<Set<Provider>> {
    return providersMet(this.provisioning, this.#indexes, comers);
  }

  /** Trunks that have a key in common (`trunk-keys.ts`), in the order of the state. */
  trunksByKey(key: string): readonly Trunk[] {
    return this.#indexes.trunksByKey.get(key) ?? NONE;
  }

  /** The trunks of a provider on which a tenant's pool holds the number. */
  trunksHolding(provider: NumberIndex, tenant: string, number: number): readonly Trunk[] {
    let byProvider = this.#trunksByNumber.get(tenant);
    if (byProvider === undefined) {
      const groups = Map.groupBy(this.trunksOf(tenant), ({ id }) => this.provider(id));
      byProvider = new Map(
        Array.from(groups, ([index, trunks]) => [
          index,
          TrunksByNumber.of(
            trunks,
            trunks.map(({ id }) => this.pool(id, tenant)),
          ),
        ]),
      );
      this.#trunksByNumber.set(tenant, byProvider);
    }
    return byProvider.get(provider)?.holding(number) ?? NONE;
  }

  /** Says whether a tenant other than this one owns the number on the trunk's provider (behaviour 7). */
  numberOwnedByAnother(trunkId: string, tenant: string, number: string | number): boolean {
    const provider = this.#indexes.providers.get(trunkId)?.index;
    if (provider === undefined) return false;
    if (typeof number !== 'number' && this.#formatOf(trunkId) !== 'e164')
      return this.#meant(trunkId, number).some((wanted) => this.#isAnothers(provider, tenant, wanted));
    // Each call asks so of some texts, which nearly always mean one number.
    const written = typeof number === 'number' ? number : normalizeNumber(number);
    return written !== undefined && this.#isAnothers(provider, tenant, written);
  }

  #isAnothers(provider: NumberIndex, tenant: string, number: number): boolean {
    const owner = provider.owner(number);
    if (owner !== undefined && owner !== tenant) return true;
    return this.#isAnothersElsewhere?.(this, provider, tenant, number) === true;
  }

  /** What the DNS has made coincide with a trunk's provider is asked too; the one thing that a snapshot does not know by itself. */
  coincideWith(isAnothers: AskElsewhere): void {
    this.#isAnothersElsewhere = isAnothers;
  }

  #tablesOf(name: string): TenantTables | undefined {
    const tenant = this.#indexes.byName.get(name);
    return tenant === undefined ? undefined : tablesOf(tenant);
  }

  /** The numbers that a text may stand for in the format of the trunk. */
  #meant(trunkId: string, number: string | number): readonly number[] {
    if (typeof number === 'number') return [number];
    return numbersMeant(number, this.#formatOf(trunkId));
  }

  #formatOf(trunkId: string): NumberFormat {
    return this.#indexes.trunksById.get(trunkId)?.numberFormat ?? 'e164';
  }
}

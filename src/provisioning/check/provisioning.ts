/**
 * Every rule of the guides over everything provisioned, in one pure function that YAML, REST and the command line share. A state
 * without problems can be served; one with problems is refused whole.
 */

import { noSuch } from '../../base/nearest.ts';
import { allAtOnce, type Steps } from '../../base/steps.ts';
import { TextMap } from '../../base/text-map.ts';
import { diffSteps } from '../directory/difference.ts';
import type { Directory } from '../directory/directory.ts';
import { certificateIn, tenantIn } from '../directory/places.ts';
import { poolOf } from '../directory/trunk-pools.ts';
import { DidPool, DidPoolError } from '../tenants/did-pool.ts';
import { checkTenant } from '../tenants/rules.ts';
import type { Tenant } from '../tenants/schema.ts';
import { checkCertificate } from '../trunk-settings/certificates.ts';
import { withBrand } from '../trunk-settings/effective.ts';
import type { ProvisioningProblem } from '../trunk-settings/problem.ts';
import type { Assignment, Provisioned, TrunkTransport } from '../trunk-settings/schema.ts';
import { checkTeamsCertificate } from '../trunk-settings/teams.ts';
import { checkUniqueness } from '../trunk-settings/uniqueness.ts';
import { whatsappCalls } from '../trunk-settings/whatsapp.ts';
import { checkOverlaps, checkResolvedOverlaps, type ResolvedSources } from './pool-overlaps.ts';
import { checkTrunk } from './rules.ts';
import { type CheckScope, changeScope, type Place, wholeScope } from './scope.ts';
import { type CheckedTrunk, checkTrunkReferences } from './trunk-references.ts';

export interface CheckContext {
  /** Transports that the node listens on; a trunk may use no other. Not checked when left out. */
  readonly transports?: ReadonlySet<TrunkTransport>;
  /** Whether the node has trust anchors, without which it verifies no call. Not checked when left out. */
  readonly verifiesCalls?: boolean;
  /** The state that is to be replaced; a caller ID that stood there already is not asked for its pool again. */
  readonly before?: Provisioned;
  /** What the DNS says of trunks now. Left out where nobody can ask, or what is checked was served before. */
  readonly resolved?: ResolvedSources;
}

/** Codes of problems that are a conflict with something else provisioned: REST answers 409; the others are 422. */
export const CONFLICT_CODES: ReadonlySet<string> = new Set([
  'tenant-name-taken',
  'tenant-domain-taken',
  'trunk-id-taken',
  'trunk-name-taken',
  'number-taken',
  'name-taken',
  'dial-code-taken',
  'trunk-host-taken',
  'trunk-credentials-taken',
  'host-is-tenant-domain',
  'pool-overlap',
  'tenant-assigned-twice',
  'inbound-rules-alike',
  'certificate-name-taken',
]);

/**
 * Every problem of a provisioned state; empty when it can be served. Paths begin at `tenants`, `trunks` and `certificates`. Of two that clash the
 * later is at fault, or the one that is `written`: its writer can mend it and may see no other.
 */
export function checkProvisioning(
  state: Provisioned,
  context: CheckContext = {},
  written: ReadonlySet<object> = new Set(),
): ProvisioningProblem[] {
  return allAtOnce(checkSteps(state, context, written));
}

/** {@link checkProvisioning} in steps. */
export function* checkSteps(
  state: Provisioned,
  context: CheckContext,
  written: ReadonlySet<object>,
): Steps<ProvisioningProblem[]> {
  return yield* check(wholeScope(state, context.before), context, written);
}

/**
 * The problems that a change brings to a state without problems, the same as {@link checkProvisioning} finds in the state after it:
 * the same rules, asked only of what the change can have broken.
 */
export function* checkChangeSteps(
  before: Directory,
  after: Provisioned,
  context: CheckContext,
  written: ReadonlySet<object>,
): Steps<ProvisioningProblem[]> {
  const diff = yield* diffSteps(before.provisioning, after);
  if (diff.isReordered) return yield* checkSteps(after, { ...context, before: before.provisioning }, written);
  return yield* check(yield* changeScope(before, after, diff), context, written);
}

function* check(scope: CheckScope, context: CheckContext, written: ReadonlySet<object>): Steps<ProvisioningProblem[]> {
  const problems: ProvisioningProblem[] = [];
  const tenants = new TextMap<Tenant>();
  yield* checkTenantNames(yield* writtenLast(scope.tenants, written), tenants, problems);
  yield;
  const entries: CheckedTrunk[] = [];
  for (const [index, settings] of yield* writtenLast(scope.trunks, written)) {
    const entry = { settings, trunk: withBrand(settings), path: `trunks[${index}]` };
    entries.push(entry);
    if (scope.asksTrunk(settings)) {
      for (const problem of checkTrunk(entry.settings, entry.trunk))
        problems.push({ ...problem, path: `${entry.path}.${problem.path}` });
      checkTransport(entry, context, problems);
      checkSignatures(entry, context, problems);
      checkAssignments(entry, tenants, scope.tenantNames, problems);
    }
    yield;
  }
  yield* checkTrunkNames(entries, problems);
  yield* checkUniqueness(entries, problems);
  yield* checkLabels(entries, scope.tenants, problems);
  yield;
  const readable = yield* readableOf(entries);
  yield* checkOverlaps([...readable], problems);
  const { resolved } = context;
  if (resolved !== undefined && resolved.moved.size > 0) {
    const faulty = new Set(entries.flatMap((entry) => (readable.has(entry) ? [] : entry.settings)));
    yield* checkResolvedOverlaps({ state: scope.state, faulty, resolved, written }, problems);
  }
  yield* checkTrunkReferences(scope, entries, readable, problems);
  for (const [index, tenant] of scope.tenants) {
    if (!scope.asksTenant(tenant)) continue;
    for (const problem of yield* checkTenant(tenant))
      problems.push({ ...problem, path: `tenants[${index}].${problem.path}`, tenants: [tenant.name] });
    yield;
  }
  yield* checkCertificates(scope, problems);
  yield* checkTeamsNames(scope, entries, problems);
  return problems;
}

/** Certificates can be read, belong to their keys and to somebody who is there, and have names of their own. */
function* checkCertificates(
  { state, certificates, tenantNames }: CheckScope,
  problems: ProvisioningProblem[],
): Steps<void> {
  const names = new Set<string>();
  for (const [index, certificate] of certificates) {
    yield;
    const path = `certificates[${index}]`;
    const { name, owner } = certificate;
    if (names.has(name))
      problems.push({
        code: 'certificate-name-taken',
        path: `${path}.name`,
        message: `there is already a certificate "${name}"`,
      });
    names.add(name);
    if (owner !== 'system' && tenantIn(state, owner) === undefined)
      problems.push({
        code: 'unknown-tenant',
        path: `${path}.owner`,
        ...unknownTenant(owner, tenantNames()),
      });
    for (const problem of checkCertificate(certificate)) problems.push({ ...problem, path: `${path}.${problem.path}` });
  }
}

/** Whom it may mean instead is for those to know who see all tenants. */
function unknownTenant(name: string, known: Iterable<string>) {
  return { message: noSuch('tenant', name, known), tenants: [name], redacted: noSuch('tenant', name, []) };
}

/** The certificates of teams trunks, whose names are in no other tenant's domain. */
function* checkTeamsNames(
  scope: CheckScope,
  entries: readonly CheckedTrunk[],
  problems: ProvisioningProblem[],
): Steps<void> {
  const { state } = scope;
  let tenants: TextMap<string> | undefined;
  for (const { settings, trunk, path } of entries) {
    yield;
    if (trunk.teams === undefined || !scope.asksTrunk(settings)) continue;
    const { fqdn, certificate } = trunk.teams;
    const domain = tenantIn(state, trunk.owner)?.domain;
    const problem = checkTeamsCertificate(trunk, certificateIn(state, certificate), domain);
    if (problem !== undefined) problems.push({ ...problem, path: `${path}.${problem.path}`, tenants: [trunk.owner] });
    tenants ??= new TextMap(state.tenants.map((tenant) => [tenant.domain.toLowerCase(), tenant.name] as const));
    const holder = tenants.get(domainsOf(fqdn).find((each) => tenants?.has(each)) ?? '');
    if (holder === undefined || holder === trunk.owner) continue;
    problems.push({
      code: 'host-is-tenant-domain',
      path: `${path}.teams.fqdn`,
      message: `${fqdn} is in the domain of tenant "${holder}"`,
      tenants: [trunk.owner, holder],
      redacted: `${fqdn} cannot be used`,
    });
  }
}

/** A name and the domains that it is in, the closest first: of two tenants it is the one with the closest domain who has it. */
function domainsOf(name: string): string[] {
  const labels = name.split('.');
  return labels.map((_, index) => labels.slice(index).join('.'));
}

function* readableOf(entries: readonly CheckedTrunk[]): Steps<ReadonlySet<CheckedTrunk>> {
  const readable = new Set<CheckedTrunk>();
  for (const entry of entries) {
    if (entry.trunk.assignments.every(isReadable)) readable.add(entry);
    yield;
  }
  return readable;
}

/** Those that are written after the others. */
function* writtenLast<T extends object>(
  places: readonly Place<T>[],
  written: ReadonlySet<object>,
): Steps<readonly Place<T>[]> {
  if (written.size === 0) return places;
  const others: Place<T>[] = [];
  const last: Place<T>[] = [];
  for (const place of places) {
    (written.has(place[1]) ? last : others).push(place);
    yield;
  }
  return others.concat(last);
}

function* checkTenantNames(
  entries: readonly Place<Tenant>[],
  tenants: TextMap<Tenant>,
  problems: ProvisioningProblem[],
): Steps<void> {
  const domains = new TextMap<string>();
  for (const [index, tenant] of entries) {
    yield;
    const path = `tenants[${index}]`;
    if (tenants.has(tenant.name))
      problems.push({
        code: 'tenant-name-taken',
        path: `${path}.name`,
        message: `there is already a tenant "${tenant.name}"`,
      });
    tenants.set(tenant.name, tenant);
    const domain = tenant.domain.toLowerCase();
    const holder = domains.get(domain);
    if (holder !== undefined) {
      problems.push({
        code: 'tenant-domain-taken',
        path: `${path}.domain`,
        message: `${tenant.domain} is already the domain of tenant "${holder}"`,
        tenants: [tenant.name, holder],
        redacted: `${tenant.domain} is already in use`,
      });
    }
    domains.set(domain, tenant.name);
  }
}

function checkTransport({ trunk, path }: CheckedTrunk, context: CheckContext, problems: ProvisioningProblem[]): void {
  if (context.transports === undefined || context.transports.has(trunk.transport)) return;
  problems.push({
    code: 'transport-missing',
    path: `${path}.transport`,
    message: `no listener has the transport ${trunk.transport}: add one before a trunk uses it`,
  });
}

function checkSignatures({ trunk, path }: CheckedTrunk, context: CheckContext, problems: ProvisioningProblem[]): void {
  const { stirVerify, stirShaken, stirRichCallData, stirWhenUnsignable } = trunk.options;
  const report = (option: keyof typeof trunk.options, value: string, why: string) =>
    problems.push({
      code: 'option-without-effect',
      path: `${path}.options.${option}`,
      message: `${value} has no effect: ${why}`,
    });
  const signsNot = 'the trunk does not sign calls (stirShaken)';
  if (stirRichCallData !== 'off' && !stirShaken) report('stirRichCallData', stirRichCallData, signsNot);
  if (stirWhenUnsignable !== 'refuse' && !stirShaken) report('stirWhenUnsignable', stirWhenUnsignable, signsNot);
  if (context.verifiesCalls !== false || stirVerify === 'auto' || stirVerify === 'off') return;
  report('stirVerify', stirVerify, "the node's configuration names no stir.trustAnchors");
}

function checkAssignments(
  { settings, trunk, path }: CheckedTrunk,
  tenants: ReadonlyMap<string, Tenant>,
  names: () => Iterable<string>,
  problems: ProvisioningProblem[],
): void {
  if (settings.owner !== 'system' && !tenants.has(settings.owner)) {
    problems.push({
      code: 'unknown-tenant',
      path: `${path}.owner`,
      ...unknownTenant(settings.owner, names()),
    });
  }
  const seen = new TextMap<true>();
  for (const assignment of trunk.assignments) {
    const at = settings.tenants.indexOf(assignment);
    const where = at < 0 ? path : `${path}.tenants[${at}]`;
    if (at >= 0 && !tenants.has(assignment.tenant)) {
      problems.push({
        code: 'unknown-tenant',
        path: `${where}.tenant`,
        ...unknownTenant(assignment.tenant, names()),
      });
    }
    if (at >= 0 && seen.has(assignment.tenant)) {
      problems.push({
        code: 'tenant-assigned-twice',
        path: `${where}.tenant`,
        message: `the trunk is already assigned to "${assignment.tenant}"`,
      });
    }
    seen.set(assignment.tenant, true);
    checkPool(assignment, `${where}.didPool`, problems);
  }
}

function checkPool(assignment: Assignment, path: string, problems: ProvisioningProblem[]): void {
  try {
    if (poolOf(assignment) === DidPool.EMPTY) {
      problems.push({
        code: 'pool-missing',
        path,
        message: `the pool of "${assignment.tenant}" is empty: list its numbers or ranges`,
      });
    }
  } catch (error) {
    if (!(error instanceof DidPoolError)) throw error;
    problems.push({ code: 'pool-entry', path, message: error.message });
  }
}

function isReadable(assignment: Assignment): boolean {
  try {
    poolOf(assignment);
    return true;
  } catch {
    return false;
  }
}

/** Names are unique per owner, and no tenant may use two trunks of one name: rules could not tell them apart. */
function* checkTrunkNames(entries: readonly CheckedTrunk[], problems: ProvisioningProblem[]): Steps<void> {
  const ids = new TextMap<true>();
  const names = new Set<string>();
  const usable = new Set<string>();
  for (const { trunk, path } of entries) {
    yield;
    if (ids.has(trunk.id))
      problems.push({
        code: 'trunk-id-taken',
        path: `${path}.id`,
        message: `there is already a trunk with the id ${trunk.id}`,
      });
    ids.set(trunk.id, true);
    const owned = `${trunk.owner}\u0000${trunk.name}`;
    if (names.has(owned)) {
      problems.push({
        code: 'trunk-name-taken',
        path: `${path}.name`,
        message: `${trunk.owner === 'system' ? 'the system' : `tenant "${trunk.owner}"`} already has a trunk "${trunk.name}"`,
      });
      continue;
    }
    names.add(owned);
    for (const tenant of new TextMap(
      trunk.assignments.map((assignment) => [assignment.tenant, true] as const),
    ).keys()) {
      const key = `${tenant}\u0000${trunk.name}`;
      if (usable.has(key)) {
        problems.push({
          code: 'trunk-name-taken',
          path: `${path}.name`,
          message: `tenant "${tenant}" may already use another trunk "${trunk.name}"`,
          tenants: [tenant],
        });
      }
      usable.add(key);
    }
  }
}

/** Behaviour 24: the label of an accept-register trunk is never a tenant's domain, nor is the name that WhatsApp calls. */
function* checkLabels(
  entries: readonly CheckedTrunk[],
  tenants: readonly Place<Tenant>[],
  problems: ProvisioningProblem[],
): Steps<void> {
  const gateways = entries.flatMap(({ trunk, path }) => {
    if (trunk.type === 'accept-register') return { label: trunk.host, path: `${path}.host`, type: trunk.type };
    const label = whatsappCalls(trunk)?.hostname;
    return label === undefined ? [] : { label, path: `${path}.whatsapp.calls.hostname`, type: trunk.type };
  });
  if (gateways.length === 0) return;
  const domains = new TextMap<string>();
  for (const [, { domain, name }] of tenants) {
    domains.set(domain.toLowerCase(), name);
    yield;
  }
  for (const { label, path, type } of gateways) {
    yield;
    const tenant = domains.get(label.toLowerCase());
    if (tenant === undefined) continue;
    problems.push({
      code: 'host-is-tenant-domain',
      path,
      message: `${label} is the domain of tenant "${tenant}"; ${type === 'whatsapp' ? 'a whatsapp trunk needs a name' : 'an accept-register trunk needs a label'} of its own`,
      tenants: [tenant],
      redacted: `${label} cannot be used`,
    });
  }
}

import { isDeepStrictEqual } from 'node:util';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Problem } from '../base/errors.ts';
import { inSlices, type Steps } from '../base/steps.ts';
import type { AuditFact } from '../observe/index.ts';
import { CONFLICT_CODES } from '../provisioning/check/provisioning.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import { certificateIn, tenantIn, trunkIn } from '../provisioning/directory/places.ts';
import { sameDocument } from '../provisioning/directory/same.ts';
import {
  applyEdits,
  type ChangeResult,
  type ProvisioningChange,
  type ProvisioningEdits,
} from '../provisioning/directory/store.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import { trunkIdOf } from '../provisioning/trunk-settings/effective.ts';
import type { Provisioned } from '../provisioning/trunk-settings/schema.ts';
import { hideOthers, maySeeTenant, maySeeTrunk } from './access.ts';
import { type ApiContext, identityOf } from './context.ts';
import { entityTag, withoutSecrets } from './documents.ts';
import { endAccess, endAccessLater } from './former-tenant.ts';
import { ownerOf } from './owner-turns.ts';
import { requireRoom } from './places-per-tenant.ts';
import { ApiProblem, notNow, unavailable } from './problem.ts';
import type { Identity } from './tokens.ts';

/** A change thought out against one version of the state. */
export interface PlannedChange {
  readonly change: ProvisioningEdits;
  readonly facts: readonly Omit<AuditFact, 'actor'>[];
  /**
   * Where in the request's body stands what the state after the change has at a path: `tenants[3].extensions[7]` → `` for a body that
   * is the extension, `tenants[7]` → `tenants[0]` for a document.
   */
  readonly bodyPaths?: ReadonlyMap<string, string> | ((after: Provisioned) => ReadonlyMap<string, string>);
  /** What is deleted; a refusal then lists what still refers to it. */
  readonly deletes?: string;
  /** What names the thing deleted though no rule would miss it. */
  readonly referrers?: readonly Problem[];
}

/** A change of one resource: its fact says which, what it was, and what it is. */
export interface PlannedResource extends PlannedChange {
  readonly facts: readonly [PlannedChange['facts'][number]];
}

/**
 * What the audit log keeps of a change of `resource`.
 *
 * @param before undefined for what is new @param after undefined for what is deleted
 */
export function factOf(
  resource: string,
  tenant: string | undefined,
  before: object | undefined,
  after: object | undefined,
): PlannedChange['facts'][number] {
  const action = before === undefined ? 'create' : after === undefined ? 'delete' : 'update';
  const documents = { ...(before && { before }), ...(after && { after }) };
  return { action, resource, ...(tenant !== undefined && { tenant }), ...documents };
}

const MAX_TRIES = 8;

/**
 * Reads the state, plans, applies; when another node or request was faster, plans again on what is there now, so that each plan's
 * checks (existence, If-Match, permission) hold for the very state that it changes.
 */
export function applyChange<P extends PlannedChange>(
  context: ApiContext,
  request: FastifyRequest,
  plan: (state: Provisioned) => P | Steps<P>,
): Promise<P> {
  const identity = identityOf(request);
  return inTurn(context, identity, async () => {
    const { planned } = await change(context, identity, plan, async (edits, state, { facts }) => {
      requireAuditRoom(context, identity, facts);
      await inSlices(requireUnmanaged(context, edits, state));
      await endAccess(context, identity, newTenants(edits, state));
      return context.provisioning.apply(edits);
    });
    await inSlices(record(context, identity, planned.facts));
    const { deleteTenants = [] } = planned.change;
    // They are deleted, whatever is left: it ends before one of them is made again.
    await endAccess(context, identity, deleteTenants).catch((error: Error) =>
      endAccessLater(context, identity, deleteTenants, error),
    );
    return planned;
  });
}

function newTenants({ putTenants = [] }: ProvisioningEdits, state: Provisioned): readonly string[] {
  return putTenants.map(({ name }) => name).filter((name) => tenantIn(state, name) === undefined);
}

/** The same without its end: what would be served afterwards. What a file owns may be asked about: there it will be changed. */
export function previewChange<P extends PlannedChange>(
  context: ApiContext,
  request: FastifyRequest,
  plan: (state: Provisioned) => P | Steps<P>,
): Promise<{ readonly planned: P; readonly directory: Directory }> {
  const identity = identityOf(request);
  return inTurn(context, identity, async () => {
    const preview = (edits: ProvisioningChange) => context.provisioning.preview(edits);
    const { planned, result } = await change(context, identity, plan, preview);
    return { planned, directory: result.directory };
  });
}

function inTurn<T>({ changes }: ApiContext, identity: Identity, work: () => Promise<T>): Promise<T> {
  return changes.run(ownerOf(identity), work);
}

type Unsuccessful = Extract<ChangeResult, { outcome: 'stale' | 'refused' | 'unavailable' }>;

/** Plans and submits until a plan was submitted for the state that it was made for. */
async function change<P extends PlannedChange, R extends { readonly outcome: string }>(
  context: ApiContext,
  identity: Identity,
  plan: (state: Provisioned) => P | Steps<P>,
  submit: (edits: ProvisioningChange, state: Provisioned, planned: P) => Promise<R | Unsuccessful>,
): Promise<{ readonly planned: P; readonly result: Exclude<R, Unsuccessful> }> {
  for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
    const { version, state } = context.provisioning.current();
    const thought = plan(state);
    const planned = isSteps(thought) ? await inSlices(thought) : thought;
    if (planned.referrers !== undefined && planned.referrers.length > 0)
      throw refusal(identity, planned.referrers, planned, state);
    await inSlices(requireRoom(context, identity, state, planned.change));
    const result = await submit({ ...planned.change, expectedVersion: version }, state, planned);
    if (isUnsuccessful(result)) {
      if (result.outcome === 'stale') continue;
      if (result.outcome === 'refused')
        throw hideOthers(identity, state, refusal(identity, result.problems, planned, state));
      throw unavailable(result.reason);
    }
    return { planned, result: result as Exclude<R, Unsuccessful> };
  }
  throw notNow(409, 'concurrent-changes', 'others keep changing the same state; try again', 1);
}

/** What a provisioning file holds is changed there: the next start or reload would undo any other change. */
function* requireUnmanaged(context: ApiContext, change: ProvisioningEdits, state: Provisioned): Steps<void> {
  const { managedBy } = context;
  if (managedBy === undefined) return;
  const { putTenants = [], putTrunks = [], deleteTenants = [], deleteTrunks = [] } = change;
  const { putCertificates = [], deleteCertificates = [] } = change;
  const require = function* (resource: string, isSame?: Steps<boolean>): Steps<void> {
    const file = managedBy(resource);
    if (file === undefined || (isSame !== undefined && (yield* isSame))) return;
    const remedy = 'change it there and reload, or set provisioningMode: seed';
    throw new ApiProblem(409, 'managed-by-file', `${resource} is managed by the provisioning file ${file}: ${remedy}`);
  };
  for (const tenant of putTenants) {
    yield* require(`tenants/${tenant.name}`, sameDocument(tenant, tenantIn(state, tenant.name)));
    yield;
  }
  for (const trunk of putTrunks) {
    const id = trunkIdOf(trunk);
    yield* require(`trunks/${id}`, sameDocument(trunk, trunkIn(state, id)));
    yield;
  }
  for (const certificate of putCertificates) {
    const { name } = certificate;
    yield* require(`certificates/${name}`, sameDocument(certificate, certificateIn(state, name)));
    yield;
  }
  const deleted = [
    ...deleteTenants.map((name) => `tenants/${name}`),
    ...deleteTrunks.map((id) => `trunks/${id}`),
    ...deleteCertificates.map((name) => `certificates/${name}`),
  ];
  for (const resource of deleted) yield* require(resource);
}

function isUnsuccessful(result: { readonly outcome: string }): result is Unsuccessful {
  return ['stale', 'refused', 'unavailable'].includes(result.outcome);
}

function isSteps<P extends PlannedChange>(thought: P | Steps<P>): thought is Steps<P> {
  return !('change' in thought);
}

/** No change is left out of the audit log, which is on the disk of all: who has written too much of it waits, but with what only takes away. */
function requireAuditRoom({ audited, limits }: ApiContext, { tenant }: Identity, facts: PlannedChange['facts']): void {
  if (tenant === undefined || !audited.isBlocked(tenant) || facts.every(takesAway)) return;
  const most = `${limits.auditBytesPerTenant} bytes of the audit log in an hour (api.auditBytesPerTenant)`;
  const detail = `changes of tenant ${tenant} may take ${most}, and have; go on later, or ask a system admin`;
  throw notNow(429, 'too-many-changes', detail, 600);
}

/** Deleted or switched off, and nothing else: once, since what is gone or off is not made or switched on meanwhile. */
function takesAway({ action, before = {}, after }: PlannedChange['facts'][number]): boolean {
  if (action === 'delete') return true;
  const { enabled } = before as { readonly enabled?: boolean };
  return enabled === true && isDeepStrictEqual({ ...before, enabled: false }, after);
}

function* record(
  { audit, audited }: ApiContext,
  { actor, tenant }: Identity,
  facts: PlannedChange['facts'],
): Steps<void> {
  for (const fact of facts) {
    const octets = yield* audit.recordSteps({ actor, ...fact });
    if (tenant !== undefined) audited.count(tenant, octets);
    yield;
  }
}

function refusal(
  identity: Identity,
  problems: readonly Problem[],
  { change, deletes, bodyPaths }: PlannedChange,
  state: Provisioned,
): ApiProblem {
  const after = applyEdits(state, change);
  if (deletes !== undefined) return inUse(identity, problems, deletes, after);
  const paths = typeof bodyPaths === 'function' ? bodyPaths(after) : bodyPaths;
  const told = clashesInBody(problems, after, paths).map((problem) => {
    const inBody = pathInBody(problem.path, paths);
    // What is wrong in the body is said in its sender's words, unless the problem says that it is of others.
    const sender = inBody === undefined || identity.tenant === undefined ? {} : { tenants: [identity.tenant] };
    return { ...sender, ...problem, path: inBody ?? resourceAt(identity, problem.path, after) };
  });
  const first = told[0];
  const clash = problems.find((problem) => CONFLICT_CODES.has(problem.code));
  const code = clash?.code ?? first?.code ?? 'refused';
  return new ApiProblem(clash === undefined ? 422 : 409, code, first?.message ?? 'the change is refused', {
    problems: told,
  });
}

/** What is still needed is not deleted; the answer lists who needs it. */
function inUse(identity: Identity, problems: readonly Problem[], what: string, after: Provisioned): ApiProblem {
  const referrers = problems.map((problem) => ({
    ...problem,
    code: 'in-use',
    path: resourceAt(identity, problem.path, after),
  }));
  const names = [...new Set(referrers.map(({ path }) => (path === '' ? "another tenant's" : path)))].slice(0, 10);
  return new ApiProblem(409, 'in-use', `${what} is still referred to by ${names.join(', ')}`, { problems: referrers });
}

/** A number that an extension and a service have is a fault of the service, or of the extension where that alone is in the body. */
function clashesInBody(
  problems: readonly Problem[],
  after: Provisioned,
  paths: ReadonlyMap<string, string> | undefined,
): readonly Problem[] {
  const places = new Map<Tenant, ReadonlyMap<string, number>>();
  return problems.map((problem) => {
    const [, place, at] = /^tenants\[(\d+)\]\.services\[(\d+)\]\.number$/.exec(problem.path) ?? [];
    if (problem.code !== 'number-taken' || place === undefined || pathInBody(problem.path, paths) !== undefined)
      return problem;
    const tenant = after.tenants.at(Number(place));
    const service = tenant?.services[Number(at)];
    if (tenant === undefined || service === undefined) return problem;
    const known = places.get(tenant) ?? new Map(tenant.extensions.map(({ number }, index) => [number, index]));
    places.set(tenant, known);
    const path = `tenants[${place}].extensions[${known.get(service.number)}].number`;
    if (pathInBody(path, paths) === undefined) return problem;
    return { ...problem, path, message: `${service.number} is already the number of the service "${service.name}"` };
  });
}

/** A state's path as one of the request's body; undefined for what the body does not hold. */
function pathInBody(path: string, bodyPaths: ReadonlyMap<string, string> = new Map()): string | undefined {
  for (const resource of [/^\w+\[\d+\]\.\w+\[\d+\]/, /^\w+\[\d+\]/]) {
    const [statePath = ''] = resource.exec(path) ?? [];
    const bodyPath = bodyPaths.get(statePath);
    if (bodyPath !== undefined) return `${bodyPath}${path.slice(statePath.length)}`.replace(/^\./, '');
  }
  return undefined;
}

/** `tenants[0].inboundRules[2].trunk` → `tenants/acme/inbound-rules/main`; empty for what this admin may not see. */
function resourceAt(identity: Identity, path: string, state: Provisioned): string {
  const [, kind, index, field, item] = /^(tenants|trunks|certificates)\[(\d+)\](?:\.(\w+)\[(\d+)\])?/.exec(path) ?? [];
  if (kind === 'trunks') {
    const trunk = state.trunks.at(Number(index));
    return trunk !== undefined && maySeeTrunk(identity, trunk) ? `trunks/${trunkIdOf(trunk)}` : '';
  }
  if (kind === 'certificates') {
    const certificate = state.certificates.at(Number(index));
    const isSeen = certificate !== undefined && maySeeTenant(identity, certificate.owner);
    return isSeen ? `certificates/${certificate.name}` : '';
  }
  const tenant = state.tenants.at(Number(index));
  if (tenant === undefined || !maySeeTenant(identity, tenant.name)) return '';
  const collection = field === undefined ? undefined : (tenant as unknown as Record<string, unknown>)[field];
  if (field === undefined || !Array.isArray(collection)) return `tenants/${tenant.name}`;
  const { number, name } = (collection[Number(item)] ?? {}) as { number?: string; name?: string };
  const segment = field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return `tenants/${tenant.name}/${segment}/${number ?? name ?? item}`;
}

/** Sends a resource with its entity tag. */
export function sendResource(context: ApiContext, reply: FastifyReply, document: object, view?: object): FastifyReply {
  return reply.header('etag', entityTag(document, context.entityTagKey)).send(view ?? withoutSecrets({ ...document }));
}

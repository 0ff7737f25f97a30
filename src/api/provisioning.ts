import { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { byDefault } from '../base/schema.ts';
import type { Steps } from '../base/steps.ts';
import {
  certificateIn,
  certificatePlace,
  tenantIn,
  tenantPlace,
  trunkIn,
  trunkPlace,
} from '../provisioning/directory/places.ts';
import { sameDocument } from '../provisioning/directory/same.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import type { CertificateSettings } from '../provisioning/trunk-settings/certificate-schema.ts';
import { trunkIdOf, withTrunkIds } from '../provisioning/trunk-settings/effective.ts';
import {
  type Provisioned,
  type Provisioning,
  provisioningSchema,
  type TrunkSettings,
} from '../provisioning/trunk-settings/schema.ts';
import {
  maySeeTrunk,
  requireAllowedTenantChange,
  requireAllowedTrunk,
  requireOwnTrunk,
  requireSystemAdmin,
  requireTenant,
  requireTrunkOwner,
} from './access.ts';
import { requireFittingBody } from './body-size.ts';
import { requireAllowedCertificate } from './certificates.ts';
import { applyChange, factOf, type PlannedChange, previewChange } from './change.ts';
import { type ApiContext, answer, identityOf } from './context.ts';
import { documentOf } from './document.ts';
import { withoutSecrets, withStoredSecrets } from './documents.ts';
import { exported } from './export.ts';
import { bodyReadBy, readJsonAsOctets } from './large-body.ts';
import { body, named, resource } from './openapi.ts';
import { operation } from './operation.ts';
import { auditTenant } from './ownership.ts';
import { requireTrunkPlaces } from './places-per-tenant.ts';
import { playedCalls } from './plan-change.ts';
import { forbidden, invalid, notFound } from './problem.ts';
import { requireAllowedSources, requireAllowedTrust, type WrittenTrunk } from './sources.ts';
import type { Identity } from './tokens.ts';
import { requireCurrentCertificate, requireUsableFiles } from './trunk-files.ts';

const ITEMS_PER_STEP = 50;

/** Everything at once, for `tandem export` and `tandem apply`; a system admin's document has at most `documentOctets`. */
export function provisioningRoutes(app: FastifyInstance, context: ApiContext, documentOctets: number): void {
  operation(app, 'exportProvisioning', {
    access: 'system',
    querystring: z.strictObject({
      secrets: byDefault(
        'false',
        z.enum(['true', 'false']),
        'With secrets; only for the owner of the machine, by its token file.',
      ),
    }),
    answers: { 200: answer('The document', resource('Provisioning', provisioningSchema)) },
  }).by((request, reply) => {
    const { secrets } = request.query;
    const { state } = context.provisioning.current();
    const send = (view: (document: object) => object) =>
      reply
        .header('cache-control', 'no-store')
        .type('application/json; charset=utf-8')
        .send(Readable.from(exported(state, view)));
    if (secrets === 'false') return send(withoutSecrets);
    const identity = identityOf(request);
    if (!identity.owner) throw forbidden('secrets are exported only to the owner of the machine (its token file)');
    context.log.warn('provisioning-exported-with-secrets', { actor: identity.actor });
    return send((document) => document);
  });
  readJsonAsOctets(app);
  const document = {
    bodyLimit: documentOctets,
    onRequest: async (request: FastifyRequest) => requireFittingBody(request, app.initialConfig.bodyLimit),
    ...bodyReadBy(context, documentOf),
  };
  const planned = (request: FastifyRequest) => (state: Provisioned) =>
    planApply(context, identityOf(request), state, request.body as Provisioning);
  operation(app, 'applyProvisioning', {
    body: body('ProvisioningInput', provisioningSchema),
    answers: { 200: answer('What changed', named('ApplySummary')) },
    ...document,
  }).by(async (request) => (await applyChange(context, request, planned(request))).summary);
  operation(app, 'planProvisioning', {
    readOnly: true,
    body: body('ProvisioningInput', provisioningSchema),
    answers: { 200: answer('What would change', named('Plan')) },
    ...document,
  }).by(async (request) => {
    const { planned: wanted, directory } = await previewChange(context, request, planned(request));
    return { ...wanted.summary, ...(await playedCalls(context, request, directory)) };
  });
}

function* planApply(
  context: ApiContext,
  identity: Identity,
  state: Provisioned,
  wanted: Provisioning,
): Steps<PlannedChange & { readonly summary: object }> {
  const facts: PlannedChange['facts'][number][] = [];
  const summary = { created: 0, updated: 0, unchanged: 0 };
  const note = function* (
    resource: string,
    tenant: string | undefined,
    before: object | undefined,
    after: object,
  ): Steps<boolean> {
    const same = yield* sameDocument(before, after);
    summary[same ? 'unchanged' : before === undefined ? 'created' : 'updated']++;
    if (same) return false;
    facts.push(factOf(resource, tenant, before, after));
    return true;
  };
  // Whether a document is what is stored already is told only to those who may write it.
  const written = new Set<string>();
  for (const [index, tenant] of wanted.tenants.entries()) {
    yield* requireTenantWrite(context, identity, state, tenant, tenantIn(state, tenant.name));
    requireOnce(written, 'tenant-name-taken', `tenants[${index}].name`, `tenant ${tenant.name}`);
    yield;
  }
  const putTenants: Tenant[] = [];
  for (const tenant of wanted.tenants) {
    const before = tenantIn(state, tenant.name);
    const after = yield* keepTenantSecrets(tenant, before);
    if (yield* note(`tenants/${tenant.name}`, tenant.name, before, after)) putTenants.push(after);
    yield;
  }
  const putTrunks: TrunkSettings[] = [];
  const sources: WrittenTrunk[] = [];
  // Before they are known by owner and name.
  for (const trunk of wanted.trunks) requireOwnTrunk(identity, trunk);
  const trunks = withTrunkIds(wanted.trunks, state.trunks);
  for (const [index, trunk] of trunks.entries()) {
    const before = trunkIn(state, trunkIdOf(trunk));
    const after = withStoredSecrets(trunk, before);
    if (before !== undefined && !maySeeTrunk(identity, before)) throw notFound(`trunk ${trunkIdOf(before)}`);
    if (before !== undefined) requireTrunkOwner(identity, before);
    // What is stored already is not written: an export holds what tenants have configured.
    if (!isDeepStrictEqual(after, before)) requireAllowedTrunk(identity, after, before);
    sources.push({ trunk: after, before });
    requireUsableFiles(after, before, ['trunks', index]);
    const { certificates: uploaded } = wanted;
    const certificates = uploaded.some(({ name }) => name === after.teams?.certificate) ? uploaded : state.certificates;
    requireCurrentCertificate(after, before, { certificates }, context.clock.wallMs(), `trunks[${index}].`);
    requireOnce(written, 'trunk-id-taken', `trunks[${index}].id`, `trunk ${after.id}`);
    if (yield* note(`trunks/${after.id}`, auditTenant(after), before, after)) putTrunks.push(after);
    yield;
  }
  const made = sources.flatMap(({ trunk, before }) => (before === undefined ? [trunk] : []));
  requireTrunkPlaces(context, identity, state, made);
  yield* requireAllowedSources(context, identity, state, sources);
  const putCertificates: CertificateSettings[] = [];
  for (const [index, certificate] of wanted.certificates.entries()) {
    const before = certificateIn(state, certificate.name);
    const after = withStoredSecrets(certificate, before);
    requireAllowedCertificate(context, identity, after, before, `certificates[${index}].`);
    requireOnce(written, 'certificate-name-taken', `certificates[${index}].name`, `certificate ${after.name}`);
    if (yield* note(`certificates/${after.name}`, auditTenant(after), before, after)) putCertificates.push(after);
    yield;
  }
  const change = { putTenants, putTrunks, putCertificates };
  return { change, facts, summary, bodyPaths: (after: Provisioned) => bodyPathsOf(after, wanted, trunks) };
}

/** From places in the state to places in the document, for what the document holds. */
function bodyPathsOf(after: Provisioned, { tenants, certificates }: Provisioning, trunks: readonly TrunkSettings[]) {
  return new Map([
    ...tenants.map(({ name }, index) => [`tenants[${tenantPlace(after, name)}]`, `tenants[${index}]`] as const),
    ...certificates.map(
      ({ name }, index) => [`certificates[${certificatePlace(after, name)}]`, `certificates[${index}]`] as const,
    ),
    ...trunks.map((trunk, index) => [`trunks[${trunkPlace(after, trunkIdOf(trunk))}]`, `trunks[${index}]`] as const),
  ]);
}

/** Of two documents for one resource the first would be lost without a word. */
function requireOnce(written: Set<string>, code: string, path: string, what: string): void {
  if (written.has(what)) throw invalid([{ code, path, message: `${what} is in this document twice` }]);
  written.add(what);
}

/** A tenant admin writes its own tenant, but not what bounds it; tenants are made by the system admin. */
function* requireTenantWrite(
  context: ApiContext,
  identity: Identity,
  state: Provisioned,
  after: Tenant,
  before: Tenant | undefined,
): Steps<void> {
  requireTenant(identity, after.name);
  if (before === undefined) requireSystemAdmin(identity, 'create tenants');
  else {
    requireAllowedTenantChange(identity, before, after);
    yield* requireAllowedTrust(context, identity, state, after, before);
  }
}

/** An export without secrets can be applied where they are known. What says the same as what is stored is that. */
function* keepTenantSecrets(tenant: Tenant, stored: Tenant | undefined): Steps<Tenant> {
  if (stored === undefined) return tenant;
  return {
    ...tenant,
    extensions: yield* keepSecrets(tenant.extensions, stored.extensions),
    services: yield* keepSecrets(tenant.services, stored.services),
  };
}

function* keepSecrets<T extends { readonly number: string }>(items: readonly T[], stored: readonly T[]): Steps<T[]> {
  const known = new Map<string, T>();
  for (const item of stored) {
    known.set(item.number, item);
    if (known.size % ITEMS_PER_STEP === 0) yield;
  }
  const kept: T[] = [];
  for (const item of items) {
    const before = known.get(item.number);
    const after = withStoredSecrets(item, before);
    kept.push(before !== undefined && isDeepStrictEqual(after, before) ? before : after);
    if (kept.length % ITEMS_PER_STEP === 0) yield;
  }
  return kept;
}

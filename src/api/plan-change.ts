import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Steps } from '../base/steps.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import { type Tenant, tenantFieldsSchema } from '../provisioning/tenants/schema.ts';
import { type Provisioned, type TrunkSettings, trunkSchema } from '../provisioning/trunk-settings/schema.ts';
import { visibleTrunk } from './access.ts';
import { type PlannedChange, previewChange } from './change.ts';
import {
  COLLECTIONS,
  existing,
  type Item,
  itemsOf,
  planItem,
  requireNewKey,
  requireSameKey,
  visibleTenant,
} from './collection.ts';
import { type ApiContext, answer, identityOf } from './context.ts';
import { type Document, withoutMarks, withStoredSecrets } from './documents.ts';
import { body, named } from './openapi.ts';
import { operation } from './operation.ts';
import { shownPlays } from './played-calls.ts';
import { notFound } from './problem.ts';
import { planTenant, planTenantDeletion } from './tenants.ts';
import type { Identity } from './tokens.ts';
import { planNewTrunk, planTrunk, planTrunkDeletion } from './trunk-change.ts';
import { check } from './validation.ts';

const changeBody = z.strictObject({
  resource: z
    .string()
    .max(400)
    .regex(/^(tenants|trunks)(\/[^/]+){0,3}$/, {
      error: 'must be such as "tenants/acme", "tenants/acme/outbound-rules/world", "trunks/7" or "trunks"',
    })
    .describe('What would be written: the path behind `/api/v1/`; without its last part something new.'),
  body: z
    .record(z.string(), z.unknown())
    .nullable()
    .describe('What would be put there, as with PUT, or with POST for something new; `null` would delete it.'),
});
/** The plan of one change, so that nobody has to send a whole tenant to learn what one rule would do. */
export function planChangeRoute(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'planChange', {
    readOnly: true,
    body: body('PlanChangeInput', changeBody),
    answers: { 200: answer('What would change', named('Plan')) },
  }).by(async (request) => {
    const { resource, body: wanted } = request.body;
    const steps = resource.split('/').map(decoded);
    const { planned, directory } = await previewChange(context, request, (state) =>
      planOf(context, identityOf(request), state, steps, wanted === null ? undefined : (withoutMarks(wanted) as Item)),
    );
    const [fact] = planned.facts;
    const summary = {
      created: fact?.action === 'create' ? 1 : 0,
      updated: fact?.action === 'update' ? 1 : 0,
      unchanged: 0,
    };
    return { ...summary, ...(await playedCalls(context, request, directory)) };
  });
}

/** The latest calls played again, as a plan shows them. */
export async function playedCalls(context: ApiContext, request: FastifyRequest, directory: Directory) {
  const { played, changed } = await context.engine.playAgain(directory, identityOf(request).tenant);
  return shownPlays(played, changed);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function* planOf(
  context: ApiContext,
  identity: Identity,
  state: Provisioned,
  [kind, first, segment, key]: readonly string[],
  wanted: Item | undefined,
): Steps<PlannedChange> {
  if (kind === 'trunks') return yield* planOfTrunk(context, identity, state, first, wanted);
  const tenant = visibleTenant(identity, state, first ?? '');
  if (segment !== undefined) return yield* planOfItem(context, identity, state, tenant, [segment, key], wanted);
  if (wanted === undefined) return planTenantDeletion(context, { identity }, tenant);
  const fields = check(tenantFieldsSchema, wanted);
  return planTenant(context, { identity }, state, tenant, fields);
}

function* planOfTrunk(
  context: ApiContext,
  identity: Identity,
  state: Provisioned,
  id: string | undefined,
  wanted: Item | undefined,
): Steps<PlannedChange> {
  if (wanted !== undefined && identity.tenant !== undefined && wanted['owner'] === undefined)
    Object.assign(wanted, { owner: identity.tenant });
  if (id === undefined) {
    if (wanted === undefined) throw notFound('trunk');
    return yield* planNewTrunk(context, identity, state, check(trunkSchema, wanted));
  }
  const before = visibleTrunk(identity, state, id);
  if (wanted === undefined) return planTrunkDeletion(context, { identity }, before);
  const after: TrunkSettings = { id, ...check(trunkSchema, wanted) };
  return yield* planTrunk(context, { identity }, state, before, withStoredSecrets(after, before));
}

function* planOfItem(
  context: ApiContext,
  identity: Identity,
  state: Provisioned,
  tenant: Tenant,
  [segment, key]: readonly (string | undefined)[],
  wanted: Item | undefined,
): Steps<PlannedChange> {
  const collection = COLLECTIONS.find((known) => known.segment === segment);
  if (collection === undefined) throw notFound(`tenants/${tenant.name}/${segment}`);
  if (wanted === undefined) {
    const before = existing(tenant, collection, key ?? '');
    return yield* planItem(context, { identity }, state, collection, tenant, before, undefined);
  }
  const item = check(collection.schema, wanted) as Document;
  requireSameKey(key, collection, item);
  if (key === undefined) requireNewKey(tenant, collection, item);
  const before = itemsOf(tenant, collection).find((known) => known[collection.key] === key);
  const after = withStoredSecrets(item, before);
  return yield* planItem(context, { identity }, state, collection, tenant, before, after);
}

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Steps } from '../base/steps.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import type { Provisioned } from '../provisioning/trunk-settings/schema.ts';
import { type PlannedResource, previewChange } from './change.ts';
import { COLLECTIONS, type Item, itemKind, visibleTenant } from './collection.ts';
import { type ApiContext, answer, identityOf } from './context.ts';
import { withoutMarks } from './documents.ts';
import { type ResourceAsker, type ResourceKind, replacement } from './managed-resource.ts';
import { body, named } from './openapi.ts';
import { operation } from './operation.ts';
import { shownPlays } from './played-calls.ts';
import { notFound } from './problem.ts';
import { tenantKind } from './tenants.ts';
import type { Identity } from './tokens.ts';
import { trunkKind } from './trunk-change.ts';
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
      created: fact.action === 'create' ? 1 : 0,
      updated: fact.action === 'update' ? 1 : 0,
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

function planOf(
  context: ApiContext,
  identity: Identity,
  state: Provisioned,
  [kind, first, segment, key]: readonly string[],
  wanted: Item | undefined,
): PlannedResource | Steps<PlannedResource> {
  if (kind === 'trunks') {
    if (first === undefined && wanted === undefined) throw notFound('trunk');
    const owned = wanted && identity.tenant !== undefined ? { owner: identity.tenant, ...wanted } : wanted;
    return planOne(trunkKind(context), { identity, params: { id: first } }, state, owned, first === undefined);
  }
  const tenant = first ?? '';
  if (segment === undefined)
    return planOne(tenantKind(context), { identity, params: { tenant } }, state, wanted, false);
  visibleTenant(identity, state, tenant);
  const collection = COLLECTIONS.find((known) => known.segment === segment);
  if (collection === undefined) throw notFound(`tenants/${tenant}/${segment}`);
  const asker = { identity, params: { tenant, key } };
  return planOne(itemKind(context, collection), asker, state, wanted, key === undefined);
}

/** @param wanted undefined: it would be deleted @param isNew made as by POST, and as by PUT otherwise */
function planOne<T extends object, P>(
  kind: ResourceKind<T, P>,
  asker: ResourceAsker<P>,
  state: Provisioned,
  wanted: Item | undefined,
  isNew: boolean,
): PlannedResource | Steps<PlannedResource> {
  if (wanted === undefined) return kind.planDeletion(asker, state, kind.existing(asker, state));
  const read = () => check(kind.schema, wanted) as T;
  if (!isNew) {
    const { before, after } = replacement(kind, asker, state, read);
    return kind.plan(asker, state, before, after);
  }
  const after = read();
  kind.requireNew?.(asker, state, after);
  return kind.plan(asker, state, undefined, after);
}

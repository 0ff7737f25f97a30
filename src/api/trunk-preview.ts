import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { isObject } from '../base/json-object.ts';
import { optional } from '../base/schema.ts';
import { tenantIn, trunkIn, trunkPlace } from '../provisioning/directory/places.ts';
import { freeTrunkId, trunkIdOf } from '../provisioning/trunk-settings/effective.ts';
import { type Provisioned, type TrunkSettings, trunkSchema } from '../provisioning/trunk-settings/schema.ts';
import { requireTenant, requireTrunkOwner, visibleTrunk } from './access.ts';
import { previewChange } from './change.ts';
import { keyText } from './collection.ts';
import { type ApiContext, answer, identityOf } from './context.ts';
import { withStoredSecrets } from './documents.ts';
import { body, named } from './openapi.ts';
import { operation } from './operation.ts';
import { notFound } from './problem.ts';
import { requireAllowedWrite, requireNewId } from './trunk-change.ts';

const previewBody = z.strictObject({
  trunk: trunkSchema.describe('The trunk as it would be written.'),
  replaces: optional(keyText, 'Id of the trunk that it would replace; a new one when left out.'),
  tenant: optional(keyText, 'The tenant that calls: one that the trunk is for; a made-up one when left out.'),
  from: optional(keyText, 'The calling extension; the first of the tenant when left out.'),
  to: z
    .string()
    .regex(/^[+0-9*#]{1,40}$/, { error: 'must be digits, * and #, perhaps with a + in front' })
    .describe('The number as it leaves the outbound rule.'),
});

/** Everything that creating or replacing the trunk would check, and the INVITE that it would send; nothing is changed. */
export function trunkPreviewRoute(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'previewTrunk', {
    readOnly: true,
    body: body('TrunkPreviewInput', previewBody),
    answers: { 200: answer('The explanation', named('Explanation')) },
    preValidation: async ({ identity, body: sent }) => {
      const trunk = isObject(sent) ? (sent['trunk'] as Record<string, unknown> | undefined) : undefined;
      if (identity?.tenant !== undefined && isObject(trunk) && trunk['owner'] === undefined)
        (trunk as Record<string, unknown>)['owner'] = identity.tenant;
    },
  }).by(async (request) => {
    const identity = identityOf(request);
    const { trunk, replaces, tenant, from, to } = request.body;
    if (tenant !== undefined) requireTenant(identity, tenant);
    const { planned } = await previewChange(context, request, function* (state) {
      const before = replaces === undefined ? undefined : visibleTrunk(identity, state, replaces);
      if (before !== undefined) requireTrunkOwner(identity, before);
      const after = written(state, trunk, before);
      yield* requireAllowedWrite(context, identity, state, { trunk: after, before });
      if (before === undefined) requireNewId(state, after);
      const place = before === undefined ? state.trunks.length : trunkPlace(state, trunkIdOf(before));
      return {
        after,
        change: { putTrunks: [after] },
        facts: [],
        bodyPaths: new Map([[`trunks[${place}]`, 'trunk']]),
      };
    });
    const caller = tenant === undefined ? undefined : tenantIn(context.provisioning.current().state, tenant);
    if (tenant !== undefined && caller === undefined) throw notFound(`tenant ${tenant}`);
    return context.engine.previewTrunk({ trunk: planned.after, tenant: caller, from, to });
  });
}

function written(state: Provisioned, trunk: TrunkSettings, before: TrunkSettings | undefined): TrunkSettings {
  if (before !== undefined) return withStoredSecrets({ ...trunk, id: trunkIdOf(before) }, before);
  return { ...trunk, id: trunk.id ?? freeTrunkId(trunk, { has: (id) => trunkIn(state, id) !== undefined }) };
}

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { optional } from '../base/schema.ts';
import { trunkIdOf } from '../provisioning/trunk-settings/effective.ts';
import { maySeeTrunk } from './access.ts';
import { keyText } from './collection.ts';
import { type ApiContext, identityOf } from './context.ts';
import { named } from './openapi.ts';
import { operation } from './operation.ts';
import { MISSING, nodeField, pageFields, pageFrom, pageOf } from './paging.ts';

/** Which node registers which trunk. */
export function leaseRoute(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'listLeases', {
    querystring: z.strictObject({
      ...pageFields,
      trunk: optional(keyText, 'Of this trunk, by its id or name.'),
      ...nodeField,
    }),
    across: 'listing',
    answers: { 200: pageOf(named('Lease'), 'A page', MISSING) },
  }).by((request) => {
    const identity = identityOf(request);
    const { query } = request;
    const { trunks } = context.provisioning.current().state;
    const held = new Set(context.engine.leases());
    return pageFrom(
      {
        all: () => trunks,
        matches: (trunk) =>
          held.has(trunkIdOf(trunk)) &&
          maySeeTrunk(identity, trunk) &&
          (query.trunk === undefined || query.trunk === trunkIdOf(trunk) || query.trunk === trunk.name),
        view: (trunk) => {
          const status = context.engine.trunkStatus(trunkIdOf(trunk));
          const registration = status?.registration;
          return {
            trunkId: trunkIdOf(trunk),
            trunk: trunk.name,
            owner: trunk.owner,
            node: context.nodes.self,
            state: status?.state ?? 'unknown',
            since: status?.since ?? new Date(context.clock.wallMs()).toISOString(),
            ...(registration === undefined ? {} : { server: registration.server, expiresAt: registration.expiresAt }),
          };
        },
      },
      query,
    );
  });
}

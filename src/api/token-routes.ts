import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { defined } from '../base/defined.ts';
import { optional } from '../base/schema.ts';
import { maySeeTenant, requireSystemAdmin } from './access.ts';
import { keyText, knownTenant, plainText } from './collection.ts';
import { type ApiContext, answer, audit, identityOf } from './context.ts';
import { ofTenantQuery, pageOfTenant } from './of-tenant.ts';
import { body, named } from './openapi.ts';
import { operation } from './operation.ts';
import { pageOf } from './paging.ts';
import type { TokenRecord } from './ports.ts';
import { forbidden, notFound } from './problem.ts';

/** The console asks for days. */
const EXPIRES = 'must be 1 second to 3650 days';
const tokenBody = z
  .strictObject({
    role: z.enum(['system-admin', 'tenant-admin']).describe('What it may do.'),
    tenant: optional(keyText, 'The tenant of a tenant admin.'),
    readOnly: optional(z.boolean(), 'It reads and changes nothing.'),
    expiresInSeconds: optional(
      z
        .int()
        .min(1, { error: EXPIRES })
        .max(10 * 365 * 86_400, { error: EXPIRES }),
      'When it ends; never, when left out.',
    ),
    label: optional(plainText(128), 'What it is for.'),
  })
  .refine(({ role, tenant }) => (role === 'tenant-admin') === (tenant !== undefined), {
    error: 'a tenant-admin token names its tenant, a system-admin token none',
    path: ['tenant'],
  });

export function tokenRoutes(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'listTokens', { querystring: ofTenantQuery, answers: { 200: pageOf(named('Token')) } }).by(
    async (request) => pageOfTenant(request, await context.tokens.list(), tokenView),
  );
  operation(app, 'createToken', {
    body: body('TokenInput', tokenBody),
    answers: { 201: answer('The token', named('NewToken')) },
  }).by(async (request, reply) => {
    const identity = identityOf(request);
    const { role, tenant, readOnly, expiresInSeconds, label: given } = request.body;
    if (role === 'system-admin') requireSystemAdmin(identity, 'make a system-admin token');
    const requireTenant = () => {
      if (tenant !== undefined) knownTenant(context, request, tenant);
    };
    requireTenant();
    // A token that expires cannot prolong itself by making another.
    if (identity.expiresAtMs !== undefined && endsLater(context, expiresInSeconds, identity.expiresAtMs)) {
      throw forbidden('a token cannot make one that outlives it');
    }
    const wanted = defined({ role, readOnly, tenant, expiresInSeconds, label: given });
    const { record, token } = await context.tokens.create(wanted, identity.actor, requireTenant);
    const after = tokenView(record);
    audit(context, request, 'create', `tokens/${record.id}`, { tenant, after });
    return reply
      .code(201)
      .header('location', `/api/v1/tokens/${record.id}`)
      .header('cache-control', 'no-store')
      .send({ ...after, token });
  });
  operation(app, 'revokeToken', { params: z.strictObject({ id: keyText }), answers: { 204: answer('Revoked') } }).by(
    async (request, reply) => {
      const { id } = request.params;
      const record = await context.tokens.get(id);
      if (record === undefined || record.kind !== undefined || !maySeeTenant(identityOf(request), record.tenant))
        throw notFound(`token ${id}`);
      if (record.revokedAt === undefined) {
        await context.tokens.revoke(record);
        audit(context, request, 'delete', `tokens/${id}`, { tenant: record.tenant, before: tokenView(record) });
      }
      return reply.code(204).send();
    },
  );
}

function endsLater(context: ApiContext, expiresInSeconds: number | undefined, limitMs: number): boolean {
  return expiresInSeconds === undefined || context.clock.wallMs() + expiresInSeconds * 1000 > limitMs;
}

function tokenView(record: TokenRecord): Omit<TokenRecord, 'hash'> {
  const { hash, ...view } = record;
  return view;
}

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { defined } from '../base/defined.ts';
import { optional } from '../base/schema.ts';
import { tenantScope } from './access.ts';
import { keyText } from './collection.ts';
import { type ApiContext, identityOf } from './context.ts';
import { named } from './openapi.ts';
import { operation } from './operation.ts';
import { MISSING, nodeField, page, pageFields, pageOf } from './paging.ts';

export function auditRoute(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'listAudit', {
    querystring: z.strictObject({
      ...pageFields,
      tenant: optional(keyText, 'Of this tenant.'),
      resource: optional(z.string().max(512), 'Whose path begins so, e.g. `tenants/acme/extensions`.'),
      actor: optional(keyText, 'Done by, e.g. `token:…`.'),
      ...nodeField,
    }),
    across: 'audit',
    answers: { 200: pageOf(named('AuditEntry'), 'A page', MISSING) },
  }).by((request) => {
    const { limit, offset, tenant: asked, resource, actor } = request.query;
    const tenant = tenantScope(identityOf(request), asked);
    const found = context.audit.find(defined({ tenant, resource, actor }));
    return page(found, { limit, offset }, (read) => ({ ...read(), node: context.nodes.self }));
  });
}

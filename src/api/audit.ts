import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { defined } from '../base/defined.ts';
import { tenantScope } from './access.ts';
import { keyText } from './collection.ts';
import { type ApiContext, describe, identityOf } from './context.ts';
import { named } from './openapi.ts';
import { MISSING, nodeField, page, pageFields, pageOf } from './paging.ts';

export function auditRoute(app: FastifyInstance, context: ApiContext): void {
  const querystring = z.strictObject({
    ...pageFields,
    tenant: keyText.optional().describe('Of this tenant.'),
    resource: z.string().max(512).optional().describe('Whose path begins so, e.g. `tenants/acme/extensions`.'),
    actor: keyText.optional().describe('Done by, e.g. `token:…`.'),
    ...nodeField,
  });
  app.get(
    '/api/v1/audit',
    describe({
      operationId: 'listAudit',
      tag: 'audit',
      summary: 'Who changed what, latest first; secrets left out',
      querystring,
      across: 'audit',
      answers: { 200: pageOf(named('AuditEntry'), 'A page', MISSING) },
    }),
    (request) => {
      const { limit, offset, tenant: asked, resource, actor } = request.query as z.infer<typeof querystring>;
      const tenant = tenantScope(identityOf(request), asked);
      const found = context.audit.find(defined({ tenant, resource, actor }));
      return page(found, { limit, offset }, (read) => ({ ...read(), node: context.nodes.self }));
    },
  );
}

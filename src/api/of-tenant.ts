/** Listings of what belongs to a tenant, or to the system. */

import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { optional } from '../base/schema.ts';
import { tenantScope } from './access.ts';
import { keyText } from './collection.ts';
import { identityOf } from './context.ts';
import { type Page, page, pageFields } from './paging.ts';

export const ofTenantQuery = z.strictObject({ ...pageFields, tenant: optional(keyText, 'Of this tenant.') });

/** A page of those that whoever asks may see, or of the tenant that is asked for. */
export function pageOfTenant<T extends { readonly tenant?: string | undefined }, V>(
  request: FastifyRequest,
  all: readonly T[],
  view: (item: T) => V,
): Page<V> {
  const query = request.query as z.infer<typeof ofTenantQuery>;
  const tenant = tenantScope(identityOf(request), query.tenant);
  return page(tenant === undefined ? all : all.filter((item) => item.tenant === tenant), query, view);
}

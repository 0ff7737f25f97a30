/** What trunks and certificates have in common: each is the system's or a tenant's. */

import type { FastifyRequest } from 'fastify';
import { isObject } from '../base/json-object.ts';
import type { Identity } from './tokens.ts';

/** Whose audit tells of a change; that of what is the system's is the system's own, since it shows all tenants. */
export function auditTenant({ owner }: { readonly owner: string }): string | undefined {
  return owner === 'system' ? undefined : owner;
}

/** A tenant admin who does not say whose it is means its own. */
export async function ownByDefault(request: FastifyRequest): Promise<void> {
  const identity: Identity | undefined = request.identity;
  const { body } = request;
  if (identity?.tenant !== undefined && isObject(body) && body['owner'] === undefined) body['owner'] = identity.tenant;
}

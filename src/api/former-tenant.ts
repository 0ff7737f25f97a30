import { defined } from '../base/defined.ts';
import type { AuditFact } from '../observe/index.ts';
import type { ApiContext } from './context.ts';
import type { Identity } from './tokens.ts';

const TENANTS = 'tenants/';

/**
 * Whoever could act for a tenant that is deleted can do so no more: its tokens, users, sessions and webhooks end, since its name may be
 * given to somebody else. Those that are left of it all the same (the store took no more just then) end when the name is given.
 */
export async function endFormerAccess(
  context: Pick<ApiContext, 'audit' | 'sessions' | 'tokens' | 'users' | 'webhooks'>,
  { actor }: Identity,
  facts: readonly Pick<AuditFact, 'action' | 'resource'>[],
): Promise<void> {
  for (const { action, resource } of facts) {
    if (action !== 'update' && isTenant(resource)) await endAccess(context, resource.slice(TENANTS.length), actor);
  }
}

/** And not something that it owns. */
function isTenant(resource: string): boolean {
  return resource.startsWith(TENANTS) && !resource.includes('/', TENANTS.length);
}

async function endAccess(
  { audit, sessions, tokens, users, webhooks }: Parameters<typeof endFormerAccess>[0],
  tenant: string,
  actor: string,
): Promise<void> {
  const ended: string[] = [];
  const isOfTenant = (record: { readonly tenant?: string }) => record.tenant === tenant;
  for (const record of (await tokens.list()).filter(isOfTenant)) {
    if (!tokens.isValid(record)) continue;
    await tokens.revoke(record);
    ended.push(`tokens/${record.id}`);
  }
  for (const { id } of (await users.list()).filter(isOfTenant)) {
    await users.delete(id);
    ended.push(`users/${id}`);
  }
  await sessions.endAllOfTenant(tenant);
  const posting = (await webhooks.store.list()).filter(isOfTenant);
  for (const { id } of posting) {
    await webhooks.store.delete(id);
    ended.push(`webhooks/${id}`);
  }
  if (posting.length > 0) webhooks.sender.configure(await webhooks.store.list());
  for (const resource of ended) audit.record({ actor, action: 'delete', resource, ...defined({ tenant }) });
}

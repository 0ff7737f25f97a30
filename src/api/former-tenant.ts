import { defined } from '../base/defined.ts';
import { tenantIn } from '../provisioning/directory/places.ts';
import { changeRecord } from './change-record.ts';
import type { ApiContext } from './context.ts';
import type { Identity } from './tokens.ts';

type Context = Pick<ApiContext, 'audit' | 'sessions' | 'tokens' | 'users' | 'webhooks'>;
const AGAIN_MS = 10_000;
type OfTenant = (record: { readonly tenant?: string }) => boolean;
type Told = (resource: string, tenant: string | undefined) => void;

/**
 * Whoever could act for these tenants can do so no more: their tokens, users, sessions and webhooks end. It is asked of tenants that were
 * deleted, since their names may be given to somebody else, and of new ones before they are there, since the store may not have taken all
 * of it when the one of that name was deleted.
 *
 * Rejects when something may be left; of the other kinds nothing is then.
 */
export async function endAccess(context: Context, { actor }: Identity, tenants: readonly string[]): Promise<void> {
  if (tenants.length === 0) return;
  const names: ReadonlySet<string | undefined> = new Set(tenants);
  const told: Told = (resource, tenant) =>
    context.audit.record({ actor, action: 'delete', resource, ...defined({ tenant }) });
  const failures: unknown[] = [];
  for (const end of [endTokens, endUsers, endSessions, endWebhooks])
    await end(context, ({ tenant }) => names.has(tenant), told).catch((failure: unknown) => failures.push(failure));
  if (failures.length > 0) throw failures[0];
}

/**
 * Says so, and tries again until it is done: a provisioning file, which is asked for nothing, may give the name as well. Once somebody has it
 * there is nothing left to do: what is there then may be that one's.
 */
export function endAccessLater(
  context: Context & Pick<ApiContext, 'log' | 'provisioning'>,
  identity: Identity,
  tenants: readonly string[],
  { message }: Error,
): void {
  context.log.error('access-not-ended', { tenants, error: message });
  setTimeout(() => {
    const { state } = context.provisioning.current();
    const left = tenants.filter((name) => tenantIn(state, name) === undefined);
    endAccess(context, identity, left).catch((error: Error) => endAccessLater(context, identity, left, error));
  }, AGAIN_MS).unref();
}

function endTokens({ tokens }: Context, isOfTenant: OfTenant, told: Told): Promise<void> {
  return tokens.revokeAll(isOfTenant, ({ id, tenant }) => told(`tokens/${id}`, tenant));
}

function endUsers({ users }: Context, isOfTenant: OfTenant, told: Told): Promise<void> {
  return users.deleteAll(isOfTenant, ({ id, tenant }) => told(`users/${id}`, tenant));
}

/** The users' that were, and those of whom an identity provider vouches for. */
function endSessions({ sessions }: Context, isOfTenant: OfTenant): Promise<void> {
  return sessions.endAll(isOfTenant);
}

function endWebhooks({ webhooks }: Context, isOfTenant: OfTenant, told: Told): Promise<void> {
  const { store, sender, turns } = webhooks;
  return turns.run(async () => {
    const all = await store.list();
    const gone = all.filter(isOfTenant);
    if (gone.length === 0) return;
    // Whatever the store takes, this process posts nothing to them any more.
    sender.configure(all.filter((webhook) => !isOfTenant(webhook)));
    for (const { id, tenant } of gone) {
      await changeRecord(store, id, (now) => (now && isOfTenant(now) ? undefined : now));
      told(`webhooks/${id}`, tenant);
    }
  });
}

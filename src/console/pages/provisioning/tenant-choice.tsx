/** Whose things a page shows: a tenant admin's own tenant, or the one that a system admin chose last. */
import { useEffect } from 'preact/hooks';
import { tenants } from '../../client/resources.ts';
import { isSystemAdmin, session } from '../../client/session.ts';
import { signalOf } from '../../client/signal.ts';
import { useQuery } from '../../client/use-query.ts';
import { navigate } from '../../router.tsx';
import { t } from '../../text/index.ts';
import { ButtonLink } from '../../ui/button.tsx';
import { TenantChoice } from '../../ui/choices.tsx';
import { Empty, Page } from '../../ui/page.tsx';

const chosen = signalOf<string | undefined>(undefined);

/** A page that shows one tenant's things, reached without saying whose. */
export function ForSomeTenant({ title, to }: { readonly title: string; readonly to: (tenant: string) => string }) {
  const own = session.value?.tenant ?? chosen.value;
  const found = useQuery('first-tenant', () => tenants.list({ limit: 1 }));
  const first = own ?? found.data?.items[0]?.name;
  useEffect(() => {
    if (first !== undefined) navigate(to(first), 'replace');
  }, [first]);
  if (first !== undefined || found.data === undefined) return <Page title={title}>{null}</Page>;
  return (
    <Page title={title}>
      <div class="card">
        <Empty icon="users" title={t('tenants.empty')} text={t('tenants.emptyText')}>
          <ButtonLink label={t('tenants.new')} to="/tenants/+/new" kind="primary" icon="plus" />
        </Empty>
      </div>
    </Page>
  );
}

export function TenantSwitch({ tenant, to }: { readonly tenant: string; readonly to: (tenant: string) => string }) {
  useEffect(() => chosen.set(tenant), [tenant]);
  if (!isSystemAdmin()) return null;
  return (
    <TenantChoice
      label={t('provisioning.tenant')}
      value={tenant}
      onChange={(name) => {
        if (name !== '' && name !== tenant) navigate(to(name));
      }}
    />
  );
}

/** Whose things a page shows: a tenant admin's own tenant, or the one that a system admin chose last. */
import { useEffect, useState } from 'preact/hooks';
import { tenants } from '../../client/resources.ts';
import { isSystemAdmin, session } from '../../client/session.ts';
import { signalOf } from '../../client/signal.ts';
import { useQuery } from '../../client/use-query.ts';
import { navigate } from '../../router.tsx';
import { t } from '../../text/index.ts';
import { ButtonLink } from '../../ui/button.tsx';
import { SelectField, TextField } from '../../ui/form.tsx';
import { Empty, Page } from '../../ui/page.tsx';

const chosen = signalOf<string | undefined>(undefined);
/** More are found by typing. */
const MOST_LISTED = 100;

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
          <ButtonLink to="/tenants/+/new" kind="primary" icon="plus">
            {t('tenants.new')}
          </ButtonLink>
        </Empty>
      </div>
    </Page>
  );
}

export function TenantChoice({ tenant, to }: { readonly tenant: string; readonly to: (tenant: string) => string }) {
  const [typed, setTyped] = useState(tenant);
  const found = useQuery(`tenant-choice ${typed === tenant ? '' : typed}`, () =>
    tenants.list({ limit: MOST_LISTED, ...(typed === tenant ? {} : { q: typed }) }),
  );
  useEffect(() => {
    chosen.set(tenant);
    setTyped(tenant);
  }, [tenant]);
  if (!isSystemAdmin()) return null;
  const names = (found.data?.items ?? []).map(({ name }) => name);
  const go = (name: string) => {
    if (name !== tenant) navigate(to(name));
  };
  const hasAll = typed === tenant && (found.data?.total ?? 0) <= MOST_LISTED;
  return hasAll ? (
    <SelectField
      label={t('provisioning.tenant')}
      value={tenant}
      onChange={go}
      options={[...new Set([tenant, ...names])].map((value) => ({ value, label: value }))}
    />
  ) : (
    <TextField
      label={t('provisioning.tenant')}
      value={typed}
      list={names}
      onInput={(name) => {
        setTyped(name);
        if (names.includes(name)) go(name);
      }}
    />
  );
}

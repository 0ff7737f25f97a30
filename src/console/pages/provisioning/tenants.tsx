/** Tenants: their list, a new one, and the settings of one by the guide's pages. */
import { useState } from 'preact/hooks';
import { documents } from '../../client/resources.ts';
import { isSystemAdmin, mayChange, session } from '../../client/session.ts';
import type { Document } from '../../client/types.ts';
import { useQuery } from '../../client/use-query.ts';
import { Link, navigate } from '../../router.tsx';
import { t } from '../../text/index.ts';
import { ButtonLink } from '../../ui/button.tsx';
import { Note } from '../../ui/note.tsx';
import { Page } from '../../ui/page.tsx';
import { State } from '../../ui/state.tsx';
import { type Column, Search } from '../../ui/table.tsx';
import { say } from '../../ui/toast.tsx';
import { Unread } from '../../ui/unread.tsx';
import { useListing, VirtualTable } from '../../ui/virtual-table.tsx';
import { DocumentForm } from './document-form.tsx';
import { DocumentPage } from './document-page.tsx';
import { valueAt } from './model.ts';
import { addressOf, nameOf, RESOURCES } from './resources.tsx';
import { NAME_FIELDS, TENANT_TABS } from './tenant-form.ts';

/** No tenant can be called so. */
export const NEW_TENANT_ADDRESS = '/tenants/+/new';
const at = (name: string) => `/tenants/${encodeURIComponent(name)}`;

export function Tenants() {
  const [q, setQ] = useState('');
  const listing = useListing<Document>('tenants', (query) => documents.list('/tenants', query), q === '' ? {} : { q });
  const add =
    mayChange() && isSystemAdmin() ? (
      <ButtonLink label={t('tenants.new')} to={NEW_TENANT_ADDRESS} kind="primary" icon="plus" />
    ) : undefined;
  const isEmpty = q === '' && listing.total === 0;
  return (
    <Page title={t('tenants.title')} text={t('tenants.text')} {...(isEmpty ? {} : { actions: add })}>
      {isEmpty || !isSystemAdmin() ? null : (
        <div class="toolbar">
          <Search label={t('tenants.search')} onSearch={setQ} />
        </div>
      )}
      <VirtualTable
        of="tenants"
        icon="users"
        columns={COLUMNS}
        listing={listing}
        keyOf={({ name }) => String(name)}
        searched={q !== ''}
        offer={add}
      />
    </Page>
  );
}

const COLUMNS: readonly Column<Document>[] = [
  {
    title: 'field.name',
    cell: ({ name, managedBy }) => (
      <>
        <Link to={at(String(name))} class="table-main break">
          {String(name)}
        </Link>
        {managedBy === undefined ? null : <span class="table-sub">{t('trunks.byFile')}</span>}
      </>
    ),
  },
  {
    title: 'tenant.domain',
    cell: ({ domain }) => <span class="mono break">{String(domain)}</span>,
  },
  {
    title: 'field.outboundCallerId',
    cell: ({ outboundCallerId }) => <span class="mono">{String(outboundCallerId ?? '—')}</span>,
  },
  {
    title: 'tenants.calls',
    cell: (row) =>
      row['stopOutbound'] === true ? (
        <State tone="bad">{t('tenants.stopped')}</State>
      ) : (
        <State tone="good">{t('tenants.calling')}</State>
      ),
  },
  {
    title: 'field.limits.concurrentCalls',
    end: true,
    cell: (row) => <span class="numeric">{String(valueAt(row, 'limits.concurrentCalls') ?? '—')}</span>,
  },
];

const NEW_TENANT = {
  id: 'tenant',
  sections: [{ title: 'tenant.company', fields: NAME_FIELDS }],
} as const;

export function NewTenant() {
  return (
    <Page title={t('tenants.new')} text={t('tenants.newText')} up={{ to: '/tenants', label: t('tenants.title') }}>
      <DocumentForm
        form={NEW_TENANT}
        document={{}}
        isNew
        mayEdit={mayChange() && isSystemAdmin()}
        tenant=""
        save={(document) => documents.create('/tenants', document)}
        onSaved={(document) => {
          const name = String(document['name']);
          say(t('provisioning.added', { name }));
          navigate(at(name), 'replace');
        }}
        onCancel={() => navigate('/tenants')}
      />
    </Page>
  );
}

export function TenantPage({ tenant, tab = 'company' }: { readonly tenant: string; readonly tab?: string }) {
  const path = at(tenant);
  const { data, error, reload } = useQuery(path, () => documents.get(path));
  const up = session.value?.tenant === undefined ? { to: '/tenants', label: t('tenants.title') } : undefined;
  const form = TENANT_TABS.find((known) => known.tab === tab) ?? TENANT_TABS[0];
  if (data === undefined || form === undefined) return <Unread title={tenant} up={up} error={error} />;
  return (
    <DocumentPage
      {...{ path, read: data, reload, up, form, tenant }}
      name={tenant}
      text={String(data.document['domain'])}
      list="/tenants"
      onCancel={() => navigate(isSystemAdmin() ? '/tenants' : path)}
      mayEdit={mayChange() && (tab !== 'limits' || isSystemAdmin())}
      mayDelete={mayChange() && isSystemAdmin()}
      planned={path.slice(1)}
      deletion={{ plans: false }}
    >
      <nav class="tabs" aria-label={t('tenant.tabs')}>
        {TENANT_TABS.map((known) => (
          <Link
            key={known.tab}
            to={known.tab === 'company' ? path : `${path}/${known.tab}`}
            class="tab"
            aria-current={known.tab === tab ? 'page' : undefined}
          >
            {t(known.title)}
          </Link>
        ))}
      </nav>
      {isSystemAdmin() || (tab !== 'company' && tab !== 'limits') ? null : (
        <Note kind="info">{t('tenant.systemOnly')}</Note>
      )}
      {tab === 'company' ? <Owned tenant={tenant} /> : null}
    </DocumentPage>
  );
}

/** What it owns, a step away. */
function Owned({ tenant }: { tenant: string }) {
  return (
    <div class="row">
      {RESOURCES.map((resource) => (
        <ButtonLink
          label={nameOf(resource, 'title')}
          key={resource.segment}
          small
          icon={resource.icon}
          to={addressOf(resource, tenant)}
        />
      ))}
    </div>
  );
}

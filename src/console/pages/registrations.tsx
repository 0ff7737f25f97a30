import { useState } from 'preact/hooks';
import { useLive } from '../client/events.ts';
import { registrations } from '../client/resources.ts';
import type { RegistrationView } from '../client/types.ts';
import { t } from '../text/index.ts';
import { Page } from '../ui/page.tsx';
import { When } from '../ui/state.tsx';
import { type Column, Search } from '../ui/table.tsx';
import { useListing, VirtualTable } from '../ui/virtual-table.tsx';

const REFRESH_MS = 5000;

export function Registrations() {
  const [q, setQ] = useState('');
  const fresh = useLive(['registration'], REFRESH_MS);
  const listing = useListing('registrations', registrations.list, q === '' ? {} : { q }, fresh);
  return (
    <Page title={t('registrations.title')} text={t('registrations.text')}>
      <div class="toolbar">
        <Search label={t('registrations.search')} onSearch={setQ} />
      </div>
      <VirtualTable
        of="registrations"
        icon="phone"
        columns={COLUMNS}
        listing={listing}
        keyOf={({ addressOfRecord, contact }) => `${addressOfRecord} ${contact}`}
        searched={q !== ''}
      />
    </Page>
  );
}

const COLUMNS: readonly Column<RegistrationView>[] = [
  {
    title: 'registrations.who',
    cell: ({ addressOfRecord, extension, tenant }) => (
      <>
        <span class="table-main break">{extension ?? addressOfRecord}</span>
        <span class="table-sub break">{tenant ?? addressOfRecord}</span>
      </>
    ),
  },
  {
    title: 'registrations.from',
    cell: ({ source, transport, contact }) => (
      <>
        <span class="mono break">{source}</span>
        <span class="table-sub break">
          {transport.toUpperCase()} · {contact}
        </span>
      </>
    ),
  },
  {
    title: 'fact.userAgent',
    cell: ({ userAgent, node }) => (
      <>
        <span class="break">{userAgent ?? '—'}</span>
        <span class="table-sub break">{node}</span>
      </>
    ),
  },
  { title: 'registrations.ends', cell: ({ expiresAt }) => <When at={expiresAt} /> },
];

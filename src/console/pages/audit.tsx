/** Who changed what, latest first: the audit log of all nodes. */
import { useState } from 'preact/hooks';
import { useLive } from '../client/events.ts';
import { audit } from '../client/resources.ts';
import type { AuditView } from '../client/types.ts';
import { t, time } from '../text/index.ts';
import { Page } from '../ui/page.tsx';
import { type Column, Search, Table, usePaged } from '../ui/table.tsx';

const FRESH_MS = 2000;

export function Audit() {
  const [resource, setResource] = useState('');
  const rows = usePaged('audit', audit.list, { resource }, useLive(['audit'], FRESH_MS));
  return (
    <Page title={t('audit.title')} text={t('audit.text')}>
      <div class="toolbar">
        <Search label={t('audit.search')} onSearch={setResource} />
      </div>
      <Table
        of="audit"
        icon="records"
        columns={COLUMNS}
        rows={rows}
        keyOf={({ at, node, resource: path, action }) => `${at} ${node} ${action} ${path}`}
        searched={resource !== ''}
      />
    </Page>
  );
}

const COLUMNS: readonly Column<AuditView>[] = [
  { title: 'events.when', class: 'nowrap numeric', cell: ({ at }) => <time dateTime={at}>{time(at)}</time> },
  { title: 'audit.actor', class: 'break', cell: ({ actor }) => actor },
  {
    title: 'audit.what',
    class: 'break',
    cell: ({ action, resource }) => (
      <>
        <span class="tag">{t(`audit.${action}`)}</span> <span class="mono">{resource}</span>
      </>
    ),
  },
  {
    title: 'audit.fields',
    class: 'break',
    cell: (entry) =>
      changed(entry).map(({ name, before, after }) => (
        <span class="fact" key={name}>
          <span class="soft">{name}</span> {before} → {after}
        </span>
      )),
  },
];

/** The fields of a change that are not what they were; of what was made or deleted none. */
function changed({ action, before = {}, after = {} }: AuditView) {
  if (action !== 'update') return [];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .map((name) => ({ name, before: textOf(before[name]), after: textOf(after[name]) }))
    .filter(({ before, after }) => before !== after);
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '—';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

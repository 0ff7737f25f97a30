import { useState } from 'preact/hooks';
import { useLive } from '../../client/events.ts';
import { records, trunks } from '../../client/resources.ts';
import { isSystemAdmin, mayChange } from '../../client/session.ts';
import type { CallStatistics, TrunkView } from '../../client/types.ts';
import { useQuery } from '../../client/use-query.ts';
import { Link } from '../../router.tsx';
import { codeInWords, duration, foundInWords, known, number, relative, t } from '../../text/index.ts';
import { ButtonLink } from '../../ui/button.tsx';
import { Sparkline } from '../../ui/chart.tsx';
import { SelectField } from '../../ui/form.tsx';
import { Page } from '../../ui/page.tsx';
import { State, TrunkState } from '../../ui/state.tsx';
import { type Column, Search, Table, usePaged } from '../../ui/table.tsx';
import { few } from '../provisioning/model.ts';
import { SPARK_REFRESH_MS, SPARK_SECONDS } from './trunk.tsx';

const REFRESH_MS = 1000;
const CALLS_REFRESH_MS = 5000;
const STATES = ['online', 'offline', 'registering', 'rejected', 'unknown'];

export function TrunkList() {
  const [q, setQ] = useState('');
  const [state, setState] = useState('');
  const { turn } = useLive(['trunk-state', 'audit'], REFRESH_MS);
  // Calls come and go without an event that is told here.
  const fresh = { turn, refreshMs: CALLS_REFRESH_MS };
  const rows = usePaged('trunks', trunks.list, { q, state }, fresh);
  const shown = rows.data?.items.map(({ id }) => id).join(',') ?? '';
  const hour = useQuery(
    `trunk-hours ${shown}`,
    async () => (shown === '' ? undefined : records.statistics({ trunks: shown, stepSeconds: SPARK_SECONDS })),
    SPARK_REFRESH_MS,
  ).data;
  const add = mayChange() ? (
    <ButtonLink label={t('trunks.new')} to="/trunks/new" kind="primary" icon="plus" />
  ) : undefined;
  const searched = q !== '' || state !== '';
  const isEmpty = !searched && rows.isCurrent && rows.total === 0;
  return (
    <Page title={t('trunks.title')} text={t('trunks.text')} {...(isEmpty ? {} : { actions: add })}>
      {isEmpty ? null : (
        <div class="toolbar">
          <Search label={t('trunks.search')} onSearch={setQ} />
          <SelectField
            label={t('fact.state')}
            hideLabel
            value={state}
            onChange={setState}
            options={[
              { value: '', label: t('trunks.everyState') },
              ...STATES.map((value) => ({ value, label: known(`state.${value}`, value) })),
            ]}
          />
        </div>
      )}
      <Table
        of="trunks"
        icon="trunk"
        caption={t('trunks.overview')}
        {...(isSystemAdmin() ? {} : { emptyText: t('trunks.emptyTenant') })}
        offer={add}
        columns={columns(hour)}
        rows={rows}
        keyOf={({ id }) => id}
        searched={searched}
      />
    </Page>
  );
}

const columns = (hour: CallStatistics | undefined): readonly Column<TrunkView>[] => [
  {
    title: 'fact.trunk',
    cell: ({ id, name, type, brand, managedBy }) => (
      <>
        <Link to={`/trunks/${encodeURIComponent(id)}`} class="table-main break">
          {name}
        </Link>
        <span class="table-sub">
          {known(`type.${type}`, type)}
          {brand === undefined || brand === 'generic' ? '' : ` · ${brand}`}
          {managedBy === undefined ? '' : ` · ${t('trunks.byFile')}`}
        </span>
      </>
    ),
  },
  {
    title: 'fact.state',
    cell: (trunk) => <StateCell trunk={trunk} />,
  },
  {
    title: 'trunks.where',
    cell: ({ host, port, transport }) => (
      <>
        <span class="mono break">
          {host ?? '—'}
          {port === undefined ? '' : `:${port}`}
        </span>
        <span class="table-sub">{(transport ?? 'udp').toUpperCase()}</span>
      </>
    ),
  },
  {
    title: 'trunks.tenants',
    cell: ({ owner, tenants = [] }) => {
      const names = tenants.map(({ tenant }) => tenant);
      if (names.length === 0 && owner !== undefined && owner !== 'system') return owner;
      return few(names);
    },
  },
  {
    title: 'trunks.hour',
    cell: ({ id }) => {
      const row = hour?.trunks.find(({ trunkId }) => trunkId === id);
      return row === undefined ? null : <Sparkline attempts={row.attempts} answered={row.answered} />;
    },
  },
  {
    title: 'trunks.calls',
    end: true,
    cell: ({ status }) => <span class="numeric">{number(status.activeCalls)}</span>,
  },
];

function StateCell({ trunk: { status, enabled } }: { trunk: TrunkView }) {
  if (enabled === false) return <State tone="none">{t('provisioning.off')}</State>;
  const sinceSeconds = (Date.now() - Date.parse(status.since)) / 1000;
  const facts = [
    t('trunks.since', { duration: duration(Math.max(0, sinceSeconds)) }),
    ...(status.registration === undefined
      ? []
      : [t('trunks.registeredUntil', { when: relative(status.registration.expiresAt) })]),
    ...(status.reason === undefined ? [] : [foundInWords(status.reason)]),
    ...(status.reason === undefined && status.lastCode !== undefined
      ? [t('trunks.lastCode', { code: status.lastCode, words: codeInWords(status.lastCode) })]
      : []),
  ];
  return (
    <>
      <TrunkState state={status.state} />
      <span class="table-sub break">{facts.join(' · ')}</span>
    </>
  );
}

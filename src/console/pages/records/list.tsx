/** Calls that ended: found by number, time, trunk and code. */
import { useMemo, useState } from 'preact/hooks';
import { useLive } from '../../client/events.ts';
import type { Query } from '../../client/http.ts';
import { records } from '../../client/resources.ts';
import type { CallRecord } from '../../client/types.ts';
import { Link } from '../../router.tsx';
import { clock, t, time } from '../../text/index.ts';
import { ButtonDownload } from '../../ui/button.tsx';
import { DirectionChoice, TrunkChoice } from '../../ui/choices.tsx';
import { SelectField, TextField } from '../../ui/form.tsx';
import { Page } from '../../ui/page.tsx';
import { State } from '../../ui/state.tsx';
import { type Column, Search, Table, usePaged } from '../../ui/table.tsx';

const REFRESH_MS = 3000;
const SPANS_MINUTES = [15, 60, 360, 1440] as const;

export function Records() {
  const [q, setQ] = useState('');
  const [trunk, setTrunk] = useState('');
  const [status, setStatus] = useState('');
  const [direction, setDirection] = useState('');
  const [minutes, setMinutes] = useState('');
  // The span is counted from when it was chosen, so that pages stay what they were.
  const from = useMemo(
    () => (minutes === '' ? '' : new Date(Date.now() - Number(minutes) * 60_000).toISOString()),
    [minutes],
  );
  const question: Query = { q, trunk, direction, from, status: /^[1-6]\d\d$/.test(status) ? status : '' };
  const rows = usePaged('records', records.list, question, useLive(['call'], REFRESH_MS));
  const searched = Object.values(question).some((value) => value !== '');
  return (
    <Page
      title={t('records.title')}
      text={t('records.text')}
      actions={<ButtonDownload label={t('records.csv')} href={records.tableAddress(question)} file="calls.csv" />}
    >
      <div class="toolbar">
        <Search label={t('records.search')} onSearch={setQ} />
        <SelectField
          label={t('records.when')}
          value={minutes}
          onChange={setMinutes}
          options={[
            { value: '', label: t('records.always') },
            ...SPANS_MINUTES.map((value) => ({ value: String(value), label: t(`records.span.${value}`) })),
          ]}
        />
        <TrunkChoice value={trunk} onChange={setTrunk} every />
        <DirectionChoice value={direction} onChange={setDirection} />
        <TextField
          label={t('fact.status')}
          value={status}
          placeholder="486"
          inputMode="numeric"
          onInput={(text) => setStatus(text.trim())}
        />
      </div>
      <Table
        of="records"
        icon="records"
        columns={COLUMNS}
        rows={rows}
        keyOf={({ callId }) => callId}
        searched={searched}
      />
    </Page>
  );
}

const COLUMNS: readonly Column<CallRecord>[] = [
  {
    title: 'calls.who',
    cell: ({ callId, callerNumber, calledNumber, direction, tenant }) => (
      <>
        <Link to={`/records/${encodeURIComponent(callId)}`} class="table-main break">
          {callerNumber} → {calledNumber}
        </Link>
        <span class="table-sub break">
          {t(`direction.${direction}`)}
          {tenant === undefined ? '' : ` · ${tenant}`}
        </span>
      </>
    ),
  },
  {
    title: 'records.result',
    cell: (record) => <Result record={record} />,
  },
  {
    title: 'fact.trunk',
    cell: ({ trunk, attempts }) => (
      <>
        <span class="break">{trunk ?? '—'}</span>
        {attempts.length > 1 ? (
          <span class="table-sub">{t('records.attempts', { count: attempts.length })}</span>
        ) : null}
      </>
    ),
  },
  { title: 'call.began', cell: ({ startedAt }) => <span class="numeric">{time(startedAt)}</span> },
  {
    title: 'records.talked',
    end: true,
    cell: ({ talkMs, answeredAt }) => (
      <span class="numeric">{answeredAt === undefined ? '—' : clock(talkMs / 1000)}</span>
    ),
  },
];

export function Result({ record: { status, reason, answeredAt } }: { readonly record: CallRecord }) {
  if (answeredAt !== undefined) return <State tone="good">{t('records.answered')}</State>;
  return (
    <>
      <State tone={status === 487 ? 'none' : status >= 500 ? 'bad' : 'warn'}>{status}</State>
      <span class="table-sub break">{reason}</span>
    </>
  );
}

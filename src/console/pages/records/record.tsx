/** What became of one call: who, by which trunks, with which media; its messages and reasons as long as they are kept. */
import { records } from '../../client/resources.ts';
import type { CallRecord } from '../../client/types.ts';
import { useQuery } from '../../client/use-query.ts';
import { clock, exactTime, foundInWords, known, number, reasonInWords, type TextKey, t } from '../../text/index.ts';
import { Fact } from '../../ui/facts.tsx';
import { Page } from '../../ui/page.tsx';
import { State } from '../../ui/state.tsx';
import { type Column, Rows } from '../../ui/table.tsx';
import { Unread } from '../../ui/unread.tsx';
import { CallTrace } from '../call-trace.tsx';
import { Result } from './list.tsx';

export function RecordPage({ id }: { readonly id: string }) {
  const { data: record, error } = useQuery(`record ${id}`, () => records.get(id));
  const up = { to: '/records', label: t('records.title') };
  if (record === undefined) {
    return <Unread title={t('records.title')} up={up} error={error} />;
  }
  return (
    <Page title={`${record.callerNumber} → ${record.calledNumber}`} text={exactTime(record.startedAt)} up={up}>
      <div class="stack">
        <div class="cards">
          <Summary record={record} />
          <Numbers record={record} />
        </div>
        <Attempts record={record} />
        <Media record={record} />
        <CallTrace id={id} isLive={false} />
      </div>
    </Page>
  );
}

function Summary({ record }: { record: CallRecord }) {
  const { answeredAt, durationMs, talkMs, hungUpBy, status, reason, ringingAt, startedAt, direction, tenant } = record;
  const rang = ringingAt ?? answeredAt;
  return (
    <section class="card">
      <h2>{t('record.what')}</h2>
      <dl class="facts">
        <Fact name={t('records.result')}>
          <Result record={record} />
        </Fact>
        <Fact name={t('record.code')}>
          {status} {reason}
        </Fact>
        <Fact name={t('fact.direction')}>{t(`direction.${direction}`)}</Fact>
        <Fact name={t('provisioning.tenant')}>{tenant}</Fact>
        <Fact name={t('record.delay')}>
          {rang === undefined ? undefined : `${number((Date.parse(rang) - Date.parse(startedAt)) / 1000)} s`}
        </Fact>
        <Fact name={t('records.talked')}>{answeredAt === undefined ? undefined : clock(talkMs / 1000)}</Fact>
        <Fact name={t('record.lasted')}>{clock(durationMs / 1000)}</Fact>
        <Fact name={t('record.hungUp')}>{t(`record.by.${hungUpBy}`)}</Fact>
      </dl>
    </section>
  );
}

function Numbers({ record }: { record: CallRecord }) {
  const { verification, signed, signedWith } = record;
  return (
    <section class="card">
      <h2>{t('trunk.numbers')}</h2>
      <dl class="facts">
        <Fact name={t('ladder.caller')}>{record.callerNumber}</Fact>
        <Fact name={t('record.callerSent')}>{record.callerNumberSent}</Fact>
        <Fact name={t('record.called')}>{record.calledNumber}</Fact>
        <Fact name={t('record.calledSent')}>{record.calledNumberSent}</Fact>
        <Fact name={t('record.callerId')}>
          {record.outboundCallerId === undefined
            ? undefined
            : `${record.outboundCallerId} (${record.outboundCallerIdSource ?? ''})`}
        </Fact>
        <Fact name={t('record.anonymous')}>{record.anonymous === true ? t('record.yes') : undefined}</Fact>
        <Fact name={t('section.rule')}>{record.outboundRule ?? record.inboundRule}</Fact>
        <Fact name={t('record.signed')}>
          {signed === undefined ? undefined : `${signed}${signedWith === undefined ? '' : ` · ${signedWith}`}`}
        </Fact>
        <Fact name={t('record.verified')}>
          {verification === undefined
            ? undefined
            : `${known(`verification.${verification.result}`, verification.result)}${verification.reason === undefined ? '' : ` · ${reasonInWords(verification.reason)}`}`}
        </Fact>
        <Fact name="Call-ID">
          <span class="mono">{record.sipCallIds.join(' ')}</span>
        </Fact>
      </dl>
    </section>
  );
}

type Attempt = CallRecord['attempts'][number];

const ATTEMPT_COLUMNS: readonly Column<Attempt>[] = [
  {
    title: 'record.tried',
    class: 'break',
    cell: ({ trunk, extension, node }) => (
      <>
        <strong>{trunk ?? extension ?? '—'}</strong>
        {node === undefined ? null : <span class="table-sub">{t('record.through', { node })}</span>}
      </>
    ),
  },
  { title: 'record.target', class: 'mono break', cell: ({ target }) => target ?? '—' },
  {
    title: 'records.result',
    cell: ({ status, reason, cause }) => (
      <>
        <State tone={status !== undefined && status < 300 ? 'good' : 'warn'}>{status ?? '—'}</State>
        <span class="table-sub break">
          {[reason && foundInWords(reason), cause].filter((part) => part !== undefined).join(' · ')}
        </span>
      </>
    ),
  },
  { title: 'record.took', class: 'numeric', end: true, cell: ({ durationMs }) => `${number(durationMs / 1000)} s` },
];

function Attempts({ record: { attempts } }: { record: CallRecord }) {
  if (attempts.length === 0) return null;
  const keyOf = ({ startedAt, target = '' }: Attempt) => `${startedAt} ${target}`;
  return (
    <section class="card card-flush">
      <h2 class="card-title">{t('record.attempts')}</h2>
      <Rows columns={ATTEMPT_COLUMNS} rows={attempts} keyOf={keyOf} />
    </section>
  );
}

type Pair = NonNullable<CallRecord['media']>[number];
type Stream = Pair[keyof Pair] & { readonly side: keyof Pair; readonly place: number };

const figure = (title: TextKey, of: (stream: Stream) => number | undefined, unit = ''): Column<Stream> => ({
  title,
  class: 'numeric',
  end: true,
  cell: (stream) => {
    const value = of(stream);
    return value === undefined ? '—' : `${number(value)}${unit}`;
  },
});

const STREAM_COLUMNS: readonly Column<Stream>[] = [
  { title: 'record.side', cell: ({ side }) => t(`record.by.${side}`) },
  figure('record.packets', ({ packets }) => packets),
  figure('record.octets', ({ octets }) => octets),
  figure('record.lost', ({ lost }) => lost),
  figure('record.jitter', ({ jitterMs }) => jitterMs, ' ms'),
  figure('record.mos', ({ mos }) => mos),
];

function Media({ record: { media = [] } }: { record: CallRecord }) {
  if (media.length === 0) return null;
  const streams = media.flatMap((pair, place) =>
    (['caller', 'callee'] as const).map((side) => ({ ...pair[side], side, place })),
  );
  return (
    <section class="card card-flush">
      <h2 class="card-title">{t('record.media')}</h2>
      <Rows columns={STREAM_COLUMNS} rows={streams} keyOf={({ side, place }) => `${side}${place}`} />
    </section>
  );
}

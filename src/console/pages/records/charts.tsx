/** How the calls of the last hours went, summed up by the engine. */
import { useState } from 'preact/hooks';
import { records } from '../../client/resources.ts';
import type { CallStatistics } from '../../client/types.ts';
import { useQuery } from '../../client/use-query.ts';
import { number, percent, t, time } from '../../text/index.ts';
import { Chart } from '../../ui/chart.tsx';
import { TrunkChoice } from '../../ui/choices.tsx';
import { Figure } from '../../ui/facts.tsx';
import { FaultSummary, faultsOf, SelectField } from '../../ui/form.tsx';
import { Note } from '../../ui/note.tsx';
import { Empty, Page } from '../../ui/page.tsx';
import { type Column, Rows } from '../../ui/table.tsx';

const REFRESH_MS = 10_000;
const SPANS = ['15', '60', '360', '1440'] as const;
const STEP_SECONDS = { '15': 60, '60': 60, '360': 600, '1440': 1800 } as const;
type Span = (typeof SPANS)[number];

export function Charts() {
  const [span, setSpan] = useState<Span>('60');
  const [trunk, setTrunk] = useState('');
  const read = () => {
    const until = Date.now();
    return records.statistics({
      from: new Date(until - Number(span) * 60_000).toISOString(),
      until: new Date(until).toISOString(),
      stepSeconds: STEP_SECONDS[span],
      trunks: trunk,
    });
  };
  const { data, isCurrent, error } = useQuery(`charts ${span} ${trunk}`, read, REFRESH_MS);
  return (
    <Page title={t('charts.title')} text={t('charts.text')}>
      <div class="toolbar">
        <SelectField
          label={t('records.when')}
          value={span}
          onChange={(value) => setSpan(value as Span)}
          options={SPANS.map((value) => ({ value, label: t(`records.span.${value}`) }))}
        />
        <TrunkChoice value={trunk} onChange={setTrunk} every />
      </div>
      {error === undefined ? null : <FaultSummary faults={faultsOf(error)} title={t('table.failed')} />}
      {data === undefined ? null : <Shown statistics={data} isCurrent={isCurrent} />}
    </Page>
  );
}

function Shown({
  statistics: { points, stepSeconds, trunks: rows, completeFrom, from },
  isCurrent,
}: {
  statistics: CallStatistics;
  isCurrent: boolean;
}) {
  const at = points.map((point) => point.at);
  const minutes = stepSeconds / 60;
  const total = sum(points.map(({ calls }) => calls));
  const answered = sum(points.map((point) => point.answered));
  const seconds = (value: number | undefined) => (value === undefined ? undefined : value / 1000);
  return (
    <div class="stack dims" aria-busy={!isCurrent}>
      {Date.parse(completeFrom) <= Date.parse(from) ? null : (
        <Note kind="info">{t('charts.since', { when: time(completeFrom) })}</Note>
      )}
      <dl class="figures">
        <Figure name={t('charts.calls')} value={number(total)} />
        <Figure name={t('charts.answeredCalls')} value={number(answered)} />
        <Figure name={t('charts.asr')} value={total === 0 ? '–' : percent(answered / total)} />
      </dl>
      <div class="charts">
        <Chart
          title={t('charts.perMinute')}
          text={t('charts.perMinuteText')}
          at={at}
          kind="bars"
          series={[
            { name: t('charts.calls'), tone: 'none', values: points.map(({ calls }) => calls / minutes) },
            {
              name: t('charts.answeredCalls'),
              tone: 'accent',
              values: points.map((point) => point.answered / minutes),
            },
          ]}
        />
        <Chart
          title={t('charts.asr')}
          text={t('charts.asrText')}
          at={at}
          kind="area"
          top={1}
          format={percent}
          series={[
            {
              name: t('charts.asr'),
              tone: 'accent',
              values: points.map((point) => (point.calls === 0 ? undefined : point.answered / point.calls)),
            },
          ]}
        />
        <Chart
          title={t('charts.delay')}
          text={t('charts.delayText')}
          at={at}
          kind="lines"
          format={(value) => `${number(value)} s`}
          series={[
            {
              name: t('charts.median'),
              tone: 'accent',
              values: points.map(({ delayMedianMs }) => seconds(delayMedianMs)),
            },
            { name: t('charts.slow'), tone: 'warn', values: points.map(({ delay95Ms }) => seconds(delay95Ms)) },
          ]}
        />
      </div>
      <Codes rows={rows} />
    </div>
  );
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

const TRUNK_COLUMNS: readonly Column<CallStatistics['trunks'][number]>[] = [
  {
    title: 'fact.trunk',
    class: 'break',
    cell: ({ trunkId, trunk }) => <strong>{trunk === '' ? trunkId : trunk}</strong>,
  },
  { title: 'charts.attempts', class: 'numeric', end: true, cell: ({ attempts }) => number(sum(attempts)) },
  {
    title: 'charts.asr',
    class: 'numeric',
    end: true,
    cell: ({ attempts, answered }) => (sum(attempts) === 0 ? '–' : percent(sum(answered) / sum(attempts))),
  },
  { title: 'charts.answers', cell: ({ codes }) => <CodeBar codes={codes} /> },
];

function Codes({ rows }: { rows: CallStatistics['trunks'] }) {
  return (
    <section class="card card-flush">
      <h2 class="card-title">{t('charts.codes')}</h2>
      {rows.length === 0 ? (
        <Empty icon="charts" title={t('charts.empty')} text={t('charts.emptyText')} />
      ) : (
        <Rows columns={TRUNK_COLUMNS} rows={rows} keyOf={({ trunkId }) => trunkId} />
      )}
    </section>
  );
}

/** The codes of a trunk as parts of a bar; each is named beside it. */
function CodeBar({ codes }: { codes: Readonly<Record<string, number>> }) {
  const entries = Object.entries(codes).sort(([, a], [, b]) => b - a);
  const total = sum(entries.map(([, many]) => many));
  let start = 0;
  return (
    <div class="codes">
      <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" focusable="false">
        {entries.map(([code, many]) => {
          const width = (many / Math.max(total, 1)) * 100;
          const x = start;
          start += width;
          return <rect class={`chart-bar tone-${toneOf(code)}`} x={x} y={0} width={width} height={4} key={code} />;
        })}
      </svg>
      <span class="row">
        {entries.map(([code, many]) => (
          <span class="code-part" key={code}>
            <i class={`swatch tone-${toneOf(code)}`} />
            <span class="numeric">
              {code === 'none' ? t('charts.noAnswer') : code} <span class="soft">{number(many)}</span>
            </span>
          </span>
        ))}
      </span>
    </div>
  );
}

function toneOf(code: string): string {
  if (code.startsWith('2')) return 'good';
  if (code.startsWith('3')) return 'info';
  if (code === '486' || code === '487' || code === '480') return 'none';
  return code.startsWith('4') ? 'warn' : 'bad';
}

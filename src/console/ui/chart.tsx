/** Charts over time, drawn as SVG in the colours of the page; each has its numbers as a table for those who cannot see it. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { hour, number, percent, t, time } from '../text/index.ts';

export interface Series {
  readonly name: string;
  readonly tone: 'accent' | 'good' | 'warn' | 'bad' | 'info' | 'none';
  /** One for each point; undefined where there is nothing to tell. */
  readonly values: readonly (number | undefined)[];
}

/** What is charted. */
interface Charted {
  /** When each point begins. */
  readonly at: readonly string[];
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
}

interface ChartProps extends Omit<Charted, 'format'> {
  readonly title: string;
  readonly text: string;
  /** `area` fills below the first series. */
  readonly kind: 'area' | 'lines' | 'bars';
  /** Where the axis ends at least. */
  readonly top?: number;
  readonly format?: Charted['format'];
}

const HEIGHT = 190;
const [RIGHT, TOP, BOTTOM] = [12, 10, 24];
const [LEAST_LEFT, LETTER_WIDTH, GAP] = [52, 7.5, 8];

export function Chart({ title, text, at, series, kind, top = 0, format = number }: ChartProps) {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const [near, setNear] = useState<number>();
  const highest = niceTop(Math.max(top, ...series.flatMap(({ values }) => values.map((value) => value ?? 0))));
  const marks = [0, highest / 2, highest];
  const left = Math.max(LEAST_LEFT, GAP + LETTER_WIDTH * Math.max(...marks.map((value) => format(value).length)));
  const plotWidth = Math.max(width - left - RIGHT, 10);
  const plotHeight = HEIGHT - TOP - BOTTOM;
  const slot = plotWidth / Math.max(at.length, 1);
  const x = (index: number) => left + slot * (index + 0.5);
  const y = (value: number) => TOP + plotHeight * (1 - value / highest);
  const isEmpty = series.every(({ values }) => values.every((value) => value === undefined));
  const point = (event: PointerEvent) => {
    const box = frame.current?.getBoundingClientRect();
    if (box === undefined) return;
    const index = Math.floor((event.clientX - box.left - left) / slot);
    setNear(index >= 0 && index < at.length ? index : undefined);
  };
  return (
    <figure class="card chart">
      <figcaption>
        <h2>{title}</h2>
        <p class="small soft">{text}</p>
        <Legend series={series} />
      </figcaption>
      <div class="chart-frame" ref={frame} onPointerMove={point} onPointerLeave={() => setNear(undefined)}>
        <svg width={width} height={HEIGHT} role="img" aria-label={`${title}: ${spoken(series, format)}`}>
          {marks.map((value) => (
            <g key={value}>
              <line class="chart-grid" x1={left} x2={width - RIGHT} y1={y(value)} y2={y(value)} />
              <text class="chart-text" x={left - GAP} y={y(value) + 4} text-anchor="end">
                {format(value)}
              </text>
            </g>
          ))}
          {ticksOf(at, plotWidth).map((index) => (
            <text class="chart-text" x={x(index)} y={HEIGHT - 6} text-anchor="middle" key={index}>
              {hour(at[index] ?? '')}
            </text>
          ))}
          {kind === 'bars' ? (
            <Bars series={series} x={x} y={y} slot={slot} />
          ) : (
            <Lines series={series} x={x} y={y} base={y(0)} fills={kind === 'area'} />
          )}
          {near === undefined ? null : (
            <line class="chart-cursor" x1={x(near)} x2={x(near)} y1={TOP} y2={HEIGHT - BOTTOM} />
          )}
        </svg>
        {isEmpty ? <p class="chart-empty soft">{t('chart.empty')}</p> : null}
        {near === undefined ? null : <Tip {...{ at, series, format, near }} x={x(near)} />}
      </div>
      <details>
        <summary>{t('chart.table')}</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the keyboard has to reach it */}
        <section class="chart-table" tabIndex={0} aria-label={title}>
          <Numbers {...{ at, series, format }} />
        </section>
      </details>
    </figure>
  );
}

function Legend({ series }: Pick<Charted, 'series'>) {
  return (
    <ul class="chart-legend">
      {series.map(({ name, tone }) => (
        <li key={name}>
          <i class={`swatch tone-${tone}`} />
          {name}
        </li>
      ))}
    </ul>
  );
}

/** The numbers of the point that the pointer is near. */
function Tip({ at, series, format, near, x }: Charted & { near: number; x: number }) {
  return (
    <p class="chart-tip" data-side={near > at.length / 2 ? 'left' : 'right'} style={{ '--x': `${x}px` }}>
      <strong>{time(at[near] ?? '')}</strong>
      {series.map(({ name, values }) => (
        <span key={name}>
          {name} {shown(values[near], format)}
        </span>
      ))}
    </p>
  );
}

function Numbers({ at, series, format }: Charted) {
  return (
    <table class="table-plain">
      <thead>
        <tr>
          <th scope="col">{t('chart.when')}</th>
          {series.map(({ name }) => (
            <th scope="col" class="end" key={name}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {at.map((when, index) => (
          <tr key={when}>
            <th scope="row">{time(when)}</th>
            {series.map(({ name, values }) => (
              <td class="end numeric" key={name}>
                {shown(values[index], format)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface Drawn {
  readonly series: readonly Series[];
  readonly x: (index: number) => number;
  readonly y: (value: number) => number;
}

/** One behind the other: the first is the whole, the next a part of it. */
function Bars({ series, x, y, slot }: Drawn & { slot: number }) {
  const width = Math.max(slot * 0.72, 1);
  return (
    <>
      {series.map(({ name, tone, values }) => (
        <g class={`tone-${tone}`} key={name}>
          {values.map((value, index) =>
            value === undefined || value === 0 ? null : (
              <rect
                class="chart-bar"
                x={x(index) - width / 2}
                y={y(value)}
                width={width}
                height={y(0) - y(value)}
                rx={Math.min(width / 4, 2)}
                key={index}
              />
            ),
          )}
        </g>
      ))}
    </>
  );
}

function Lines({ series, x, y, base, fills }: Drawn & { base: number; fills: boolean }) {
  return (
    <>
      {series.map(({ name, tone, values }, place) => (
        <g class={`tone-${tone}`} key={name}>
          {runsOf(values).map((run) => {
            const line = run.map(([index, value]) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
            const [first, last] = [run[0]?.[0] ?? 0, run.at(-1)?.[0] ?? 0];
            return (
              <g key={first}>
                {fills && place === 0 ? (
                  <polygon class="chart-fill" points={`${x(first)},${base} ${line} ${x(last)},${base}`} />
                ) : null}
                {run.length === 1 ? <circle class="chart-dot" cx={x(first)} cy={y(run[0]?.[1] ?? 0)} r={2.5} /> : null}
                <polyline class="chart-line" points={line} />
              </g>
            );
          })}
        </g>
      ))}
    </>
  );
}

/** Points that hang together: a line has gaps where nothing is known. */
function runsOf(values: readonly (number | undefined)[]): readonly (readonly (readonly [number, number])[])[] {
  const runs: [number, number][][] = [];
  let isOpen = false;
  for (const [index, value] of values.entries()) {
    if (value === undefined) isOpen = false;
    else if (isOpen) runs.at(-1)?.push([index, value]);
    else {
      runs.push([[index, value]]);
      isOpen = true;
    }
  }
  return runs;
}

const DEFAULT_WIDTH = 560;

function useWidth(frame: { readonly current: HTMLElement | null }): number {
  const [width, setWidth] = useState(DEFAULT_WIDTH);
  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const watcher = new ResizeObserver(([entry]) => setWidth(Math.max(Math.floor(entry?.contentRect.width ?? 0), 120)));
    watcher.observe(element);
    return () => watcher.disconnect();
  }, []);
  return width;
}

/** 1, 2 or 5 times a power of ten, so that the middle of the axis is a number that one can read. */
function niceTop(highest: number): number {
  if (highest <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(highest));
  return ([1, 2, 4, 6, 8, 10].find((step) => step * power >= highest) ?? 10) * power;
}

const TICK_WIDTH = 90;

function ticksOf(at: readonly string[], width: number): readonly number[] {
  const many = Math.max(Math.floor(width / TICK_WIDTH), 1);
  const step = Math.max(Math.ceil(at.length / many), 1);
  return at.flatMap((_, index) => (index % step === Math.floor(step / 2) ? [index] : []));
}

function shown(value: number | undefined, format: (value: number) => string): string {
  return value === undefined ? '–' : format(value);
}

function spoken(series: readonly Series[], format: (value: number) => string): string {
  return series
    .map(({ name, values }) => {
      const known = values.filter((value) => value !== undefined);
      return known.length === 0
        ? `${name}: ${t('chart.empty')}`
        : `${name}: ${t('chart.range', { low: format(Math.min(...known)), high: format(Math.max(...known)) })}`;
    })
    .join('; ');
}

const [SPARK_WIDTH, SPARK_HEIGHT] = [96, 22];

/** Attempts over the last hour as bars, with the part of them that was answered. */
export function Sparkline({
  attempts,
  answered,
}: {
  readonly attempts: readonly number[];
  readonly answered: readonly number[];
}) {
  const [tried, good] = [total(attempts), total(answered)];
  const highest = Math.max(...attempts, 1);
  const slot = SPARK_WIDTH / Math.max(attempts.length, 1);
  const bar = (value: number, index: number, tone: string) =>
    value === 0 ? null : (
      <rect
        class={`chart-bar tone-${tone}`}
        x={index * slot + slot * 0.12}
        width={slot * 0.76}
        y={SPARK_HEIGHT - 1 - (value / highest) * (SPARK_HEIGHT - 2)}
        height={(value / highest) * (SPARK_HEIGHT - 2)}
        key={`${tone}${index}`}
      />
    );
  if (tried === 0) return <span class="table-sub">{t('spark.none')}</span>;
  return (
    <span class="spark">
      <svg width={SPARK_WIDTH} height={SPARK_HEIGHT} aria-hidden="true" focusable="false">
        <line class="chart-grid" x1={0} x2={SPARK_WIDTH} y1={SPARK_HEIGHT - 0.5} y2={SPARK_HEIGHT - 0.5} />
        {attempts.map((value, index) => bar(value, index, 'none'))}
        {answered.map((value, index) => bar(value, index, 'accent'))}
      </svg>
      <span class="table-sub">{t('spark.text', { attempts: number(tried), rate: percent(good / tried) })}</span>
    </span>
  );
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/**
 * What calls came to, counted by the minute in which they began: so that a chart over a day asks for some hundred numbers, however many
 * calls there were. Nothing is read again from records; what is counted here lasts as long as the process.
 */
import type { Given } from '../base/given.ts';
import type { Steps } from '../base/steps.ts';
import type { callStatisticsFacts } from './call-facts.ts';

const MINUTE_MS = 60_000;
const KEPT_MINUTES = 24 * 60;
/** Of one minute, tenant and trunk; beyond so many the oldest minutes go first. */
const MAX_CELLS = 50_000;
/** Post-dial delays are counted up to these, in milliseconds: percentiles are as fine as they are. */
const DELAY_BOUNDS_MS = [50, 100, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 4000, 6000, 8000, 12_000, 20_000, 60_000];
const CELLS_PER_STEP = 50;

/** What is counted of a call's record. */
export interface CountedCall {
  readonly tenant?: string | undefined;
  readonly trunkId?: string | undefined;
  readonly trunk?: string | undefined;
  readonly attempts: readonly {
    readonly trunkId?: string | undefined;
    readonly trunk?: string | undefined;
    readonly status?: number | undefined;
  }[];
  readonly startedAt: string;
  readonly ringingAt?: string | undefined;
  readonly answeredAt?: string | undefined;
  readonly status: number;
}

interface Cell {
  readonly tenant: string;
  readonly trunkId: string;
  trunk: string;
  calls: number;
  answered: number;
  attempts: number;
  attemptsAnswered: number;
  /** Final status of each attempt; of calls that tried no trunk, their own. */
  readonly codes: Map<number, number>;
  /** Of calls that rang or were answered, one place for each bound; made with the first of them. */
  delays: number[] | undefined;
}

export interface CallStatisticsQuery {
  readonly tenant?: string | undefined;
  /** Only these trunks, each with a row even when nothing was tried; all when left out, the most tried first. */
  readonly trunkIds?: readonly string[] | undefined;
  readonly fromMs: number;
  readonly untilMs: number;
  /** How much time a point stands for: whole minutes. */
  readonly stepMs: number;
  /** How many rows of trunks at most. */
  readonly maxTrunks: number;
}

export type CallStatistics = Given<typeof callStatisticsFacts>;
export type CallPoint = CallStatistics['points'][number];
export type TrunkStatistics = CallStatistics['trunks'][number];

interface TrunkRow {
  readonly trunkId: string;
  trunk: string;
  readonly attempts: number[];
  readonly answered: number[];
  readonly codes: Map<number, number>;
  total: number;
}

export class CallCounts {
  /** Cells by minute since 1970, and by tenant and trunk. */
  readonly #minutes = new Map<number, Map<string, Cell>>();
  /** The one that was counted in last: calls of a trunk come one after the other. */
  #last: { readonly minute: number; readonly cell: Cell } | undefined = undefined;
  #cells = 0;
  #latest = 0;
  /** The first minute of which nothing was dropped. */
  #completeFrom: number | undefined;

  add(record: CountedCall): void {
    const minute = Math.floor(Date.parse(record.startedAt) / MINUTE_MS);
    if (!Number.isFinite(minute)) return;
    this.#completeFrom ??= minute;
    if (minute > this.#latest) {
      this.#latest = minute;
      this.#forget();
    }
    if (minute <= this.#latest - KEPT_MINUTES) return;
    const tenant = record.tenant ?? '';
    const answered = record.answeredAt !== undefined;
    const own = this.#cell(minute, tenant, record.trunkId ?? '', record.trunk ?? '');
    own.calls++;
    if (answered) own.answered++;
    noteDelay(own, record);
    let tried = false;
    for (const { trunkId, trunk, status } of record.attempts) {
      if (trunkId === undefined) continue;
      tried = true;
      const cell = trunkId === own.trunkId ? own : this.#cell(minute, tenant, trunkId, trunk ?? '');
      cell.attempts++;
      if (status !== undefined && status >= 200 && status < 300) cell.attemptsAnswered++;
      count(cell.codes, status ?? 0, 1);
    }
    if (!tried) count(own.codes, record.status, 1);
  }

  /** In steps: a day of thousands of trunks is tens of thousands of cells. */
  *read({ tenant, trunkIds, fromMs, untilMs, stepMs, maxTrunks }: CallStatisticsQuery): Steps<CallStatistics> {
    const stepMinutes = Math.max(Math.round(stepMs / MINUTE_MS), 1);
    const first = Math.floor(fromMs / MINUTE_MS);
    const size = Math.max(Math.ceil((Math.ceil(untilMs / MINUTE_MS) - first) / stepMinutes), 0);
    const sums = Array.from({ length: size }, () => ({ calls: 0, answered: 0, delays: emptyDelays() }));
    const codes = new Map<number, number>();
    const rows = new Map<string, TrunkRow>();
    const wanted = trunkIds === undefined ? undefined : new Set(trunkIds);
    for (const trunkId of wanted ?? []) rows.set(trunkId, emptyRow(trunkId, size));
    let looked = 0;
    for (const [minute, cells] of this.#minutes) {
      const place = Math.floor((minute - first) / stepMinutes);
      const sum = sums[place];
      if (minute < first || sum === undefined) continue;
      for (const cell of cells.values()) {
        if (looked++ % CELLS_PER_STEP === 0) yield;
        if (tenant !== undefined && cell.tenant !== tenant) continue;
        if (wanted !== undefined && !wanted.has(cell.trunkId)) continue;
        sum.calls += cell.calls;
        sum.answered += cell.answered;
        cell.delays?.forEach((many, index) => {
          sum.delays[index] = (sum.delays[index] ?? 0) + many;
        });
        for (const [code, many] of cell.codes) count(codes, code, many);
        if (cell.attempts > 0) addTo(rows, cell, place, size);
      }
    }
    yield;
    const shown = [...rows.values()].sort((a, b) => b.total - a.total).slice(0, maxTrunks);
    return {
      from: iso(first),
      until: iso(first + size * stepMinutes),
      stepSeconds: stepMinutes * 60,
      completeFrom: iso(Math.max(this.#completeFrom ?? first, first)),
      points: sums.map(({ calls, answered, delays }, index) => ({
        at: iso(first + index * stepMinutes),
        calls,
        answered,
        delayMedianMs: percentile(delays, 0.5),
        delay95Ms: percentile(delays, 0.95),
      })),
      trunks: shown.map(({ trunkId, trunk, attempts, answered, codes: own }) => ({
        trunkId,
        trunk,
        attempts,
        answered,
        codes: byCode(own),
      })),
      codes: byCode(codes),
    };
  }

  #cell(minute: number, tenant: string, trunkId: string, trunk: string): Cell {
    const last = this.#last;
    if (last?.minute === minute && last.cell.tenant === tenant && last.cell.trunkId === trunkId) {
      last.cell.trunk = trunk;
      return last.cell;
    }
    let cells = this.#minutes.get(minute);
    if (cells === undefined) {
      cells = new Map();
      this.#minutes.set(minute, cells);
    }
    const key = `${tenant} ${trunkId}`;
    let cell = cells.get(key);
    if (cell === undefined) {
      cell = {
        tenant,
        trunkId,
        trunk,
        calls: 0,
        answered: 0,
        attempts: 0,
        attemptsAnswered: 0,
        codes: new Map(),
        delays: undefined,
      };
      cells.set(key, cell);
      if (++this.#cells > MAX_CELLS) this.#forgetOldest();
    }
    cell.trunk = trunk;
    this.#last = { minute, cell };
    return cell;
  }

  #forget(): void {
    for (const minute of this.#minutes.keys()) if (minute <= this.#latest - KEPT_MINUTES) this.#drop(minute);
  }

  #forgetOldest(): void {
    // Within one minute all is kept: there is nothing older to give up.
    const oldest = Math.min(...this.#minutes.keys());
    if (oldest < this.#latest) this.#drop(oldest);
  }

  #drop(minute: number): void {
    this.#cells -= this.#minutes.get(minute)?.size ?? 0;
    this.#minutes.delete(minute);
    if (this.#last?.minute === minute) this.#last = undefined;
    this.#completeFrom = Math.max(this.#completeFrom ?? 0, minute + 1);
  }
}

function noteDelay(cell: Cell, { startedAt, ringingAt, answeredAt }: CountedCall): void {
  const until = ringingAt ?? answeredAt;
  if (until === undefined) return;
  const delayMs = Date.parse(until) - Date.parse(startedAt);
  let at = 0;
  while (at < DELAY_BOUNDS_MS.length - 1 && delayMs > (DELAY_BOUNDS_MS[at] as number)) at++;
  cell.delays ??= emptyDelays();
  cell.delays[at] = (cell.delays[at] as number) + 1;
}

function emptyDelays(): number[] {
  return new Array<number>(DELAY_BOUNDS_MS.length).fill(0);
}

/** Between the bounds as if the delays lay evenly there. */
function percentile(delays: readonly number[], share: number): number | undefined {
  const total = delays.reduce((sum, many) => sum + many, 0);
  if (total === 0) return undefined;
  let left = share * total;
  let low = 0;
  for (const [index, many] of delays.entries()) {
    const high = DELAY_BOUNDS_MS[index] ?? low;
    if (left <= many && many > 0) return Math.round(low + (high - low) * (left / many));
    left -= many;
    low = high;
  }
  return low;
}

function addTo(rows: Map<string, TrunkRow>, cell: Cell, place: number, size: number): void {
  let row = rows.get(cell.trunkId);
  if (row === undefined) {
    row = emptyRow(cell.trunkId, size);
    rows.set(cell.trunkId, row);
  }
  row.trunk = cell.trunk;
  row.total += cell.attempts;
  row.attempts[place] = (row.attempts[place] ?? 0) + cell.attempts;
  row.answered[place] = (row.answered[place] ?? 0) + cell.attemptsAnswered;
  for (const [code, many] of cell.codes) count(row.codes, code, many);
}

function emptyRow(trunkId: string, size: number): TrunkRow {
  const zeros = () => new Array<number>(size).fill(0);
  return { trunkId, trunk: '', attempts: zeros(), answered: zeros(), codes: new Map(), total: 0 };
}

function count(codes: Map<number, number>, code: number, many: number): void {
  codes.set(code, (codes.get(code) ?? 0) + many);
}

/** 0 stands for what had no final answer. */
function byCode(codes: ReadonlyMap<number, number>): Record<string, number> {
  return Object.fromEntries(
    [...codes].sort(([a], [b]) => a - b).map(([code, many]) => [code === 0 ? 'none' : String(code), many]),
  );
}

function iso(minute: number): string {
  return new Date(minute * MINUTE_MS).toISOString();
}

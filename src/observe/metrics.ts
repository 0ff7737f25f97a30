import { setImmediate as nextTurn } from 'node:timers/promises';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { inSlices } from '../base/steps.ts';
import { LoopDelay } from './loop-delay.ts';
import { SetupTimes } from './setup-times.ts';
import { type TrunkGauge, TrunkMetrics } from './trunk-metrics.ts';

export type CallDirection = 'outbound' | 'inbound' | 'internal';
const DIRECTIONS: readonly CallDirection[] = ['outbound', 'inbound', 'internal'];

/** Of the library's own monitor of the event loop, whose samples wake the process: a day, so that it takes none. */
const UNUSED_MONITOR_MS = 86_400_000;

/** Of the library's: a tenth of a millisecond each when it is seldom asked. */
const FAMILIES_PER_TURN = 10;

type Counts = Record<CallDirection, number>;
/** Counts by final status; 0 stands for what is no status of SIP. A peer chooses the status, and a label may take few values. */
type StatusCounts = Map<number, number>;

/**
 * The Prometheus metrics of one engine. What is counted for each call is a plain number here, or with somebody else (endpoint counters,
 * live calls, trunk states), and becomes a metric when scraped.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly loopDelay = new LoopDelay();
  readonly #loopDelay = this.loopDelay.reading();
  #uncaught = 0;
  /** Those that somebody else has counted; default: nobody has. */
  uncaughtElsewhere: () => number = () => 0;
  readonly #started: Counts = { outbound: 0, inbound: 0, internal: 0 };
  readonly #answered: Counts = { outbound: 0, inbound: 0, internal: 0 };
  readonly #ended: Record<CallDirection, StatusCounts> = perDirection(() => new Map());
  readonly #trunks = new TrunkMetrics();
  readonly #callerIdRejected = new Map<string, number>();
  readonly #verifications = new Map<string, number>();
  readonly #signed = { A: 0, B: 0, C: 0, div: 0, unsigned: 0, refused: 0 };
  readonly #setup = perDirection((direction) => new SetupTimes(`direction="${direction}"`));
  readonly #http: Histogram<'method' | 'route' | 'code'>;

  constructor(options: { processMetrics?: boolean } = {}) {
    const registers = [this.registry];
    if (options.processMetrics !== false) {
      collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: UNUSED_MONITOR_MS });
      // Gauges under names of counters; the same is told by kind under the names without `_total`.
      for (const kind of ['handles', 'requests', 'resources'])
        this.registry.removeSingleMetric(`nodejs_active_${kind}_total`);
      this.#readLoopLag();
    }
    this.#readTotals(
      'uncaught_exceptions_total',
      'Defects caught at an exception boundary; 0 in a healthy engine',
      [],
      (add) => add({}, this.#uncaught + this.uncaughtElsewhere()),
    );
    this.#readDirections('tandem_calls_total', 'Calls started', this.#started);
    this.#readDirections('tandem_calls_answered_total', 'Calls answered', this.#answered);
    this.#readTotals('tandem_calls_ended_total', 'Calls ended, by final status', ['direction', 'code'], (add) => {
      for (const direction of DIRECTIONS)
        for (const [status, total] of this.#ended[direction]) add({ direction, code: statusLabel(status) }, total);
    });
    this.#readTotals('tandem_caller_id_rejected_total', 'Caller IDs passed over', ['source'], (add) => {
      for (const [source, total] of this.#callerIdRejected) add({ source }, total);
    });
    this.#readTotals(
      'tandem_verifications_total',
      'Calls from trunks whose callers were verified: attestation, passed, none, or the code of the failure',
      ['result'],
      (add) => {
        for (const [result, total] of this.#verifications) add({ result }, total);
      },
    );
    this.readCounters(
      'tandem_calls_signed_total',
      'Calls on trunks that ask for a signature, by what was signed or became of those that could not be',
      'result',
      () => this.#signed,
    );
    this.#http = new Histogram({
      name: 'tandem_http_request_seconds',
      help: 'HTTP requests',
      labelNames: ['method', 'route', 'code'] as const,
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2],
      registers,
    });
    this.#readLoopDelay();
  }

  countUncaught(): void {
    this.#uncaught++;
  }

  countCallStarted(direction: CallDirection): void {
    this.#started[direction]++;
  }

  countCallAnswered(direction: CallDirection, setupMs: number): void {
    this.#answered[direction]++;
    this.#setup[direction].observe(setupMs / 1000);
  }

  countCallEnded(direction: CallDirection, status: number): void {
    countStatus(this.#ended[direction], status);
  }

  countTrunkAttempt(trunkId: string, status: number): void {
    countStatus(this.#trunks.attempts(trunkId), status);
  }

  /** @param source one of few: whose it was, not what a tenant calls that */
  countCallerIdRejected(source: string): void {
    this.#callerIdRejected.set(source, (this.#callerIdRejected.get(source) ?? 0) + 1);
  }

  countVerification(result: string): void {
    this.#verifications.set(result, (this.#verifications.get(result) ?? 0) + 1);
  }

  /** What was signed, or `unsigned` or `refused` of a call that could not be. */
  countSigned(result: 'A' | 'B' | 'C' | 'div' | 'unsigned' | 'refused'): void {
    this.#signed[result]++;
  }

  observeHttp(method: string, route: string, status: number, elapsedMs: number): void {
    this.#http.labels({ method, route, code: statusLabel(status) }).observe(elapsedMs / 1000);
  }

  /** A family of counters that somebody else counts; `read` gives each label's running total when scraped. */
  readCounters(name: string, help: string, label: string, read: () => Readonly<Record<string, number>>): void {
    this.#readTotals(name, help, [label], (add) => {
      for (const [value, total] of Object.entries(read())) add({ [label]: value }, total);
    });
  }

  /** A gauge that is read when scraped. */
  readGauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(read());
      },
    });
  }

  /** A family of gauges; `read` gives each label's value when scraped. */
  readGauges(name: string, help: string, label: string, read: () => Readonly<Record<string, number>>): void {
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [value, number] of Object.entries(read())) this.set({ [label]: value }, number);
      },
    });
  }

  /** The state and load of every trunk, read when scraped. */
  readTrunks(read: () => Iterable<TrunkGauge>): void {
    this.#trunks.readTrunks(read);
  }

  /** The text that `/metrics` serves. */
  async render(): Promise<string> {
    const setup = SetupTimes.render(Object.values(this.#setup));
    const families: string[] = [];
    for (const { name } of this.registry.getMetricsAsArray()) {
      families.push(await this.registry.getSingleMetricAsString(name));
      if (families.length % FAMILIES_PER_TURN === 0) await nextTurn();
    }
    this.#loopDelay.reset();
    const trunks = await inSlices(this.#trunks.render(statusLabel));
    // Megabytes go out in a turn of their own.
    await nextTurn();
    return `${families.join('\n\n')}\n\n${setup}\n${trunks}`;
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  close(): void {
    this.loopDelay.close();
    this.registry.clear();
  }

  #readDirections(name: string, help: string, counts: Counts): void {
    this.readCounters(name, help, 'direction', () => counts);
  }

  /** Counters that are counted elsewhere: `read` tells each label's running total when scraped. */
  #readTotals<T extends string>(
    name: string,
    help: string,
    labelNames: readonly T[],
    read: (add: (labels: Partial<Record<T, string>>, total: number) => void) => void,
  ): void {
    new Counter({
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        this.reset();
        read((labels, total) => this.inc(labels, total));
      },
    });
  }

  /** The library's names, which dashboards know. */
  #readLoopLag(): void {
    const delay = this.#loopDelay;
    const figures: readonly (readonly [part: string, help: string, readMs: () => number])[] = [
      ['', 'median', () => delay.percentileMs(50)],
      ['_min', 'least', () => delay.leastMs],
      ['_max', 'most', () => delay.mostMs],
      ['_mean', 'mean', () => delay.meanMs],
      ['_stddev', 'standard deviation', () => delay.deviationMs],
      ['_p50', '50th percentile', () => delay.percentileMs(50)],
      ['_p90', '90th percentile', () => delay.percentileMs(90)],
      ['_p99', '99th percentile', () => delay.percentileMs(99)],
    ];
    for (const [part, help, readMs] of figures) {
      const name = `nodejs_eventloop_lag${part}_seconds`;
      this.registry.removeSingleMetric(name);
      this.readGauge(name, `Delay of the event loop since the last scrape, ${help}`, () => readMs() / 1000);
    }
  }

  #readLoopDelay(): void {
    const delay = this.#loopDelay;
    new Gauge({
      name: 'tandem_event_loop_delay_seconds',
      help: 'Delay of the event loop since the last scrape',
      labelNames: ['percentile'] as const,
      registers: [this.registry],
      collect() {
        for (const percentile of [50, 99, 100])
          this.set({ percentile: String(percentile) }, delay.percentileMs(percentile) / 1000);
      },
    });
  }
}

function countStatus(counts: StatusCounts, status: number): void {
  const code = isStatus(status) ? status : 0;
  counts.set(code, (counts.get(code) ?? 0) + 1);
}

function perDirection<T>(make: (direction: CallDirection) => T): Record<CallDirection, T> {
  return Object.fromEntries(DIRECTIONS.map((direction) => [direction, make(direction)])) as Record<CallDirection, T>;
}

function statusLabel(status: number): string {
  return isStatus(status) ? String(status) : 'other';
}

function isStatus(status: number): boolean {
  return Number.isInteger(status) && status >= 100 && status <= 699;
}

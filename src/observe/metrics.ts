import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { inSlices } from '../base/steps.ts';
import { SetupTimes } from './setup-times.ts';
import { type TrunkGauge, TrunkMetrics } from './trunk-metrics.ts';

export type CallDirection = 'outbound' | 'inbound' | 'internal';
const DIRECTIONS: readonly CallDirection[] = ['outbound', 'inbound', 'internal'];

const NANOSECONDS = 1e9;
/** Each sample wakes an idle process; what the monitor records is this interval and the delay together. */
const DELAY_SAMPLE_MS = 50;

type Counts = Record<CallDirection, number>;
/** Counts by final status; 0 stands for what is no status of SIP. A peer chooses the status, and a label may take few values. */
type StatusCounts = Map<number, number>;

/**
 * The Prometheus metrics of one engine. What is counted for each call is a plain number here, or with somebody else (endpoint counters,
 * live calls, trunk states), and becomes a metric when scraped.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly #eventLoopDelay: ReturnType<typeof monitorEventLoopDelay>;
  #uncaught = 0;
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
      collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: DELAY_SAMPLE_MS });
      // Gauges under names of counters; the same is told by kind under the names without `_total`.
      for (const kind of ['handles', 'requests', 'resources'])
        this.registry.removeSingleMetric(`nodejs_active_${kind}_total`);
    }
    this.#readTotals(
      'uncaught_exceptions_total',
      'Defects caught at an exception boundary; 0 in a healthy engine',
      [],
      (add) => add({}, this.#uncaught),
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
    this.#eventLoopDelay = monitorEventLoopDelay({ resolution: DELAY_SAMPLE_MS });
    this.#eventLoopDelay.enable();
    this.#gaugeEventLoop();
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
    return `${await this.registry.metrics()}\n${setup}\n${await inSlices(this.#trunks.render(statusLabel))}`;
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  close(): void {
    this.#eventLoopDelay.disable();
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

  #gaugeEventLoop(): void {
    const delay = this.#eventLoopDelay;
    new Gauge({
      name: 'tandem_event_loop_delay_seconds',
      help: 'Delay of the event loop since the last scrape',
      labelNames: ['percentile'] as const,
      registers: [this.registry],
      collect() {
        for (const percentile of [50, 99])
          this.set({ percentile: String(percentile) }, delaySeconds(delay.percentile(percentile)));
        this.set({ percentile: '100' }, delay.count === 0 ? 0 : delaySeconds(delay.max));
        delay.reset();
      },
    });
  }
}

/** The delay in a sample of the monitor, which holds the interval too. */
function delaySeconds(sampleNanoseconds: number): number {
  return Math.max(sampleNanoseconds / NANOSECONDS - DELAY_SAMPLE_MS / 1000, 0);
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

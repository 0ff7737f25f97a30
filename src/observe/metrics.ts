import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type CallDirection = 'outbound' | 'inbound' | 'internal';
const DIRECTIONS: readonly CallDirection[] = ['outbound', 'inbound', 'internal'];

export interface TrunkGauge {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly activeCalls: number;
}

const SETUP_BUCKETS_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32];
const NANOSECONDS = 1e9;
/** Each sample wakes an idle process; what the monitor records is this interval and the delay together. */
const DELAY_SAMPLE_MS = 50;
const MAX_CHILDREN = 10_000;

interface Counting {
  inc(): void;
}

/**
 * The Prometheus metrics of one engine. Children are bound once and counted by plain method calls; what somebody else already counts
 * (endpoint counters, live calls, trunk states) is read when scraped.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly #eventLoopDelay: ReturnType<typeof monitorEventLoopDelay>;
  readonly #uncaught: Counter;
  readonly #started: Record<CallDirection, { inc(): void }>;
  readonly #answered: Record<CallDirection, { inc(): void }>;
  readonly #ended: Counter<'direction' | 'code'>;
  readonly #attempts: Counter<'trunk_id' | 'code'>;
  readonly #setup: Record<CallDirection, { observe(value: number): void }>;
  /** Children bound so far, by what their labels are made of. */
  readonly #endedBy = new Map<string, Counting>();
  readonly #attemptsBy = new Map<string, Counting>();
  readonly #callerIdRejected: Counter<'source'>;
  readonly #http: Histogram<'method' | 'route' | 'code'>;

  constructor(options: { processMetrics?: boolean } = {}) {
    const registers = [this.registry];
    if (options.processMetrics !== false) {
      collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: DELAY_SAMPLE_MS });
      // Gauges under names of counters; the same is told by kind under the names without `_total`.
      for (const kind of ['handles', 'requests', 'resources'])
        this.registry.removeSingleMetric(`nodejs_active_${kind}_total`);
    }
    this.#uncaught = new Counter({
      name: 'uncaught_exceptions_total',
      help: 'Defects caught at an exception boundary; 0 in a healthy engine',
      registers,
    });
    const started = counter('tandem_calls_total', 'Calls started', ['direction'] as const, registers);
    const answered = counter('tandem_calls_answered_total', 'Calls answered', ['direction'] as const, registers);
    this.#ended = counter(
      'tandem_calls_ended_total',
      'Calls ended, by final status',
      ['direction', 'code'] as const,
      registers,
    );
    this.#attempts = counter(
      'tandem_trunk_attempts_total',
      'Tries of a trunk, by final status',
      ['trunk_id', 'code'] as const,
      registers,
    );
    this.#callerIdRejected = counter(
      'tandem_caller_id_rejected_total',
      'Caller IDs passed over',
      ['source'] as const,
      registers,
    );
    const setup = new Histogram({
      name: 'tandem_call_setup_seconds',
      help: 'From the INVITE to the answer',
      labelNames: ['direction'] as const,
      buckets: SETUP_BUCKETS_SECONDS,
      registers,
    });
    this.#http = new Histogram({
      name: 'tandem_http_request_seconds',
      help: 'HTTP requests',
      labelNames: ['method', 'route', 'code'] as const,
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2],
      registers,
    });
    this.#started = perDirection((direction) => started.labels({ direction }));
    this.#answered = perDirection((direction) => answered.labels({ direction }));
    this.#setup = perDirection((direction) => setup.labels({ direction }));
    this.#eventLoopDelay = monitorEventLoopDelay({ resolution: DELAY_SAMPLE_MS });
    this.#eventLoopDelay.enable();
    this.#gaugeEventLoop();
  }

  countUncaught(): void {
    this.#uncaught.inc();
  }

  countCallStarted(direction: CallDirection): void {
    this.#started[direction].inc();
  }

  countCallAnswered(direction: CallDirection, setupMs: number): void {
    this.#answered[direction].inc();
    this.#setup[direction].observe(setupMs / 1000);
  }

  countCallEnded(direction: CallDirection, status: number): void {
    child(this.#endedBy, `${direction} ${status}`, () =>
      this.#ended.labels({ direction, code: statusLabel(status) }),
    ).inc();
  }

  countTrunkAttempt(trunkId: string, status: number): void {
    child(this.#attemptsBy, `${trunkId} ${status}`, () =>
      this.#attempts.labels({ trunk_id: trunkId, code: statusLabel(status) }),
    ).inc();
  }

  countCallerIdRejected(source: string): void {
    this.#callerIdRejected.labels({ source }).inc();
  }

  observeHttp(method: string, route: string, status: number, elapsedMs: number): void {
    this.#http.labels({ method, route, code: statusLabel(status) }).observe(elapsedMs / 1000);
  }

  /** A family of counters that somebody else counts; `read` gives each label's running total when scraped. */
  readCounters(name: string, help: string, label: string, read: () => Readonly<Record<string, number>>): void {
    new Counter({
      name,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [value, total] of Object.entries(read())) this.inc({ [label]: value }, total);
      },
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

  /** The state and load of every trunk, read when scraped. */
  readTrunks(read: () => readonly TrunkGauge[]): void {
    // Registered first: metrics are collected in the order of registration, and this one fills the other two.
    new Gauge({
      name: 'tandem_trunk_up',
      help: '1 while the trunk is online, else 0',
      labelNames: ['trunk_id', 'trunk'] as const,
      registers: [this.registry],
      collect() {
        for (const gauge of [this, states, calls]) gauge.reset();
        for (const trunk of read()) {
          const labels = { trunk_id: trunk.id, trunk: trunk.name };
          this.set(labels, trunk.state === 'online' ? 1 : 0);
          calls.set(labels, trunk.activeCalls);
          states.inc({ state: trunk.state });
        }
      },
    });
    const states = new Gauge({
      name: 'tandem_trunks',
      help: 'Trunks by state',
      labelNames: ['state'] as const,
      registers: [this.registry],
    });
    const calls = new Gauge({
      name: 'tandem_trunk_calls',
      help: 'Calls in progress on a trunk',
      labelNames: ['trunk_id', 'trunk'] as const,
      registers: [this.registry],
    });
  }

  /** The text that `/metrics` serves. */
  async render(): Promise<string> {
    return this.registry.metrics();
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  close(): void {
    this.#eventLoopDelay.disable();
    this.registry.clear();
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

function child(children: Map<string, Counting>, key: string, bind: () => Counting): Counting {
  let bound = children.get(key);
  if (bound === undefined) {
    bound = bind();
    // A peer chooses the code.
    if (children.size < MAX_CHILDREN) children.set(key, bound);
  }
  return bound;
}

function counter<T extends string>(
  name: string,
  help: string,
  labelNames: readonly T[],
  registers: Registry[],
): Counter<T> {
  return new Counter({ name, help, labelNames, registers });
}

function perDirection<T>(make: (direction: CallDirection) => T): Record<CallDirection, T> {
  return Object.fromEntries(DIRECTIONS.map((direction) => [direction, make(direction)])) as Record<CallDirection, T>;
}

/** A peer chooses the code; a label may take few values. */
function statusLabel(status: number): string {
  return Number.isInteger(status) && status >= 100 && status <= 699 ? String(status) : 'other';
}

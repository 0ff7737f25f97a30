import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../../../kit/eventually.ts';
import { type RedisServer, startRedis } from '../../../kit/redis.ts';
import { CALLERS, CARRIER, type Engine, type Held, startEngine } from '../engine.ts';
import type { Figure, Item } from '../item.ts';
import { type CallFigures, placeCalls } from '../processes.ts';

const MINUTES = 30;
const SEGMENT_SECONDS = 8;
/** What is abandoned must have ended by then: the longest call, and the transactions of its BYE. */
const SESSION_LIMIT_MS = 20_000;
const IDLE_TIMEOUT_MS = 90_000;
/** Where the search for the capacity begins, how long it looks at a rate, and what is beyond any. */
const LOWEST_RATE = 20;
const COARSE = 1.5;
const FINE = 1.15;
const LOOK_SECONDS = 4;
const LOOKS = 2;
const HIGHEST_RATE = 20_000;

class Soak {
  readonly #engine: Engine;
  readonly #redis: RedisServer;
  readonly #perSecond: number;
  /** Calls of segments in which nothing was wrong. */
  readonly quiet: CallFigures[] = [];
  readonly heaps: number[] = [];

  constructor(engine: Engine, redis: RedisServer, perSecond: number) {
    this.#engine = engine;
    this.#redis = redis;
    this.#perSecond = perSecond;
  }

  #calls({ isCarrierDead = false, vanishes = false } = {}): Promise<CallFigures> {
    const { port, carrierPort } = this.#engine;
    return placeCalls({
      port,
      callers: CALLERS,
      ...(isCarrierDead ? {} : { carrier: { host: CARRIER, port: carrierPort } }),
      perSecond: this.#perSecond,
      seconds: SEGMENT_SECONDS,
      vanishes,
    });
  }

  /** One of each fault, and calls as every day before and between them. */
  async cycle(): Promise<void> {
    this.quiet.push(await this.#calls());
    await this.#calls({ isCarrierDead: true });
    await this.#calls({ vanishes: true });
    await Promise.all([this.#calls(), this.#stallRedis()]);
    await Promise.all([this.#calls(), this.#reload()]);
    this.heaps.push((await this.idle()).heapUsed);
  }

  async #stallRedis(): Promise<void> {
    await pause(2_000);
    this.#redis.child().signal('SIGSTOP');
    await pause(3_000);
    this.#redis.child().signal('SIGCONT');
  }

  /** Files that change, and files that are broken. */
  async #reload(): Promise<void> {
    const path = join(this.#engine.folder, 'provisioning.json');
    const before = readFileSync(path, 'utf8');
    for (const text of [before.replace('"Alice"', '"Alice B."'), 'broken', before]) {
      writeFileSync(path, text);
      this.#engine.child.signal('SIGHUP');
      await pause(1_500);
    }
  }

  /** Waits until all calls and transactions have ended. */
  async idle(): Promise<Held> {
    const gauges = ['calls', 'dialogs', 'server_transactions', 'client_transactions'];
    let left: number[] = [];
    await eventually(
      'an idle engine',
      async () => {
        left = await Promise.all(gauges.map((gauge) => this.#engine.metric(`tandem_${gauge}_live`)));
        return left.every((value) => value === 0);
      },
      { timeoutMs: IDLE_TIMEOUT_MS, detail: () => `${gauges.join(', ')} live: ${left.join(', ')}` },
    );
    return this.#engine.held();
  }
}

/** Half of the calls a second that are served without delay: coarse steps, then fine ones. */
async function halfCapacity(engine: Engine): Promise<number> {
  const { port, carrierPort } = engine;
  const carrier = { host: CARRIER, port: carrierPort };
  // A look that somebody else's work on the machine spoils is not the last.
  const isServed = async (perSecond: number): Promise<boolean> => {
    for (let look = 0; look < LOOKS; look++) {
      const seen = await placeCalls({ port, callers: CALLERS, carrier, perSecond, seconds: LOOK_SECONDS });
      if (seen.completed >= 0.99 * seen.placed && seen.setupP99 <= 250) return true;
    }
    return false;
  };
  // Code is compiled while it runs for the first time.
  await isServed(LOWEST_RATE);
  let best = 0;
  for (let rate = LOWEST_RATE; rate < HIGHEST_RATE && (await isServed(rate)); rate *= COARSE) best = rate;
  const tooMuch = best * COARSE;
  for (let rate = best * FINE; rate < tooMuch && (await isServed(rate)); rate *= FINE) best = rate;
  if (best === 0) throw new Error(`not even ${LOWEST_RATE} calls a second are served`);
  return best / 2;
}

/** MB that the heap has grown by the straight line through what was used after each cycle. */
function grownByTrend(heaps: readonly number[]): number {
  const mean = heaps.reduce((sum, heap) => sum + heap, 0) / heaps.length;
  const middle = (heaps.length - 1) / 2;
  let above = 0;
  let below = 0;
  heaps.forEach((heap, index) => {
    above += (index - middle) * (heap - mean);
    below += (index - middle) ** 2;
  });
  return below === 0 ? 0 : (above / below) * (heaps.length / 1_048_576);
}

async function run(
  engine: Engine,
  redis: RedisServer,
  minutes: number,
  perSecond: number | undefined,
): Promise<Figure[]> {
  const rate = perSecond ?? (await halfCapacity(engine));
  const soak = new Soak(engine, redis, rate);
  // The first cycle fills caches and pools.
  await soak.cycle();
  const before = await soak.idle();
  soak.heaps.length = 0;
  const beganMs = performance.now();
  do await soak.cycle();
  while (performance.now() - beganMs < minutes * 60_000);
  const tookMinutes = (performance.now() - beganMs) / 60_000;
  const after = await soak.idle();
  const sum = (of: (calls: CallFigures) => number) => soak.quiet.reduce((total, calls) => total + of(calls), 0);
  const grown = (after.heapUsed - before.heapUsed) / 1_048_576;
  return [
    { what: 'calls a second', value: rate, unit: '', bar: { least: LOWEST_RATE / 2 } },
    { what: 'minutes', value: tookMinutes, unit: '', bar: { least: minutes } },
    { what: 'calls placed while all was well', value: sum(({ placed }) => placed), unit: '', bar: { least: 1 } },
    {
      what: 'of those completed',
      value: (100 * sum(({ completed }) => completed)) / sum(({ placed }) => placed),
      unit: '%',
      bar: { least: 99 },
    },
    { what: 'heap grown', value: grown, unit: 'MB', bar: { most: 10 } },
    { what: 'heap grown, by trend', value: grownByTrend(soak.heaps), unit: 'MB', bar: { most: 10 } },
    { what: 'descriptors beyond before', value: after.descriptors - before.descriptors, unit: '', bar: { most: 2 } },
    { what: 'timers and handles beyond before', value: after.resources - before.resources, unit: '', bar: { most: 4 } },
    { what: 'uncaught', value: await engine.metric('uncaught_exceptions_total'), unit: '', bar: { most: 0 } },
  ];
}

export const item: Item = {
  title:
    'calls at half capacity (or the rate given second) for 30 minutes (or the number given first) while the carrier dies, phones vanish, Redis stalls and files are reloaded',
  async run(minutes = MINUTES, perSecond) {
    const redis = await startRedis();
    const engine = await startEngine({
      settings: (folder) => ({
        store: { kind: 'redis', url: redis.url, path: join(folder, 'data') },
        timers: { sessionLimitMs: SESSION_LIMIT_MS, ringMs: 10_000, failedTargetMs: 500 },
      }),
    });
    try {
      return await run(engine, redis, minutes, perSecond);
    } finally {
      await engine.stop();
      await redis.stop();
    }
  },
};

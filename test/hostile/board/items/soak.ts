import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../../../kit/eventually.ts';
import { type RedisServer, startRedis } from '../../../kit/redis.ts';
import { capacityOf, LOWEST_RATE } from '../capacity.ts';
import { CALLERS, CARRIER, type Engine, type Held, startEngine } from '../engine.ts';
import type { Figure, Item } from '../item.ts';
import { type CallFigures, placeCalls, placePhases } from '../processes.ts';

const MINUTES = 30;
const SEGMENT_SECONDS = 8;
/** What is abandoned must have ended by then: the longest call, and the transactions of its BYE. */
const SESSION_LIMIT_MS = 20_000;
const IDLE_TIMEOUT_MS = 90_000;
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

/** Half of the calls a second that are served, from phones and to a carrier in one process as in the soak. */
async function halfCapacity({ port, carrierPort }: Engine): Promise<number> {
  const carrier = { host: CARRIER, port: carrierPort };
  const capacity = await capacityOf((phases) => placePhases({ port, callers: CALLERS, carrier, phases }));
  if (capacity === 0) throw new Error(`not even ${LOWEST_RATE} calls a second are served`);
  return capacity / 2;
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
    { what: 'calls a second', value: rate, unit: '', bar: { least: 10 } },
    { what: 'minutes', value: tookMinutes, unit: '', bar: { least: minutes } },
    { what: 'calls placed while all was well', value: sum(({ placed }) => placed), unit: '', bar: { least: 1 } },
    {
      what: 'of those completed',
      value: (100 * sum(({ completed }) => completed)) / sum(({ placed }) => placed),
      unit: '%',
      bar: { least: 99 },
    },
    {
      what: 'of the others refused: there was no time',
      value: (100 * sum(({ refused }) => refused)) / sum(({ placed }) => placed),
      unit: '%',
      bar: { most: 1 },
    },
    { what: 'neither answered nor refused', value: sum(({ unanswered }) => unanswered), unit: '', bar: { most: 0 } },
    { what: 'heap grown', value: grown, unit: 'MB', bar: { most: 10 } },
    { what: 'heap grown, by trend', value: grownByTrend(soak.heaps), unit: 'MB', bar: { most: 10 } },
    { what: 'descriptors beyond before', value: after.descriptors - before.descriptors, unit: '', bar: { most: 2 } },
    { what: 'timers and handles beyond before', value: after.resources - before.resources, unit: '', bar: { most: 4 } },
    await engine.uncaught(),
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

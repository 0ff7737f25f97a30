import { setTimeout as pause } from 'node:timers/promises';
import { SettingsError } from '../../base/errors.ts';
import { randomToken } from '../../base/ids.ts';
import type { Clock } from '../../base/scheduler.ts';
import { type HeardOf, SURE_MS } from '../../call/index.ts';
import type { ToldUse } from '../../trunks/shared-limits.ts';
import type { KnownNode, NodeReport, NodeRoster } from '../stores.ts';
import type { InRedis } from './keys.ts';
import { ANNOUNCE } from './scripts.ts';

const TELL_MS = 500;
/** Nine tellings may be lost before a node counts as gone. */
export const GONE_AFTER_MS = 4500;
/** So long a node is missed, and no telling is, before it counts as ended: one that lives has told of itself by then. */
const ENDED_AFTER_MS = 60_000;
/** Who has had no answer for so long hears nothing of the others, nor they of it. */
const CUT_OFF_AFTER_MS = 2000;
/** An attempt that took longer than any may says nothing about Redis: this process stood still. */
const LONGEST_TELLING_MS = 1_000;
/** A node of this name that lives tells of itself within this time. */
const CLAIM_MS = 1600;
const CLAIM_POLL_MS = 200;
/** Passes between nodes are good for 30 s, in either direction. */
const MAX_CLOCK_OFFSET_MS = 10_000;

export interface NodesHeard extends Omit<HeardOf, 'isInDoubt' | 'contact'> {
  /** Only who has asked at this time or later whose the calls are can be sure. */
  readonly doubtedAtMs: number;
}

export interface RedisNodesOptions extends InRedis {
  readonly clock: Clock;
  /** Which version of the store this node works with. */
  readonly version: () => number;
}

/** The roster in Redis: each node writes its line twice a second and reads the others' in the same step. */
export class RedisNodes implements NodeRoster {
  readonly #options: RedisNodesOptions;
  /** This process: another one may go by the same name. */
  readonly #instance = randomToken();
  #facts: (() => NodeReport) | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;
  #telling: Promise<void> | undefined = undefined;
  #others: readonly KnownNode[] = [];
  /** Nodes whose calls this one has gone on with, by name. */
  readonly #followed = new Map<string, Followed>();
  #told: ToldUse | undefined = undefined;
  #beat = 0;
  /** When it asked what it knows of the others. */
  #askedAtMs = Number.NEGATIVE_INFINITY;
  /** The time of Redis, less this node's monotonic clock; and what it was at most. */
  #redisAheadMs: number | undefined = undefined;
  #redisAheadAtMostMs = Number.POSITIVE_INFINITY;
  #doubtedAtMs = Number.NEGATIVE_INFINITY;
  #missedAtMs = Number.NEGATIVE_INFINITY;
  /** Since when it has read the roster twice a second. */
  #readSinceMs = Number.POSITIVE_INFINITY;
  /** Who has left within {@link ENDED_AFTER_MS}, and when it was missed first. */
  readonly #missedSinceMs = new Map<string, number>();
  #isClockOff = false;
  /** Until when, on the monotonic clock, another process counts as being there under this name. */
  #namesakeUntilMs = 0;

  constructor(options: RedisNodesOptions) {
    this.#options = options;
  }

  get clockOffsetMs(): number {
    const { clock } = this.#options;
    // At once right of a clock that was just set.
    return this.#redisAheadMs === undefined ? 0 : Math.round(clock.wallMs() - clock.nowMs() - this.#redisAheadMs);
  }

  /** What this node knows of how it is known. */
  get heard(): NodesHeard {
    return {
      atMs: this.#told?.heardAtMs ?? Number.NEGATIVE_INFINITY,
      doubtedAtMs: this.#doubtedAtMs,
      missedAtMs: this.#missedAtMs,
    };
  }

  /** Rejects with a SettingsError when a node of this name lives. One that was killed and left its line is told from it by its silence. */
  async claim(): Promise<void> {
    const { link, keys, node, clock } = this.#options;
    const askedAtMs = clock.nowMs();
    const [seconds, micros] = (await link.command('TIME')) as Buffer[];
    this.#measureClock(Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000), askedAtMs);
    const line = () => link.command('HGET', keys.nodes, node) as Promise<Buffer | null>;
    const found = await line();
    if (found === null) return;
    for (let waitedMs = 0; waitedMs < CLAIM_MS; waitedMs += CLAIM_POLL_MS) {
      await pause(CLAIM_POLL_MS);
      const now = await line();
      if (now === null) return;
      if (!now.equals(found)) {
        const message = `a node named ${node} is at work on this store; give each node a name of its own`;
        throw new SettingsError([{ code: 'node-name-in-use', path: 'node', message }]);
      }
    }
  }

  announce(facts: () => NodeReport): void {
    this.#facts = facts;
    this.#timer ??= setInterval(() => this.#tell(), TELL_MS);
    this.#tell();
  }

  others(): readonly KnownNode[] {
    return this.#others;
  }

  followed(name: string): void {
    const node = this.#others.find((other) => other.name === name);
    if (node?.instance === undefined) return;
    this.#followed.set(name, [node.instance, node.beat]);
    this.#others = this.#others.map((other) => (other === node ? withoutCalls(other) : other));
  }

  told(): ToldUse | undefined {
    return this.#told;
  }

  get isCutOff(): boolean {
    return this.#told !== undefined && this.#options.clock.nowMs() - this.#told.heardAtMs > CUT_OFF_AFTER_MS;
  }

  hasEnded(name: string): boolean {
    if (this.isCutOff || this.#others.some((other) => other.name === name)) return false;
    const sinceMs = Math.max(this.#readSinceMs, this.#missedSinceMs.get(name) ?? Number.NEGATIVE_INFINITY);
    return this.#options.clock.nowMs() - sinceMs >= ENDED_AFTER_MS;
  }

  /** As codes for `/readyz`. */
  problems(): readonly string[] {
    return [
      ...(this.#namesakeUntilMs > this.#options.clock.nowMs() ? ['node-name-in-use'] : []),
      ...(this.#isClockOff ? ['clock-off'] : []),
    ];
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#facts === undefined) return;
    await this.#telling;
    const { link, keys, node } = this.#options;
    await link.command('HDEL', keys.nodes, node).catch(() => {});
  }

  #tell(): void {
    if (this.#facts === undefined || this.#telling !== undefined) return;
    const { link, keys, node, storeId, version } = this.#options;
    const own = { beat: ++this.#beat, instance: this.#instance, store: storeId, version: version() };
    const { clock } = this.#options;
    const report = this.#facts();
    const followed = this.#followed.size === 0 ? {} : { followed: Object.fromEntries(this.#followed) };
    const facts = JSON.stringify({ ...report, ...own, ...followed });
    const beganMs = clock.nowMs();
    const told = { ...report, heardAtMs: beganMs };
    this.#telling = link
      .run(ANNOUNCE, [keys.nodes], [node, facts, GONE_AFTER_MS])
      .then((answer) => {
        const [redisMs, before, ...alive] = answer as Buffer[];
        this.#noteSilence(Number(redisMs), beganMs);
        this.#noteClock(Number(redisMs), beganMs);
        this.#noteNamesake(String(before), Number(redisMs));
        this.#told = told;
        this.#hear(alive, Number(redisMs), beganMs);
      })
      // The watch reports that Redis is away; the last roster stays.
      .catch(() => {
        const nowMs = clock.nowMs();
        if (nowMs - beganMs < LONGEST_TELLING_MS) this.#missedAtMs = nowMs;
      })
      .finally(() => {
        this.#telling = undefined;
      });
  }

  #measureClock(redisMs: number, askedAtMs: number): void {
    this.#redisAheadMs = redisMs - (askedAtMs + this.#options.clock.nowMs()) / 2;
  }

  /** Was it so long after the telling before that others may have taken this node for dead? The clock of a machine that is suspended stands. */
  #noteSilence(redisMs: number, askedAtMs: number): void {
    const nowMs = this.#options.clock.nowMs();
    const wasSilent = nowMs - (this.#told?.heardAtMs ?? Number.NEGATIVE_INFINITY) > SURE_MS;
    const hasStood = redisMs - nowMs - this.#redisAheadAtMostMs > SURE_MS;
    if (wasSilent) this.#doubtedAtMs = nowMs - SURE_MS;
    if (hasStood) this.#doubtedAtMs = askedAtMs;
    if (wasSilent || hasStood) this.#readSinceMs = nowMs;
    this.#redisAheadAtMostMs = redisMs - askedAtMs;
  }

  #noteClock(redisMs: number, askedAtMs: number): void {
    const { log } = this.#options;
    this.#measureClock(redisMs, askedAtMs);
    const isOff = Math.abs(this.clockOffsetMs) > MAX_CLOCK_OFFSET_MS;
    if (isOff === this.#isClockOff) return;
    this.#isClockOff = isOff;
    if (isOff) log.error('clock-off', { offsetMs: this.clockOffsetMs, allowedMs: MAX_CLOCK_OFFSET_MS });
    else log.info('clock-right', { offsetMs: this.clockOffsetMs });
  }

  #noteNamesake(before: string, redisMs: number): void {
    // What stands there before the first telling is of a process that has ended.
    if (this.#beat === 1 || before === '') return;
    const space = before.indexOf(' ');
    const { instance } = JSON.parse(before.slice(space + 1)) as { instance?: string };
    if (instance === this.#instance || redisMs - Number(before.slice(0, space)) > GONE_AFTER_MS) return;
    const { clock, log, node } = this.#options;
    if (this.#namesakeUntilMs <= clock.nowMs()) log.error('node-name-in-use', { name: node });
    this.#namesakeUntilMs = clock.nowMs() + GONE_AFTER_MS;
  }

  /** Name, time of Redis and facts of each in turn. */
  #hear(alive: readonly Buffer[], redisMs: number, askedAtMs: number): void {
    const nowMs = this.#options.clock.nowMs();
    const others: KnownNode[] = [];
    for (let i = 0; i + 2 < alive.length; i += 3) {
      const name = String(alive[i]);
      if (name === this.#options.node) continue;
      const facts = JSON.parse(String(alive[i + 2])) as Omit<KnownNode, 'name' | 'heardAtMs'>;
      const before = this.#others.find((other) => other.name === name);
      if (before?.beat === facts.beat && before.instance === facts.instance) {
        others.push({ ...facts, name, heardAtMs: before.heardAtMs, toldAtMs: before.toldAtMs ?? before.heardAtMs });
        continue;
      }
      // What is new was told since this node asked last, whatever becomes of the clock of Redis.
      const toldAtMs = Math.max(nowMs - Math.max(0, redisMs - Number(alive[i + 1])), this.#askedAtMs);
      others.push({ ...facts, name, heardAtMs: nowMs, toldAtMs });
    }
    this.#forgetFollowed(others);
    this.#noteMissed(others, nowMs);
    const ends = [Object.fromEntries(this.#followed), ...others.map(({ followed }) => followed ?? {})];
    this.#others = others.map((node) => (ends.some((end) => isEnded(node, end)) ? withoutCalls(node) : node));
    this.#askedAtMs = askedAtMs;
  }

  #noteMissed(others: readonly KnownNode[], nowMs: number): void {
    const names = new Set(others.map(({ name }) => name));
    for (const [name, sinceMs] of this.#missedSinceMs)
      if (names.has(name) || nowMs - sinceMs >= ENDED_AFTER_MS) this.#missedSinceMs.delete(name);
    for (const { name } of this.#others) if (!names.has(name)) this.#missedSinceMs.set(name, nowMs);
  }

  /** Those that are there no more, or have told of themselves again. */
  #forgetFollowed(others: readonly KnownNode[]): void {
    for (const name of this.#followed.keys()) {
      const node = others.find((other) => other.name === name);
      if (node === undefined || !isEnded(node, Object.fromEntries(this.#followed))) this.#followed.delete(name);
    }
  }
}

type Followed = readonly [instance: string, beat: number];

/** Whether what a node has told is of before another one went on with its calls. */
function isEnded({ name, instance, beat }: KnownNode, followed: Readonly<Record<string, Followed>>): boolean {
  const [of, atBeat] = Object.hasOwn(followed, name) ? (followed[name] ?? []) : [];
  return atBeat !== undefined && of === instance && beat <= atBeat;
}

function withoutCalls(node: KnownNode): KnownNode {
  return { ...node, calls: {}, talking: {} };
}

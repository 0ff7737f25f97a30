import { setTimeout as pause } from 'node:timers/promises';
import { randomToken } from '../../base/ids.ts';
import type { Clock } from '../../base/scheduler.ts';
import {
  type CallChanges,
  type CallStore,
  CallsForgotten,
  CallsTaken,
  type Fate,
  type KeptCall,
  type KeptCalls,
  type SaidCall,
  type SharedCalls,
} from '../../call/index.ts';
import { KEEP_FATES_MS } from '../stores.ts';
import { CALL_HOLDERS, LOAD_CALLS, TAKE_CALLS, WRITE_CALLS } from './call-scripts.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import type { Heard } from './redis-nodes.ts';

/** Calls that move in one step, about: Redis does nothing else meanwhile. */
const TAKEN_AT_ONCE = 200;
/** Calls of which it is asked at once whether others have them. */
const ASKED_AT_ONCE = 500;
/** Between questions to a Redis that does not answer. */
const AGAIN_MS = 50;

export interface RedisCallsOptions {
  readonly link: RedisLink;
  readonly keys: Keys;
  readonly node: string;
  readonly clock: Clock;
  readonly roster: { readonly clockOffsetMs: number; readonly heard: Heard };
}

/** Answered calls of one node: a hash of its own by call, and when it last wrote. */
export class RedisCalls implements CallStore {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #node: string;
  readonly #clock: Clock;
  readonly #roster: RedisCallsOptions['roster'];
  /** What it writes as: a longer one each time that calls of it were taken. */
  #instance = randomToken();
  /** Calls that this process has under the node's name. */
  readonly #known = new Set<string>();
  /** Those of them whose first write had no answer: Redis may not have them. */
  readonly #unsure = new Set<string>();
  /** Until when Redis has every call that this process had, by its name. */
  #whole: readonly [process: string, untilMs: number] = ['', 0];
  /** An answer with calls in it was lost: they may have moved here all the same. */
  #mayHaveTaken = false;

  /** Writes so far. */
  #order = 0;
  /** When it last wrote. */
  #wroteAtMs = Number.NEGATIVE_INFINITY;
  /** When it last asked, with an answer, whose its calls are: each write does. */
  #confirmedAtMs = Number.NEGATIVE_INFINITY;

  constructor({ link, keys, node, clock, roster }: RedisCallsOptions) {
    this.#link = link;
    this.#keys = keys;
    this.#node = node;
    this.#clock = clock;
    this.#roster = roster;
  }

  clockOffsetMs(): number {
    return this.#roster.clockOffsetMs;
  }

  readonly shared: SharedCalls = {
    holders: async () => {
      const { nodes, callsAlive } = this.#keys;
      const answer = (await this.#link.run(CALL_HOLDERS, [nodes, callsAlive], [this.#node])) as Buffer[];
      const others = pairs(answer).map(([name, ms]) => ({ name, silentMs: Number(ms) < 0 ? Infinity : Number(ms) }));
      return this.#mayHaveTaken ? [{ name: this.#node, silentMs: Infinity }, ...others] : others;
    },
    take: async (node, silentMs) => {
      if (node === this.#node) return this.#missed();
      const { nodes, callsAlive } = this.#keys;
      const keys = [nodes, callsAlive, this.#keys.callsOf(node), this.#own];
      const args = [node, silentMs, TAKEN_AT_ONCE, this.#node, this.#instance];
      const taken = (await this.#sure(this.#link.run(TAKE_CALLS, keys, args))) as Buffer | Buffer[];
      return Array.isArray(taken) ? this.#noted(callsIn(taken)) : 'alive';
    },
    claim: async (ids) => {
      for (const node of await this.#others()) await this.#link.command('HDEL', this.#keys.callsOf(node), ...ids);
    },
    heard: () => {
      const { atMs, doubtedAtMs, ...missed } = this.#roster.heard;
      const isInDoubt = this.#confirmedAtMs < doubtedAtMs;
      return { atMs: Math.max(atMs, this.#wroteAtMs), isInDoubt, ...missed };
    },
    answers: (withinMs) => this.#answers(withinMs),
    release: () => this.#release(),
  };

  async #answers(withinMs: number): Promise<boolean> {
    const untilMs = this.#clock.nowMs() + withinMs;
    for (let leftMs = withinMs; leftMs > 0; leftMs = untilMs - this.#clock.nowMs()) {
      if (await this.#link.ready(leftMs)) {
        const isThere = await this.#link.command('PING').then(
          () => true,
          () => false,
        );
        if (isThere) return true;
        await pause(AGAIN_MS);
      }
    }
    return false;
  }

  /** Other nodes that the store has calls of, or may have. */
  async #others(): Promise<string[]> {
    const answer = (await this.#link.command('HGETALL', this.#keys.callsAlive)) as Buffer[];
    const others: string[] = [];
    for (let at = 0; at + 1 < answer.length; at += 2)
      if (!String(answer[at + 1]).startsWith('0 ') && String(answer[at]) !== this.#node)
        others.push(String(answer[at]));
    return others;
  }

  /** An answer that may have calls in it. */
  async #sure<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      this.#mayHaveTaken = true;
      throw error;
    }
  }

  /** What the store has of this node and this process does not know. */
  async #missed(): Promise<KeptCall[]> {
    // Before it is asked: an answer that is lost meanwhile may be of calls that came too late for this one.
    this.#mayHaveTaken = false;
    const kept = callsIn((await this.#sure(this.#link.command('HGETALL', this.#own))) as Buffer[]);
    return this.#noted(kept.filter(({ id }) => !this.#known.has(id)));
  }

  #noted(calls: KeptCall[]): KeptCall[] {
    for (const { id } of calls) this.#known.add(id);
    return calls;
  }

  async fate({ id, process, answeredAtMs }: SaidCall): Promise<Fate> {
    const [others, isOver, whole] = await Promise.all([
      this.#others(),
      this.#isOver(id),
      this.#link.command('HGET', this.#keys.callsWhole, process),
    ]);
    if (isOver) return 'over';
    const found = await Promise.all(others.map((node) => this.#has(node, id)));
    if (found.some(Boolean)) return 'elsewhere';
    return whole !== null && Number(whole) >= answeredAtMs ? 'over' : 'unknown';
  }

  async #isOver(id: string): Promise<boolean> {
    return (await this.#link.command('ZSCORE', this.#keys.callsOver, id)) !== null;
  }

  async #has(node: string, id: string): Promise<boolean> {
    return Number(await this.#link.command('HEXISTS', this.#keys.callsOf(node), id)) === 1;
  }

  async #release(): Promise<void> {
    await this.#link.command('HSET', this.#keys.callsAlive, this.#node, `1 ${this.#instance} 0`);
  }

  /** What came back with an older Redis and has ended since. */
  async #removeUnknown(): Promise<void> {
    const ids = ((await this.#link.command('HKEYS', this.#own)) as Buffer[]).map(String);
    const unknown = ids.filter((id) => !this.#known.has(id));
    if (unknown.length > 0) await this.#link.command('HDEL', this.#own, ...unknown);
  }

  get #own(): string {
    return this.#keys.callsOf(this.#node);
  }

  async load(): Promise<KeptCalls> {
    const keys = [this.#own, this.#keys.callsAlive, this.#keys.callsWhole];
    const askedAtMs = this.#clock.nowMs();
    const answer = await this.#link.run(LOAD_CALLS, keys, [this.#node, this.#instance, KEEP_FATES_MS]);
    const [alive, calls] = answer as [Buffer, Buffer[]];
    this.#wroteAtMs = askedAtMs;
    this.#confirmedAtMs = askedAtMs;
    return { calls: this.#noted(callsIn(calls)), aliveAtMs: Number(alive) };
  }

  async write({ put, remove, aliveAtMs, whole, over = [] }: CallChanges): Promise<void> {
    const { callsAlive, callsWhole, callsOver, callsOrder } = this.#keys;
    const keys = [this.#own, callsAlive, callsWhole, callsOver, callsOrder];
    const begun = new Set(put.flatMap(({ id }) => (this.#known.has(id) ? [] : id)));
    for (const id of begun) this.#known.add(id);
    for (const id of begun) this.#unsure.add(id);
    const documents = put.flatMap(({ id, document }) => [id, document]);
    const atMs = Math.trunc(aliveAtMs);
    const [process, untilMs] = this.#whole;
    const isWhole = whole === undefined ? 0 : 1;
    const written = [put.length, over.length, ++this.#order];
    const head = [this.#node, this.#instance, atMs, whole ?? process, untilMs, isWhole, ...written];
    const askedAtMs = this.#clock.nowMs();
    const outcome = await this.#link.run(WRITE_CALLS, keys, [...head, ...documents, ...over, ...remove]);
    if (Array.isArray(outcome)) {
      const taken = await this.#taken(new Set(outcome.map(String)), begun);
      this.#confirmedAtMs = askedAtMs;
      throw new CallsTaken(taken);
    }
    if (Number(outcome) === 1) {
      this.#wroteAtMs = askedAtMs;
      this.#confirmedAtMs = askedAtMs;
      for (const { id } of put) this.#unsure.delete(id);
      for (const id of remove) this.#known.delete(id);
      for (const id of remove) this.#unsure.delete(id);
      if (whole !== undefined) this.#whole = [whole, Math.max(untilMs, atMs)];
      return;
    }
    if (Number(outcome) === 3) throw new Error('Redis has done a later write of calls before this one');
    await this.#removeUnknown();
    this.#whole = ['', 0];
    throw new CallsForgotten();
  }

  /** Which of its calls others have, or have had. Where that cannot be said the next write is told of them again. */
  async #taken(left: ReadonlySet<string>, begun: ReadonlySet<string>): Promise<Set<string>> {
    const unsure = [...this.#unsure].filter((id) => !left.has(id) && !begun.has(id));
    const elsewhere = await this.#elsewhere(unsure);
    for (const id of this.#unsure) if (left.has(id) || elsewhere.has(id)) this.#unsure.delete(id);
    const taken = new Set([...this.#known].filter((id) => !left.has(id) && !this.#unsure.has(id)));
    for (const id of taken) this.#known.delete(id);
    this.#instance += '!';
    return taken;
  }

  /** Those that other nodes have, or have ended. */
  async #elsewhere(ids: readonly string[]): Promise<Set<string>> {
    const elsewhere = new Set<string>();
    if (ids.length === 0) return elsewhere;
    const others = await this.#others();
    const note = async (id: string) => {
      const found = await Promise.all([this.#isOver(id), ...others.map((node) => this.#has(node, id))]);
      if (found.some(Boolean)) elsewhere.add(id);
    };
    for (let at = 0; at < ids.length; at += ASKED_AT_ONCE)
      await Promise.all(ids.slice(at, at + ASKED_AT_ONCE).map(note));
    return elsewhere;
  }
}

/** Id and document in turn. */
function callsIn(answer: readonly Buffer[]): KeptCall[] {
  return pairs(answer).map(([id, document]) => ({ id, document }));
}

function pairs(answer: readonly Buffer[]): (readonly [string, string])[] {
  const found: (readonly [string, string])[] = [];
  for (let at = 0; at + 1 < answer.length; at += 2) found.push([String(answer[at]), String(answer[at + 1])]);
  return found;
}

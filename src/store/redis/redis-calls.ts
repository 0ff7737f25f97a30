import { setTimeout as pause } from 'node:timers/promises';
import { randomToken } from '../../base/ids.ts';
import type { Clock } from '../../base/scheduler.ts';
import {
  type CallChanges,
  type CallStore,
  CallsTaken,
  type HeardOf,
  type KeptCall,
  type KeptCalls,
  type SharedCalls,
} from '../../call/index.ts';
import { LOAD_CALLS, TAKE_CALLS, WRITE_CALLS } from './call-scripts.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';

/** Calls that move in one step, about: Redis does nothing else meanwhile. */
const TAKEN_AT_ONCE = 200;
/** Between questions to a Redis that does not answer. */
const AGAIN_MS = 50;

export interface RedisCallsOptions {
  readonly link: RedisLink;
  readonly keys: Keys;
  readonly node: string;
  readonly clock: Clock;
  readonly roster: { readonly clockOffsetMs: number; readonly heard: HeardOf };
}

/** Answered calls of one node: a hash of its own by call, and when it last wrote. */
export class RedisCalls implements CallStore {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #node: string;
  readonly #clock: Clock;
  readonly #roster: RedisCallsOptions['roster'];
  /** What it writes as: another one once its calls were taken. */
  #instance = randomToken();
  /** Calls that this process has under the node's name. */
  readonly #known = new Set<string>();
  /** An answer with calls in it was lost: they may have moved here all the same. */
  #mayHaveTaken = false;

  /** When it last wrote. */
  #wroteAtMs = Number.NEGATIVE_INFINITY;

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
      const others = await this.#others();
      return this.#mayHaveTaken ? [this.#node, ...others] : others;
    },
    take: async (node, silentMs) => {
      if (node === this.#node) return this.#missed();
      const { nodes, callsAlive } = this.#keys;
      const keys = [nodes, callsAlive, this.#keys.callsOf(node), this.#own];
      const args = [node, silentMs, TAKEN_AT_ONCE, this.#node, this.#instance];
      const taken = (await this.#sure(this.#link.run(TAKE_CALLS, keys, args))) as Buffer | Buffer[];
      return Array.isArray(taken) ? this.#noted(callsIn(taken)) : 'alive';
    },
    isElsewhere: async (id) => {
      const found = await Promise.all((await this.#others()).map((node) => this.#has(node, id)));
      return found.some(Boolean);
    },
    claim: async (ids) => {
      for (const node of await this.#others()) await this.#link.command('HDEL', this.#keys.callsOf(node), ...ids);
    },
    heard: () => {
      const { atMs, ...missed } = this.#roster.heard;
      return { atMs: Math.max(atMs, this.#wroteAtMs), ...missed };
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

  async #has(node: string, id: string): Promise<boolean> {
    return Number(await this.#link.command('HEXISTS', this.#keys.callsOf(node), id)) === 1;
  }

  async #release(): Promise<void> {
    await this.#link.command('HSET', this.#keys.callsAlive, this.#node, `1 ${this.#instance} 0`);
  }

  get #own(): string {
    return this.#keys.callsOf(this.#node);
  }

  async load(): Promise<KeptCalls> {
    const keys = [this.#own, this.#keys.callsAlive];
    const askedAtMs = this.#clock.nowMs();
    const answer = await this.#link.run(LOAD_CALLS, keys, [this.#node, this.#instance]);
    const [alive, calls] = answer as [Buffer, Buffer[]];
    this.#wroteAtMs = askedAtMs;
    return { calls: this.#noted(callsIn(calls)), aliveAtMs: Number(alive) };
  }

  async write({ put, remove, aliveAtMs }: CallChanges): Promise<void> {
    const keys = [this.#own, this.#keys.callsAlive];
    for (const { id } of put) this.#known.add(id);
    const documents = put.flatMap(({ id, document }) => [id, document]);
    const args = [this.#node, this.#instance, Math.trunc(aliveAtMs), put.length, ...documents, ...remove];
    const askedAtMs = this.#clock.nowMs();
    if (Number(await this.#link.run(WRITE_CALLS, keys, args)) === 1) {
      this.#wroteAtMs = askedAtMs;
      for (const id of remove) this.#known.delete(id);
      return;
    }
    this.#instance = randomToken();
    this.#known.clear();
    throw new CallsTaken();
  }
}

/** Id and document in turn. */
function callsIn(answer: readonly Buffer[]): KeptCall[] {
  const calls: KeptCall[] = [];
  for (let at = 0; at + 1 < answer.length; at += 2)
    calls.push({ id: String(answer[at]), document: String(answer[at + 1]) });
  return calls;
}

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
import {
  BEGIN_CALLS,
  CALL_HOLDERS,
  CLAIM_CALLS,
  FIND_TAKEN,
  LOAD_CALLS,
  RELEASE_CALLS,
  TAKE_CALLS,
  WRITE_CALLS,
} from './call-scripts.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import type { NodesHeard } from './redis-nodes.ts';
import type { Script } from './scripts.ts';

/** Calls that move in one step, about: Redis does nothing else meanwhile. */
const TAKEN_AT_ONCE = 200;
/** Between questions to a Redis that does not answer. */
const AGAIN_MS = 50;
const BEGIN_TRIES = 3;
const LATE = 'Redis has answered a later question about calls before this one';

export interface RedisCallsOptions {
  readonly link: RedisLink;
  readonly keys: Keys;
  readonly node: string;
  readonly clock: Clock;
  readonly roster: { readonly clockOffsetMs: number; readonly heard: NodesHeard };
}

/** Calls of one node that ring or are answered: a hash of its own by call, and when it last wrote. */
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
  /** Until when Redis has every call that this process had, by its name. */
  #whole: readonly [process: string, untilMs: number] = ['', 0];
  /** An answer with calls in it was lost: they may have moved here all the same. */
  #mayHaveTaken = false;
  /** Such answers that are awaited. */
  #taking = 0;

  /** Questions so far: those that change what it has, and those that bring it calls. */
  #order = 0;
  #takes = 0;
  /** Makes this process the node's present one, and gives its generation; undefined until it is asked for, and after it was asked in vain. */
  #begun: Promise<string> | undefined = undefined;
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
      const { nodes, callsAlive, callsOrder } = this.#keys;
      const ofNode = [this.#keys.callsOf(node), this.#own, callsOrder, this.#keys.takenOf(node), this.#taken];
      return this.#moved(TAKE_CALLS, [nodes, callsAlive, ...ofNode], [node, silentMs, TAKEN_AT_ONCE, this.#node]);
    },
    claim: async (ids) => {
      for (const node of await this.#others())
        await this.#link.run(CLAIM_CALLS, [this.#keys.callsOf(node), this.#keys.takenOf(node), this.#taken], ids);
    },
    heard: () => {
      const { atMs, doubtedAtMs, ...missed } = this.#roster.heard;
      const isInDoubt = this.#confirmedAtMs < doubtedAtMs;
      return { atMs: Math.max(atMs, this.#wroteAtMs), isInDoubt, contact: this.#link.contact, ...missed };
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

  /** What the store has of this node and this process does not know. */
  async #missed(): Promise<readonly KeptCall[]> {
    // Before it is asked: an answer that is lost meanwhile may be of calls that came too late for this one.
    this.#mayHaveTaken = false;
    const keys = [this.#own, this.#keys.callsOrder];
    const found = await this.#moved(FIND_TAKEN, keys, [this.#node], this.#known);
    return found === 'alive' ? [] : found;
  }

  /** Calls that an answer has in it, and that are this node's from then on; without those that it has had before. */
  async #moved(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number)[],
    had: ReadonlySet<string> = new Set(),
  ): Promise<readonly KeptCall[] | 'alive'> {
    this.#taking++;
    try {
      const generation = await this.#generation();
      const answer = await this.#link.run(script, keys, [...args, this.#instance, ++this.#takes, generation]);
      if (Array.isArray(answer)) return this.#noted(callsIn(answer).filter(({ id }) => !had.has(id)));
      if (String(answer) === 'late') throw new Error(LATE);
      return 'alive';
    } catch (error) {
      this.#mayHaveTaken = true;
      throw error;
    } finally {
      this.#taking--;
    }
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
    const { callsAlive, callsOrder } = this.#keys;
    const generation = await this.#generation();
    const args = [this.#node, this.#instance, ++this.#order, generation];
    await this.#link.run(RELEASE_CALLS, [callsAlive, callsOrder], args);
  }

  #generation(): Promise<string> {
    this.#begun ??= this.#begin().catch((error: unknown) => {
      this.#begun = undefined;
      throw error;
    });
    return this.#begun;
  }

  async #begin(): Promise<string> {
    const ask = (seen: string) =>
      this.#link.run(BEGIN_CALLS, [this.#keys.callsOrder], [this.#node, this.#instance, seen]);
    // An earlier question of its own may have come through meanwhile.
    for (let tries = 0; tries < BEGIN_TRIES; tries++) {
      const generation = String(await ask(String(await ask(''))));
      if (generation !== 'late') return generation;
    }
    throw new Error(LATE);
  }

  /** What came back with an older Redis and has ended since. */
  async #removeUnknown(): Promise<void> {
    const ids = ((await this.#link.command('HKEYS', this.#own)) as Buffer[]).map(String);
    // Among them may be calls that have moved here; who has them looks whether they have ended.
    if (this.#taking > 0) this.#mayHaveTaken = true;
    if (this.#mayHaveTaken) return;
    const unknown = ids.filter((id) => !this.#known.has(id));
    if (unknown.length > 0) await this.#link.command('HDEL', this.#own, ...unknown);
  }

  get #own(): string {
    return this.#keys.callsOf(this.#node);
  }

  get #taken(): string {
    return this.#keys.takenOf(this.#node);
  }

  async load(): Promise<KeptCalls> {
    const { callsAlive, callsWhole, callsOrder, nodes } = this.#keys;
    const keys = [this.#own, callsAlive, callsWhole, callsOrder, this.#taken, nodes];
    const generation = await this.#generation();
    const askedAtMs = this.#clock.nowMs();
    const args = [this.#node, this.#instance, KEEP_FATES_MS, ++this.#order, generation];
    const answer = await this.#link.run(LOAD_CALLS, keys, args);
    if (!Array.isArray(answer)) throw new Error(LATE);
    const [alive, calls] = answer as [Buffer, Buffer[]];
    this.#wroteAtMs = askedAtMs;
    this.#confirmedAtMs = askedAtMs;
    return { calls: this.#noted(callsIn(calls)), aliveAtMs: Number(alive) };
  }

  async write({ put, remove, aliveAtMs, whole, over = [] }: CallChanges): Promise<void> {
    const { callsAlive, callsWhole, callsOver, callsOrder } = this.#keys;
    const keys = [this.#own, callsAlive, callsWhole, callsOver, callsOrder, this.#taken];
    const generation = await this.#generation();
    const begun = new Set(put.flatMap(({ id }) => (this.#known.has(id) ? [] : id)));
    for (const id of begun) this.#known.add(id);
    const documents = put.flatMap(({ id, document }) => [id, document]);
    const atMs = Math.trunc(aliveAtMs);
    const [process, untilMs] = this.#whole;
    const isWhole = whole === undefined ? 0 : 1;
    const written = [put.length, over.length, ++this.#order, generation];
    const head = [this.#node, this.#instance, atMs, whole ?? process, untilMs, isWhole, ...written];
    const askedAtMs = this.#clock.nowMs();
    const outcome = await this.#link.run(WRITE_CALLS, keys, [...head, ...documents, ...over, ...remove]);
    if (Array.isArray(outcome)) {
      this.#confirmedAtMs = askedAtMs;
      throw new CallsTaken(this.#forgetTaken(outcome.map(String), begun));
    }
    if (Number(outcome) === 1) {
      this.#wroteAtMs = askedAtMs;
      this.#confirmedAtMs = askedAtMs;
      for (const id of remove) this.#known.delete(id);
      if (whole !== undefined) this.#whole = [whole, Math.max(untilMs, atMs)];
      return;
    }
    if (Number(outcome) === 3) throw new Error(LATE);
    await this.#removeUnknown();
    this.#whole = ['', 0];
    throw new CallsForgotten();
  }

  /** Which of its calls others have. Where these are noted no more, all but those that are left or were not there yet. */
  #forgetTaken([what, ...ids]: readonly string[], begun: ReadonlySet<string>): Set<string> {
    const named = new Set(ids);
    const isTaken = (id: string) => (what === 'taken' ? named.has(id) : !named.has(id) && !begun.has(id));
    const taken = new Set([...this.#known].filter(isTaken));
    for (const id of taken) this.#known.delete(id);
    this.#instance += '!';
    return taken;
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

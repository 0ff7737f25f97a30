/** What one tenant or extension has used of what the fraud guards allow: here, and as far as it is known at the other nodes. */
import type { CapacityHolder } from './capacity.ts';
import type { HolderLimits } from './holders.ts';
import type { DayTalk, SharedLimits, ToldTalk } from './shared-limits.ts';
import type { Tallies, Tally } from './tallies.ts';

const MINUTE_SECONDS = 60;
/** Calls of so long are one count for the other nodes. */
const STEP_MS = 5_000;
/** A count of the last minute is needed for so long. */
const KEEP_CALLS_MS = 2 * MINUTE_SECONDS * 1000;
/** A day of any time zone is over by then. */
const KEEP_DAY_MS = 2 * 86_400_000;

/** The holder and the end of the step that a key of calls begun names; undefined for a key of something else. */
export function callsOfKey(key: string): { readonly holder: string; readonly endMs: number } | undefined {
  const match = /^calls ([0-9]+) (.*)$/s.exec(key);
  return match === null ? undefined : { holder: match[2] ?? '', endMs: (Number(match[1]) + 1) * STEP_MS };
}

/** Its places are counted under its key. */
export interface GuardedParty extends CapacityHolder {
  /** By which a call is judged. */
  readonly limits: HolderLimits;
  readonly usage: GuardUsage;
}

export class GuardUsage {
  readonly key: string;
  readonly #tallies: Tallies;
  readonly #shared: SharedLimits;
  /** Calls begun, by second of the last minute. */
  readonly #begun = new Uint32Array(MINUTE_SECONDS);
  #second = -1;
  /** The steps of the last minute in which calls began here that the others are told of. */
  #steps: Tally[] = [];
  #day = '';
  #talked: Tally | undefined;
  /** Answered calls that run here, and the sum of their monotonic starts: their talk time is one subtraction. */
  talking = 0;
  #startsMs = 0;
  /** Calls that were let in and have not ended. */
  inProgress = 0;
  /** By whose clock its days begin. */
  timeZone: string | undefined;
  #limits: HolderLimits = {};
  #judged: GuardedParty | undefined = undefined;

  constructor(key: string, tallies: Tallies, shared: SharedLimits) {
    this.key = key;
    this.#tallies = tallies;
    this.#shared = shared;
  }

  /** As a party of a call that is judged by these limits: the same for all of them. */
  judgedBy(limits: HolderLimits): GuardedParty {
    if (this.#judged?.limits === limits) return this.#judged;
    this.#judged = { key: this.key, concurrentCalls: limits.concurrentCalls, limits, usage: this };
    return this.#judged;
  }

  /** What is set for it now. What was talked before there was a limit is told from then on. */
  get limits(): HolderLimits {
    return this.#limits;
  }

  set limits(limits: HolderLimits) {
    if (limits === this.#limits) return;
    this.#limits = limits;
    if (limits.dailyMinutes !== undefined && this.#talked !== undefined) this.#tallies.write(this.#talked);
  }

  /** Whether so many calls have begun in the last minute, or this node's share of them. */
  hasBegun(limit: number, nowMs: number, wallMs: number): boolean {
    const begun = this.#begunInLastMinute(nowMs);
    let own = 0;
    for (const step of this.#steps) if (step.untilMs > wallMs + KEEP_CALLS_MS / 2) own += step.own;
    return own >= this.#shared.share(limit - begun + own, 0);
  }

  begin(nowMs: number, wallMs: number): void {
    this.#count(nowMs, 1);
    if (this.#limits.callsPerMinute === undefined) return;
    const step = Math.floor(wallMs / STEP_MS);
    const tally = this.#tallies.of(`calls ${step} ${this.key}`, (step + 1) * STEP_MS + KEEP_CALLS_MS);
    if (this.#steps.at(-1) !== tally) {
      this.#steps = this.#steps.filter(({ untilMs }) => untilMs > wallMs + KEEP_CALLS_MS / 2);
      this.#steps.push(tally);
    }
    tally.waiting++;
    this.#tallies.write(tally);
  }

  /** Calls that began elsewhere, or in an earlier life of this process. @param ageMs since when at least, ms */
  begunElsewhere(count: number, nowMs: number, ageMs: number): void {
    if (ageMs < MINUTE_SECONDS * 1000) this.#count(nowMs, count, Math.floor(Math.max(0, ageMs) / 1000));
  }

  /** Talk time of a day so far, calls in progress included, ms. */
  talkedMs(day: string, nowMs: number, wallMs: number): number {
    const talked = this.#talkedOn(day, wallMs);
    return this.#shared.talk(this.key, day, talked).least + talked.own + this.#runningMs(nowMs);
  }

  /** How much of `limitMs` is left of a day for this node, ms, at least and at most; 0 or less: none. */
  talkLeftMs(limitMs: number, day: string, nowMs: number, wallMs: number): DayTalk {
    const talked = this.#talkedOn(day, wallMs);
    const { most, least } = this.#shared.talk(this.key, day, talked);
    const told = this.#shared.toldTalkMs(this.key, talked);
    const own = talked.own + this.#runningMs(nowMs);
    return {
      least: this.#shared.share(limitMs - most, told) - own,
      most: this.#shared.share(limitMs - least, told) - own,
    };
  }

  /** Answered calls that run, here and as far as it is known at the other nodes. */
  talkers(): number {
    return this.talking + this.#shared.talkers(this.key);
  }

  beginTalk(startMs: number): void {
    this.talking++;
    this.#startsMs += startMs;
  }

  endTalk(startMs: number): void {
    this.talking--;
    // Nothing is left of rounding once nobody talks.
    this.#startsMs = this.talking === 0 ? 0 : this.#startsMs - startMs;
  }

  talked(durationMs: number, day: string, wallMs: number): void {
    const talked = this.#talkedOn(day, wallMs);
    talked.waiting += Math.round(durationMs);
    if (this.#limits.dailyMinutes !== undefined) this.#tallies.write(talked);
  }

  /** True once a day, at one node. */
  isFirstWarning(day: string, wallMs: number): boolean {
    const warned = this.#tallies.of(`low ${day} ${this.key}`, wallMs + KEEP_DAY_MS);
    if (warned.count > 0) return false;
    warned.waiting = 1;
    this.#tallies.write(warned);
    return true;
  }

  /** What the others are told of its talk. */
  told(day: string, nowMs: number, wallMs: number): ToldTalk {
    const { own, total } = this.#talkedOn(day, wallMs);
    return [this.talking, Math.round(this.#runningMs(nowMs)) + own, total, day];
  }

  /** Nothing that is kept here is needed. */
  isIdle(nowMs: number, wallMs: number): boolean {
    const isOver = this.#talked === undefined || this.#talked.untilMs - KEEP_DAY_MS / 2 < wallMs;
    return this.inProgress === 0 && isOver && this.#begunInLastMinute(nowMs) === 0;
  }

  #runningMs(nowMs: number): number {
    return this.talking * nowMs - this.#startsMs;
  }

  #talkedOn(day: string, wallMs: number): Tally {
    if (this.#day !== day || this.#talked === undefined) {
      this.#day = day;
      this.#talked = this.#tallies.of(`talk ${day} ${this.key}`, wallMs + KEEP_DAY_MS);
    }
    return this.#talked;
  }

  #begunInLastMinute(nowMs: number): number {
    this.#turnTo(Math.floor(nowMs / 1000));
    return this.#begun.reduce((sum, count) => sum + count, 0);
  }

  #count(nowMs: number, count: number, secondsAgo = 0): void {
    const second = Math.floor(nowMs / 1000);
    this.#turnTo(second);
    const slot = (((second - secondsAgo) % MINUTE_SECONDS) + MINUTE_SECONDS) % MINUTE_SECONDS;
    this.#begun[slot] = (this.#begun[slot] ?? 0) + count;
  }

  #turnTo(second: number): void {
    const passed = second - this.#second;
    if (passed <= 0) return;
    if (passed >= MINUTE_SECONDS) this.#begun.fill(0);
    else for (let at = this.#second + 1; at <= second; at++) this.#begun[at % MINUTE_SECONDS] = 0;
    this.#second = second;
  }
}

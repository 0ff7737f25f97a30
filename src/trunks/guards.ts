/**
 * Guards against fraud on outbound calls: what a stolen password may cost at most. Per tenant and per extension: calls in progress,
 * calls begun in a minute, minutes talked in a day; and a switch that stops a tenant's outbound calls. Emergency numbers pass all of
 * them, and are counted. Which destinations are barred is decided by the outbound pipeline, which knows the number as processed.
 *
 * Counts are those of all nodes on a store, and outlive the process (`tallies.ts`); no call waits for the others.
 */
import { Latest } from '../base/latest.ts';
import type { Log } from '../base/log.ts';
import type { Scheduler } from '../base/scheduler.ts';
import type { Steps } from '../base/steps.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import { AdmittedCall, type GuardedCall, type Talks } from './admitted-call.ts';
import type { Capacity, CapacityGrant } from './capacity.ts';
import { callsOfKey, type GuardedParty, GuardUsage } from './guard-usage.ts';
import { extensionKey, limitsOf, tenantKey } from './holders.ts';
import type { LimitUse, SharedLimits, ToldTalk } from './shared-limits.ts';
import { TalkWatch } from './talk-watch.ts';
import { Tallies, type TallyStore } from './tallies.ts';

export type GuardCode =
  | 'outbound-stopped'
  | 'concurrent-calls-exceeded'
  | 'calls-per-minute-exceeded'
  | 'daily-minutes-exceeded';

type GuardEvent = GuardCode | 'daily-minutes-low' | 'daily-minutes-used-up';

export interface GuardRefusal {
  readonly granted: false;
  readonly status: 403;
  readonly reason: string;
  readonly code: GuardCode;
  /** Whose limit it is: `tenant acme`, `extension acme/101`. */
  readonly holder: string;
  readonly limit: number;
}

export interface GuardsOptions {
  readonly scheduler: Scheduler;
  readonly log: Log;
  /** Where what was used outlives the process, and is told to the other nodes; default: nowhere. */
  readonly tallyStore?: TallyStore | undefined;
  /** What the other nodes have of the limits. */
  readonly shared: SharedLimits;
  /** Shared with inbound admission, so that a tenant's calls of both directions take the same places. */
  readonly capacity: Capacity;
  /**
   * A call was refused; or a day's minutes are nearly used up (`daily-minutes-low`, once a day), or used up while calls run
   * (`daily-minutes-used-up`, with how many are ended). Must not throw.
   */
  readonly onEvent?: (code: GuardEvent, detail: Readonly<Record<string, unknown>>) => void;
  /** The minutes of the day are used up while a call runs: it is to be ended. Once a call, never for an emergency call; must not throw. */
  readonly onUsedUp: (callId: string) => void;
}

interface LocalDay {
  readonly format: Intl.DateTimeFormat;
  minute: number;
  day: string;
}

const MINUTE_MS = 60_000;
/** Within this time the others have heard of what was written. */
const TOLD_AFTER_MS = 5_000;
const LOW_SHARE = 0.8;
/** Far more than there are in one system. Tenants choose them, in any case of letters and as offsets too, and each takes tens of KB. */
const MOST_ZONES = 200;
/** Beyond this many, those who have used nothing of late are looked for. */
const FIRST_PRUNE = 1_000;
const REASONS: Readonly<Record<GuardCode, string>> = {
  'outbound-stopped': 'Outbound Calls Stopped',
  'concurrent-calls-exceeded': 'Too Many Calls In Progress',
  'calls-per-minute-exceeded': 'Too Many Calls Per Minute',
  'daily-minutes-exceeded': 'Daily Minutes Used Up',
};

export class Guards {
  readonly #clock: Scheduler;
  readonly #capacity: Capacity;
  readonly #shared: SharedLimits;
  readonly #tallies: Tallies;
  readonly #onEvent: NonNullable<GuardsOptions['onEvent']>;
  readonly #onUsedUp: GuardsOptions['onUsedUp'];
  readonly #usages = new Map<string, GuardUsage>();
  readonly #usageOf = (key: string) => this.#usage(key);
  /** Those of whom answered calls run, and these calls. */
  readonly #talkers = new Set<GuardUsage>();
  readonly #running = new Set<AdmittedCall>();
  readonly #talks: Talks = {
    began: (call) => this.#talkBegan(call),
    over: (call, talkMs) => this.#ended(call, talkMs),
  };
  readonly #watch: TalkWatch;
  /** Those of whom calls have ended, and when: the others may hear of that in one way before the other. */
  readonly #lately = new Map<GuardUsage, number>();
  readonly #days = new Latest<string, LocalDay>(MOST_ZONES);
  #pruneAt = FIRST_PRUNE;

  constructor({ scheduler, log, tallyStore, shared, capacity, onEvent, onUsedUp }: GuardsOptions) {
    this.#clock = scheduler;
    this.#capacity = capacity;
    this.#shared = shared;
    this.#onEvent = onEvent ?? (() => {});
    this.#onUsedUp = onUsedUp;
    this.#watch = new TalkWatch(scheduler, () => this.#endUsedUp());
    this.#tallies = new Tallies({
      scheduler,
      log,
      store: tallyStore,
      onCountedElsewhere: (key, count) => this.#countedElsewhere(key, count),
    });
  }

  /** Brings back what was used before, here and at the other nodes. */
  restore(): Promise<void> {
    return this.#tallies.restore();
  }

  /** Writes what the others and the next process have to know. */
  stop(): Promise<void> {
    this.#watch.stop();
    return this.#tallies.stop();
  }

  /** What this node has of the limits, for the others. */
  use(): Pick<LimitUse, 'talking'> {
    const nowMs = this.#clock.nowMs();
    const talking: Record<string, ToldTalk> = {};
    for (const usage of this.#talkers) this.#tell(usage, talking);
    this.#forgetEnded(nowMs);
    for (const usage of this.#lately.keys()) this.#tell(usage, talking);
    return { talking };
  }

  /** Goes by a new snapshot: what is set anew holds for calls that run, too, and the others are told of them. */
  *follow(directory: Directory): Steps<void> {
    for (const usage of this.#usages.values()) {
      usage.limits = limitsOf(usage.key, directory);
      yield;
    }
    this.#watch.within(0);
  }

  /** Takes a place for an outbound call, or says why it must not be placed. */
  admit(call: GuardedCall): AdmittedCall | GuardRefusal {
    const nowMs = this.#clock.nowMs();
    const parties = this.#partiesOf(call, this.#usageOf);
    judgeBy(call, parties);
    const refusal = this.#refusalOf(call, parties, nowMs);
    if (refusal !== undefined) return this.#refuse(call, refusal);
    const places = this.#capacity.admit(parties, call.emergency);
    if (!places.granted) return this.#refuse(call, noPlace(parties, places.holder));
    const wallMs = this.#clock.wallMs();
    for (const { usage } of parties) usage.begin(nowMs, wallMs);
    const talkLimitMs = call.emergency ? undefined : this.#talkLimitMs(call, parties, nowMs);
    return this.#granted(call, parties, places, talkLimitMs);
  }

  /**
   * A call that was admitted by another process, and has been talking since `answeredAtMs` (monotonic, possibly below 0): it is counted, and
   * never refused.
   */
  resume(call: GuardedCall, answeredAtMs: number, callId: string): AdmittedCall {
    const parties = this.#partiesOf(call, this.#usageOf);
    judgeBy(call, parties);
    const places = this.#capacity.admit(parties, true);
    if (!places.granted) throw new Error('such a call is never refused');
    const grant = this.#granted(call, parties, places, undefined);
    grant.answered(callId, answeredAtMs);
    return grant;
  }

  /** Why {@link admit} would refuse a call now, if it would; nothing is counted or told. Its places are taken in `capacity`, a copy. */
  rehearse(call: GuardedCall, capacity: Capacity): GuardRefusal | undefined {
    const parties = this.#partiesOf(
      call,
      (key) => this.#usages.get(key) ?? new GuardUsage(key, this.#tallies, this.#shared),
    );
    const refusal = this.#refusalOf(call, parties, this.#clock.nowMs());
    if (refusal !== undefined) return refusal;
    const places = capacity.admit(parties, call.emergency);
    return places.granted ? undefined : noPlace(parties, places.holder);
  }

  #granted(
    call: GuardedCall,
    parties: readonly GuardedParty[],
    places: CapacityGrant,
    talkLimitMs: number | undefined,
  ): AdmittedCall {
    return new AdmittedCall(call, parties, { clock: this.#clock, places, talks: this.#talks, talkLimitMs });
  }

  #talkBegan(call: AdmittedCall): void {
    this.#running.add(call);
    for (const { usage } of call.parties) {
      this.#talkers.add(usage);
      if (usage.limits.dailyMinutes !== undefined) this.#watch.within((call.talkLimitMs ?? 0) / usage.talking);
    }
  }

  /**
   * Ends the calls of those whose minutes are used up, by all their calls on all nodes. How many ms it takes until that may be so of the
   * next ones; undefined: no call runs whose minutes are limited.
   */
  #endUsedUp(): number | undefined {
    let nextMs: number | undefined;
    for (const usage of this.#talkers) {
      const { timeZone, limits } = usage;
      if (limits.dailyMinutes === undefined || timeZone === undefined) continue;
      const day = this.#dayOf(timeZone);
      const { nowMs, wallMs } = this.#now();
      // Where it is not known for a moment whether a call has ended or runs on, the others are not cut short by it.
      const leftMs = usage.talkLeftMs(limits.dailyMinutes * MINUTE_MS, day, nowMs, wallMs).most;
      if (leftMs <= 0) this.#end(usage, limits.dailyMinutes);
      const dueMs = leftMs <= 0 ? Number.POSITIVE_INFINITY : leftMs / usage.talkers();
      nextMs = Math.min(nextMs ?? Number.POSITIVE_INFINITY, dueMs);
    }
    return nextMs;
  }

  #end(usage: GuardUsage, limit: number): void {
    let last: AdmittedCall | undefined;
    const ends = new Set<string>();
    for (const call of this.#running) {
      const callId = call.isOf(usage) ? call.takeCall() : undefined;
      if (callId === undefined) continue;
      last = call;
      ends.add(callId);
    }
    for (const callId of ends) this.#onUsedUp(callId);
    if (last !== undefined)
      this.#onEvent('daily-minutes-used-up', { ...factsOf(last.call), holder: usage.key, limit, calls: ends.size });
  }

  #now(): { readonly nowMs: number; readonly wallMs: number } {
    return { nowMs: this.#clock.nowMs(), wallMs: this.#clock.wallMs() };
  }

  #countedElsewhere(key: string, count: number): void {
    const calls = callsOfKey(key);
    if (calls === undefined) return;
    const { nowMs, wallMs } = this.#now();
    this.#usage(calls.holder).begunElsewhere(count, nowMs, wallMs - calls.endMs);
  }

  #partiesOf({ tenant, extension }: GuardedCall, usageOf: (key: string) => GuardUsage): GuardedParty[] {
    const ofTenant = usageOf(tenantKey(tenant)).judgedBy(tenant.limits);
    if (extension === undefined) return [ofTenant];
    return [ofTenant, usageOf(extensionKey(tenant, extension)).judgedBy(extension.limits)];
  }

  #refusalOf(
    { tenant, emergency }: GuardedCall,
    parties: readonly GuardedParty[],
    nowMs: number,
  ): GuardRefusal | undefined {
    if (emergency) return undefined;
    if (tenant.stopOutbound) return refusalFor('outbound-stopped', `tenant ${tenant.name}`, 0);
    const day = this.#dayOf(tenant.timeZone);
    const wallMs = this.#clock.wallMs();
    for (const { key, limits, usage } of parties) {
      const { callsPerMinute, dailyMinutes } = limits;
      if (callsPerMinute !== undefined && usage.hasBegun(callsPerMinute, nowMs, wallMs))
        return refusalFor('calls-per-minute-exceeded', key, callsPerMinute);
      if (dailyMinutes !== undefined && usage.talkLeftMs(dailyMinutes * MINUTE_MS, day, nowMs, wallMs).least <= 0)
        return refusalFor('daily-minutes-exceeded', key, dailyMinutes);
    }
    return undefined;
  }

  #talkLimitMs({ tenant }: GuardedCall, parties: readonly GuardedParty[], nowMs: number): number | undefined {
    const day = this.#dayOf(tenant.timeZone);
    let limitMs: number | undefined;
    for (const party of parties) {
      const left = this.#talkLeftMs(party, nowMs, day);
      if (left !== undefined) limitMs = Math.min(left, limitMs ?? left);
    }
    return limitMs;
  }

  #talkLeftMs({ limits, usage }: GuardedParty, nowMs: number, day: string): number | undefined {
    const { dailyMinutes } = limits;
    if (dailyMinutes === undefined) return undefined;
    // Where it is not known for a moment whether a call has ended or runs on, the new one is not cut short by it.
    return usage.talkLeftMs(dailyMinutes * MINUTE_MS, day, nowMs, this.#clock.wallMs()).most;
  }

  #ended(admitted: AdmittedCall, talkMs: number): void {
    const { call, parties } = admitted;
    this.#running.delete(admitted);
    for (const { usage } of parties) if (usage.talking === 0) this.#talkers.delete(usage);
    const day = this.#dayOf(call.tenant.timeZone);
    const { nowMs, wallMs } = this.#now();
    this.#forgetEnded(nowMs);
    for (const { usage } of parties) {
      const { dailyMinutes } = usage.limits;
      usage.talked(talkMs, day, wallMs);
      if (dailyMinutes === undefined) continue;
      this.#lately.delete(usage);
      this.#lately.set(usage, nowMs);
      const minutes = usage.talkedMs(day, nowMs, wallMs) / MINUTE_MS;
      if (minutes < dailyMinutes * LOW_SHARE || !usage.isFirstWarning(day, wallMs)) continue;
      this.#onEvent('daily-minutes-low', { ...factsOf(call), holder: usage.key, limit: dailyMinutes, minutes });
    }
  }

  #tell(usage: GuardUsage, talking: Record<string, ToldTalk>): void {
    const { timeZone, limits } = usage;
    if (limits.dailyMinutes === undefined || timeZone === undefined) return;
    const { nowMs, wallMs } = this.#now();
    talking[usage.key] = usage.told(this.#dayOf(timeZone), nowMs, wallMs);
  }

  #forgetEnded(nowMs: number): void {
    for (const [usage, endedAtMs] of this.#lately) {
      if (nowMs - endedAtMs < TOLD_AFTER_MS) return;
      this.#lately.delete(usage);
    }
  }

  #refuse(call: GuardedCall, refusal: GuardRefusal): GuardRefusal {
    const { code, holder, limit } = refusal;
    this.#onEvent(code, { ...factsOf(call), holder, limit });
    return refusal;
  }

  #usage(key: string): GuardUsage {
    let usage = this.#usages.get(key);
    if (usage === undefined) {
      if (this.#usages.size >= this.#pruneAt) this.#prune();
      usage = new GuardUsage(key, this.#tallies, this.#shared);
      this.#usages.set(key, usage);
    }
    return usage;
  }

  /** Drops what is kept of holders that have used nothing for a day. */
  #prune(): void {
    const { nowMs, wallMs } = this.#now();
    for (const [key, usage] of this.#usages) if (usage.isIdle(nowMs, wallMs)) this.#usages.delete(key);
    this.#pruneAt = Math.max(FIRST_PRUNE, this.#usages.size * 2);
  }

  /** The tenant's own day, e.g. `2026-11-21`; looked up once a minute. */
  #dayOf(timeZone: string): string {
    const wallMs = this.#clock.wallMs();
    const minute = Math.floor(wallMs / MINUTE_MS);
    let local = this.#days.get(timeZone);
    if (local === undefined) {
      local = { format: new Intl.DateTimeFormat('sv-SE', { timeZone }), minute: Number.NaN, day: '' };
      this.#days.set(timeZone, local);
    }
    if (local.minute !== minute) {
      local.minute = minute;
      local.day = local.format.format(wallMs);
    }
    return local.day;
  }
}

/** What holds for a call that is placed holds for its parties. */
function judgeBy({ tenant }: GuardedCall, parties: readonly GuardedParty[]): void {
  for (const { usage, limits } of parties) {
    usage.limits = limits;
    usage.timeZone = tenant.timeZone;
  }
}

function refusalFor(code: GuardCode, holder: string, limit: number): GuardRefusal {
  return { granted: false, status: 403, reason: REASONS[code], code, holder, limit };
}

function noPlace(parties: readonly GuardedParty[], holder: string): GuardRefusal {
  const limit = parties.find(({ key }) => key === holder)?.concurrentCalls ?? 0;
  return refusalFor('concurrent-calls-exceeded', holder, limit);
}

function factsOf({ tenant, extension, number }: GuardedCall): Readonly<Record<string, unknown>> {
  return { tenant: tenant.name, ...(extension === undefined ? {} : { extension: extension.number }), number };
}

/**
 * Guards against fraud on outbound calls: what a stolen password may cost at most. Per tenant and per extension: calls in progress,
 * calls begun in a minute, minutes talked in a day; and a switch that stops a tenant's outbound calls. Emergency numbers pass all of
 * them, and are counted. Which destinations are barred is decided by the outbound pipeline, which knows the number as processed.
 *
 * Counts live in the node's memory: a restart begins the day anew.
 */
import { derived } from '../base/derived.ts';
import type { Clock } from '../base/scheduler.ts';
import type { Extension, Tenant } from '../provisioning/tenants/schema.ts';
import type { Capacity, CapacityGrant, CapacityHolder } from './capacity.ts';

export type GuardCode =
  | 'outbound-stopped'
  | 'concurrent-calls-exceeded'
  | 'calls-per-minute-exceeded'
  | 'daily-minutes-exceeded';

export interface GuardedCall {
  readonly tenant: Tenant;
  /** Undefined for a service's call. */
  readonly extension?: Extension | undefined;
  /** The number called, for events. */
  readonly number: string;
  readonly emergency: boolean;
}

export interface GuardRefusal {
  readonly granted: false;
  readonly status: 403;
  readonly reason: string;
  readonly code: GuardCode;
  /** Whose limit it is: `tenant acme`, `extension acme/101`. */
  readonly holder: string;
  readonly limit: number;
}

export interface GuardGrant {
  readonly granted: true;
  /** What is left of the day's talk time; undefined without a limit. The call's session limit should not exceed it. */
  readonly talkLimitMs: number | undefined;
  answered(): void;
  /** The call is over; `talkMs` from the answer on, 0 for an unanswered one. A second call does nothing. */
  ended(talkMs: number): void;
}

export interface GuardsOptions {
  readonly clock: Clock;
  /** Shared with inbound admission, so that a tenant's calls of both directions take the same places. */
  readonly capacity: Capacity;
  /** A call was refused, or a day's minutes are nearly used up (`daily-minutes-low`, once a day). Must not throw. */
  readonly onEvent?: (code: GuardCode | 'daily-minutes-low', detail: Readonly<Record<string, unknown>>) => void;
}

interface Limits {
  readonly concurrentCalls?: number | undefined;
  readonly callsPerMinute?: number | undefined;
  readonly dailyMinutes?: number | undefined;
}

interface GuardedParty {
  readonly key: string;
  readonly limits: Limits;
  readonly usage: Usage;
}

interface LocalDay {
  readonly format: Intl.DateTimeFormat;
  minute: number;
  day: string;
}

const MINUTE_SECONDS = 60;
const MINUTE_MS = 60_000;
const LOW_SHARE = 0.8;
const REASONS: Readonly<Record<GuardCode, string>> = {
  'outbound-stopped': 'Outbound Calls Stopped',
  'concurrent-calls-exceeded': 'Too Many Calls In Progress',
  'calls-per-minute-exceeded': 'Too Many Calls Per Minute',
  'daily-minutes-exceeded': 'Daily Minutes Used Up',
};

/** What one tenant or extension has used. */
class Usage {
  /** Calls begun, by second of the last minute. */
  readonly #begun = new Uint32Array(MINUTE_SECONDS);
  #second = -1;
  #day = '';
  #talkedMs = 0;
  warned = false;
  /** Answered calls that still run, and the sum of their monotonic starts: their talk time is one subtraction. */
  #talking = 0;
  #startsMs = 0;

  begunInLastMinute(nowMs: number): number {
    this.#turnTo(Math.floor(nowMs / 1000));
    return this.#begun.reduce((sum, count) => sum + count, 0);
  }

  begin(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    this.#turnTo(second);
    const slot = second % MINUTE_SECONDS;
    this.#begun[slot] = (this.#begun[slot] ?? 0) + 1;
  }

  /** Talk time of a day so far, calls in progress included. */
  talkedMs(day: string, nowMs: number): number {
    this.#beginDay(day);
    return this.#talkedMs + this.#talking * nowMs - this.#startsMs;
  }

  beginTalk(startMs: number): void {
    this.#talking++;
    this.#startsMs += startMs;
  }

  endTalk(startMs: number): void {
    this.#talking--;
    // Nothing is left of rounding once nobody talks.
    this.#startsMs = this.#talking === 0 ? 0 : this.#startsMs - startMs;
  }

  talked(day: string, durationMs: number): void {
    this.#beginDay(day);
    this.#talkedMs += durationMs;
  }

  isIdle(nowMs: number, day: string): boolean {
    return this.#talking === 0 && this.#day !== day && this.begunInLastMinute(nowMs) === 0;
  }

  #beginDay(day: string): void {
    if (this.#day === day) return;
    this.#day = day;
    this.#talkedMs = 0;
    this.warned = false;
  }

  #turnTo(second: number): void {
    const passed = second - this.#second;
    if (passed <= 0) return;
    if (passed >= MINUTE_SECONDS) this.#begun.fill(0);
    else for (let at = this.#second + 1; at <= second; at++) this.#begun[at % MINUTE_SECONDS] = 0;
    this.#second = second;
  }
}

export class Guards {
  readonly #clock: Clock;
  readonly #capacity: Capacity;
  readonly #onEvent: NonNullable<GuardsOptions['onEvent']>;
  readonly #usages = new Map<string, Usage>();
  readonly #days = new Map<string, LocalDay>();

  constructor({ clock, capacity, onEvent }: GuardsOptions) {
    this.#clock = clock;
    this.#capacity = capacity;
    this.#onEvent = onEvent ?? (() => {});
  }

  /** Takes a place for an outbound call, or says why it must not be placed. */
  admit(call: GuardedCall): GuardGrant | GuardRefusal {
    const nowMs = this.#clock.nowMs();
    const parties = this.#partiesOf(call);
    const refusal = this.#refusalOf(call, parties, nowMs);
    if (refusal !== undefined) return this.#refuse(call, refusal);
    const places = this.#capacity.admit(holdersOf(call, parties));
    if (!places.granted) return this.#refuse(call, noPlace(parties, places.holder));
    for (const { usage } of parties) usage.begin(nowMs);
    const talkLimitMs = call.emergency ? undefined : this.#talkLimitMs(call, parties, nowMs);
    return new AdmittedCall(this.#clock, parties, places, talkLimitMs, (talkMs) => this.#ended(call, parties, talkMs));
  }

  /** A call that was admitted by another process, and has been talking since `answeredAtMs` (monotonic, possibly below 0): it is counted, and never refused. */
  resume(call: GuardedCall, answeredAtMs: number): GuardGrant {
    const parties = this.#partiesOf(call);
    const places = this.#capacity.admit(holdersOf({ ...call, emergency: true }, parties));
    if (!places.granted) throw new Error('places without limits are granted');
    const grant = new AdmittedCall(this.#clock, parties, places, undefined, (talkMs) =>
      this.#ended(call, parties, talkMs),
    );
    grant.answered(answeredAtMs);
    return grant;
  }

  /** Why {@link admit} would refuse a call now, if it would; nothing is counted or told. Its places are taken in `capacity`, a copy. */
  rehearse(call: GuardedCall, capacity: Capacity): GuardRefusal | undefined {
    const parties = this.#partiesOf(call);
    const refusal = this.#refusalOf(call, parties, this.#clock.nowMs());
    if (refusal !== undefined) return refusal;
    const places = capacity.admit(holdersOf(call, parties));
    return places.granted ? undefined : noPlace(parties, places.holder);
  }

  /** Minutes talked today by a holder (`tenant acme`, `extension acme/101`), calls in progress included. */
  minutesToday(tenant: Tenant, key: string): number {
    const usage = this.#usages.get(key);
    return usage === undefined ? 0 : usage.talkedMs(this.#dayOf(tenant), this.#clock.nowMs()) / MINUTE_MS;
  }

  /** Drops what is kept of holders that have been idle since yesterday. To be called now and then. */
  prune(tenants: readonly Tenant[]): void {
    const nowMs = this.#clock.nowMs();
    const days = new Map(tenants.map((tenant) => [tenant.name, this.#dayOf(tenant)]));
    for (const [key, usage] of this.#usages) {
      const name = key.slice(key.indexOf(' ') + 1).split('/')[0] ?? '';
      if (usage.isIdle(nowMs, days.get(name) ?? '')) this.#usages.delete(key);
    }
  }

  #partiesOf({ tenant, extension }: GuardedCall): GuardedParty[] {
    const party = this.#party(tenantKey(tenant), tenant.limits);
    return extension === undefined ? [party] : [party, this.#party(extensionKeys(tenant)(extension), extension.limits)];
  }

  #refusalOf(
    { tenant, emergency }: GuardedCall,
    parties: readonly GuardedParty[],
    nowMs: number,
  ): GuardRefusal | undefined {
    if (emergency) return undefined;
    if (tenant.stopOutbound) return refusalFor('outbound-stopped', `tenant ${tenant.name}`, 0);
    const day = this.#dayOf(tenant);
    for (const { key, limits, usage } of parties) {
      const { callsPerMinute, dailyMinutes } = limits;
      if (callsPerMinute !== undefined && usage.begunInLastMinute(nowMs) >= callsPerMinute)
        return refusalFor('calls-per-minute-exceeded', key, callsPerMinute);
      if (dailyMinutes !== undefined && usage.talkedMs(day, nowMs) >= dailyMinutes * MINUTE_MS)
        return refusalFor('daily-minutes-exceeded', key, dailyMinutes);
    }
    return undefined;
  }

  #talkLimitMs({ tenant }: GuardedCall, parties: readonly GuardedParty[], nowMs: number): number | undefined {
    const day = this.#dayOf(tenant);
    let limitMs: number | undefined;
    for (const party of parties) {
      const left = this.#talkLeftMs(party, nowMs, day);
      if (left !== undefined) limitMs = Math.min(left, limitMs ?? left);
    }
    return limitMs;
  }

  #talkLeftMs({ limits, usage }: GuardedParty, nowMs: number, day: string): number | undefined {
    const { dailyMinutes } = limits;
    return dailyMinutes === undefined ? undefined : dailyMinutes * MINUTE_MS - usage.talkedMs(day, nowMs);
  }

  #ended(call: GuardedCall, parties: readonly GuardedParty[], talkMs: number): void {
    const day = this.#dayOf(call.tenant);
    for (const { key, limits, usage } of parties) {
      usage.talked(day, talkMs);
      const { dailyMinutes } = limits;
      if (dailyMinutes === undefined || usage.warned) continue;
      const minutes = usage.talkedMs(day, this.#clock.nowMs()) / MINUTE_MS;
      if (minutes < dailyMinutes * LOW_SHARE) continue;
      usage.warned = true;
      this.#onEvent('daily-minutes-low', { ...factsOf(call), holder: key, limit: dailyMinutes, minutes });
    }
  }

  #refuse(call: GuardedCall, refusal: GuardRefusal): GuardRefusal {
    const { code, holder, limit } = refusal;
    this.#onEvent(code, { ...factsOf(call), holder, limit });
    return refusal;
  }

  #party(key: string, limits: Limits): GuardedParty {
    let usage = this.#usages.get(key);
    if (usage === undefined) {
      usage = new Usage();
      this.#usages.set(key, usage);
    }
    return { key, limits, usage };
  }

  /** The tenant's own day, e.g. `2026-11-21`; looked up once a minute. */
  #dayOf({ timeZone }: Tenant): string {
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

class AdmittedCall implements GuardGrant {
  readonly granted = true;
  readonly talkLimitMs: number | undefined;
  readonly #clock: Clock;
  readonly #parties: readonly GuardedParty[];
  readonly #places: CapacityGrant;
  readonly #onEnded: (talkMs: number) => void;
  #answeredAtMs: number | undefined = undefined;
  #over = false;

  constructor(
    clock: Clock,
    parties: readonly GuardedParty[],
    places: CapacityGrant,
    talkLimitMs: number | undefined,
    onEnded: (talkMs: number) => void,
  ) {
    this.#clock = clock;
    this.#parties = parties;
    this.#places = places;
    this.talkLimitMs = talkLimitMs;
    this.#onEnded = onEnded;
  }

  answered(atMs = this.#clock.nowMs()): void {
    if (this.#over || this.#answeredAtMs !== undefined) return;
    this.#answeredAtMs = atMs;
    for (const { usage } of this.#parties) usage.beginTalk(this.#answeredAtMs);
  }

  ended(talkMs: number): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#answeredAtMs !== undefined) for (const { usage } of this.#parties) usage.endTalk(this.#answeredAtMs);
    this.#places.release();
    this.#onEnded(talkMs);
  }
}

const tenantKey = derived((tenant: Tenant) => `tenant ${tenant.name}`);
const extensionKeys = derived((tenant: Tenant) =>
  derived((extension: Extension) => `extension ${tenant.name}/${extension.number}`),
);

function refusalFor(code: GuardCode, holder: string, limit: number): GuardRefusal {
  return { granted: false, status: 403, reason: REASONS[code], code, holder, limit };
}

function noPlace(parties: readonly GuardedParty[], holder: string): GuardRefusal {
  const limit = parties.find(({ key }) => key === holder)?.limits.concurrentCalls ?? 0;
  return refusalFor('concurrent-calls-exceeded', holder, limit);
}

function holdersOf({ emergency }: GuardedCall, parties: readonly GuardedParty[]): CapacityHolder[] {
  return parties.map(({ key, limits }) => placeHolder(key, limits, emergency));
}

/** An emergency call takes a place like any other, whether there is one or not. */
function placeHolder(key: string, { concurrentCalls }: Limits, emergency: boolean): CapacityHolder {
  return emergency || concurrentCalls === undefined ? { key } : { key, concurrentCalls };
}

function factsOf({ tenant, extension, number }: GuardedCall): Readonly<Record<string, unknown>> {
  return { tenant: tenant.name, ...(extension === undefined ? {} : { extension: extension.number }), number };
}

/**
 * The four machines once more, as the tables of RFC 3261 §17 and RFC 6026 §8 print them, with none of the code under test. A model is
 * fed the inputs of a run with their times, fires its own timers in between, and logs what a right machine sends and tells its user.
 */
export type Entry = readonly [atMs: number, what: string];

interface Rule {
  readonly to: string;
  /** `up`: to the user; `send`: the message of the input; `resend`: the last message again; anything else is logged as it is. */
  readonly actions?: readonly string[];
}

interface ModelTimer {
  readonly name: string;
  readonly firstMs: number;
  /** Resend timers: each interval from the one before. */
  readonly next?: (intervalMs: number) => number;
}

interface Table {
  readonly start: string;
  readonly rules: Readonly<Record<string, Readonly<Record<string, Rule>>>>;
  /** Timers armed on entering a state; all others are disarmed on leaving, unless the new state names them in `keep`. */
  readonly timers: (state: string, reliable: boolean) => readonly ModelTimer[];
  readonly keep: Readonly<Record<string, readonly string[]>>;
}

const T1 = 500;
const T2 = 4000;
const T4 = 5000;
const upToT2 = (intervalMs: number) => Math.min(2 * intervalMs, T2);

const end = (name: string, firstMs: number): ModelTimer => ({ name, firstMs });

export const INVITE_CLIENT: Table = {
  start: 'calling',
  rules: {
    calling: {
      A: { to: 'calling', actions: ['send INVITE'] },
      B: { to: 'terminated', actions: ['up timeout'] },
      '1xx': { to: 'proceeding', actions: ['up'] },
      '2xx': { to: 'accepted', actions: ['up'] },
      '3xx+': { to: 'completed', actions: ['send ACK', 'up'] },
    },
    proceeding: {
      '1xx': { to: 'proceeding', actions: ['up'] },
      '2xx': { to: 'accepted', actions: ['up'] },
      '3xx+': { to: 'completed', actions: ['send ACK', 'up'] },
      cancel: { to: 'cancelling' },
    },
    // Proceeding after the CANCEL has left (§9.1).
    cancelling: {
      '1xx': { to: 'cancelling', actions: ['up'] },
      '2xx': { to: 'accepted', actions: ['up'] },
      '3xx+': { to: 'completed', actions: ['send ACK', 'up'] },
      wait: { to: 'terminated', actions: ['up timeout'] },
    },
    accepted: { '2xx': { to: 'accepted', actions: ['up'] }, M: { to: 'terminated' } },
    completed: { '3xx+': { to: 'completed', actions: ['send ACK'] }, D: { to: 'terminated' } },
    terminated: {},
  },
  timers(state, reliable) {
    if (state === 'calling') {
      const timerB = end('B', 64 * T1);
      return reliable ? [timerB] : [{ name: 'A', firstMs: T1, next: (intervalMs) => 2 * intervalMs }, timerB];
    }
    if (state === 'cancelling') return [end('wait', 64 * T1)];
    if (state === 'accepted') return [end('M', 64 * T1)];
    return state === 'completed' ? [end('D', reliable ? 0 : 32_000)] : [];
  },
  keep: {},
};

export const NON_INVITE_CLIENT: Table = {
  start: 'trying',
  rules: {
    trying: {
      E: { to: 'trying', actions: ['send OPTIONS'] },
      F: { to: 'terminated', actions: ['up timeout'] },
      '1xx': { to: 'proceeding', actions: ['up'] },
      '2xx': { to: 'completed', actions: ['up'] },
      '3xx+': { to: 'completed', actions: ['up'] },
    },
    proceeding: {
      E: { to: 'proceeding', actions: ['send OPTIONS'] },
      F: { to: 'terminated', actions: ['up timeout'] },
      '1xx': { to: 'proceeding', actions: ['up'] },
      '2xx': { to: 'completed', actions: ['up'] },
      '3xx+': { to: 'completed', actions: ['up'] },
    },
    completed: { K: { to: 'terminated' } },
    terminated: {},
  },
  timers(state, reliable) {
    if (state === 'trying')
      return reliable ? [end('F', 64 * T1)] : [{ name: 'E', firstMs: T1, next: upToT2 }, end('F', 64 * T1)];
    return state === 'completed' ? [end('K', reliable ? 0 : T4)] : [];
  },
  keep: { proceeding: ['E', 'F'] },
};

export const INVITE_SERVER: Table = {
  start: 'waiting',
  rules: {
    // Proceeding before the first response.
    waiting: {
      trying: { to: 'proceeding', actions: ['send 100'] },
      again: { to: 'proceeding', actions: ['send 100'] },
      'tu 1xx': { to: 'proceeding', actions: ['send'] },
      'tu 2xx': { to: 'accepted', actions: ['send'] },
      'tu 3xx+': { to: 'completed', actions: ['send'] },
    },
    proceeding: {
      again: { to: 'proceeding', actions: ['resend'] },
      'tu 1xx': { to: 'proceeding', actions: ['send'] },
      'tu 2xx': { to: 'accepted', actions: ['send'] },
      'tu 3xx+': { to: 'completed', actions: ['send'] },
    },
    accepted: {
      again: { to: 'accepted' },
      'tu 2xx': { to: 'accepted', actions: ['send'] },
      L: { to: 'terminated' },
    },
    completed: {
      again: { to: 'completed', actions: ['resend'] },
      G: { to: 'completed', actions: ['resend'] },
      H: { to: 'terminated', actions: ['up no ack'] },
      ACK: { to: 'confirmed' },
    },
    confirmed: { I: { to: 'terminated' } },
    terminated: {},
  },
  timers(state, reliable) {
    if (state === 'waiting') return [end('trying', 200)];
    if (state === 'accepted') return [end('L', 64 * T1)];
    if (state === 'confirmed') return [end('I', reliable ? 0 : T4)];
    if (state !== 'completed') return [];
    return reliable ? [end('H', 64 * T1)] : [{ name: 'G', firstMs: T1, next: upToT2 }, end('H', 64 * T1)];
  },
  keep: {},
};

export const NON_INVITE_SERVER: Table = {
  start: 'trying',
  rules: {
    trying: {
      // RFC 4320 §4.1.
      late: { to: 'proceeding', actions: ['send 100'] },
      'tu 1xx': { to: 'proceeding', actions: ['send'] },
      'tu 2xx': { to: 'completed', actions: ['send'] },
      'tu 3xx+': { to: 'completed', actions: ['send'] },
    },
    proceeding: {
      again: { to: 'proceeding', actions: ['resend'] },
      'tu 1xx': { to: 'proceeding', actions: ['send'] },
      'tu 2xx': { to: 'completed', actions: ['send'] },
      'tu 3xx+': { to: 'completed', actions: ['send'] },
    },
    completed: { again: { to: 'completed', actions: ['resend'] }, J: { to: 'terminated' } },
    terminated: {},
  },
  timers(state, reliable) {
    if (state === 'trying') return [end('late', 3500)];
    return state === 'completed' ? [end('J', reliable ? 0 : 64 * T1)] : [];
  },
  keep: {},
};

interface Armed {
  readonly timer: ModelTimer;
  intervalMs: number;
  dueMs: number;
}

export class Model {
  readonly log: Entry[] = [];
  state: string;
  readonly #table: Table;
  readonly #reliable: boolean;
  #armed: Armed[] = [];
  #lastSent = '';
  #cancelAsked = false;

  constructor(table: Table, reliable: boolean, startMs: number) {
    this.#table = table;
    this.#reliable = reliable;
    this.state = table.start;
    this.#arm(startMs);
  }

  /** The state as the machine under test names it. */
  get publicState(): string {
    return this.state === 'waiting' || this.state === 'cancelling' ? 'proceeding' : this.state;
  }

  /** An input at a time: a class like `2xx`, and the message or status it stands for. */
  input(atMs: number, input: string, what = input): void {
    this.runUntil(atMs);
    if (input === 'cancel' && this.state === 'calling') this.#cancelAsked = true;
    this.#apply(atMs, input, what);
    // §9.1: a CANCEL asked for in Calling leaves with the first provisional response.
    if (input === '1xx' && this.#cancelAsked && this.state === 'proceeding') this.#apply(atMs, 'cancel', '');
  }

  /** Fires every timer due before `atMs`. */
  runUntil(atMs: number): void {
    for (;;) {
      const next = this.#armed.reduce<Armed | undefined>(
        (first, each) => (first && first.dueMs <= each.dueMs ? first : each),
        undefined,
      );
      if (next === undefined || next.dueMs > atMs) return;
      if (next.timer.next === undefined) {
        this.#armed = this.#armed.filter((each) => each !== next);
        this.#apply(next.dueMs, next.timer.name, '');
        continue;
      }
      const { dueMs } = next;
      // §17.1.2.2: in Proceeding timer E fires every T2.
      next.intervalMs = this.state === 'proceeding' ? T2 : next.timer.next(next.intervalMs);
      next.dueMs += next.intervalMs;
      this.#apply(dueMs, next.timer.name, '');
    }
  }

  #apply(atMs: number, input: string, what: string): void {
    const rule = this.#table.rules[this.state]?.[input];
    if (rule === undefined) return;
    for (const action of rule.actions ?? []) this.#act(atMs, action, what);
    if (rule.to === this.state) return;
    this.state = rule.to;
    this.#arm(atMs);
    // A timer of 0 fires at once.
    for (const each of this.#armed) if (each.timer.firstMs === 0) this.runUntil(atMs);
  }

  #act(atMs: number, action: string, what: string): void {
    if (action === 'up') this.log.push([atMs, `up ${what}`]);
    else if (action === 'send') this.#send(atMs, what);
    else if (action === 'resend') this.log.push([atMs, `send ${this.#lastSent}`]);
    else if (action.startsWith('send ')) this.#send(atMs, action.slice(5));
    else this.log.push([atMs, action]);
  }

  #send(atMs: number, what: string): void {
    this.#lastSent = what;
    this.log.push([atMs, `send ${what}`]);
  }

  #arm(atMs: number): void {
    const kept = this.#table.keep[this.state] ?? [];
    this.#armed = this.#armed.filter((each) => kept.includes(each.timer.name));
    for (const timer of this.#table.timers(this.state, this.#reliable)) {
      this.#armed.push({ timer, intervalMs: timer.firstMs, dueMs: atMs + timer.firstMs });
    }
  }
}

/** The class of a status, as the tables name it. */
export function statusClass(status: number): '1xx' | '2xx' | '3xx+' {
  if (status < 200) return '1xx';
  return status < 300 ? '2xx' : '3xx+';
}

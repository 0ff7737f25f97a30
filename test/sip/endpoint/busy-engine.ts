import { Inbox } from '../../../src/sip/endpoint/inbox.ts';
import type { InboxLimits } from '../../../src/sip/endpoint/inbox-options.ts';
import type { Flow } from '../../../src/sip/transport/index.ts';
import { knownBy } from '../../kit/known.ts';
import { percentile } from '../../kit/percentile.ts';

/** Ms of computing, as measured of the engine on one core of 2024: together 0.43 for a call, which is 2,300 of them a second. */
const COST_MS = {
  invite: 0.15,
  ringing: 0.05,
  answer: 0.08,
  ack: 0.03,
  bye: 0.07,
  byeAnswer: 0.04,
  refusal: 0.012,
  read: 0.004,
};
const COLLECTED_EVERY_MS = 50;
const COLLECTION_MS = 3;
const READ_AT_ONCE = 1_024;
const CARRIER_MS = 1;
const PHONES = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'];
const CARRIER = '192.0.2.9';
/** No other answer has this code here. */
const BYE_ANSWER = 'SIP/2.0 299';
/** A call of long ago. */
export const SERVED = 'INVITE x SIP/2.0\r\n\r\n';
const COMPILED_AFTER_CALLS = 700;

/** The times at which the process runs: all of it, or `runMs` of each `periodMs`; at any time of it where it knows of that (a CPU quota). */
export interface Quota {
  readonly runMs: number;
  readonly periodMs: number;
}

/** Somebody is away for so long, this often: as while V8 ends the marking of a large heap, or others have the processor. */
export interface Standstill {
  readonly everyMs: number;
  readonly forMs: number;
}

/** Other threads of the process compute so much, this often, as many at once: as V8 marks the heap. A quota is for them too. */
export interface Marking {
  readonly everyMs: number;
  readonly costMs: number;
  readonly threads: number;
}

export interface LoadFigures {
  readonly offered: number;
  readonly completed: number;
  readonly refused: number;
  readonly setupP99: number;
  readonly refusalP99: number;
  readonly byesAnswered: number;
}

interface Message {
  readonly atMs: number;
  readonly text: string;
  readonly flow: Flow;
}

/**
 * The engine as a queue on virtual time: what comes lies in a socket, is read, pushed to the real inbox, and costs computing. Calls are
 * answered by a carrier at once and hung up after `holdMs`.
 */
export class BusyEngine {
  nowMs = 0;
  computedMs = 0;
  readonly inbox: Inbox;
  readonly #quota: Quota;
  readonly #speed: number;
  readonly #isCold: boolean;
  readonly #knowsQuota: boolean;
  readonly #standstill: Standstill | undefined;
  #standsAtMs = 0;
  readonly #marking: Marking | undefined;
  readonly #carrierStands: Standstill;
  #marksAtMs = 0;
  #leftToMarkMs = 0;
  #markedMs = 0;
  #period = 0;
  #readMs = 0;
  #usedMs = 0;
  readonly #due: Message[] = [];
  readonly #socket: Message[] = [];
  readonly #turns: (() => void)[] = [];
  readonly #sentAtMs = new Map<string, number>();
  #collectAtMs = COLLECTED_EVERY_MS;
  #setups: number[] = [];
  #refusals: number[] = [];
  #byes = 0;
  #byesAnswered = 0;
  #calls = 0;

  /** @param options.isCold the node has just started; else it has served calls before. */
  constructor(
    options: {
      limits?: Partial<InboxLimits>;
      quota?: Quota;
      speed?: number;
      isCold?: boolean;
      knowsQuota?: boolean;
      standstill?: Standstill;
      marking?: Marking;
      /** The carrier is away so: what it has got meanwhile it answers after that. */
      carrierStands?: Standstill;
    } = {},
  ) {
    this.#quota = options.quota ?? { runMs: 1, periodMs: 1 };
    this.#speed = options.speed ?? 1;
    this.#knowsQuota = options.knowsQuota === true;
    this.#standstill = options.standstill;
    this.#standsAtMs = options.standstill?.everyMs ?? Number.POSITIVE_INFINITY;
    this.#marking = options.marking;
    this.#carrierStands = options.carrierStands ?? { everyMs: 1, forMs: 0 };
    this.#marksAtMs = options.marking?.everyMs ?? Number.POSITIVE_INFINITY;
    this.inbox = new Inbox({
      clock: { nowMs: () => this.nowMs, wallMs: () => this.nowMs },
      limits: options.limits ?? {},
      ...knownBy(() => true),
      server: {
        handle: (text) => this.#handle(text),
        refuseUnread: (text) => this.#refuse(text),
        refuseOctets: (octets) => isNewCall(octets) && this.#refuse(octets.toString('latin1')),
      },
      cpuShare: () => (this.#knowsQuota ? this.#quota.runMs / this.#quota.periodMs : 1),
      computedMs: () => this.computedMs,
      processComputedMs: () => this.computedMs + this.#markedMs,
      rest: (ms) => this.#idle(ms),
      later: (turn) => this.#turns.push(turn),
    });
    this.#isCold = options.isCold === true;
    if (!this.#isCold) serveMany(this.inbox, { remoteAddress: PHONES[0] as string } as Flow);
  }

  /** Offers calls at a rate, evenly, in steps of 5 ms as a generator does, and runs until they have ended. */
  load(callsPerSecond: number, seconds: number, holdMs = 1_000): LoadFigures {
    this.#setups = [];
    this.#refusals = [];
    this.#byes = 0;
    this.#byesAnswered = 0;
    this.#holdMs = holdMs;
    const load = { beganMs: this.nowMs, stepMs: 0, endMs: seconds * 1000, perMs: callsPerSecond / 1000, offered: 0 };
    this.#load = load;
    this.#runUntil(load.beganMs + load.endMs + holdMs + 2_000);
    return {
      offered: load.offered,
      completed: this.#byesAnswered,
      refused: this.#refusals.length,
      setupP99: percentile(this.#setups, 0.99),
      refusalP99: percentile(this.#refusals, 0.99),
      byesAnswered: this.#byes === 0 ? 1 : this.#byesAnswered / this.#byes,
    };
  }

  #holdMs = 0;
  #load = { beganMs: 0, stepMs: 0, endMs: 0, perMs: 0, offered: 0 };

  /** New calls come whatever the engine does meanwhile, also while it stands still. */
  #offer(): void {
    const load = this.#load;
    for (; load.stepMs < load.endMs && load.beganMs + load.stepMs <= this.nowMs; load.stepMs += 5) {
      for (; load.offered < load.stepMs * load.perMs; load.offered++) {
        const name = `${++this.#calls}`;
        this.#sentAtMs.set(name, load.beganMs + load.stepMs);
        this.#arrives(load.beganMs + load.stepMs, 'INVITE', name, PHONES[this.#calls % PHONES.length] as string);
      }
    }
  }

  /** When something comes next; without end: never. */
  get #nextMs(): number {
    const { beganMs, stepMs, endMs } = this.#load;
    return Math.min(
      this.#due[0]?.atMs ?? Number.POSITIVE_INFINITY,
      stepMs < endMs ? beganMs + stepMs : Number.POSITIVE_INFINITY,
    );
  }

  #runUntil(endMs: number): void {
    while (this.nowMs < endMs) {
      this.#deliver();
      if (this.#socket.length === 0 && this.#turns.length === 0) {
        this.#idle(Math.min(endMs, this.#nextMs) - this.nowMs);
        continue;
      }
      for (const turn of this.#turns.splice(0)) turn();
      this.#deliver();
      const batch = this.#socket.splice(0, READ_AT_ONCE);
      const readMs = this.nowMs;
      const stepMs = (readMs - this.#readMs) / batch.length;
      this.#readMs = readMs;
      this.#compute(batch.length * COST_MS.read);
      for (const [index, { text, flow }] of batch.entries()) {
        // As a socket tells: in the order in which they came, evenly.
        const cameMs = readMs - stepMs * (batch.length - 0.5 - index);
        if (!this.inbox.disposes(Buffer.from(text, 'latin1'), flow, cameMs)) this.inbox.push(text, flow, cameMs);
      }
    }
  }

  #compute(costMs: number): void {
    let leftMs = costMs / this.#speed;
    // As measured of the first calls after a start that has rehearsed others.
    if (this.#isCold) leftMs *= 1 + 2 * Math.max(0, 1 - this.#calls / COMPILED_AFTER_CALLS);
    this.computedMs += leftMs;
    if (this.computedMs >= this.#collectAtMs) {
      this.#collectAtMs = this.computedMs + COLLECTED_EVERY_MS;
      this.computedMs += COLLECTION_MS;
      leftMs += COLLECTION_MS;
    }
    if (this.#standstill !== undefined && this.nowMs >= this.#standsAtMs) {
      this.nowMs += this.#standstill.forMs;
      this.#standsAtMs = this.nowMs + this.#standstill.everyMs;
    }
    const { runMs, periodMs } = this.#quota;
    if (this.#knowsQuota) {
      this.#computeWithinBudget(leftMs);
      return;
    }
    while (leftMs > 0) {
      const inPeriodMs = this.nowMs % periodMs;
      if (runMs < periodMs && inPeriodMs >= runMs - 1e-6) this.nowMs += periodMs - inPeriodMs;
      else {
        const stepMs = runMs < periodMs ? Math.min(leftMs, runMs - inPeriodMs) : leftMs;
        this.nowMs += stepMs;
        leftMs -= stepMs;
      }
    }
  }

  #idle(ms: number): void {
    const untilMs = this.nowMs + ms;
    if (this.#knowsQuota) for (let leftMs = ms; leftMs > 1e-6; ) leftMs -= this.#pass(0, leftMs);
    this.nowMs = Math.max(this.nowMs, untilMs);
  }

  #computeWithinBudget(costMs: number): void {
    for (let leftMs = costMs; leftMs > 1e-6; ) leftMs -= this.#pass(1, leftMs);
  }

  /** As the kernel does: so much computing in each period, whenever in it, whichever thread's; then the process stands still until the next. */
  #pass(own: 0 | 1, mostMs: number): number {
    const { runMs, periodMs } = this.#quota;
    const period = Math.floor(this.nowMs / periodMs + 1e-9);
    if (period !== this.#period) this.#usedMs = 0;
    this.#period = period;
    if (this.nowMs >= this.#marksAtMs) {
      this.#marksAtMs = this.nowMs + (this.#marking?.everyMs ?? 0);
      this.#leftToMarkMs = this.#marking?.costMs ?? 0;
    }
    const toEndMs = (period + 1) * periodMs - this.nowMs;
    if (this.#usedMs >= runMs - 1e-6) {
      const standsMs = own === 1 ? toEndMs : Math.min(mostMs, toEndMs);
      this.nowMs += standsMs;
      return own === 1 ? 0 : standsMs;
    }
    const others = this.#leftToMarkMs > 1e-6 ? (this.#marking?.threads ?? 0) : 0;
    const untilMarkedMs = others > 0 ? this.#leftToMarkMs / others : Number.POSITIVE_INFINITY;
    const untilUsedMs = own + others > 0 ? (runMs - this.#usedMs) / (own + others) : Number.POSITIVE_INFINITY;
    const stepMs = Math.max(1e-6, Math.min(mostMs, toEndMs, untilMarkedMs, untilUsedMs));
    this.nowMs += stepMs;
    this.#usedMs += (own + others) * stepMs;
    this.#leftToMarkMs -= others * stepMs;
    this.#markedMs += others * stepMs;
    return stepMs;
  }

  #arrives(atMs: number, line: string, name: string, address: string, toTag = ''): void {
    const method = line === 'BYE' || line === BYE_ANSWER ? 'BYE' : 'INVITE';
    const text = `${line} x SIP/2.0\r\nTo: <sip:b@x>${toTag}\r\nCall-ID: ${name}\r\nCSeq: 1 ${method}\r\n\r\n`;
    const message = { atMs, text, flow: { remoteAddress: address } as Flow };
    // Behind all that come by then; a second's BYEs may be before their end.
    let [from, to] = [0, this.#due.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.#due[middle] as Message).atMs > atMs) to = middle;
      else from = middle + 1;
    }
    this.#due.splice(from, 0, message);
  }

  #deliver(): void {
    this.#offer();
    let count = 0;
    while ((this.#due[count]?.atMs ?? Number.POSITIVE_INFINITY) <= this.nowMs) count++;
    if (count > 0) this.#socket.push(...this.#due.splice(0, count));
  }

  #handle(text: string): void {
    if (text === SERVED) return;
    const name = nameOf(text);
    const phone = PHONES[Number(name) % PHONES.length] as string;
    if (text.startsWith('INVITE')) {
      this.#compute(COST_MS.invite);
      this.#arrives(this.#answeredMs, 'SIP/2.0 180', name, CARRIER, ';tag=c');
      this.#arrives(this.#answeredMs, 'SIP/2.0 200', name, CARRIER, ';tag=c');
    } else if (text.startsWith('SIP/2.0 180')) this.#compute(COST_MS.ringing);
    else if (text.startsWith('SIP/2.0 200')) {
      this.#compute(COST_MS.answer);
      this.#setups.push(this.nowMs - (this.#sentAtMs.get(name) ?? 0));
      this.#arrives(this.nowMs + CARRIER_MS, 'ACK', name, phone, ';tag=c');
      this.#arrives(this.nowMs + this.#holdMs, 'BYE', name, phone, ';tag=c');
    } else if (text.startsWith('ACK')) this.#compute(COST_MS.ack);
    else if (text.startsWith('BYE')) {
      this.#byes++;
      this.#compute(COST_MS.bye);
      this.#arrives(this.#answeredMs, BYE_ANSWER, name, CARRIER, ';tag=c');
    } else {
      this.#compute(COST_MS.byeAnswer);
      this.#byesAnswered++;
    }
  }

  /** When the carrier answers what it is sent now. */
  get #answeredMs(): number {
    const { everyMs, forMs } = this.#carrierStands;
    return this.nowMs + Math.max(0, forMs - (this.nowMs % everyMs)) + CARRIER_MS;
  }

  #refuse(text: string): boolean {
    this.#compute(COST_MS.refusal);
    this.#refusals.push(this.nowMs - (this.#sentAtMs.get(nameOf(text)) ?? 0));
    return true;
  }
}

/** Makes an inbox that of a node whose first calls are long past. */
export function serveMany(inbox: Inbox, flow: Flow): void {
  for (let call = 0; call < 2_000; call++) inbox.push(SERVED, flow);
}

/** As whoever reads the octets finds out. */
export function isNewCall(octets: Buffer): boolean {
  return octets.includes('INVITE') && !octets.includes(';tag=');
}

function nameOf(text: string): string {
  return /Call-ID: (.*)\r/.exec(text)?.[1] ?? '';
}

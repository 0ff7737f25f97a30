import { StatelessTags } from '../transaction/index.ts';
import type { Flow } from '../transport/index.ts';
import { Backlog } from './backlog.ts';
import { Endings } from './endings.ts';
import { FairQueue } from './fair-queue.ts';
import { defaultInboxLimits, type InboxCounters, type InboxLimits, type InboxOptions } from './inbox-options.ts';
import { Pace, sleep } from './pace.ts';
import { acknowledgesStateless, endsCall, kindOf, localTagOf, MessageKind, toTagOf } from './triage.ts';
import { Valve } from './valve.ts';
import { WorkClock } from './work-clock.ts';

interface Waiting {
  readonly source: string;
  readonly text: string;
  readonly flow: Flow;
  readonly sinceMs: number;
  /** When it is taken to have come: it was read later than that. */
  readonly cameMs: number;
  /** Computing time at which it came. */
  readonly sinceComputedMs: number;
  /** It goes on, and waits with what begins: there was too much of its peer's. For the rate of that it counts for nothing. */
  goesOn: boolean;
}

type Queue = FairQueue<Waiting> | Endings<Waiting>;

/** Time on messages before the sockets are read again: half of what reading and refusing took since, within these bounds. */
const SLICE_MS = 5;
const LONGEST_SLICE_MS = 20;
/** The least of it between two rests, where more was computed than a quota gives. */
const SLICE_BETWEEN_RESTS_MS = 1;
const SLICE_SHARE = 0.5;
/**
 * Ms of computing that one peer may have before what begins; of more, forged or not, each message waits its turn with that. Half of
 * all messages are the answers of one carrier; a flood that is worth sending is of requests.
 */
const ANSWERS_FIRST_MS = 75;
const REQUESTS_FIRST_MS = 20;
/** The same of what is put off because it ends calls: as much as one that is all the load sends while it waits. */
const ENDINGS_MS = 200;
/** A rest while nothing waits but what may not begin yet, ms. */
const IDLE_MS = 0.5;
/** Share of the time that what begins has while what goes on waits too: a flood that seems to go on, and fills its places again and again, ends no call. */
const FRESH_SHARE = 0.1;
/** What begins has its turn when so much is owed to it, ms. */
const FRESH_TURN_MS = 0.5;
/** Strangers have their turn when so much is owed to them, ms. */
const STRANGERS_TURN_MS = 0.5;
/** What a message costs until it was seen, ms. */
const FIRST_COST_MS = 0.4;
const COST_WEIGHT = 0.05;
/** What responses, and ACKs, begin with. */
const LETTER_S = 0x53;
const LETTER_A = 0x41;
/** A message that took longer than this many times the usual was interrupted. */
const OUTLIER = 8;

/**
 * Decides what is served first, and what not at all, while there is more to do than time.
 *
 * As long as a turn of the event loop handles all that it read within {@link SLICE_MS}, messages are handled as they come and this class
 * costs a comparison each, or a look at its method after an overload. Beyond that they wait here and not in the sockets, where nobody sees them: the sockets are read between
 * slices, so that how much waits is known to the millisecond. Then the order is: what goes on (responses, requests within dialogs, pings
 * of known peers) before what begins, which has a small share that nobody takes; what ends calls after both for a moment, while V8 marks the heap with a quota that is all threads'; known peers before strangers,
 * who have a small share that nobody takes; each source in its turn. While too much comes, what begins is served at a rate ({@link Valve}).
 * New requests that would wait too long are refused unread ({@link Backlog}), so that those that are let in are served in time.
 */
export class Inbox {
  readonly counters: InboxCounters = { overloaded: 0, strangersDropped: 0, knownDropped: 0, acksAbsorbed: 0 };
  readonly #options: InboxOptions;
  readonly #limits: InboxLimits;
  readonly #later: (turn: () => void) => void;
  readonly #ongoing: FairQueue<Waiting>;
  /** What ends calls while V8 marks the heap with the quota of all threads: the others of what goes on come first, and what begins too. */
  readonly #endings: Endings<Waiting>;
  /** What begins and has waited too long to be refused. */
  readonly #overdue: FairQueue<Waiting>;
  readonly #fresh: FairQueue<Waiting>;
  readonly #strangers: FairQueue<Waiting>;
  readonly #turn = () => this.#onTurn();
  readonly #makesRoom = ({ text }: Pick<Waiting, 'text'>) => {
    const tag = localTagOf(text);
    return tag !== undefined && this.#options.room?.().isMadeBy(tag) === true;
  };
  #isArmed = false;
  #sliceBeganMs = 0;
  #sliceEndedMs = 0;
  /** What was read last took so long, by the clock, that more waits in the sockets. */
  #isAway = false;
  /** There was a rest on the turn before, and nothing is served since. */
  #hasRested = false;
  /** Nothing waited but what may not begin yet. */
  #idles = false;
  /** When the sockets were looked at on the turn before this one. */
  #lookedMs = 0;
  readonly #backlog: Backlog;
  readonly #valve = new Valve();
  readonly #work: WorkClock;
  readonly #pace: Pace;
  readonly #rest: (ms: number) => void;
  /** What this thread had computed when the slice ended. */
  #sliceEndedComputedMs = 0;
  readonly #lent = (part: number, passedMs: number) => this.#backlog.lent(part, passedMs);
  #ongoingCostMs = FIRST_COST_MS;
  /** Time that known peers have had while strangers waited, and what those have had. */
  #owedMs = 0;
  /** The same of what begins, while what goes on waited. */
  #freshOwedMs = 0;
  #longestWaitMs = 0;

  constructor(options: InboxOptions) {
    this.#options = options;
    this.#limits = { ...defaultInboxLimits, ...options.limits };
    this.#later = options.later ?? setImmediate;
    this.#work = new WorkClock(options);
    this.#pace = new Pace(this.#work.cpuShare, this.#work.processComputedMs, this.#work.computedMs);
    this.#rest = options.rest ?? sleep;
    this.#backlog = new Backlog(this.#limits.backlogMs);
    this.#ongoing = new FairQueue(this.#limits.knownWaiting);
    this.#endings = new Endings(this.#limits.knownWaiting);
    this.#overdue = new FairQueue(this.#limits.knownWaiting);
    this.#fresh = new FairQueue(this.#limits.knownWaiting);
    this.#strangers = new FairQueue(this.#limits.strangersWaiting);
  }

  /** Messages that wait now, by kind. */
  get waiting(): { ongoing: number; fresh: number; strangers: number } {
    return { ongoing: this.#goesOn, fresh: this.#begins, strangers: this.#strangers.size };
  }

  /** The longest that a message has waited here since the last call, ms. */
  takeLongestWaitMs(): number {
    const longestMs = this.#longestWaitMs;
    this.#longestWaitMs = 0;
    return longestMs;
  }

  /** A message was read from a socket. `cameMs`: when it came there, where that is known. */
  push(text: string, flow: Flow, cameMs?: number): void {
    const nowMs = this.#options.clock.nowMs();
    if (!this.#isArmed) {
      this.#lookedMs = nowMs;
      this.#arm(nowMs);
    }
    if (this.isEmpty) {
      if (nowMs - this.#sliceBeganMs < SLICE_MS && this.#passes(text, flow)) {
        this.#options.server.handle(text, flow);
        return;
      }
      this.#backlog.beat(this.#work.workMs(), nowMs, 0, this.#work.cpuShare());
    }
    const source = this.#options.sourceOf(flow.remoteAddress);
    this.#sort(source !== undefined, {
      source: source ?? flow.remoteAddress,
      text,
      flow,
      sinceMs: nowMs,
      // Of a stream it may have come at any time since it was read before: in the middle of it, taken together.
      cameMs: cameMs ?? nowMs - Math.min(nowMs - this.#lookedMs, LONGEST_SLICE_MS) / 2,
      sinceComputedMs: this.#backlog.computedMs,
      goesOn: false,
    });
  }

  /** While nothing waits: whether a message need not wait either. */
  #passes(text: string, flow: Flow): boolean {
    const { isGrown, isOver } = this.#backlog;
    if (isGrown && !isOver) return true;
    const kind = kindOf(text);
    if (!isOver) {
      if (kind === MessageKind.Call) this.#backlog.grows();
      return true;
    }
    if (kind !== MessageKind.Call && kind !== MessageKind.Other) return true;
    if (!this.#valve.isOpen || this.#options.sourceOf(flow.remoteAddress) === undefined) return false;
    this.#backlog.took();
    this.#valve.took();
    return true;
  }

  /**
   * A datagram was read, which came at this time, while others wait. True: that was all, and no text is made of it: a new request that may
   * not wait was refused, an ACK to such an answer taken note of, or there is no place for what a stranger sent.
   */
  disposes(octets: Buffer, flow: Flow, cameMs: number): boolean {
    if (this.isEmpty || octets[0] === LETTER_S) return false;
    const source = this.#options.sourceOf(flow.remoteAddress);
    if (source === undefined) {
      if (this.#strangers.hasPlace(flow.remoteAddress)) return false;
      this.counters.strangersDropped++;
      return true;
    }
    if (octets[0] === LETTER_A) {
      if (!acknowledgesStateless(octets)) return false;
      this.counters.acksAbsorbed++;
      return true;
    }
    if (this.#admits(source, cameMs) || !this.#options.server.refuseOctets(octets, flow)) return false;
    this.#overloaded();
    return true;
  }

  #admits(source: string, cameMs: number): boolean {
    return this.#backlog.admits(this.#aheadOf(source), this.#options.clock.nowMs() - cameMs);
  }

  /** Messages of known peers wait. */
  get knownWait(): boolean {
    return this.#goesOn + this.#begins > 0;
  }

  /** Messages of known peers wait that end no call. */
  get #othersWait(): boolean {
    return this.#ongoing.size + this.#begins > 0;
  }

  /** How many messages wait that go on. */
  get #goesOn(): number {
    return this.#ongoing.size + this.#endings.size;
  }

  /** How many messages wait that begin something. */
  get #begins(): number {
    return this.#overdue.size + this.#fresh.size;
  }

  /** While something waits, when this thread had looked at its sockets before the look of this turn: whatever it finds in an emptied one has come since. */
  get lookedMs(): number | undefined {
    return this.isEmpty ? undefined : this.#lookedMs;
  }

  /** Nothing waits. */
  get isEmpty(): boolean {
    return this.#goesOn + this.#begins + this.#strangers.size === 0;
  }

  #arm(nowMs: number): void {
    this.#isArmed = true;
    this.#sliceBeganMs = nowMs;
    this.#later(this.#turn);
  }

  #onTurn(): void {
    this.#isArmed = false;
    if (this.isEmpty) return;
    this.#arm(this.#options.clock.nowMs());
    this.#work.lent(this.#sliceBeganMs, this.#lent);
    this.#backlog.beat(this.#work.workMs(), this.#sliceBeganMs, this.#begins, this.#work.cpuShare());
    this.#valve.beat(this.#sliceBeganMs, this.#backlog.isOver, this.#backlog.costMs);
    // A socket that holds more than was read has been looked at as well, and so have all others.
    this.#lookedMs = this.#sliceBeganMs;
    // What was read is handed over first: whoever is refused would wait for others, or for a rest, and what lies behind it unread would, too.
    if (this.#options.readsOn?.() === true) return;
    this.#sliceBeganMs = this.#options.clock.nowMs();
    this.#work.workMs();
    if (this.#backlog.takeEndOfBurst()) this.#judgeAnew();
    this.#serveOverdue();
    this.#endings.beat(this.#sliceBeganMs, this.#backlog.isShort);
    this.#endings.hasten(this.#makesRoom);
    const restMs = this.#pace.restMs(this.#sliceBeganMs);
    // Where reading and refusing take all that a quota gives, or other threads do, there is no turn without a rest: there is one between two.
    const rests = restMs > 0 && !this.#hasRested;
    // Who stood still over what was read looks again first: a rest would come on top of what has waited since.
    if (rests && !this.#isAway && this.#sliceBeganMs - this.#lookedMs > LONGEST_SLICE_MS) {
      this.#isAway = true;
      return;
    }
    this.#isAway = false;
    this.#hasRested = rests;
    if (rests) {
      this.#rest(restMs);
      return;
    }
    this.#slice(restMs > 0 ? SLICE_BETWEEN_RESTS_MS : SLICE_MS);
    if (this.#idles) this.#idle();
    this.#sliceEndedMs = this.#options.clock.nowMs();
    this.#sliceEndedComputedMs = this.#work.computedMs();
  }

  #sort(isKnown: boolean, waiting: Waiting): void {
    const { source, text, flow } = waiting;
    if (!isKnown) {
      if (!this.#strangers.add(source, waiting)) this.counters.strangersDropped++;
      return;
    }
    const kind = kindOf(text);
    if (kind === MessageKind.Ongoing && text.startsWith('ACK ') && StatelessTags.has(toTagOf(text))) {
      this.counters.acksAbsorbed++;
      return;
    }
    const precedes = kind === MessageKind.Ongoing || kind === MessageKind.Ping;
    const queue = precedes && this.#putsOff(text) ? this.#endings : this.#ongoing;
    const first =
      kind === MessageKind.Cancel
        ? this.#fresh.waitingOf(source) + this.#overdue.waitingOf(source) === 0
        : precedes && this.#hasPrecedence(source, text, queue);
    if (first) {
      if (!queue.add(source, waiting)) this.counters.knownDropped++;
      return;
    }
    const begins = kind !== MessageKind.Cancel && kind !== MessageKind.Ongoing;
    if (begins) {
      if (!this.#admits(source, waiting.cameMs) && this.#options.server.refuseUnread(text, flow)) {
        this.#overloaded();
        return;
      }
    }
    waiting.goesOn = !begins;
    if (!this.#fresh.add(source, waiting)) this.counters.knownDropped++;
  }

  /** Whom a refusal would reach late is served instead, and next: those who came after it are refused, who can still be told in time. */
  #serveOverdue(): void {
    if (this.#fresh.size === 0) return;
    const nowMs = this.#sliceBeganMs;
    const { owedAfterMs } = this.#backlog;
    this.#fresh.takeWhile(
      ({ cameMs }) => cameMs + owedAfterMs < nowMs,
      (waiting) => {
        if (this.#backlog.isGivenUp(nowMs - waiting.cameMs) && this.#refusesLate(waiting))
          this.#longestWaitMs = Math.max(this.#longestWaitMs, nowMs - waiting.sinceMs);
        // That, a copy of what is served already, or an emergency call: it has waited long enough.
        else if (!this.#overdue.add(waiting.source, waiting)) this.counters.knownDropped++;
      },
    );
  }

  /**
   * It was no burst: of those who were let in for one, whoever can still be told in time is refused, and who would be served too late. In
   * turn of the sources: judged one source after the other, the first ones would seem to have nobody beside them.
   */
  #judgeAnew(): void {
    const waiting: Waiting[] = [];
    for (let item = this.#fresh.take(); item !== undefined; item = this.#fresh.take()) waiting.push(item);
    for (const item of waiting) {
      if (!this.#admits(item.source, item.cameMs) && this.#refusesLate(item)) continue;
      this.#fresh.putBack(item.source, item);
    }
  }

  /** It was let in in vain: what came in the meantime took more time than there seemed to be. */
  #refusesLate({ text, flow }: Waiting): boolean {
    const kind = kindOf(text);
    if (kind === MessageKind.Cancel || kind === MessageKind.Ongoing || !this.#options.server.refuseUnread(text, flow))
      return false;
    this.#overloaded();
    return true;
  }

  #overloaded(): void {
    this.counters.overloaded++;
    this.#backlog.refused();
  }

  #hasPrecedence(source: string, text: string, queue: Queue): boolean {
    const mostMs = text.startsWith('SIP/') || text.startsWith('ACK ') ? ANSWERS_FIRST_MS : REQUESTS_FIRST_MS;
    return queue.aheadOf(source) * this.#ongoingCostMs < (queue === this.#endings ? ENDINGS_MS : mostMs);
  }

  /** How many of those that begin something have their turn before the next one of this source. */
  #aheadOf(source: string): number {
    const own = this.#overdue.aheadOf(source) + this.#fresh.aheadOf(source);
    return Math.min(this.#begins, (own + 1) * Math.max(1, this.#overdue.peerCount, this.#fresh.peerCount));
  }

  #slice(leastMs: number): void {
    const { clock } = this.#options;
    // Under a quota the process stands still in between, which is no time that reading took.
    const sinceMs =
      this.#work.cpuShare() < 1
        ? this.#work.lookedMs - this.#sliceEndedComputedMs
        : this.#sliceBeganMs - this.#sliceEndedMs;
    const endMs = this.#sliceBeganMs + Math.min(LONGEST_SLICE_MS, Math.max(leastMs, SLICE_SHARE * sinceMs));
    for (let nowMs = this.#sliceBeganMs; nowMs < endMs; ) {
      // Whoever has waited too long may, whatever the rate.
      const mayBegin = this.#overdue.size > 0 || (this.#fresh.size > 0 && this.#valve.isOpen);
      const knownMay = mayBegin || this.#goesOn > 0;
      const strangersTurn = this.#strangers.size > 0 && (!knownMay || this.#owedMs >= STRANGERS_TURN_MS);
      const freshTurn = mayBegin && (this.#ongoing.size === 0 || this.#freshOwedMs >= FRESH_TURN_MS);
      const othersTurn = freshTurn || this.#ongoing.size > 0;
      const endsTurn = !strangersTurn && (this.#endsTurn || (!othersTurn && this.#endings.size > 0));
      const known = endsTurn ? this.#endings : freshTurn ? this.#beginning : this.#ongoing;
      const queue = strangersTurn ? this.#strangers : known;
      const next = queue.take();
      if (next === undefined) {
        if (this.#begins > 0) this.#idles = true;
        return;
      }
      if (freshTurn && !endsTurn && !strangersTurn) {
        this.#backlog.took();
        if (queue === this.#fresh && this.#backlog.isLate(next.sinceComputedMs) && this.#refusesLate(next)) {
          this.#longestWaitMs = Math.max(this.#longestWaitMs, nowMs - next.sinceMs);
          nowMs = clock.nowMs();
          continue;
        }
        if (!next.goesOn) this.#valve.took();
      }
      const beganMs = nowMs;
      nowMs = this.#serve(next, queue, nowMs, knownMay);
      // There was time for what may not begin yet.
      if (strangersTurn && !knownMay && this.#begins > 0) this.#valve.idled(nowMs - beganMs);
    }
  }

  /** What comes meanwhile is soon looked at, and a quota is not used up by looking. */
  #idle(): void {
    this.#idles = false;
    const sinceMs = this.#options.clock.nowMs();
    this.#rest(IDLE_MS);
    this.#valve.idled(Math.min(2 * IDLE_MS, this.#options.clock.nowMs() - sinceMs));
  }

  get #endsTurn(): boolean {
    return this.#endings.size > 0 && this.#endings.hasTurn(this.#othersWait && !this.#isFull);
  }

  get #isFull(): boolean {
    return this.#options.room?.().isNone === true;
  }

  #putsOff(text: string): boolean {
    return this.#backlog.isShort && endsCall(text) && !this.#isFull && !this.#makesRoom({ text });
  }

  /** Returns when it was done; those who wait meanwhile have earned their part of that time. */
  #serve({ text, flow, sinceMs, sinceComputedMs }: Waiting, queue: Queue, beganMs: number, knownWait: boolean): number {
    this.#longestWaitMs = Math.max(this.#longestWaitMs, beganMs - sinceMs);
    this.#options.server.handle(text, flow);
    const nowMs = this.#options.clock.nowMs();
    const tookMs = nowMs - beganMs;
    if (queue === this.#strangers) {
      if (knownWait) this.#owedMs -= tookMs * (1 - this.#limits.strangersShare);
      else this.#owedMs = 0;
      return nowMs;
    }
    if (this.#strangers.size > 0) this.#owedMs += tookMs * this.#limits.strangersShare;
    this.#endings.passed(tookMs, queue === this.#endings, this.#othersWait);
    if (queue === this.#endings) return nowMs;
    if (queue === this.#ongoing) {
      this.#ongoingCostMs = averaged(this.#ongoingCostMs, tookMs);
      this.#valve.waited(this.#backlog.computedMs - sinceComputedMs);
    }
    this.#oweFresh(queue !== this.#ongoing, tookMs);
    return nowMs;
  }

  /** What begins first: whoever has waited too long. */
  get #beginning(): FairQueue<Waiting> {
    return this.#overdue.size > 0 ? this.#overdue : this.#fresh;
  }

  #oweFresh(wasFresh: boolean, tookMs: number): void {
    if (this.#begins === 0 || this.#ongoing.size === 0) this.#freshOwedMs = 0;
    else if (!wasFresh) this.#freshOwedMs += tookMs * FRESH_SHARE;
    // A message during which others had the processor is not held against those after it.
    else this.#freshOwedMs = Math.max(-FRESH_TURN_MS, this.#freshOwedMs + tookMs * (FRESH_SHARE - 1));
  }
}

function averaged(averageMs: number, tookMs: number): number {
  return averageMs + (Math.min(tookMs, OUTLIER * averageMs) - averageMs) * COST_WEIGHT;
}

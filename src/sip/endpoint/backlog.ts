import { Rush } from './rush.ts';

/** So many requests that begin something may wait whatever they cost: no burst that a quiet node meets is an overload. */
const ALWAYS_WAITING = 32;
/** So many wait at any moment while there is too much; fewer do so now and then on any node. */
const MUCH_WAITING = ALWAYS_WAITING / 2;
/** What one that is let in costs until that was measured, ms of computing. */
const FIRST_COST_MS = 0.5;
/**
 * What one costs at least, ms of a core: while few wait only a part of it is seen, since answers, acknowledgements and the end of the call
 * come when none of those waits any more.
 */
const LEAST_COST_MS = 0.25;
/** Backlogs that may wait until it has lasted: as much as gathers while V8 marks a large heap, which passes by itself. */
const BURST_BACKLOGS = 2.5;
/** Backlogs' worth of computing after which it is no burst any more. */
const LASTING_BACKLOGS = 3;
/** The part of a backlog that may wait once it has lasted: a queue that never empties need not be long. */
const LASTING_SHARE = 0.5;
/** After this part of a backlog a refusal comes late: whoever has waited so long is served, and those who come after it are told at once. */
const LATE_REFUSAL_SHARE = 0.8;
/** As long as its turn comes within so many backlogs: more than that would be served so late that others wait in vain. */
const OWED_BACKLOGS = 3;
/** The same while other threads of the process take much of its quota: turns come later than they did. */
const OWED_BACKLOGS_WHILE_LENT = 2;
/** So much of it is much, ms. */
const MUCH_LENT_MS = 10;
/** Backlogs' worth of computing that a request may wait in all; whoever sent it is about to send it again (RFC 3261 §17.1.1.2). */
const LATE_BACKLOGS = 4;
/** So long after the last sign of it an overload counts as not over, ms by the clock: it comes in waves. */
const CALM_MS = 1_000;
/** Nor while it refuses more than this part of what comes: where nothing waits for long, a short queue is no sign that all have their turn. */
const REFUSING_SHARE = 0.05;
/** Fewer are refused now and then, when what came during a collection of garbage is read at once. */
const REFUSING_LEAST = 32;
/**
 * So many requests a node serves until its code is compiled for them: the first cost two to four times as much, however much of it was gone
 * through before. What waits meanwhile passes by itself.
 */
const YOUNG_REQUESTS = 2_000;
/** At first so many times as much may wait, which becomes less with each request. */
const YOUNG_PATIENCE = 4;
/** Other threads of the process have so much of its quota at any time, for what is young, and for code. */
const USUAL_LENT_SHARE = 0.2;
/** What they have had beyond that counts for so long, ms by the clock, */
const LENT_MS = 500;
/** and up to so much: V8 marks a heap of 100 MB alive in 0.4 s of half a core. */
const MOST_LENT_MS = 300;
/** What other threads have had beyond the usual, less what they had below it, is so much only while V8 marks, ms. */
const SHORT_MS = 15;
/** What waits for that is not caught up with for so long, ms by the clock. */
const SHORT_FOR_MS = 1_000;
/** What waits for that is served, beside what comes, in so many times as long: at seven eighths of what there is time for. */
const CAUGHT_UP = 8;
/** Computing time over which the cost is averaged. */
const MEMORY_MS = 500;
/** Weight of the first figure, requests. */
const FIRST_WEIGHT = 100;

/**
 * How long a request that begins something would wait, and whether that is too long.
 *
 * What one costs is what passes from one that is taken to the next while many more wait: answers, timers, refusals and the garbage
 * collector are in it. First in ms of computing of this thread and not by the clock: on a shared machine, or under a CPU quota, all that
 * waits grows old while the process does not run, and calls would be refused that there is time for. Once requests have waited through
 * more computing than a burst gives, there is too much of them whatever the reason, and the clock decides, as it does for who waits.
 */
export class Backlog {
  readonly #limitMs: number;
  /** Requests until this node has grown up. */
  #young = YOUNG_REQUESTS;
  #computedMs = 0;
  #nowMs = 0;
  /** Computing time since which much waits; negative: it does not. */
  #beganMs = -1;
  readonly #rush = new Rush();
  #hasRushEndedBurst = false;
  /** Until then more has come than there is time for. */
  #overUntilMs = Number.NEGATIVE_INFINITY;
  /** What was refused and taken lately. Both fade. */
  #refusedLately = 0;
  #takenLately = 0;
  /** Requests taken, and what passed meanwhile: computing, and by the clock. All fade. */
  #taken = FIRST_WEIGHT;
  #spentMs = FIRST_WEIGHT * FIRST_COST_MS;
  #passedMs = FIRST_WEIGHT * FIRST_COST_MS;
  /** What other threads of the process have had lately. Fades. */
  #lentMs = 0;
  /** The same, less what they have had below the usual: of a share that goes up and down nothing adds up. Fades. */
  #missingMs = 0;
  /** Until then what waits for it is not caught up with. */
  #shortUntilMs = Number.NEGATIVE_INFINITY;
  /** The most that other threads have had since much waits. */
  #mostLentMs = 0;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** The requests of this node are not its first any more. */
  get isGrown(): boolean {
    return this.#young === 0;
  }

  /** Computing time of the latest beat. */
  get computedMs(): number {
    return this.#computedMs;
  }

  /**
   * On each turn in which something waits, and before something waits: what this thread has computed, as long as that takes with its share of
   * a core, and how many requests wait.
   */
  beat(computedMs: number, nowMs: number, waiting: number, share = 1): void {
    const spentMs = computedMs - this.#computedMs;
    const passedMs = nowMs - this.#nowMs;
    this.#computedMs = computedMs;
    this.#nowMs = nowMs;
    const kept = Math.max(0, 1 - spentMs / MEMORY_MS);
    this.#refusedLately *= kept;
    this.#takenLately *= kept;
    const costMs = Math.max(LEAST_COST_MS / share, this.#spentMs / this.#taken);
    this.#rush.beat(passedMs, waiting, costMs, waiting >= MUCH_WAITING);
    if (this.isOver ? this.#refusesMuch : this.#isRushed) {
      this.#hasRushEndedBurst ||= !this.isOver;
      this.#overUntilMs = nowMs + CALM_MS;
    }
    if (waiting < MUCH_WAITING) this.#beganMs = -1;
    else if (this.#beganMs < 0) this.#begin(computedMs);
    else {
      this.#spentMs = this.#spentMs * kept + spentMs;
      this.#passedMs = this.#passedMs * kept + passedMs;
      this.#taken *= kept;
      if (computedMs - this.#beganMs >= LASTING_BACKLOGS * this.#patienceMs + CAUGHT_UP * this.#mostLentMs)
        this.#overUntilMs = nowMs + CALM_MS;
    }
  }

  /**
   * Under a quota other threads of the process have had this part of it for so long. V8 marks the heap so, and what waits for that passes by
   * itself. Of a long time only the end counts: what was taken before delays nobody who waits now.
   */
  lent(part: number, forMs: number): void {
    const passedMs = Math.min(forMs, LENT_MS);
    const kept = Math.max(0, 1 - passedMs / LENT_MS);
    const beyondMs = (part - USUAL_LENT_SHARE) * passedMs;
    this.#lentMs = Math.min(MOST_LENT_MS, this.#lentMs * kept + Math.max(0, beyondMs));
    this.#missingMs = Math.max(0, Math.min(MOST_LENT_MS, this.#missingMs * kept + beyondMs));
    if (this.#missingMs > SHORT_MS) this.#shortUntilMs = this.#nowMs + SHORT_FOR_MS;
    this.#mostLentMs = Math.max(this.#mostLentMs, this.#lentMs);
  }

  /** Other threads of the process have just taken so much of its quota that time is short for a moment. */
  get isShort(): boolean {
    return this.#nowMs < this.#shortUntilMs;
  }

  /** What a request costs with all that follows, ms by the clock. */
  get costMs(): number {
    return this.#passedMs / this.#taken;
  }

  /** A request's turn has come. */
  took(): void {
    this.#taken++;
    this.#takenLately++;
    this.#rush.took();
    this.grows();
  }

  /** A request was refused for want of time. */
  refused(): void {
    this.#refusedLately++;
    this.#rush.refused();
  }

  /** A request was served. */
  grows(): void {
    if (this.#young > 0) this.#young--;
  }

  /** Whether a request that comes after so many others, and has waited so long to be read, may wait on. */
  admits(ahead: number, waitedMs: number): boolean {
    if (ahead < ALWAYS_WAITING) return true;
    if (this.isOver) {
      const aheadMs = (ahead * this.#passedMs) / this.#taken;
      if (aheadMs < LASTING_SHARE * this.#patienceMs) return true;
      return waitedMs > this.owedAfterMs && waitedMs + aheadMs < this.#owedBacklogs * this.#patienceMs;
    }
    // What follows a burst of new calls, answers and acknowledgements, has not come yet.
    const costMs = Math.max(FIRST_COST_MS, this.#spentMs / this.#taken);
    if (ahead * costMs < BURST_BACKLOGS * this.#limitMs + this.#mostLentMs) return true;
    if (this.isGrown) return false;
    // Patience is for what passes soon: by the clock, since callers wait by it.
    return ahead * Math.max(costMs, this.#passedMs / this.#taken) < BURST_BACKLOGS * this.#patienceMs;
  }

  /** Whether since the last call it has turned out that far too much comes: who was let in for a burst is judged anew. */
  takeEndOfBurst(): boolean {
    const hasEnded = this.#hasRushEndedBurst;
    this.#hasRushEndedBurst = false;
    return hasEnded;
  }

  /** Who has waited so long by the clock, ms, while there is too much, is served before others and refused no more. */
  get owedAfterMs(): number {
    return this.isOver ? LATE_REFUSAL_SHARE * this.#patienceMs : Number.POSITIVE_INFINITY;
  }

  /** Whether one that has waited so long by the clock is refused however late that is: whoever sent it is about to send it again. */
  isGivenUp(waitedMs: number): boolean {
    return waitedMs > LATE_BACKLOGS * this.#patienceMs;
  }

  /** Whether one that came at this computing time was let in in vain. */
  isLate(atComputedMs: number): boolean {
    const mostMs = Math.max(LATE_BACKLOGS * this.#limitMs, BURST_BACKLOGS * this.#patienceMs) + this.#mostLentMs;
    return this.#computedMs - atComputedMs > mostMs;
  }

  get #patienceMs(): number {
    return this.#young === 0
      ? this.#limitMs
      : this.#limitMs * (1 + ((YOUNG_PATIENCE - 1) * this.#young) / YOUNG_REQUESTS);
  }

  get #owedBacklogs(): number {
    return this.#lentMs > MUCH_LENT_MS ? OWED_BACKLOGS_WHILE_LENT : OWED_BACKLOGS;
  }

  get #refusesMuch(): boolean {
    const refused = this.#refusedLately;
    return refused >= REFUSING_LEAST && refused > REFUSING_SHARE * (refused + this.#takenLately);
  }

  /** A node whose first requests these are cannot tell: they cost more than later ones do. */
  get #isRushed(): boolean {
    return this.isGrown && this.#rush.isOne;
  }

  /** More comes than there is time for. */
  get isOver(): boolean {
    return this.#nowMs < this.#overUntilMs;
  }

  /** From calm: an old figure may be that of code that was not compiled yet: in doubt, let in. */
  #begin(computedMs: number): void {
    this.#beganMs = computedMs;
    this.#mostLentMs = this.#lentMs;
    if (this.isOver) return;
    const costMs = Math.min(this.#spentMs / this.#taken, FIRST_COST_MS);
    this.#taken = FIRST_WEIGHT;
    this.#spentMs = FIRST_WEIGHT * costMs;
    this.#passedMs = this.#spentMs;
  }
}

/** What this thread has computed so far, ms, the kernel's work for it included. */
export function threadComputedMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

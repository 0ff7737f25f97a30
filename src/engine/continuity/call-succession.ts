/**
 * A node that ends without a word is followed: its calls are in the store that it shared, and go on here, at whichever node
 * comes first. It counts as ended when it has told the others nothing for a while and answers no OPTIONS either; the store gives
 * its calls away only then, and each of them once.
 */
import { StoreAwayError } from '../../base/errors.ts';
import { Latest } from '../../base/latest.ts';
import type { Log } from '../../base/log.ts';
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../../base/scheduler.ts';
import { type CallHolder, type KeptCall, type SharedCalls, SILENT_MS } from '../../call/index.ts';
import type { PeerNodes } from '../peer-nodes.ts';
import type { KnownNodes } from './known-nodes.ts';
import type { PeerQuestions } from './peer-question.ts';

/** A request whose call may come. */
interface Waiting {
  /** Tries it again. */
  readonly retry: () => void;
  /** It carries its call, and need not wait for a store that cannot be asked. */
  readonly needsNoStore: boolean;
  /** The look that was going on when it came, or the last one: what that found is of before it. */
  readonly afterLook: number;
}

/** A question of which the answer was lost. */
interface Untold {
  /** Since when nothing had been heard of the node that was asked for. */
  readonly silentSinceMs: number;
}

export interface CallSuccessionOptions {
  /** This node's name. */
  readonly node: string;
  readonly store: SharedCalls;
  readonly peers: PeerNodes;
  readonly known: KnownNodes;
  readonly scheduler: Scheduler;
  readonly log: Log;
  readonly questions: Pick<PeerQuestions, 'lives'>;
  /**
   * `nodes`: whose they were, or may have been, where an answer was lost. `silentMs`: how long nothing had been heard of them, by the store where
   * nobody else knows; infinite where one has left, with its calls as they were then.
   */
  readonly takeOver: (nodes: readonly string[], calls: readonly KeptCall[], silentMs: number) => void;
}

const LOOK_MS = 50;
/** Between questions to the store, while somebody is silent or a request waits. */
const AGAIN_MS = 250;
/** Nodes tell of themselves twice a second, and hear of each other as often. */
const QUIET_MS = 1_000;
/** From then on it is asked. */
const DOUBT_MS = 700;
/** So long at least; and until the store gives its calls away. */
const ANSWER_MS = 600;
/** Clocks need not run alike, and milliseconds are rounded. */
const LATE_MS = 20;
/** The same of one that has just left a question without an answer. */
const SECOND_ANSWER_MS = 300;
/** The same of one that has lost the store alone, and so has nobody told which of its calls have ended: a busy machine may be silent for a moment. */
const ALONE_ANSWER_MS = 1_200;
/** That it has is believed for so long after its last answer. */
const ALONE_MS = 2_000;
/** Calls of a node that has left them, or that nobody knows any more, are looked for this often, and when one is gone from the roster. */
const ROUND_MS = 1_000;
/** Longest that a request waits for its call to come. */
const WAIT_MS = 3_000;
/** Requests that wait at once. */
const MAX_WAITING = 2_000;
/** What ended without a word is left so long to a worker beside it, or to the one of its number, which look several times meanwhile. */
const COUNTERPART_MS = 1_000;
/** The same of one that has left: that worker's next round may begin a whole one later, and takes its time. */
const COUNTERPART_ROUND_MS = ROUND_MS + AGAIN_MS;
/** What was last heard of each is kept of so many: names come and go with each process, as in a cluster that is scaled. */
const MAX_NODES = 200;

const LOOK = 1;
const GIVE_UP = 2;

export class CallSuccession implements TimerTarget {
  readonly #options: CallSuccessionOptions;
  #waiting: Waiting[] = [];
  /** The store had calls of other nodes when it was asked last. */
  #hasOthers = false;
  /** When nodes last left a question without an answer. */
  readonly #unanswered = new Latest<string, number>(MAX_NODES);
  /** When nodes of which the store had heard nothing for too long last answered one. */
  readonly #alone = new Latest<string, number>(MAX_NODES);
  /** Since when nodes that have ended are left to a worker beside them, or to the one of their number. */
  readonly #leftSinceMs = new Map<string, number>();
  #timer: Timer | undefined = undefined;
  #waitTimer: Timer | undefined = undefined;
  #looking: Promise<boolean> | undefined = undefined;
  #looks = 0;
  /** Names in the roster. */
  #listed: readonly string[] = [];
  #roundAtMs = 0;
  #againAtMs = 0;
  /** When nodes were last heard of, as the store said when it was last asked. */
  #heardAtMs: ReadonlyMap<string, number> = new Map();
  /** Nodes whose calls the store has been asked for: they are on their way here, or some of them. */
  readonly #taking = new Map<string, Promise<boolean>>();
  /** Nodes of which the store may have given calls in an answer that was lost, until it has been asked what it gave. */
  readonly #untold = new Map<string, Untold>();
  #hasFailed = false;
  #isStopped = false;

  constructor(options: CallSuccessionOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = this.#options.scheduler.schedule(LOOK_MS, this, LOOK);
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer = cancelTimer(this.#timer);
    this.#letGo();
  }

  /** Resolves when what was on its way here when it stopped has come. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#taking.values());
  }

  /** A request came whose call is not here. False: nobody has just ended, or too many wait. */
  mayCome(retry: () => void, needsNoStore = false): boolean {
    if (this.#isStopped || this.#waiting.length >= MAX_WAITING) return false;
    if (!this.#hasOthers && this.#options.peers.names().length === 0) return false;
    this.#waiting.push({ retry, needsNoStore, afterLook: this.#looks });
    if (this.#waiting.length > 1) return true;
    this.#waitTimer = this.#options.scheduler.schedule(WAIT_MS, this, GIVE_UP);
    void this.#look(true);
    return true;
  }

  onTimer(kind: number): void {
    if (kind === GIVE_UP) {
      this.#letGo();
      return;
    }
    this.#timer = this.#options.scheduler.schedule(LOOK_MS, this, LOOK);
    const { scheduler, peers } = this.#options;
    this.#options.known.note();
    const nowMs = scheduler.nowMs();
    // One that ends in good order leaves its calls first.
    if (this.#hasLost(peers.names())) this.#roundAtMs = nowMs;
    const isQuiet = () => peers.names().some((name) => this.#quietMs(name) >= DOUBT_MS);
    if (nowMs >= this.#roundAtMs) void this.#look(false);
    else if (nowMs >= this.#againAtMs && (this.#waiting.length > 0 || isQuiet())) void this.#look(false);
  }

  /** Whether one that was in the roster is there no more. */
  #hasLost(names: readonly string[]): boolean {
    const listed = new Set(names);
    const hasLost = this.#listed.some((name) => !listed.has(name));
    this.#listed = names;
    return hasLost;
  }

  /** What others tell the store is read twice a second, so it may have told more since. */
  #quietMs(name: string): number {
    const { peers, scheduler } = this.#options;
    const sinceMs = scheduler.nowMs() - (this.#heardAtMs.get(name) ?? Number.NEGATIVE_INFINITY);
    return Math.min(peers.quietMs(name) ?? Number.POSITIVE_INFINITY, sinceMs);
  }

  /** `asksAll`: those too that were heard of a moment ago. */
  async #look(asksAll: boolean): Promise<void> {
    if (this.#looking !== undefined && !asksAll) return;
    while (this.#looking !== undefined) await this.#looking;
    this.#looking = this.#settle(asksAll || this.#waiting.length > 0).then(
      (isSettled) => {
        this.#hasFailed = false;
        return isSettled;
      },
      (error: unknown) => {
        this.#noteFailure(error);
        this.#letGo(({ needsNoStore }) => needsNoStore);
        return false;
      },
    );
    const look = ++this.#looks;
    const isSettled = await this.#looking;
    this.#looking = undefined;
    this.#againAtMs = this.#options.scheduler.nowMs() + AGAIN_MS;
    if (!isSettled) return;
    this.#letGo(({ afterLook }) => afterLook < look);
    // Who came meanwhile is asked for at once, as the first one was.
    if (this.#waiting.length > 0) void this.#look(true);
  }

  /** Of a store that is away everybody knows. What goes wrong again with each look is said once. */
  #noteFailure(error: unknown): void {
    if (error instanceof StoreAwayError) return;
    if (!this.#hasFailed) this.#options.log.error('call-look-failed', { error: String(error) });
    this.#hasFailed = true;
  }

  /** False: a node is silent, and has not been for long enough. */
  async #settle(asksAll: boolean): Promise<boolean> {
    const { store, scheduler } = this.#options;
    this.#roundAtMs = scheduler.nowMs() + ROUND_MS;
    const holders = await store.holders();
    this.#hasOthers = holders.length > 0;
    // It has given nothing that has not come.
    if (!holders.some(({ name }) => name === this.#options.node)) this.#untold.clear();
    const nowMs = scheduler.nowMs();
    for (const name of this.#leftSinceMs.keys())
      if (!holders.some((holder) => holder.name === name)) this.#leftSinceMs.delete(name);
    this.#heardAtMs = new Map(holders.map(({ name, silentMs }) => [name, nowMs - silentMs]));
    const settled = await Promise.all(holders.map((holder) => this.#follow(holder, asksAll)));
    return settled.every(Boolean);
  }

  /** Whether calls of a node may be about to go on here. */
  isTaking(name: string): boolean {
    return this.#taking.has(name) || this.#untold.has(name);
  }

  async #follow({ name, silentMs }: CallHolder, asksAll: boolean): Promise<boolean> {
    // Such a one tells of itself, and answers, until its sockets are closed.
    const hasLeft = silentMs === Number.POSITIVE_INFINITY && name !== this.#options.node;
    const quietMs = hasLeft ? silentMs : this.#quietMs(name);
    // Until it is known that it does not answer, that grows longer.
    const quietSinceMs = this.#options.scheduler.nowMs() - quietMs;
    // It was silent for a while, and has not ended.
    if (quietMs < DOUBT_MS) this.#leftSinceMs.delete(name);
    if (quietMs < DOUBT_MS && !asksAll) return true;
    const leastMs = hasLeft ? SECOND_ANSWER_MS : Math.max(SILENT_MS + LATE_MS - quietMs, this.#leastAnswerMs(name));
    const [isThere, isAnyBeside] = await Promise.all([
      !hasLeft && this.#answers(name, leastMs),
      this.#isAnyBeside(name, leastMs),
    ]);
    // One that answers is there: it may have lost the store.
    if (isThere) {
      this.#leftSinceMs.delete(name);
      return true;
    }
    if (this.#isStopped) return true;
    const isForAnother = isAnyBeside || this.#options.peers.hasCounterpart(name);
    if (isForAnother && this.#isLeft(name, hasLeft ? COUNTERPART_ROUND_MS : COUNTERPART_MS)) return false;
    const taking = this.#takeAll(name, quietSinceMs);
    this.#taking.set(name, taking);
    try {
      return await taking;
    } finally {
      this.#taking.delete(name);
    }
  }

  /** Whether another worker that is to go on with its calls may do so yet. */
  #isLeft(name: string, forMs: number): boolean {
    const nowMs = this.#options.scheduler.nowMs();
    const sinceMs = this.#leftSinceMs.get(name) ?? nowMs;
    this.#leftSinceMs.set(name, sinceMs);
    return nowMs - sinceMs < forMs;
  }

  /** False: it lives. */
  async #takeAll(name: string, quietSinceMs: number): Promise<boolean> {
    const { peers, node, scheduler } = this.#options;
    const nowMs = scheduler.nowMs();
    // Before it is asked: what is lost meanwhile may have come too late for this question.
    const untold = new Map(name === node ? this.#untold : []);
    const nodes = untold.size === 0 ? [name] : [...untold.keys()];
    // What a lost answer brought was their calls as they were then.
    const silentSinceMs = untold.size === 0 ? quietSinceMs : Math.min(...[...untold.values()].map(sinceMsOf));
    let calls = await this.#take(name, silentSinceMs);
    // From here on they count as this node's.
    if (calls !== 'alive' && name !== node) peers.followed(name);
    while (calls.length > 0) {
      if (calls === 'alive') return false;
      // The store reads the next ones while these are gone on with.
      const next = this.#isStopped ? [] : this.#take(name, silentSinceMs);
      this.#goOnWith(nodes, calls, nowMs - silentSinceMs);
      calls = await next;
    }
    for (const [other, lost] of untold) if (this.#untold.get(other) === lost) this.#untold.delete(other);
    return true;
  }

  async #take(name: string, silentSinceMs: number): Promise<readonly KeptCall[] | 'alive'> {
    const { store, node } = this.#options;
    try {
      return await store.take(name, SILENT_MS);
    } catch (error) {
      if (name !== node) this.#untold.set(name, { silentSinceMs });
      throw error;
    }
  }

  /** They are here, whatever becomes of some of them: the others come all the same. */
  #goOnWith(nodes: readonly string[], calls: readonly KeptCall[], quietMs: number): void {
    const { takeOver, log } = this.#options;
    try {
      takeOver(nodes, calls, quietMs);
    } catch (error) {
      log.error('calls-not-taken-over', { from: nodes.join(', '), count: calls.length, error: String(error) });
    }
  }

  /**
   * Whether a worker has ended alone: its parties go on sending to its machine, whose address they know, and which may have one that moves between
   * machines.
   */
  #isAnyBeside(name: string, withinMs: number): Promise<boolean> {
    const asked = this.#options.peers.workersBeside(name).map(async (worker) => {
      if (!(await this.#lives(worker, withinMs))) throw new Error('silent');
    });
    return Promise.any(asked).then(
      () => true,
      () => false,
    );
  }

  async #lives(name: string, withinMs: number): Promise<boolean> {
    const { known, questions } = this.#options;
    const address = known.addressOf(name, QUIET_MS);
    return address !== undefined && questions.lives({ name, address, signs: known.signs(name) }, withinMs);
  }

  async #answers(name: string, withinMs: number): Promise<boolean> {
    const { known, scheduler } = this.#options;
    if (known.addressOf(name, QUIET_MS) === undefined) return false;
    const isThere = await this.#lives(name, withinMs);
    if (isThere) this.#unanswered.delete(name);
    else this.#unanswered.set(name, scheduler.nowMs());
    if (isThere && this.#quietMs(name) > SILENT_MS) this.#alone.set(name, scheduler.nowMs());
    else this.#alone.delete(name);
    return isThere;
  }

  #leastAnswerMs(name: string): number {
    const sinceMs = (of: Latest<string, number>) =>
      this.#options.scheduler.nowMs() - (of.get(name) ?? Number.NEGATIVE_INFINITY);
    if (sinceMs(this.#alone) < ALONE_MS) return ALONE_ANSWER_MS;
    return sinceMs(this.#unanswered) < ROUND_MS ? SECOND_ANSWER_MS : ANSWER_MS;
  }

  #letGo(which: (waiting: Waiting) => boolean = () => true): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter((each) => !which(each));
    if (this.#waiting.length === 0) this.#waitTimer = cancelTimer(this.#waitTimer);
    for (const each of waiting) if (which(each)) each.retry();
  }
}

function sinceMsOf({ silentSinceMs }: Untold): number {
  return silentSinceMs;
}

/** Processes that end without a word, and what they leave in the store. */
import type { Clock, Scheduler, Timer, TimerTarget } from '../../src/base/scheduler.ts';
import {
  type CallChanges,
  type CallStore,
  CallsForgotten,
  CallsTaken,
  type Fate,
  type HeardOf,
  type KeptCall,
  type KeptCalls,
  type SaidCall,
  type SharedCalls,
} from '../../src/call/index.ts';

const DAY_MS = 86_400_000;

/** The time of a process that can end. */
export class Life implements Scheduler {
  readonly #time: Scheduler;
  isOver = false;
  /** The process stands still: what is due is due when it goes on. */
  #isStill = false;
  #late: (() => void)[] = [];
  #isHeld: () => boolean = () => false;
  /** How far its clock is ahead. */
  aheadMs = 0;

  constructor(time: Scheduler) {
    this.#time = time;
  }

  nowMs(): number {
    return this.#time.nowMs();
  }

  wallMs(): number {
    return this.#time.wallMs() + this.aheadMs;
  }

  schedule(delayMs: number, target: TimerTarget, kind: number): Timer {
    let isCancelled = false;
    const fire = () => {
      if (this.isOver || isCancelled) return;
      if (this.#isStill || this.#isHeld()) this.#late.push(fire);
      else target.onTimer(kind);
    };
    const timer = this.#time.schedule(delayMs, { onTimer: fire }, kind);
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
      },
    };
  }

  readonly unheld = {
    schedule: (delayMs: number, target: TimerTarget, kind: number): Timer =>
      this.#time.schedule(delayMs, { onTimer: () => void (this.isOver || target.onTimer(kind)) }, kind),
  };

  holdWhile(isHeld: () => boolean): () => void {
    this.#isHeld = isHeld;
    return () => this.#fireLate();
  }

  standStill(): void {
    this.#isStill = true;
  }

  /** @param arrive brings what lies in the sockets: a process reads them before it looks at the time */
  goOn(arrive: () => void): void {
    this.#isStill = false;
    arrive();
    this.#fireLate();
  }

  #fireLate(): void {
    const late = this.#late;
    this.#late = [];
    for (const fire of late) fire();
  }
}

/** What a store knows of calls that it has not. */
class Fates {
  readonly whole = new Map<string, number>();
  readonly over = new Set<string>();

  note({ whole, over = [], aliveAtMs }: CallChanges): void {
    if (whole !== undefined) this.whole.set(whole, aliveAtMs);
    for (const id of over) this.over.add(id);
  }

  of({ id, process, answeredAtMs }: SaidCall): Fate {
    return this.over.has(id) || (this.whole.get(process) ?? Number.NEGATIVE_INFINITY) >= answeredAtMs
      ? 'over'
      : 'unknown';
  }
}

/** The calls of one node. */
export class MemoryCalls implements CallStore {
  readonly documents = new Map<string, string>();
  readonly fates = new Fates();
  aliveAtMs = 0;
  writes = 0;
  /** Snapshots that were written. */
  put = 0;
  /** Answers writes so, as long as it is set. */
  fault: string | undefined;

  async load(): Promise<KeptCalls> {
    if (this.fault !== undefined) throw new Error(this.fault);
    return { calls: Array.from(this.documents, ([id, document]) => ({ id, document })), aliveAtMs: this.aliveAtMs };
  }

  async fate(call: SaidCall): Promise<Fate> {
    return this.documents.has(call.id) ? 'elsewhere' : this.fates.of(call);
  }

  async write(changes: CallChanges): Promise<void> {
    const { put, remove, aliveAtMs } = changes;
    if (this.fault !== undefined) throw new Error(this.fault);
    this.fates.note(changes);
    this.writes++;
    this.put += put.length;
    this.aliveAtMs = aliveAtMs;
    for (const id of remove) this.documents.delete(id);
    for (const { id, document } of put) this.documents.set(id, document);
  }
}

/** The calls of a node on a store that other nodes are on, which have nothing. */
export class SharedStore extends MemoryCalls {
  readonly shared: SharedCalls = {
    holders: async () => [],
    take: async () => [],
    claim: async () => {},
    heard: () => ({
      atMs: Number.POSITIVE_INFINITY,
      isInDoubt: false,
      missedAtMs: Number.NEGATIVE_INFINITY,
      contact: 'reached',
    }),
    answers: async () => true,
    release: async () => {},
  };
}

/** The calls of nodes that share a store: who has been silent is for the test to say. */
export class SharedMemory {
  readonly #nodes = new Map<string, { calls: Map<string, KeptCall>; isTaken: Set<string>; isForgotten: boolean }>();
  readonly #fates = new Fates();
  readonly silent = new Set<string>();
  /** So many calls are taken of a node that is silent, and then it is heard of again. */
  wakesAfter: number | undefined;
  /** Undefined: no node ever stands still. */
  clock: Clock | undefined;
  /** What nodes know of how they are known; default: that they told of themselves just now. */
  readonly heard = new Map<string, HeardOf>();
  /** Nodes that cannot reach it. */
  readonly cutOff = new Set<string>();

  /** @param clockOffsetMs how far the node's clock is ahead of the store's */
  of(name: string, clockOffsetMs: () => number = () => 0): CallStore {
    const own = { calls: new Map<string, KeptCall>(), isTaken: new Set<string>(), isForgotten: false };
    this.#nodes.set(name, own);
    const others = () => [...this.#nodes].filter(([other]) => other !== name);
    return {
      clockOffsetMs,
      load: async () => ({ calls: [...own.calls.values()], aliveAtMs: 0 }),
      fate: async (call) => (others().some(([, { calls }]) => calls.has(call.id)) ? 'elsewhere' : this.#fates.of(call)),
      write: async (changes) => {
        const { put, remove } = changes;
        if (this.cutOff.has(name)) throw new Error('Redis cannot be reached');
        if (own.isTaken.size > 0) {
          const taken = own.isTaken;
          own.isTaken = new Set();
          throw new CallsTaken(taken);
        }
        if (own.isForgotten) {
          own.isForgotten = false;
          throw new CallsForgotten();
        }
        this.#fates.note(changes);
        for (const call of put) own.calls.set(call.id, call);
        const removed = remove.flatMap((id) => own.calls.get(id) ?? []);
        if (removed.length > 0) this.#removed.set(name, removed);
        for (const id of remove) own.calls.delete(id);
        this.heard.delete(name);
      },
      shared: this.#sharedWith(name, own.calls),
    };
  }

  readonly #removed = new Map<string, readonly KeptCall[]>();

  /** Comes back empty. */
  empty(): void {
    this.#fates.whole.clear();
    this.#fates.over.clear();
    for (const node of this.#nodes.values()) {
      node.calls.clear();
      node.isForgotten = true;
    }
  }

  /** It crashes, and has forgotten that a node's calls had ended. */
  crash(name: string): void {
    for (const call of this.#removed.get(name) ?? []) this.#nodes.get(name)?.calls.set(call.id, call);
  }

  /** Another one follows it, which does not know that calls of a node were taken. */
  forgetTaken(name: string): void {
    this.#nodes.get(name)?.isTaken.clear();
  }

  /** How many calls the store has of a node. */
  count(name: string): number {
    return this.#nodes.get(name)?.calls.size ?? 0;
  }

  /** Nodes that have left their calls to whoever takes them. */
  readonly released = new Set<string>();

  #sharedWith(name: string, own: Map<string, KeptCall>): SharedCalls {
    return {
      holders: async () =>
        // How quiet a node is the other one knows from the roster here.
        [...this.#nodes].flatMap(([other, { calls }]) =>
          other !== name && calls.size > 0
            ? { name: other, silentMs: this.released.has(other) ? Infinity : DAY_MS }
            : [],
        ),
      take: async (node) => {
        const from = this.#nodes.get(node);
        if (from === undefined || !(this.silent.has(node) || this.released.has(node))) return 'alive';
        const taken = [...from.calls.values()].slice(0, this.wakesAfter);
        if (this.wakesAfter !== undefined) this.silent.delete(node);
        for (const call of taken) {
          from.calls.delete(call.id);
          from.isTaken.add(call.id);
          own.set(call.id, call);
        }
        return taken;
      },
      claim: async (ids) => {
        for (const [other, { calls }] of this.#nodes) if (other !== name) for (const id of ids) calls.delete(id);
      },
      heard: () => {
        const justNow = {
          atMs: this.clock?.nowMs() ?? Number.POSITIVE_INFINITY,
          isInDoubt: false,
          missedAtMs: Number.NEGATIVE_INFINITY,
          contact: 'reached' as const,
        };
        return this.heard.get(name) ?? justNow;
      },
      answers: async () => !this.cutOff.has(name),
      release: async () => {
        this.released.add(name);
      },
    };
  }
}

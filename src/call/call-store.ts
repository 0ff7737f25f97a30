import type { StoreClock } from '../base/store-time.ts';

/** A call that rings or is answered, as the store keeps it. */
export interface KeptCall {
  readonly id: string;
  /** A `CallSnapshot` as JSON; the store never reads it. */
  readonly document: string;
}

/** What became of calls since the last write. */
export interface CallChanges {
  readonly put: readonly KeptCall[];
  /** Ids of calls that have ended. */
  readonly remove: readonly string[];
  /** Wall clock, ms: this process was alive then. */
  readonly aliveAtMs: number;
  /** Names the process (`processOf`) when the store has with this every call that it had answered by then. */
  readonly whole?: string | undefined;
  /** Ids of those ended that another process had begun. */
  readonly over?: readonly string[] | undefined;
}

/** A call as somebody says that it was. */
export interface SaidCall {
  readonly id: string;
  /** The process that had it when it was answered. */
  readonly process: string;
  /** By the store's clock, ms; of one that is not known to have been answered, when it began. */
  readonly answeredAtMs: number;
}

/**
 * What the store knows of a call that is not here: it is kept as another's; it is over; or nothing, since the process that had it has told
 * it nothing since the answer, or what it told is lost.
 */
export type Fate = 'elsewhere' | 'over' | 'unknown';

/** What the store has of calls whose process has ended. */
export interface KeptCalls {
  readonly calls: readonly KeptCall[];
  /** When the process last wrote, wall clock, ms; 0: never. */
  readonly aliveAtMs: number;
}

/** Another node took this one for dead and goes on with its calls, or with some of them. */
export class CallsTaken extends Error {
  /** Ids of those; all others are this node's as before. */
  readonly taken: ReadonlySet<string>;

  constructor(taken: ReadonlySet<string>) {
    super('another node goes on with the calls');
    this.taken = taken;
  }
}

/** The store has lost what this process had written: it came back empty, or as it was before. */
export class CallsForgotten extends Error {
  constructor() {
    super('the store has forgotten calls that were written');
  }
}

/** Keeps calls that ring or are answered beyond the life of the process. Methods reject when the store cannot be reached or written. */
export interface CallStore extends StoreClock {
  load(): Promise<KeptCalls>;
  /**
   * Rejects with {@link CallsTaken}, once, when some of what this node had in the store is another's now, and with {@link CallsForgotten} when the
   * store has lost it; nothing is written then.
   */
  write(changes: CallChanges): Promise<void>;
  fate(call: SaidCall): Promise<Fate>;
  /** Absent where nobody else is on the store. */
  readonly shared?: SharedCalls;
}

/** A node of which the store has heard nothing for so long may lose its calls to another one. By the store's clock, which both write by. */
export const SILENT_MS = 1_300;
/** Nobody takes calls of a node of which the store has heard more lately than that; clocks need not run alike. */
export const SURE_MS = SILENT_MS - 100;

/**
 * The way to the store, as it is now:
 * - `reached`: the connection is there, and all that was asked over it is answered or waited for: a question is answered, or the connection fails
 * - `refused`: its machine, or the store itself, says that it is away; the network is well
 * - `silent`: nothing is heard from there: this node may be cut off
 */
export type StoreContact = 'reached' | 'refused' | 'silent';

export interface HeardOf {
  /** The store has heard of this node at this time or later. */
  readonly atMs: number;
  /** It was silent for so long before that others may have taken its calls, and the store has not said since whose they are. */
  readonly isInDoubt: boolean;
  /** When the store was last found to be away, by a process that did not stand still meanwhile. */
  readonly missedAtMs: number;
  readonly contact: StoreContact;
}

export interface CallHolder {
  readonly name: string;
  /** How long the store has heard nothing of it; infinite where it is known to have left. */
  readonly silentMs: number;
}

/** Calls of nodes that have ended, for those that live on. */
export interface SharedCalls {
  /** Nodes other than this one of which the store may have calls. */
  holders(): Promise<readonly CallHolder[]>;
  /**
   * Makes some of a node's calls this one's, in one step: no two nodes have the same. Asked again until none is left.
   * `alive`: it has told of itself within `silentMs`, and keeps what it has.
   */
  take(node: string, silentMs: number): Promise<readonly KeptCall[] | 'alive'>;
  /** Calls that this node goes on with are no other node's any more. */
  claim(ids: readonly string[]): Promise<void>;
  /** How sure this node may be, without asking, that it is not taken for dead. By its monotonic clock, ms. */
  heard(): HeardOf;
  /** Whether the store can be asked again, within so many ms. */
  answers(withinMs: number): Promise<boolean>;
  /** This node has no more to do with the calls that it has in the store: whoever asks first takes them. */
  release(): Promise<void>;
}

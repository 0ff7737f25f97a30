/** An answered call as the store keeps it. */
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
}

/** What the store has of calls whose process has ended. */
export interface KeptCalls {
  readonly calls: readonly KeptCall[];
  /** When the process last wrote, wall clock, ms; 0: never. */
  readonly aliveAtMs: number;
}

/** Another node took this one for dead and goes on with its calls. */
export class CallsTaken extends Error {
  constructor() {
    super('another node goes on with the calls');
  }
}

/** Keeps answered calls beyond the life of the process. Methods reject when the store cannot be reached or written. */
export interface CallStore {
  load(): Promise<KeptCalls>;
  /** Rejects with {@link CallsTaken}, once, when what this node had in the store is another's now; nothing is written then. */
  write(changes: CallChanges): Promise<void>;
  /** How far this machine's clock is ahead of the store's; absent where the store has none. */
  clockOffsetMs?(): number;
  /** Absent where nobody else is on the store. */
  readonly shared?: SharedCalls;
}

export interface HeardOf {
  /** The store has heard of this node at this time or later. */
  readonly atMs: number;
  /** When the store was last found to be away, by a process that did not stand still meanwhile. */
  readonly missedAtMs: number;
  /** Nothing at all was heard from there then: this node may be cut off. */
  readonly isSilent: boolean;
}

/** Calls of nodes that have ended, for those that live on. */
export interface SharedCalls {
  /** Nodes other than this one of which the store may have calls. */
  holders(): Promise<readonly string[]>;
  /**
   * Makes some of a node's calls this one's, in one step: no two nodes have the same. Asked again until none is left.
   * `alive`: it has told of itself within `silentMs`, and keeps what it has.
   */
  take(node: string, silentMs: number): Promise<readonly KeptCall[] | 'alive'>;
  /** Whether the store has this call as one of another node. */
  isElsewhere(id: string): Promise<boolean>;
  /** Calls that this node goes on with are no other node's any more. */
  claim(ids: readonly string[]): Promise<void>;
  /** How sure this node may be, without asking, that it is not taken for dead. By its monotonic clock, ms. */
  heard(): HeardOf;
  /** Whether the store can be asked again, within so many ms. */
  answers(withinMs: number): Promise<boolean>;
  /** This node has no more to do with the calls that it has in the store: whoever asks first takes them. */
  release(): Promise<void>;
}

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

/** Keeps answered calls beyond the life of the process. Methods reject when the store cannot be reached or written. */
export interface CallStore {
  load(): Promise<KeptCalls>;
  write(changes: CallChanges): Promise<void>;
}

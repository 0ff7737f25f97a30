/** Where messages are kept beyond the life of a process. `store/` implements it. */

/** A message as the store has it: what it is found by, and its document, which the store never reads. */
export interface MessageRow {
  readonly id: string;
  readonly tenant: string;
  readonly createdMs: number;
  /** It is shown in listings; what is passed along beside messages is not. */
  readonly listed: boolean;
  /** When somebody has to look at it next; undefined: there is nothing to do. */
  readonly dueMs: number | undefined;
  /** Phones that it waits for: `tenant/number`. */
  readonly waitsFor: readonly string[];
  /** The id that others know it by. */
  readonly remoteKey: string | undefined;
  /** The node that works on it, and until when it alone does. */
  readonly holder: string;
  readonly heldUntilMs: number;
  /** Of the document; the next one is one more. */
  readonly revision: number;
  readonly document: string;
}

/** That a user wrote: from then on the business may answer freely for a day. */
export interface UserHeard {
  readonly key: string;
  readonly atMs: number;
}

export interface Claim {
  readonly holder: string;
  readonly nowMs: number;
  readonly untilMs: number;
  readonly limit: number;
  /** Only what waits for this phone; default: whatever is due. */
  readonly waitsFor?: string;
  /** Of what is due nothing of these, however much of theirs is due before others'. */
  readonly exceptTenants?: readonly string[];
  /** What the holder holds until before then, or for longer than by this claim, a process before it has left: it is taken as well. */
  readonly leftBeforeMs?: number;
}

export interface MessagePage {
  readonly rows: readonly MessageRow[];
  readonly total: number;
}

/**
 * Each method is one step: all of it or, when it rejects, nothing. What is acknowledged outlives the process, and in the embedded store a
 * loss of power.
 */
export interface MessageStore {
  /** Adds those whose ids are not there yet; says of each whether it was new. */
  add(rows: readonly MessageRow[], heard: readonly UserHeard[]): Promise<readonly boolean[]>;
  /** Replaces those whose revision is the one before; says of each whether it was. */
  save(rows: readonly MessageRow[]): Promise<readonly boolean[]>;
  get(id: string): Promise<MessageRow | undefined>;
  byRemoteKey(key: string): Promise<MessageRow | undefined>;
  /** Takes what is due, or waits for a phone, and is held by nobody else. */
  claim(claim: Claim): Promise<readonly MessageRow[]>;
  /** The latest first. */
  list(tenant: string | undefined, offset: number, limit: number): Promise<MessagePage>;
  /** When a user wrote last, wall clock, ms; undefined: never, or long ago. */
  heard(key: string): Promise<number | undefined>;
  /** Removes what was made before and has nothing left to do. */
  forget(beforeMs: number): Promise<void>;
}

/** Calls without an answer that outlive their process: what is kept of them, and how another one goes on with them. */
import { buildCancel } from '../sip/endpoint/index.ts';
import { serialize } from '../sip/message/index.ts';
import type { TransportName } from '../sip/transport/index.ts';
import type { ClientTransaction, Destination, ServerTransaction } from './ports.ts';
import { type AttemptRecord, type CallFacts, LiveRecord } from './record.ts';
import {
  type CallSnapshot,
  type FirstCallSnapshot,
  type GrantSnapshot,
  type PlaceSnapshot,
  placeOf,
  readSnapshot,
} from './snapshot.ts';

/** A call without an answer, as plain data: what another process needs to go on with it, or to place it again, for a caller who still waits. */
export interface WaitingSnapshot {
  /**
   * Of the shape; another one is not read. `waiting-1` is what the program before reads too, and would place again for a caller at the end of
   * a connection that has ended.
   */
  readonly version: 'waiting-1' | 'waiting-2';
  readonly id: string;
  /** The caller's INVITE, and where from: of a caller at the end of a connection the address alone counts. */
  readonly invite: string;
  readonly from: PlaceSnapshot;
  /** The tag of the early dialog that the caller was told; absent where reliable responses (RFC 3262) belong to it. */
  readonly tag?: string;
  readonly cancels: readonly WaitingCancel[];
  /** Whose session description the caller was given last; absent: nobody's. */
  readonly described?: DescribedSnapshot;
  /** What the call is recorded with where nobody goes on with it. Absent in what the program before wrote, in part. */
  readonly record?: WaitingRecord;
  /** How long it had been waiting by then, ms; absent in what the program before wrote. */
  readonly forMs?: number;
  /** Wall clock, ms. */
  readonly takenAtMs: number;
}

export interface DescribedSnapshot {
  /** Of the callee's early dialog: its Call-ID, and the callee's tag. */
  readonly callId: string;
  readonly tag: string;
  /** As the caller has it; absent where it was an offer. */
  readonly sdp?: string;
}

export interface WaitingRecord {
  readonly facts: CallFacts;
  readonly callerCallId: string;
  readonly startedAtMs: number;
  readonly ringingAtMs?: number;
  readonly attempts: readonly AttemptRecord[];
  /** How many processes had it before. */
  readonly takeovers?: number;
}

/** An INVITE under way. */
export interface WaitingCancel {
  /** Its CANCEL. */
  readonly text: string;
  readonly to: PlaceSnapshot;
  /** Absent in what the program before wrote. */
  readonly asked?: AskedSnapshot;
  /** It was sent to another node: what that one rings with, as it has said, and the phone's own address. */
  readonly there?: { readonly text: string; readonly to: PlaceSnapshot };
}

/** What it takes to hear the answer to an INVITE of another process, or to cancel it. */
export interface AskedSnapshot {
  /** As it was sent. */
  readonly text: string;
  /** Where its answers come to: what it was sent from. */
  readonly at: ListeningPlace;
  readonly trunkId?: string;
  /** The highest sequence number of its early dialogs. */
  readonly usedSequence: number;
  /** Who rings has asked for privacy. */
  readonly identityWithheld?: boolean;
  /** Nobody else can go on with it: its description is a media relay's. */
  readonly isBound?: boolean;
}

export interface ListeningPlace {
  readonly transport: TransportName;
  readonly host: string;
  readonly port: number;
}

/** What of an INVITE under way its transaction does not know. */
export interface AskedParts extends Pick<AskedSnapshot, 'usedSequence'> {
  readonly to: Destination;
  readonly trunkId: string | undefined;
  readonly isBound: boolean;
  readonly identityWithheld: boolean;
}

export function waitingInvite({ request, flow }: ServerTransaction): Pick<WaitingSnapshot, 'invite' | 'from'> {
  return { invite: serialize(request), from: placeOf(flow) };
}

/** Undefined where it could not be reached again: at the end of a connection that the other side has made. */
export function cancellationOf(
  { request, flow }: ClientTransaction,
  { to, trunkId, usedSequence, isBound, identityWithheld }: AskedParts,
): WaitingCancel | undefined {
  const place = { ...placeOf(to), transport: flow.transport };
  if (place.kind === 'connection') return undefined;
  // A datagram is answered where it came from, what comes over a connection that has ended at the port in Via (RFC 3261 §18.2.2, RFC 3581).
  const port = flow.reliable ? (request.topVia().port ?? 5060) : flow.localPort;
  const at = { transport: flow.transport, host: flow.localAddress, port };
  return {
    text: serialize(buildCancel(request, [])),
    to: place,
    asked: {
      text: serialize(request),
      at,
      usedSequence,
      ...(trunkId !== undefined && { trunkId }),
      ...(isBound && { isBound }),
      ...(identityWithheld && { identityWithheld }),
    },
  };
}

export function waitingRecord(record: LiveRecord): WaitingRecord {
  const { placedFacts: facts, callerCallId, startedAtMs, ringingAtMs, attempts, takeovers } = record;
  return { facts, callerCallId, startedAtMs, attempts, takeovers, ...(ringingAtMs !== undefined && { ringingAtMs }) };
}

/** The complete record of a call that has ended with its node; undefined where the snapshot has none. */
export function lostRecord({ id, tag, record: kept }: WaitingSnapshot, endedAtMs: number): LiveRecord | undefined {
  if (kept === undefined) return undefined;
  const record = new LiveRecord(id, kept.facts, kept.callerCallId, kept.startedAtMs);
  const { ringingAtMs, attempts, takeovers = 0 } = kept;
  return Object.assign(record, {
    ...{ ringingAtMs, attempts, endedAtMs, takeovers: takeovers + 1, ...(tag !== undefined && { callerTags: [tag] }) },
    ...{ status: 503, reason: 'Service Unavailable', endedBy: 'engine', endReason: 'node-ended' },
  });
}

/** A call as a store has it: answered, or still without an answer; neither when its shape is none that is read. */
export interface KeptSnapshot {
  readonly answered?: CallSnapshot | undefined;
  readonly waiting?: WaitingSnapshot;
}

/** A call, as its document is made. */
interface KeptCallParts {
  readonly record: LiveRecord;
  snapshot(takenAtMs: number): CallSnapshot | undefined;
  waitingSnapshot(takenAtMs: number): WaitingSnapshot | undefined;
}

/**
 * What {@link readKept} reads; undefined while nobody could go on with the call.
 *
 * @param grants what the fraud guards have granted to it
 * @param takenAtMs by the clock of the store
 */
export function keptDocument(
  call: KeptCallParts,
  grants: (record: LiveRecord) => readonly GrantSnapshot[],
  takenAtMs: number,
): string | undefined {
  const { record } = call;
  const answered = call.snapshot(takenAtMs);
  if (answered !== undefined) return JSON.stringify({ ...answered, grants: grants(record) } satisfies CallSnapshot);
  // Of a call between nodes the one that drafted it can place it again.
  const waiting = record.facts.peerNode === undefined ? call.waitingSnapshot(takenAtMs) : undefined;
  return waiting && JSON.stringify({ ...waiting, record: waitingRecord(record) } satisfies WaitingSnapshot);
}

/** @param offsetMs from the clock of the store to that of this process. Throws when it is no JSON. */
export function readKept(document: string, offsetMs: number): KeptSnapshot {
  const stored = JSON.parse(document) as CallSnapshot | FirstCallSnapshot | WaitingSnapshot;
  const takenAtMs = stored.takenAtMs + offsetMs;
  if (isWaiting(stored)) return { waiting: { ...stored, takenAtMs } };
  return { answered: readSnapshot({ ...stored, takenAtMs }) };
}

function isWaiting(stored: CallSnapshot | FirstCallSnapshot | WaitingSnapshot): stored is WaitingSnapshot {
  return stored.version === 'waiting-1' || stored.version === 'waiting-2';
}

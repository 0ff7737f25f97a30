/**
 * An answered call as plain data, fit for JSON: what another process needs to go on with it, or to end it where it was being ended. What is
 * under way in it (a re-INVITE, a transfer) is not kept; the parties send it again.
 */
import type { MediaSnapshot } from '../media/index.ts';
import type { Dialog, DialogSnapshot, SessionInterval } from '../sip/dialog/index.ts';
import { isFlow } from '../sip/endpoint/index.ts';
import type { Flow, Target, TransportName } from '../sip/transport/index.ts';
import type { LegState } from './leg-request.ts';
import type { LegOptions } from './plan.ts';
import type { Destination } from './ports.ts';
import { type AttemptRecord, type CallFacts, type EndedBy, LiveRecord } from './record.ts';

/** Where a leg's messages went, without TLS material. A connection is gone with its process. */
export interface PlaceSnapshot extends Omit<Target, 'tls' | 'connectTimeoutMs'> {
  readonly kind: 'target' | 'connection';
}

/** The session description last sent, which a refresh by re-INVITE repeats. */
export interface DescriptionSnapshot {
  readonly contentType: string;
  readonly body: string;
}

export interface SessionSnapshot {
  /** Of the interval; `remainingMs` counts from {@link CallSnapshot.takenAtMs}. */
  readonly interval: SessionInterval;
  readonly description?: DescriptionSnapshot;
}

export interface LegSnapshot {
  readonly dialog: DialogSnapshot;
  readonly place: PlaceSnapshot;
  readonly options: LegOptions;
  readonly identity?: string;
  readonly identityWithheld: boolean;
  readonly identityAsserted: boolean;
  readonly methods?: number;
  readonly session?: SessionSnapshot;
}

/** What fraud guards granted to a call: whose call to the outside it is, and how long that one had lasted by then. */
export interface GrantSnapshot {
  readonly tenant: string;
  readonly extension?: string;
  /** As dialled. */
  readonly number: string;
  readonly emergency: boolean;
  readonly talkMs: number;
}

export interface CallSnapshot {
  /** Of the shape; {@link readSnapshot} says which ones are read. */
  readonly version: 2;
  readonly id: string;
  readonly facts: CallFacts;
  readonly callerCallId: string;
  readonly calleeCallId: string;
  readonly startedAtMs: number;
  readonly ringingAtMs?: number;
  readonly answeredAtMs: number;
  readonly answeredBy?: string;
  readonly answeredTrunkId?: string;
  readonly attempts: readonly AttemptRecord[];
  readonly status: number;
  readonly reason: string;
  readonly transferredTo?: string;
  /** How many processes had it before. */
  readonly takeovers?: number;
  /** Of a call that was being ended by then, as its record has it, all three: whoever has it ends it. Absent in snapshots of the version before, which goes on with such a call. */
  readonly endedAtMs?: number;
  readonly endedBy?: EndedBy;
  readonly endReason?: string;
  /** Wall clock, ms; in the store by the clock of that. */
  readonly takenAtMs: number;
  /** How long it had been answered by then, whatever clocks were set meanwhile; absent in snapshots of before it was noted. */
  readonly answeredForMs?: number;
  /** Longest time from the answer to the end, ms; absent: none. */
  readonly sessionLimitMs?: number;
  /** What brings the media of the two together, where something does. */
  readonly media?: CallMediaSnapshot;
  /** Absent in snapshots of the version before, and in those that were rebuilt from what a Contact carried. */
  readonly grants?: readonly GrantSnapshot[];
  readonly caller: LegSnapshot;
  readonly callee: LegSnapshot;
}

export interface CallMediaSnapshot {
  readonly session: MediaSnapshot;
  /** The caller is the near side. */
  readonly isCallerNear: boolean;
  readonly farTag: string;
}

/** As the program before wrote it: the owner of a leg is a text, `tenant/number`. */
interface FirstLegSnapshot extends Omit<LegSnapshot, 'options'> {
  readonly options: Omit<LegOptions, 'owner'> & { readonly owner?: string };
}

export interface FirstCallSnapshot extends Omit<CallSnapshot, 'version' | 'caller' | 'callee'> {
  readonly version: 1;
  readonly caller: FirstLegSnapshot;
  readonly callee: FirstLegSnapshot;
}

/** A stored snapshot of this program, or of the one before; undefined for any other. */
export function readSnapshot(kept: CallSnapshot | FirstCallSnapshot): CallSnapshot | undefined {
  if (kept.version === 2) return kept;
  if (kept.version !== 1) return undefined;
  return { ...kept, version: 2, caller: legOfFirst(kept.caller), callee: legOfFirst(kept.callee) };
}

function legOfFirst(leg: FirstLegSnapshot): LegSnapshot {
  const { owner, ...options } = leg.options;
  const slash = owner?.lastIndexOf('/') ?? -1;
  if (owner === undefined || slash < 0) return { ...leg, options };
  return { ...leg, options: { ...options, owner: { tenant: owner.slice(0, slash), number: owner.slice(slash + 1) } } };
}

/** A leg, as its snapshot is taken. */
interface KeptLeg {
  readonly state: LegState;
  readonly dialog: Pick<Dialog, 'snapshot'>;
  readonly destination: Destination;
  readonly options: LegOptions;
  readonly identity: string | undefined;
  readonly identityWithheld: boolean;
  readonly identityAsserted: boolean;
  readonly methods: number | undefined;
  readonly session: { snapshot(): SessionSnapshot | undefined } | undefined;
}

export function legSnapshot(leg: KeptLeg): LegSnapshot {
  const { identity, methods } = leg;
  const session = leg.session?.snapshot();
  const dialog = leg.dialog.snapshot();
  return {
    dialog: leg.state === 'gone' ? beforeBye(dialog) : dialog,
    place: placeOf(leg.destination),
    options: leg.options,
    identityWithheld: leg.identityWithheld,
    identityAsserted: leg.identityAsserted,
    ...(identity !== undefined && { identity }),
    ...(methods !== undefined && { methods }),
    ...(session !== undefined && { session }),
  };
}

/** What was heard last of a party that has left is its BYE: a copy that comes to whoever has the call then is in order there. */
function beforeBye(dialog: DialogSnapshot): DialogSnapshot {
  return { ...dialog, remoteSequence: dialog.remoteSequence - 1 };
}

/** What of an answered call is not in its record. */
interface CallParts extends Pick<CallSnapshot, 'caller' | 'callee' | 'takenAtMs'> {
  readonly media: CallMediaSnapshot | undefined;
  readonly sessionLimitMs: number | undefined;
  /** By the clock that the record's times are of, ms. */
  readonly timeMs: number;
}

export function callSnapshot(
  record: LiveRecord,
  { caller, callee, media, sessionLimitMs, takenAtMs, timeMs }: CallParts,
): CallSnapshot {
  const { id, placedFacts: facts, callerCallId, calleeCallId = '', startedAtMs, attempts, status, reason } = record;
  const { ringingAtMs, answeredAtMs = timeMs, answeredBy, answeredTrunkId, transferredTo } = record;
  const { endedAtMs, endedBy, endReason, takeovers } = record;
  return {
    version: 2,
    id,
    facts,
    callerCallId,
    calleeCallId,
    startedAtMs,
    answeredAtMs,
    attempts,
    status,
    reason,
    takenAtMs,
    answeredForMs: timeMs - answeredAtMs,
    caller,
    callee,
    ...(media !== undefined && { media }),
    ...(ringingAtMs !== undefined && { ringingAtMs }),
    ...(answeredBy !== undefined && { answeredBy }),
    ...(answeredTrunkId !== undefined && { answeredTrunkId }),
    ...(transferredTo !== undefined && { transferredTo }),
    ...(takeovers > 0 && { takeovers }),
    ...(endedAtMs !== undefined && endedBy !== undefined && { endedAtMs, endedBy, endReason }),
    ...(sessionLimitMs !== undefined && Number.isFinite(sessionLimitMs) && { sessionLimitMs }),
  };
}

export function restoredRecord(of: CallSnapshot): LiveRecord {
  const record = new LiveRecord(of.id, of.facts, of.callerCallId, of.startedAtMs);
  const { ringingAtMs, answeredAtMs, calleeCallId, answeredBy, answeredTrunkId, attempts, status, reason } = of;
  const { transferredTo, endedAtMs, endedBy, endReason = '', takeovers = 0 } = of;
  return Object.assign(record, {
    ...{ ringingAtMs, answeredAtMs, calleeCallId, answeredBy, answeredTrunkId },
    ...{ attempts, status, reason, transferredTo, endedAtMs, endedBy, endReason, takeovers: takeovers + 1 },
  });
}

/** How long ago a call was answered. `wallMs` is the clock that {@link CallSnapshot.takenAtMs} is of; one that runs behind it counts nothing. */
export function answeredAgoMs(of: CallSnapshot, wallMs: number): number {
  const then = of.answeredForMs ?? Math.max(0, of.takenAtMs - of.answeredAtMs);
  return then + Math.max(0, wallMs - of.takenAtMs);
}

/** Makes of a place where a leg's messages go now: with TLS material, or the connection that the peer has made meanwhile. */
export type Reacher = (place: PlaceSnapshot, options: LegOptions) => Destination;

export function placeOf(to: Destination): PlaceSnapshot {
  if (!isFlow(to)) {
    const { transport, address, port, listenerId, serverName, guarded, owner } = to;
    return {
      kind: 'target',
      transport,
      address,
      port,
      ...(listenerId !== undefined && { listenerId }),
      ...(serverName !== undefined && { serverName }),
      ...(guarded !== undefined && { guarded }),
      ...(owner !== undefined && { owner }),
    };
  }
  const { transport, remoteAddress, remotePort, listenerId, reliable } = to;
  return {
    kind: reliable ? 'connection' : 'target',
    transport,
    address: remoteAddress,
    port: remotePort,
    ...(listenerId !== '' && { listenerId }),
  };
}

/** The place as it is: a target, or a connection that has ended. */
export function destinationAt(place: PlaceSnapshot): Destination {
  const { kind, ...target } = place;
  return kind === 'target' ? (target satisfies Target) : new EndedConnection(place);
}

/** Stands for a connection of a process that has ended; messages find another way (`peers.nextHop`), or none. */
class EndedConnection implements Flow {
  readonly transport: TransportName;
  readonly reliable = true;
  readonly localAddress = '';
  readonly localPort = 0;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly listenerId: string;
  readonly key: string;
  readonly connected = true;
  readonly closed = true;
  readonly tls = undefined;

  constructor({ transport, address, port, listenerId }: PlaceSnapshot) {
    this.transport = transport;
    this.remoteAddress = address;
    this.remotePort = port;
    this.listenerId = listenerId ?? '';
    this.key = `ended ${transport}:${address}:${port}`;
  }

  send(): void {}
  keepAlive(): void {}
  close(): void {}
}

import { added } from '../base/added.ts';
import { ownCopy } from '../base/text.ts';
import type { MediaStatistics } from '../media/index.ts';
import type { Dialog } from '../sip/dialog/index.ts';
import type { ServerTransaction } from '../sip/endpoint/index.ts';
import type { SipRequest } from '../sip/message/index.ts';

/** Rich call data that was verified: a name (empty: none), an icon whose octets have the digest that was signed, the reason of the call. */
export interface ShownCallerFacts {
  readonly name: string;
  readonly icon?: string | undefined;
  readonly callReason?: string | undefined;
  /** Subject of the certificate. */
  readonly signer: string;
}

/** What was found of a caller's signed identity (STIR/SHAKEN), or what the carrier says that it found. */
export interface VerificationFacts {
  readonly result: 'passed' | 'failed' | 'none';
  /** Whose word it is: this engine's own, from the Identity fields, or the carrier's. */
  readonly source: 'identity' | 'carrier';
  readonly attestation?: 'A' | 'B' | 'C' | undefined;
  /** The number that is signed, canonical. */
  readonly number?: string | undefined;
  /** Why it failed: the status of RFC 8224 §6.2.2, and words. */
  readonly code?: number | undefined;
  readonly reason?: string | undefined;
  readonly originationId?: string | undefined;
  /** Subject of the certificate. */
  readonly signer?: string | undefined;
  /** Numbers that the call was sent on from by others, the first one first. */
  readonly divertedFrom?: readonly string[] | undefined;
  /** How the caller's provider has signed that it is to be shown (RFC 9795): of calls that passed. */
  readonly shown?: ShownCallerFacts | undefined;
  /** What was found of each Identity value, in words. */
  readonly findings: readonly string[];
}

/** What WhatsApp says of a call in header fields of its own. Texts are octets. */
export interface WhatsappFacts {
  /** Its own id of the call. */
  readonly callId?: string | undefined;
  /** The user, also where the number is not shown. */
  readonly userId?: string | undefined;
  readonly parentUserId?: string | undefined;
  readonly userName?: string | undefined;
  /** What the business has put behind the button, or into the link, that the user called by. */
  readonly buttonPayload?: string | undefined;
  readonly linkPayload?: string | undefined;
  readonly durationSeconds?: number | undefined;
}

/** What is known of a call before it is placed. `engine/` fills it; nothing here interprets it. */
export interface CallFacts {
  readonly direction: 'outbound' | 'inbound' | 'internal';
  readonly tenant?: string;
  /** The calling number, and the name or trunk it belongs to. */
  readonly caller: string;
  readonly callerName?: string;
  /** The number as dialled, and as it was sent, where they differ. */
  readonly called: string;
  readonly calledAs?: string | undefined;
  readonly extension?: string;
  readonly trunkId?: string;
  readonly outboundCallerId?: string | undefined;
  /** Which setting gave it: `app`, `extension`, `rule`, `group`, `company` … */
  readonly outboundCallerIdSource?: string | undefined;
  readonly outboundRule?: string | undefined;
  /** The number was kept from the called side. */
  readonly anonymous?: boolean | undefined;
  /** How it was signed on the trunk tried last: the attestation, or `div`. */
  readonly signed?: 'A' | 'B' | 'C' | 'div' | undefined;
  /** Name of the certificate that signed it. */
  readonly signedWith?: string | undefined;
  /** `origid` of the token (RFC 8588 §5). */
  readonly originId?: string | undefined;
  readonly inboundRule?: string;
  /** Where that rule leads, in words: `extension 102`. */
  readonly destination?: string;
  /** Names the routing session of the call, under which its outbound plans are kept. */
  readonly sessionId?: string;
  /** Set on a call that this node only sends on for another node of the store, which keeps the record. */
  readonly peerNode?: string;
  /** Of a call that came over a trunk that is verified, or that says so of itself. */
  readonly verification?: VerificationFacts;
  /** Of a call that went on from what a Contact carried. */
  readonly rebuilt?: 'whole' | 'timed-from-invite' | undefined;
  /** Of a call with WhatsApp. */
  readonly whatsapp?: WhatsappFacts | undefined;
  readonly [name: string]: string | number | boolean | VerificationFacts | WhatsappFacts | undefined;
}

/** How a call was sent over a trunk, which is known once its INVITE is drafted. */
export type SentFacts = Pick<
  CallFacts,
  | 'calledAs'
  | 'outboundCallerId'
  | 'outboundCallerIdSource'
  | 'outboundRule'
  | 'anonymous'
  | 'signed'
  | 'signedWith'
  | 'originId'
>;

/** One target tried: one INVITE transaction, repairs (401, 407, 420, 422, 491) counted within. */
export interface AttemptRecord {
  readonly label: string;
  readonly trunkId?: string | undefined;
  readonly extension?: string | undefined;
  /** The other node of the store that it went through. */
  readonly node?: string | undefined;
  /** `transport:address:port`. */
  readonly target: string;
  /** Final status; 0 when there was none. */
  readonly status: number;
  readonly reason: string;
  readonly cause: 'response' | 'timeout' | 'transport-error' | 'ring-timeout' | 'capacity' | 'cancelled' | 'answered';
  readonly retryAfterSeconds?: number | undefined;
  /** Wall clock of its start, and how long it took. */
  readonly startedAtMs: number;
  readonly elapsedMs: number;
  /** The engine's Call-ID on that leg, for traces. */
  readonly callId: string;
}

/** As it is told at once, with what a record does not keep. */
export interface ToldAttempt extends AttemptRecord {
  /** Values of Reason (RFC 3326 §2) in its response, when there are any. */
  readonly reasonHeaders?: readonly string[];
}

/** A leg that has been sent an INVITE, by the name of its peer and the engine's Call-ID on it. */
export interface BegunLeg {
  readonly label: string;
  readonly trunkId?: string;
  readonly callId: string;
}

/** A leg, for traces. */
export interface NamedLeg {
  /** What its peer is called; undefined of the caller's. */
  readonly label: string | undefined;
  /** The engine's tags in its dialogs (RFC 3261 §12); undefined: that of the INVITE which the engine sent, under a Call-ID that it drew. */
  readonly tags: readonly string[] | undefined;
}

export interface JoinedLeg extends NamedLeg {
  readonly callId: string;
  readonly tags: readonly string[];
}

/** Why and by whom a call ended. */
export type EndedBy = 'caller' | 'callee' | 'engine';

const NO_ATTEMPTS: readonly AttemptRecord[] = [];
const NONE: readonly BegunLeg[] = [];
const NO_JOINED: readonly JoinedLeg[] = [];
const NO_TAGS: readonly string[] = [];
const NO_MEDIA: readonly MediaStatistics[] = [];
/** So many legs that have taken the place of another are kept by name, the first half of them and the latest. */
const MOST_JOINED = 64;

/** The record of a call: grows while it lives, complete when `onCallEnded` gets it. Times are wall clock ms. */
export class LiveRecord {
  readonly id: string;
  /** Replaced once, by those of a plan that was not ready at the start. */
  facts: CallFacts;
  /** How it was sent the last time. Kept here: whatever else is kept of how it was placed goes when others have been placed. */
  sent: SentFacts | undefined = undefined;
  readonly callerCallId: string;
  /** The engine's tags in the dialogs of the caller's leg: one, unless several of those who were called have described their media. */
  callerTags: readonly string[] = NO_TAGS;
  readonly startedAtMs: number;
  ringingAtMs: number | undefined = undefined;
  answeredAtMs: number | undefined = undefined;
  endedAtMs: number | undefined = undefined;
  /** Call-ID of the leg that answered. */
  calleeCallId: string | undefined = undefined;
  /** The engine's tag in its dialog. */
  calleeTag: string | undefined = undefined;
  /** Which branch answered. */
  answeredBy: string | undefined = undefined;
  answeredTrunkId: string | undefined = undefined;
  attempts: readonly AttemptRecord[] = NO_ATTEMPTS;
  /**
   * Legs that have taken the place of another, by what they are named: they picked the call up, or it was transferred to them. The first
   * 32 and the latest: two phones may take a call from each other without end.
   */
  joined: readonly JoinedLeg[] = NO_JOINED;
  /** Legs that were cancelled; each is an attempt as well once its final response is there. */
  cancelled: readonly BegunLeg[] = NONE;
  /** What relays have counted: of each pair of parties in turn. */
  media: readonly MediaStatistics[] = NO_MEDIA;
  /** Final status sent to the caller: 200 when answered. */
  status = 0;
  reason = '';
  /** The carrier's own status, where the one sent to the caller was mapped. */
  carrierStatus: number | undefined = undefined;
  endedBy: EndedBy | undefined = undefined;
  /** Why it ended, in a word: `bye`, `cancel`, `refused`, `session-limit`, `ring-timeout`, `no-ack`, `session-expired`, `transferred`, `daily-minutes-exceeded`, `node-ended` … */
  endReason = '';
  /** How many processes had the call before this one, and may have recorded its end as well. */
  takeovers = 0;
  /** Number transferred to, when a REFER moved one side. */
  transferredTo: string | undefined = undefined;

  constructor(id: string, facts: CallFacts, callerCallId: string, startedAtMs: number) {
    this.id = id;
    this.facts = facts;
    this.callerCallId = callerCallId;
    this.startedAtMs = startedAtMs;
  }

  /** @param other the dialog of the other party, which stays and is not forgotten */
  noteJoined(
    { callId, localTag }: Pick<Dialog, 'callId' | 'localTag'>,
    label: string | undefined,
    other?: Pick<Dialog, 'localTag'>,
  ): void {
    const joined = added(this.joined, { callId: ownCopy(callId), label, tags: [localTag] });
    if (joined.length > MOST_JOINED) {
      const isForgotten = ({ tags: [tag] }: JoinedLeg, index: number) =>
        index >= MOST_JOINED / 2 && tag !== other?.localTag;
      const forgotten = joined.findIndex(isForgotten);
      if (forgotten !== -1) joined.splice(forgotten, 1);
    }
    this.joined = joined;
  }

  /** All that its record says of how it was placed, for whoever goes on with it. */
  get placedFacts(): CallFacts {
    return this.sent === undefined ? this.facts : { ...this.facts, ...this.sent };
  }

  /** Time from answer to end; 0 for a call that was not answered. */
  get talkMs(): number {
    return this.answeredAtMs === undefined || this.endedAtMs === undefined ? 0 : this.endedAtMs - this.answeredAtMs;
  }

  /** Time from INVITE to answer or end. */
  get setupMs(): number | undefined {
    const until = this.answeredAtMs ?? this.endedAtMs;
    return until === undefined ? undefined : until - this.startedAtMs;
  }
}

/** What a call begins by, and where it came from. */
export type CallersInvite = Pick<ServerTransaction, 'request' | 'flow'>;

/** Hears of calls; `observe/` implements it. Called synchronously, once per event per call. */
export interface CallObserver {
  onCallStarted(record: LiveRecord, by: CallersInvite): void;
  /** What its plan had to wait for is known; `facts` are others now. */
  onCallReady?(record: LiveRecord): void;
  /** The first provisional response above 100 was relayed. */
  onCallRinging(record: LiveRecord): void;
  onCallAnswered(record: LiveRecord): void;
  /**
   * Something of an answered call, or of one that rings, is another than its snapshot said: a target, a sequence number, a party; or a call
   * is being ended from now on. Often: it only takes note.
   */
  onCallChanged?(record: LiveRecord): void;
  /** A party over a trunk has left with this BYE; the call may go on without it. */
  onPartyLeft?(record: LiveRecord, trunkId: string, bye: SipRequest): void;
  /** A party of an answered call is one of another from now on. */
  onPartyMoved?(from: LiveRecord, to: LiveRecord): void;
  /**
   * Both legs are over; exactly once for each call started.
   * @param endingMs since its end, which its last party has answered only now, by the clock of the call
   */
  onCallEnded(record: LiveRecord, endingMs: number): void;
  /** In place of its end: another node has it, or the call whose half it was, and writes its record. */
  onCallMoved?(record: LiveRecord): void;
}

/** Each leg so far, by Call-ID. @param begun those without a final response, @param parties the dialogs of an answered call's */
export function namedLegs(
  record: LiveRecord,
  begun: readonly BegunLeg[],
  parties: readonly (Pick<Dialog, 'callId' | 'localTag'> | undefined)[] = [],
): ReadonlyMap<string, NamedLeg> {
  const { callerCallId, callerTags, calleeCallId, calleeTag, attempts, joined } = record;
  const legs = new Map<string, NamedLeg>([[callerCallId, { label: undefined, tags: callerTags }]]);
  for (const { callId, label } of [...attempts, ...begun]) legs.set(callId, { label, tags: undefined });
  const add = (callId: string, tag: string, name?: string) => {
    const { label = name, tags = NO_TAGS } = legs.get(callId) ?? {};
    legs.set(callId, { label, tags: [...tags, tag] });
  };
  for (const { callId, label, tags } of joined) for (const tag of tags) add(callId, tag, label);
  if (calleeCallId !== undefined && calleeTag !== undefined) add(calleeCallId, calleeTag);
  for (const dialog of parties) if (dialog !== undefined) add(dialog.callId, dialog.localTag);
  return legs;
}

/**
 * - `routing`: the caller waits, nothing rings
 * - `ringing`: a provisional response was relayed
 * - `answered`: both legs are up
 * - `ending`: at least one leg is over and the rest is being ended
 */
export type CallState = 'routing' | 'ringing' | 'answered' | 'ending';

/** One row of `tandem calls`. */
export interface CallListing {
  readonly id: string;
  readonly state: CallState;
  readonly facts: CallFacts;
  readonly callerCallId: string;
  readonly calleeCallId?: string;
  readonly startedAtMs: number;
  readonly answeredAtMs?: number;
  readonly answeredBy?: string;
  /** The trunk that it came over, that answered it, or that is being tried. */
  readonly trunkId?: string;
}

/** @param begun its legs without a final response, the latest last */
export function callListing(record: LiveRecord, state: CallState, begun: readonly BegunLeg[]): CallListing {
  const trunkId = record.facts.trunkId ?? record.answeredTrunkId ?? begun.at(-1)?.trunkId;
  return {
    id: record.id,
    state,
    facts: record.facts,
    callerCallId: record.callerCallId,
    startedAtMs: record.startedAtMs,
    ...(record.calleeCallId !== undefined && { calleeCallId: record.calleeCallId }),
    ...(record.answeredAtMs !== undefined && { answeredAtMs: record.answeredAtMs }),
    ...(record.answeredBy !== undefined && { answeredBy: record.answeredBy }),
    ...(trunkId !== undefined && { trunkId }),
  };
}

import type { Log } from '../base/log.ts';
import type { Scheduler } from '../base/scheduler.ts';
import type {
  MediaParty,
  MediaQuestion,
  MediaRefusal,
  MediaSession,
  MediaSnapshot,
  SessionUser,
} from '../media/index.ts';
import type { DigestClient } from '../sip/auth/index.ts';
import type { Dialog, RunningInterval } from '../sip/dialog/index.ts';
import type {
  ClientTransaction,
  ClientTransactionUser,
  Endpoint,
  SendOptions,
  ServerTransaction,
  ServerTransactionUser,
} from '../sip/endpoint/index.ts';
import type { NameAddr, SipRequest } from '../sip/message/index.ts';
import type { Flow, Target } from '../sip/transport/index.ts';
import type { PartsLeft } from './parts-left.ts';
import type { CallPlan, LegOptions, Rejection } from './plan.ts';
import type { CallObserver, LiveRecord } from './record.ts';

/** What this folder needs from the layers below and from `engine/`. The real endpoint satisfies {@link EndpointPort} as it is. */

export type Destination = Flow | Target;

export type { ClientTransaction, ClientTransactionUser, SendOptions, ServerTransaction, ServerTransactionUser };

/** The part of the endpoint that calls use. */
export type EndpointPort = Pick<
  Endpoint,
  'sendRequest' | 'resumeInvite' | 'isSamePeer' | 'onFault' | 'sendAck' | 'newCallId'
>;

/** A call, as those see it who decide for it; `Call` is it. */
export interface RoutedCall {
  readonly record: LiveRecord;
}

/** The far side of a dialog, to which requests are to be sent. */
export interface AddressedLeg {
  readonly options: { readonly [K in 'owner' | 'trunkId' | 'isBetweenNodes']?: LegOptions[K] | undefined };
  readonly dialog: Pick<Dialog, 'remoteTarget'>;
  readonly destination: Destination;
  /** This engine is the called side of the dialog. */
  readonly isCallerSide: boolean;
  /** `address:port` that the peer names and that takes no connection, or where it is no more. */
  readonly unreachable: string | undefined;
}

/** What sending to such a one goes by. */
export type WayOptions = SendOptions & AddressedLeg['options'];

/** A party of a call, as those see it who decide for it; `Leg` is it. */
export interface RoutedLeg extends AddressedLeg {
  readonly call: RoutedCall;
  readonly options: LegOptions;
  /** The other side; undefined for a transferor whose place was taken. */
  readonly peer: RoutedLeg | undefined;
}

/** Decisions that belong to the tenant's rules, not to the call. All are asked synchronously. */
export interface CallRouter {
  /**
   * A party of a call asks for it to be moved (RFC 3515). `referTo` is the Refer-To URI text without a Replaces that names a dialog
   * of this engine. The plan is made under the rules of the transferor: `leg.options.owner`.
   */
  referred(call: RoutedCall, leg: RoutedLeg, referTo: string, referredBy: string | undefined): CallPlan | Rejection;
  /**
   * Whether {@link referred} would refuse a phone's transfer whatever places are free; nothing is counted, taken or told. Asked before
   * the call is given up that rings where the transfer leads. Default: it would not.
   */
  refusesPhone?(call: RoutedCall, leg: RoutedLeg, referTo: string): boolean;
  /** Whether who has this leg, or would have it, may take the place of `leg` in its call (RFC 3891 §8). */
  mayReplace(requester: Pick<LegOptions, 'owner' | 'trunkId'>, call: RoutedCall, leg: RoutedLeg): boolean;
  /** Whether two parties may talk with each other; asked where neither has called the other. Default: they may. */
  mayConnect?(one: Pick<LegOptions, 'trunkId'>, other: Pick<LegOptions, 'trunkId'>): boolean;
}

/** A header field of the tenant's relay list, on its way from one leg of a call to the other. */
export interface RelayedField {
  readonly name: string;
  /** All that the message has of that name. */
  readonly values: readonly string[];
  readonly call: RoutedCall;
  /** Of the leg that it is for. */
  readonly taker: Pick<LegOptions, 'trunkId'>;
  /** Of the leg that it came on; undefined when that is gone. */
  readonly sender: Pick<LegOptions, 'owner'> | undefined;
}

/** What is known of the parties of calls beside what they say in them. Asked synchronously, too. */
export interface CallPeers {
  /** What a trusted trunk asserts of its party, as the tenant's phones are shown it; undefined when they are not (RFC 3325). */
  asserted?(leg: RoutedLeg, address: NameAddr): string | undefined;
  /**
   * Where an in-dialog request goes when the route set or remote target point elsewhere than where the leg's messages come from;
   * undefined: along the leg's own flow. Never asked to resolve foreign Route sets (behaviour 19): both come from the peer of the
   * dialog, and the engine checks them against its policy for outbound destinations.
   */
  nextHop?(leg: AddressedLeg, uri: string): Destination | undefined;
  /** What answers the challenges of a trunk, if it has credentials; default: nothing does. */
  credentials?(trunkId: string): DigestClient | undefined;
  /** Behaviour 7: the values of a relayed field that may be told to who takes it; asked once a message and name, of responses and requests within a call. Default: all. */
  relayable?(field: RelayedField): readonly string[];
  /** Whether a field of this name may be one of a user's own, which some tenant relays. Default: none may. */
  mayCross?(name: string): boolean;
  /** Behaviour 19: whether a request that matches a dialog comes from a plausible peer. Default: same address as the leg's. */
  plausible?(leg: Pick<RoutedLeg, 'options' | 'destination'>, flow: Flow, request: SipRequest): boolean;
}

export interface CallTimers {
  /** RFC 3261 §17: T1, T2 for 2xx retransmission; 64*T1 for a missing ACK. */
  readonly t1Ms: number;
  readonly t2Ms: number;
  /** Longest a relayed re-INVITE may stay without a final answer, in ms. */
  readonly reinviteMs: number;
  /** Longest a relayed UPDATE whose offer became a re-INVITE may stay without a final answer: less than its own 64*T1, in ms. */
  readonly updateMs: number;
  /** Longest that a re-INVITE or UPDATE waits for the other party's ACK to come, in ms. */
  readonly ackMs: number;
  /** A transferor that has got the final NOTIFY and sends no BYE is sent one after this time. */
  readonly transferorByeMs: number;
}

export const defaultCallTimers: CallTimers = {
  t1Ms: 500,
  t2Ms: 4000,
  reinviteMs: 60_000,
  updateMs: 20_000,
  ackMs: 4000,
  transferorByeMs: 5000,
};

export interface CallLimits {
  /** Calls at once, in setup or in progress; more are refused with 503. Default 50,000. */
  readonly maxCalls: number;
  /** Early dialogs of one branch (downstream forks); further forks are not relayed. Default 16. */
  readonly maxForks: number;
  /** Branches of one stage. Default 64. */
  readonly maxBranches: number;
  /** Relayed in-dialog requests under way on one leg; more get 503. Default 16. */
  readonly maxRelaysPerLeg: number;
}

export const defaultCallLimits: CallLimits = { maxCalls: 50_000, maxForks: 16, maxBranches: 64, maxRelaysPerLeg: 16 };

/** Brings the media of two parties together; `Media` is it. */
export interface MediaPort {
  /** False: whatever the two describe passes as it is. Asked for every call. */
  concerns(near: LegOptions['media'], far: LegOptions['media']): boolean;
  /** Undefined: their descriptions pass as they are. */
  open(question: MediaQuestion, user: SessionUser): MediaSession | MediaRefusal | undefined;
  /** A session of another process goes on; undefined: it cannot from here. */
  restore(
    snapshot: MediaSnapshot,
    parties: { readonly near: MediaParty; readonly far: MediaParty },
    farTag: string,
    user: SessionUser,
  ): MediaSession | undefined;
}

/** A party of a call as it is when a Contact is made; `Leg` is it. */
export interface ContactParty {
  readonly options: LegOptions;
  readonly destination: Destination;
  readonly dialog: Pick<
    Dialog,
    | 'role'
    | 'callId'
    | 'localTag'
    | 'remoteTag'
    | 'localAddress'
    | 'remoteAddress'
    | 'remoteTarget'
    | 'routeSet'
    | 'localSequence'
  >;
  /** The interval of its session timer, where one runs (RFC 4028). */
  readonly session: { readonly interval: RunningInterval | undefined } | undefined;
  /** What it can do, as `methodsOf` reads it; undefined when it has not said. */
  readonly methods: number | undefined;
}

/** A call and the party whose Contact it is to be. */
export interface ContactQuestion {
  readonly record: Pick<LiveRecord, 'id' | 'facts' | 'startedAtMs' | 'answeredAtMs'>;
  readonly near: ContactParty;
  readonly far: ContactParty;
  /** How long the call may last from its answer, ms. */
  readonly sessionLimitMs: number | undefined;
}

/** Makes Contacts by which another process can go on with a call. */
export interface Contacts {
  /** A random looking token of 24 hexadecimal digits that need not be written where the text is known. */
  derived(text: string): string;
  /** The plain Contact when the call, or what there is to say of it, is not for others. */
  of(question: ContactQuestion): string;
  /** A message of this Call-ID would not go into a datagram with it: it leaves with the plain one. */
  noteTooLarge(callId: string): void;
}

/** Everything a call reaches for; one object per engine, shared by all its calls. */
export interface CallEnvironment {
  readonly endpoint: EndpointPort;
  readonly scheduler: Scheduler;
  readonly router: CallRouter;
  readonly peers: CallPeers;
  /** Are told in this order. */
  readonly observers: readonly Partial<CallObserver>[];
  /** Absent: descriptions pass as they are. */
  readonly media?: MediaPort;
  /** Makes Contacts that carry their call; absent: they say where this engine is. */
  readonly contacts?: Contacts | undefined;
  readonly log: Log;
  readonly partsLeft: PartsLeft;
  readonly timers: CallTimers;
  readonly limits: CallLimits;
}

/** A party as the other one may be shown it; a leg is one. */
export interface ShownParty {
  /** P-Asserted-Identity value; undefined when nothing is known. */
  readonly identity: string | undefined;
  readonly identityWithheld: boolean;
}

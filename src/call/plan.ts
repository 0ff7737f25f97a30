import type { MediaParty } from '../media/index.ts';
import type { DigestClient } from '../sip/auth/index.ts';
import type { SessionTimerOptions } from '../sip/dialog/index.ts';
import type { SendOptions } from '../sip/endpoint/index.ts';
import type { HeaderId, LegDraft, SipRequest, SipResponse } from '../sip/message/index.ts';
import type { Flow, Target } from '../sip/transport/index.ts';
import type { CallFacts, ToldAttempt } from './record.ts';

/**
 * What a call shall do, made by `engine/` from the tenant's rules and played by this folder: stages one after another (route
 * advance, ordered ring groups, overflow), each with branches that ring side by side. A plan is pulled, never pushed: `next` is
 * asked for the first stage, then again with the outcome of each stage that failed.
 */
export interface CallPlan {
  /** The next stage, or the answer that the caller gets when there is none. Called synchronously; the first call has no outcome. */
  next(outcome?: StageOutcome): Stage | Rejection;
  /**
   * What has to be known before the plan is asked for its first stage; `facts` may be others then. The caller can cancel
   * meanwhile, and the call is there for all to see. Absent: the plan is ready.
   */
  readonly ready?: Promise<void> | undefined;
  /** How the caller's own leg behaves. */
  readonly callerLeg: LegOptions;
  /** Facts for the call record; never interpreted here. */
  readonly facts: CallFacts;
  /** Longest time from INVITE to answer, over all stages, in ms. Default 180,000 (RFC 3261 §16.6 step 11: more than 3 minutes is Timer C's). */
  readonly ringTimeoutMs?: number;
  /** Longest time from answer to end, in ms; 0 or absent: none. */
  readonly sessionLimitMs?: number;
  /**
   * Warning header field values (RFC 3261 §20.43) that the caller is owed in every response above 100 to its INVITE; asked each time
   * one is made, since a later route may add some.
   */
  warnings?(): readonly string[];
  /** Reason header field values (RFC 3326) that the caller is owed in provisional responses above 100: what is wrong though it goes on. */
  reasons?(): readonly string[];
  /** It is placed however many calls there are. */
  readonly emergency?: boolean;
  /** A 3xx goes to the caller with its Contacts: it is another node, which follows them. Default false: the caller is told 480. */
  readonly passesRedirects?: boolean;
  /** Called once when the call is answered, or a transfer has connected the two: nothing more will be asked, what the stages were made of can go. */
  onAnswered?(): void;
  /**
   * Called once when both legs are over; frees what the plan reserved for the call as a whole. Of a transfer only when that has failed: one
   * that has succeeded is a part of the call that it was made in.
   */
  onEnd?(): void;
}

/** Branches that ring at once. The first 2xx wins, the others are cancelled. */
export interface Stage {
  readonly branches: readonly BranchPlan[];
  /** Gives up this stage after so many ms without an answer (ring group, no-answer forward); absent: only the plan's limit holds. */
  readonly ringMs?: number;
}

/** The answer to the caller when the plan ends without one. */
export interface Rejection {
  readonly status: number;
  readonly reason?: string;
  /** Header fields for the response, e.g. Warning, Retry-After. */
  readonly headers?: readonly (readonly [HeaderId, string])[];
}

/** Whose leg it is: a tenant's extension or service, by its number. */
export interface LegOwner {
  readonly tenant: string;
  readonly number: string;
  /** Which of its phones, as it has registered by the time that the leg begins; absent: one that has not, or that is not known. */
  readonly phone?: string | undefined;
}

/** A party's media as it is provisioned and known. */
export interface PartyMedia extends Omit<MediaParty, 'family'> {
  /** Of a party behind another node: that of its own address. Absent: that of where its signalling goes. */
  readonly family?: 4 | 6;
}

/** How one leg behaves, whichever side began it. */
export interface LegOptions extends Omit<SendOptions, 'transactionTimeoutMs' | 'pastFlow'> {
  /** Contact header field value that this engine shows on the leg, e.g. `<sip:101@203.0.113.7:5060;ob>`. */
  readonly contact: string;
  /** RFC 4028 behaviour; absent: the engine asks for no session timer, and still honours one that the peer asks for. */
  readonly sessionTimer?: SessionTimerOptions | undefined;
  /** Option tags, in lower case, that the peer has refused with 420; none of them is listed on this leg. Absent: none. */
  readonly refusedExtensions?: readonly string[];
  /** Names of header fields of the user's own that are copied onto this leg in messages that are relayed (behaviour 22). */
  readonly relayHeaders?: readonly string[];
  /** The same in messages of a party on a trunk; absent: `relayHeaders`. */
  readonly relayTrunkHeaders?: readonly string[];
  /** Fixed header fields for every response and in-dialog request the engine makes on this leg, e.g. `Server` or `User-Agent`. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** The party of this leg withholds its identity: nothing that may tell it leaves toward another party, whoever that is by then. */
  readonly anonymous?: boolean;
  /** On this leg the other party's identity is withheld, whoever that is: the INVITE went out without it. */
  readonly withholdsPeer?: boolean | undefined;
  /** Who the party of this leg is, as P-Asserted-Identity of the tenant's own; for those that it is connected to. */
  readonly identity?: string | undefined;
  /** The party is told who it is connected to: a phone of the tenant (RFC 3325's trust domain ends there). */
  readonly showsIdentity?: boolean;
  /** What the party says of its identity is believed: a trusted trunk. */
  readonly assertsIdentity?: boolean;
  /** How the party's media has to be thought of; absent: its descriptions pass as they are. */
  readonly media?: PartyMedia;
  /** NOTIFY is promised to the peer whatever the other party can do: Teams takes no call from who does not. Default false. */
  readonly promisesNotify?: boolean | undefined;
  /** The party's own address, where its messages come from a proxy in front of this engine; for `peers.plausible`, never interpreted here. */
  readonly sender?: string | undefined;
  /** The leg is between two nodes of the store, each of which has a half of the call; for `peers.nextHop` and `peers.plausible`, never interpreted here. */
  readonly isBetweenNodes?: boolean | undefined;
  /** The name of the node at the other end of an INVITE that this one sends to it. */
  readonly peerNode?: string | undefined;
  /** Whose leg it is, for `router.referred` and `router.mayReplace`; never interpreted here. */
  readonly owner?: LegOwner;
  /** The trunk at the other end, for `peers.nextHop` and `peers.plausible`; never interpreted here. */
  readonly trunkId?: string;
}

/** One thing to ring: a registered contact, or a trunk with all targets that its host resolves to. */
export interface BranchPlan {
  /** Names the branch in records and logs, e.g. the trunk's name or the extension's number. */
  readonly label: string;
  readonly trunkId?: string;
  readonly extension?: string;
  /** The other node of the store that it leaves through. */
  readonly node?: string;
  readonly draft: LegDraft;
  readonly options: BranchOptions;
  /**
   * The same as it says where this engine is to one place: the socket that sends, and so its address, is known only then. Absent: the
   * draft says the same everywhere.
   */
  toward?(to: Target | Flow): Pick<BranchPlan, 'draft' | 'options'>;
  /** Signs the INVITE, each time that it is sent; a promise while another thread does. */
  readonly sign?: ((invite: SipRequest, wallMs: number) => Promise<void> | undefined) | undefined;
  /** Where to send it, best first (RFC 3263). A list or a flow is used at once; only a promise costs a turn. */
  resolve(): readonly (Target | Flow)[] | Flow | Promise<readonly Target[]>;
  /** Final statuses of a target after which the next one is tried; absent: 503. */
  readonly nextOn?: ReadonlySet<number> | undefined;
  /** As {@link SendOptions.pastFlow}, where `resolve` says a connection. */
  readonly pastFlow?: Target | undefined;
  /** Answers a 401 or 407 of this branch's peer, at most twice per request. Absent: a challenge is a refusal. */
  readonly credentials?: DigestClient | undefined;
  /** Reserves capacity; false refuses the branch with cause `capacity`. */
  onStart?(): boolean;
  /** Each target tried, when its outcome is known. Evidence for the trunk's health. */
  onAttempt?(attempt: ToldAttempt): void;
  /** Called exactly once for each `onStart` that returned true: when the branch failed, or, if it won, when its leg has ended. */
  readonly onEnd?: ((outcome: StageOutcome | 'answered' | 'cancelled') => void) | undefined;
  /**
   * Policy for a 3xx: branches that replace this one (RFC 3261 §16.5), a redirection that is played in its place, or undefined, which
   * makes the 3xx a refusal.
   */
  onRedirect?(response: SipResponse): readonly BranchPlan[] | Redirection | undefined;
}

/** A branch like another one but for this. */
export function likeBranch(branch: BranchPlan, changes: Partial<BranchPlan>): BranchPlan {
  return Object.assign(Object.create(branch) as BranchPlan, changes);
}

/** Stages of its own that a branch leads on to, beside the other branches of its stage. */
export type Redirection = Pick<CallPlan, 'next'>;

export interface BranchOptions extends LegOptions {
  /** Allows the next target or stage after session descriptions were relayed in provisional responses. Default false. */
  readonly earlyMediaFailover?: boolean;
  /** Gives up a target after so many ms without any response; default: the transaction's own 64*T1. */
  readonly firstResponseMs?: number;
}

export type OutcomeCause = 'response' | 'timeout' | 'transport-error' | 'ring-timeout' | 'capacity';

/** How a stage, or a branch of it, failed. */
export interface StageOutcome {
  /** The final status, or the one that stands for the cause: 408 timeout, 503 transport error and capacity, 480 ring timeout. */
  readonly status: number;
  readonly reason: string;
  readonly response?: SipResponse | undefined;
  readonly cause: OutcomeCause;
  readonly retryAfterSeconds?: number | undefined;
  /** Who has refused has asked for privacy while it rang (RFC 3323). */
  readonly identityWithheld?: true;
  /** The branch that this outcome is from. */
  readonly label?: string | undefined;
  readonly trunkId?: string | undefined;
  /** A session description was relayed to the caller before it failed, and no branch of the stage allows failover after that. */
  readonly earlyMedia: boolean;
  /** Where the branch led on to failed; it did not itself. */
  readonly redirected?: true;
}

export function isRejection(step: Stage | Rejection): step is Rejection {
  return 'status' in step;
}

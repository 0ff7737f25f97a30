import type { Problem } from '../base/errors.ts';
import type { Network } from '../base/network.ts';
import type { Steps } from '../base/steps.ts';
import type { MessageService } from '../messages/index.ts';
import type {
  AuditLog,
  CallRecordLog,
  TraceFilter,
  TraceMessage,
  TracePage,
  Webhook,
  WebhookDispatcher,
} from '../observe/index.ts';
import type { TrunkStatus } from '../trunks/status-facts.ts';

export type { Webhook } from '../observe/index.ts';

import type { Given } from '../base/given.ts';
import type { CallDifference, ExplainQuestion, Explanation, TrunkPreviewQuestion } from '../outbound/index.ts';
import type { Provisioner } from '../provisioning/change/provisioner.ts';
import type { SourceOverlap } from '../provisioning/check/overlaps.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import type { AddedTransport } from '../settings/kept-transports.ts';
import type { Examination } from '../trunks/examination.ts';
import type { liveCallAnswer } from './answers/calls.ts';
import type { drainAnswer, nodeAnswer, reloadAnswer, storeAnswer } from './answers/node.ts';
import type { listenerAnswer, manyReportAnswer } from './answers/provisioning.ts';
import type { registrationAnswer } from './answers/trunks.ts';

/** What the API asks of the engine, the store and `observe/`. The wiring gives it; tests give it from memory. */

/** A phone or gateway that is registered. */
export type RegistrationView = Given<typeof registrationAnswer>;
/** What is known of the store and the nodes on it. */
export type StoreStatus = Given<typeof storeAnswer>;
/** How a node is doing. */
export type NodeView = Given<typeof nodeAnswer>;
/** What reading the files again changed. */
export type ReloadReport = Given<typeof reloadAnswer>;
/** A node that takes no new calls any more. */
export type DrainView = Given<typeof drainAnswer>;
/** A socket that SIP is spoken on, with how many trunks depend on it. */
export type ListenerView = Given<typeof listenerAnswer>;
export type Listener = Omit<ListenerView, 'trunks'>;
/** What came of a change of many items. */
export type ManyReport = Given<typeof manyReportAnswer>;

/** A call in progress. */
export type LiveCall = Omit<Given<typeof liveCallAnswer>, 'node'> & {
  /** The node that has it, as it is answered. */
  readonly node?: string;
  /** Of one that renders itself when it is shown. */
  toJSON?(): object;
};

/** What one node asks another: a request to its HTTP interface, in the name of somebody whom the asking node has let in. */
export interface NodeQuestion {
  readonly method: string;
  /** With its query. */
  readonly url: string;
  readonly identity: {
    readonly actor: string;
    readonly role: Role;
    readonly tenant?: string;
    readonly readOnly?: boolean;
  };
}

export interface NodeAnswer {
  readonly status: number;
  /** Content type. */
  readonly type: string;
  /** The body; in base64 where it is no text. */
  readonly text: string;
  readonly isBase64: boolean;
}

/** The nodes of one store, for what each of them has by itself. */
export interface NodesPort {
  /** The name of this node. */
  readonly self: string;
  /** The others that are known to be there, or were a moment ago. */
  others(): readonly string[];
  /** Those that a name stands for: the node of that name, or the workers of the node of that name; none when it is not there. */
  named(name: string): readonly string[];
  /** Rejects when the node does not answer in time. */
  ask(node: string, question: NodeQuestion, timeoutMs: number): Promise<NodeAnswer>;
  /** From now on questions of others are answered so. */
  answerWith(answer: (question: NodeQuestion) => Promise<NodeAnswer>): void;
}

export interface StorePort {
  view(): StoreStatus;
  /** Rejects with a StateError when there is nothing to restore, or another node should. */
  restore(): Promise<void>;
}

export interface Readiness {
  readonly ready: boolean;
  /** Why not (`draining`, `store-unreachable`, …), or what is degraded while ready. */
  readonly reasons: readonly string[];
}

/** The running engine, as seen from outside. Answers come from memory; only `explain` may take a moment. */
export interface EngineView {
  readiness(): Readiness;
  trunkStatus(trunkId: string): TrunkStatus | undefined;
  /** Each made when it is its turn: there may be 100,000. */
  registrations(): Iterable<RegistrationView>;
  registrationCount(): number;
  /** The first answer that `find` has for an address from which a phone of another tenant than this one is registered. */
  firstRegisteredElsewhere<T>(
    tenant: string | undefined,
    find: (address: string) => T | undefined,
  ): Steps<T | undefined>;
  /** The first answer that `find` has for an address or network from which a trunk sends that is not this tenant's alone. */
  firstTrunkSourceElsewhere<T>(tenant: string, find: (source: Network) => T | undefined): Steps<T | undefined>;
  /** Sources that trunks of several owners or tenants claim. */
  trunkOverlaps(): Promise<readonly SourceOverlap[]>;
  /** Each made when it is its turn. */
  calls(): Iterable<LiveCall>;
  /** The messages of a live or recent call, by call id or, unless `isCallId`, SIP Call-ID, which may be any. */
  trace(id: string, isCallId: boolean): readonly TraceMessage[];
  /** The latest messages that a filter lets through; `after` is `next` of an earlier page. */
  searchTrace(filter: TraceFilter, limit: number, after?: number): Promise<TracePage>;
  /** Whether an address is one that a trunk sends from. */
  isTrunkPeer(trunkId: string, address: string): boolean;
  explain(question: ExplainQuestion): Promise<Explanation>;
  /** The INVITE that a trunk would send as it would be written. */
  previewTrunk(question: TrunkPreviewQuestion): Explanation;
  /** Ends a live call for both sides, by call id or the SIP Call-ID of either leg; false when there is none (any more). */
  endCall(id: string): boolean;
  /** The latest outbound calls, of one tenant or of all, as they would leave after a change: those that leave differently, the latest first. */
  playAgain(after: Directory, tenant: string | undefined): Promise<PlayedCalls>;
  /** How a live or recent outbound call was decided, by call id or, unless `isCallId`, SIP Call-ID; undefined when it is not known (any more). */
  explainCall(id: string, isCallId: boolean): Explanation | undefined;
  /** The trunks that this node registers with their providers, by id. */
  leases(): Iterable<string>;
  /** Lets a trunk that rests after refusals try again; false when there is nothing to retry. */
  retryTrunk(trunkId: string): boolean;
  /** Looks at a trunk from this node, which sends OPTIONS and opens TLS connections; undefined for one that does not exist. */
  examineTrunk(trunkId: string): Promise<Examination | undefined>;
}

/** What the node listens on, and changes to it that outlive the process. */
export interface TransportsPort {
  list(): readonly Listener[];
  add(wanted: AddedTransport): Promise<TransportOutcome>;
  remove(id: string): Promise<TransportOutcome>;
}

/** `conflict`: not as things are; `unavailable`: not now. */
export type TransportOutcome =
  | { readonly outcome: 'done'; readonly transport: Listener | undefined }
  | { readonly outcome: 'refused'; readonly problems: readonly Problem[] }
  | { readonly outcome: 'conflict'; readonly code: string; readonly reason: string }
  | { readonly outcome: 'unavailable'; readonly reason: string }
  | { readonly outcome: 'unknown' };

export interface PlayedCalls {
  readonly played: number;
  readonly changed: readonly (CallDifference & { readonly callId: string })[];
}

/** What the routes ask of who keeps what is provisioned. */
export type ProvisioningService = Pick<Provisioner, 'current' | 'apply' | 'preview'>;

export type Role = 'system-admin' | 'tenant-admin';

export interface TokenRecord {
  readonly id: string;
  readonly role: Role;
  readonly tenant?: string;
  readonly label?: string;
  /** `$sha256$` and the digest in base64. */
  readonly hash: string;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly expiresAt?: string;
  readonly revokedAt?: string;
  /** Reads and changes nothing. */
  readonly readOnly?: boolean;
  /** What a browser keeps after a sign-in, or a link that signs in once; a bearer token when left out. */
  readonly kind?: 'session' | 'link';
  /** Whose session it is; absent for one that a link opened. */
  readonly user?: string;
}

/** Somebody who signs in to the console with a password. */
export interface UserRecord {
  /** The name to sign in with. */
  readonly id: string;
  readonly role: Role;
  readonly tenant?: string;
  readonly readOnly: boolean;
  readonly enabled: boolean;
  /** Argon2id, in the form of PHC strings. */
  readonly password: string;
  /** Base32 secret of one-time codes, and the time step of the latest code that was good: none is good twice. */
  readonly totp?: { readonly secret: string; readonly confirmed: boolean; readonly lastStep: number };
  readonly createdAt: string;
  readonly createdBy: string;
  readonly passwordChangedAt: string;
}

export interface RecordStore<T> {
  get(id: string): Promise<T | undefined>;
  list(): Promise<readonly T[]>;
  put(record: T): Promise<void>;
  delete(id: string): Promise<void>;
  /** Writes `after` in place of `before`, undefined being none. False: by now there is something else, of whichever node, and it stays. */
  replace(id: string, before: T | undefined, after: T | undefined): Promise<boolean>;
}

export type UserStore = RecordStore<UserRecord>;
export type TokenStore = RecordStore<TokenRecord>;
export interface WebhookStore extends RecordStore<Webhook> {
  /** Hears that another process of this node changed them. */
  onChange?(listener: () => void): void;
}

/** Messages between phones and WhatsApp. */
export type MessagesPort = Pick<
  MessageService,
  'send' | 'explain' | 'list' | 'message' | 'trunkName' | 'urlOf' | 'verify' | 'notified' | 'media'
>;

export type AuditSink = Pick<AuditLog, 'record' | 'recordSteps' | 'find'>;
export type CallRecords = Pick<CallRecordLog, 'find' | 'get' | 'statistics'>;
export type WebhookSender = Pick<WebhookDispatcher, 'configure' | 'status' | 'test'>;

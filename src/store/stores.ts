import type { NodesPort, TokenStore, UserStore, WebhookStore } from '../api/ports.ts';
import type { HostPort, TransportName } from '../base/transport.ts';
import type { CallStore } from '../call/index.ts';
import type { MessageStore } from '../messages/index.ts';
import type { ProvisioningStore } from '../provisioning/directory/store.ts';
import type { BindingStore, SignInStore, StoredBinding, StoredRemoval } from '../registrar/ports.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import type { ClaimStore } from '../trunks/address-history.ts';
import type { TrunkHealth } from '../trunks/health.ts';
import type { LeasePort } from '../trunks/lease.ts';
import type { LimitUse, UseOfNodes } from '../trunks/shared-limits.ts';
import type { TallyStore } from '../trunks/tallies.ts';

/** Where a node keeps its state. */
export type StoreLocation = NodeSettings['store'];
export type RedisStoreSettings = Extract<StoreLocation, { readonly kind: 'redis' }>;

/** The latest that are kept. */
export const MAX_SIGN_INS = 50_000;

/** Contacts that carry their call are good for no longer: a week with a key, and the next one. */
export const KEEP_FATES_MS = 15 * 86_400_000;
/** Ended calls of other processes that are remembered. */
export const MAX_OVER_CALLS = 50_000;

/** Bindings as nodes share them. */
export interface SharedBindingStore extends BindingStore {
  /**
   * Hears of bindings that another node wrote: all bindings of that AOR from now on (undefined: they cannot be read, so what is known of them stays), and what was taken
   * away of it. After a gap in the notices every AOR that may have changed is told again. Absent in a store of one node. Returns the function that ends it.
   */
  onRemoteChange?(
    listener: (aor: string, bindings: readonly StoredBinding[] | undefined, removals: readonly StoredRemoval[]) => void,
  ): () => void;
}

/** What a node tells the others about itself, twice a second (workers tell news of their calls sooner); its use of limits by their keys. */
export interface NodeReport extends LimitUse {
  /** Where it takes SIP from the other nodes. */
  readonly sip?: { readonly transport: TransportName; readonly address: string; readonly port: number };
  /** Of a worker: the node that it is one of, and the address at which the others of that node, on the same machine, reach it. */
  readonly local?: { readonly node: string; readonly address: string };
  /** Where phones and carriers reach it, by transport. */
  readonly contacts?: Readonly<Partial<Record<TransportName, HostPort>>>;
  /** Its answers to questions of other nodes prove who it is; a program of before those says nothing. */
  readonly signs?: boolean;
  /** Names its process, as it says it to other nodes that ask it; a program of before that says nothing. */
  readonly process?: string;
  /** It takes no new calls. */
  readonly isDraining?: boolean;
  /** It has no HTTP interface that questions of others could be put to. */
  readonly answers?: boolean;
  /** Trunks that it registers and that are not online, by id. */
  readonly trunks?: Readonly<Record<string, TrunkHealth>>;
  /** Ids of trunks with `registeredNodeOnly` that it has registered. */
  readonly registered?: readonly string[];
}

export interface KnownNode extends NodeReport {
  readonly name: string;
  /** Grows each time that it tells of itself. */
  readonly beat: number;
  /** When that was last heard, by this node's monotonic clock, ms. */
  readonly heardAtMs: number;
  /** When it told so, by the same clock: at this time or earlier. Where that is not known it is when it was heard. */
  readonly toldAtMs?: number;
  /** The store that it works with, and the version of it that it has. */
  readonly store?: string;
  readonly version?: number;
  /** The process, among all that have gone by this name. */
  readonly instance?: string;
  /** Nodes whose calls this one has gone on with: the process, and what it had told last by then. */
  readonly followed?: Readonly<Record<string, readonly [instance: string, beat: number]>>;
}

/** The nodes on one store that are alive. Answers come from memory; without the store they are the last ones known. */
export interface NodeRoster extends UseOfNodes {
  /**
   * From now on until it closes, this node is known to the others; `facts` is asked each time it tells them. `use` is what these say of
   * limits, for a roster that has news of calls sooner.
   */
  announce(facts: () => NodeReport, use?: () => LimitUse): void;
  /** All but this one. A node that ends leaves at once, one that crashed within 5 s. */
  others(): readonly KnownNode[];
  /**
   * Whether a node, of which this one must have heard if it lives, is there no more: not so for a while after it has left or the store was away,
   * since it may not have told of itself yet. One that has lost the store alone is there all the same.
   */
  hasEnded(name: string): boolean;
  /**
   * This node has gone on with what there was of another one's calls: what that has told of its calls counts no more, here and, as soon as they
   * hear of this node's, at the others. Absent where nobody goes on with another's.
   */
  followed?(name: string): void;
  /** How far this node's clock is ahead of the store's, in ms; 0 where a node is alone. */
  readonly clockOffsetMs: number;
}

/** Questions to the other nodes on one store; nobody answers theirs before `answerWith`. */
export type NodeQuestions = Pick<NodesPort, 'ask' | 'answerWith'>;

/** The store that this node shares with others. */
export interface SharedStore {
  /** Which one it is; the same for all nodes on it. */
  readonly id: string;
  /** Of what is provisioned, as this node has it. */
  readonly version: number;
  /**
   * Writes this node's copy into a Redis that comes back empty. Rejects with a StateError when a store is there, or another node
   * has a later copy.
   */
  restore(): Promise<void>;
}

/** Everything that a node keeps beyond its life. */
export interface Stores {
  readonly provisioning: ProvisioningStore;
  readonly bindings: SharedBindingStore;
  readonly signIns: SignInStore;
  /** Calls of this node that ring or are answered. */
  readonly calls: CallStore;
  /** Messages that wait or are kept for a while. */
  readonly messages: MessageStore;
  readonly claims: ClaimStore;
  /** What was used of limits in a period. */
  readonly tallies: TallyStore;
  readonly tokens: TokenStore;
  readonly users: UserStore;
  readonly webhooks: WebhookStore;
  /** Makes one node at a time register a trunk. */
  readonly trunkLease: LeasePort;
  readonly nodes: NodeRoster;
  /** Absent where nodes have no way to ask each other. */
  readonly questions?: NodeQuestions;
  /** 32 octets, made once and shared by all nodes on one store: a nonce of one node is good at the others. */
  readonly nonceSecret: Uint8Array;
  /** Absent in a store of one node. */
  readonly shared?: SharedStore;
  /** What is wrong right now, as codes for `/readyz`, e.g. `store-unreachable`; empty when all is well. */
  problems(): readonly string[];
  close(): Promise<void>;
}

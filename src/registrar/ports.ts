import type { TransportName } from '../base/transport.ts';
import type { DigestAccount } from '../sip/auth/index.ts';
import type { HeaderList, SipRequest } from '../sip/message/index.ts';

/** What the registrar needs of a transport's flow: where a request came from, and whether an answer can still go there. */
export interface RegistrarFlow {
  readonly transport: TransportName;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly listenerId: string;
  readonly key: string;
  readonly closed: boolean;
  send(text: string): void;
}

/** What the registrar needs of a server transaction. */
export interface RegisterTransaction<Flow extends RegistrarFlow> {
  readonly request: SipRequest;
  readonly flow: Flow;
  /** Whoever registers is who it says: the answer is kept for copies of the request. */
  admit(): void;
  reply(status: number, reason?: string, headers?: HeaderList): void;
}

/** Who may register: an extension, a service, or a gateway on an accept-register trunk. */
export interface RegisterAccount extends DigestAccount {
  /** The key of its bindings, made with {@link aorKey}. */
  readonly aor: string;
  /** The user part of To that it may register (plain, unescaped); undefined for a gateway, whose To says what it likes. */
  readonly user: string | undefined;
  /** Default: the registrar's `maxContactsPerAor`. */
  readonly maxContacts?: number | undefined;
  /** One binding; a later one from elsewhere replaces it. For gateways. */
  readonly newestOnly?: boolean;
}

/** What is provisioned, as a registrar asks for it. */
export interface AccountLookup {
  /** The domain that a host in Request-URI or To stands for: itself, or an alias; undefined when it is not served here. */
  domainOf(host: string): string | undefined;
  /** The account that signs in with `username` in `domain`; undefined when there is none or it is disabled. */
  find(domain: string, username: string): RegisterAccount | undefined;
  /** An account admitted without digest because of the address it comes from. */
  trusted?(domain: string, user: string, sourceAddress: string): RegisterAccount | undefined;
}

/** Where requests to a binding go when there is no flow to send them on. */
export interface BindingTarget {
  readonly transport: TransportName;
  readonly address: string;
  readonly port: number;
  readonly listenerId?: string;
}

/** Where a REGISTER came from. `transport` is a text of any node: a later one may know more than there are here. */
export interface BindingSource extends Omit<BindingTarget, 'transport'> {
  readonly transport: string;
}

/** A binding as it is kept: plain data. */
export interface StoredBinding {
  readonly aor: string;
  /** As the phone sent it. */
  readonly contactUri: string;
  /** Contact parameters but `expires`, as they came: `;q=0.5;+sip.instance="…"`, or empty. */
  readonly contactParams: string;
  /** 0 to 1000: q times a thousand. */
  readonly qThousandths: number;
  readonly callId: string;
  readonly cseq: number;
  /** Route values that lead to the phone (RFC 3327), first hop first. */
  readonly path: readonly string[];
  readonly instance: string | undefined;
  /** Set when the binding is of a flow (RFC 5626). */
  readonly regId: number | undefined;
  readonly userAgent: string;
  readonly source: BindingSource;
  /** Where the phone can be reached without its flow; undefined when it can be reached over its connection only. */
  readonly target: BindingTarget | undefined;
  readonly flowKey: string;
  /** The connection that it came over has ended. Nodes of before say nothing of it. */
  readonly connectionEnded?: boolean | undefined;
  readonly registeredAtWallMs: number;
  readonly refreshedAtWallMs: number;
  readonly expiresAtWallMs: number;
  /** The node that took the registration and holds its connection. */
  readonly node: string;
}

/** A registration that was taken away, as nodes tell each other of it. */
export interface StoredRemoval {
  /** As the phone had sent it; `*`: every contact. */
  readonly contactUri: string;
  readonly instance: string | undefined;
  readonly regId: number | undefined;
  /** Of the REGISTER that took it away; empty and 0 when none did. */
  readonly callId: string;
  readonly cseq: number;
  /** The node that had taken the registration, and when; empty and 0 when it was not known here. */
  readonly node: string;
  readonly refreshedAtWallMs: number;
  /** Until when it counts: by then the registration would have expired by itself. */
  readonly untilWallMs: number;
  /** When it was noted; absent: by a node of before, which says none. */
  readonly atWallMs?: number | undefined;
}

/** All bindings of one AOR from now on; none: the AOR has no entry any more. */
export interface BindingChange {
  readonly aor: string;
  readonly bindings: readonly StoredBinding[];
  /** What was taken away and may still be bound at another node; only where nodes share the store. */
  readonly removals?: readonly StoredRemoval[];
}

/** What a store has of one AOR. */
export interface KeptBindings {
  readonly aor: string;
  /** As they are kept: who takes them looks whether they can be read. Undefined: they are no list. */
  readonly bindings: readonly StoredBinding[] | undefined;
}

/** Other nodes have written some of the same AORs: that has been told by now, and nothing was written over it. All others are written. */
export class OthersWroteError extends Error {
  /** Those. */
  readonly aors: readonly string[];

  constructor(aors: readonly string[]) {
    super('other nodes have written the same addresses meanwhile');
    this.aors = aors;
  }
}

/** Keeps bindings over a restart and shows them to other nodes. Written behind: no REGISTER waits for it. */
export interface BindingStore {
  /** Several nodes write to it. */
  readonly isShared?: boolean;
  /** Every binding kept, expired ones included. */
  load(): Promise<Iterable<KeptBindings>>;
  /**
   * Applies changes in order; called with at most one batch at a time. A rejected batch is tried again; what an {@link OthersWroteError} names after a
   * tenth of a second, as the lists are by then.
   */
  write(changes: readonly BindingChange[]): Promise<void>;
}

/** Keeps who signed in from where: pairs of user and address, as texts that the store never reads. */
export interface SignInStore {
  /** The oldest first. */
  load(): Promise<readonly string[]>;
  /** Adds those that are not there yet. */
  add(pairs: readonly string[]): Promise<void>;
}

import type { AddressScope } from '../../base/address-scope.ts';
import type { Egress } from '../../base/egress.ts';
import type { Scheduler } from '../../base/scheduler.ts';
import type { MessageLimits, SipRequest } from '../message/index.ts';
import type {
  ClientTransaction as AnyClientTransaction,
  ClientTransactionUser as AnyClientTransactionUser,
  ServerTransaction as AnyServerTransaction,
  TimerSettings,
  TransactionLayerUser,
} from '../transaction/index.ts';
import type {
  Flow,
  SourcePolicy,
  Target,
  TlsCredentials,
  TransportLayer,
  TransportLayerOptions,
  TransportLimits,
  TransportUser,
} from '../transport/index.ts';
import type { RoomForCalls } from './endings.ts';
import type { InboxLimits } from './inbox-options.ts';

export type ServerTransaction = AnyServerTransaction<Flow>;
export type ClientTransaction = AnyClientTransaction<Flow>;
export type ClientTransactionUser = AnyClientTransactionUser<Flow>;
export type { LateCancel, ServerTransactionUser } from '../transaction/index.ts';

/** Whoever uses the endpoint: the registrar and the calls, behind one dispatcher. */
export interface EndpointUser extends TransactionLayerUser<Flow> {
  /** A connection is gone, in order or not; its transactions have been told. */
  onFlowClosed?(flow: Flow, reason: string): void;
  /** A CRLF ping or pong arrived on the flow. */
  onKeepAlive?(flow: Flow): void;
}

/** Sees every message as it is on the wire. For the SIP trace; must not throw and must not send. */
export interface MessageObserver {
  onReceived(text: string, flow: Flow): void;
  onSent(text: string, flow: Flow): void;
}

/** What may keep back what comes from the network, while it is not known whether it is this process's to serve. */
export interface Fence {
  /** True: the message is not served now; `server` gets it when it is known, or never. Asked for each one. */
  takes(text: string, flow: Flow, server: Pick<TransportUser, 'onMessage'>): boolean;
  /** The same of the end of a connection. */
  takesEnd(tell: () => void): boolean;
}

/** What the endpoint needs of its transports; those without sockets listen where they were opened, have no TLS and leave for anywhere. */
export type EndpointTransport = Pick<
  TransportLayer,
  'open' | 'close' | 'listening' | 'flowTo' | 'supports' | 'advertised' | 'advertisedToward' | 'alias' | 'counters'
> &
  Partial<
    Pick<
      TransportLayer,
      | ('add' | 'remove' | 'discard' | 'renewCertificate' | 'serveNames' | 'tryTls' | 'retire')
      | ('refusal' | 'listenerBeside' | 'bring' | 'takeTurns')
    >
  >;

export interface EndpointOptions {
  readonly scheduler: Scheduler;
  /** Option tags that a Require header field may name; others are answered 420. Default: none. A REGISTER's is left to the registrar. */
  readonly supported?: readonly string[];
  /** Default: none (limits per source off). */
  readonly sources?: SourcePolicy;
  readonly transportLimits?: Partial<TransportLimits>;
  /** Limits of one received message, over every transport. */
  readonly messageLimits?: Partial<MessageLimits>;
  /** Certificate, key and trust anchors for outgoing TLS connections of targets that bring none. */
  readonly tls?: TlsCredentials;
  readonly timers?: Partial<TimerSettings>;
  readonly maxServerTransactions?: number;
  /** Octets of the heap that requests may take, by estimate; those beyond it are refused. Default: any. */
  readonly maxServerOctets?: number;
  /** Octets outside of the heap that ended transactions may take; one source has its share of them. */
  readonly maxLingeringOctets?: number;
  readonly maxClientTransactions?: number;
  /** The source (`base/source.ts`) that a request is of, a text of its own. One source takes no more than its share. Default: the flow's address. */
  readonly sourceOf?: (request: SipRequest, flow: Flow) => string;
  /** Whether who sends a request that would be refused for its source's share speaks for many: it is not. Default: nobody does. */
  readonly speaksForMany?: (request: SipRequest, flow: Flow) => boolean;
  /** Asked for each new request outside a dialog; seconds for Retry-After when the node is too busy for it, else undefined. */
  readonly overloadSeconds?: (request: SipRequest) => number | undefined;
  /** Whether an INVITE that would be refused, unread or over a limit, is one that must be let in: an emergency call. Default: none is. */
  readonly isEmergency?: (request: SipRequest) => boolean;
  /** The same of a number that somebody of a host dials, for an INVITE in which both are written in plain characters: it need not be read. */
  readonly isEmergencyNumber?: (number: string, host: string) => boolean;
  /**
   * Whether two addresses are of one peer: a response or CANCEL counts for a transaction (RFC 3261 §17.1.3, §9.2) if it comes from the
   * address that the transaction deals with, or from another one of that peer. Of a CANCEL it is told whose the INVITE was, empty: nobody's who
   * has several. Default: never.
   */
  readonly ofOnePeer?: (address: string, other: string, peer?: string) => boolean;
  /** How much of what comes from sockets may wait. It is ordered and refused only with {@link sources}, which tell who is known. */
  readonly inboxLimits?: Partial<InboxLimits>;
  /** The share of a core that this process may use, where that is limited. Default: 1. */
  readonly cpuShare?: (() => number) | undefined;
  /** Whether the end of a call makes room for the next. Default: there is always room. */
  readonly room?: (() => RoomForCalls) | undefined;
  /** Why nothing may leave for a guarded target; default: all may. */
  readonly egress?: Pick<Egress, 'refusal'>;
  /** Makes what names requests and dialogs of this endpoint; default: at random. */
  readonly ids?: EndpointIds | undefined;
  /** Makes the transports; default: sockets. */
  readonly createTransport?: ((user: TransportUser) => EndpointTransport) | undefined;
  /** Makes the datagram sockets of the transports that are sockets; default: the runtime's. */
  readonly createSocket?: TransportLayerOptions['createSocket'];
}

/** Where several processes share a port, its names tell whose an answer or a request within a dialog is. */
export interface EndpointIds {
  newBranch(): string;
  newCallId(): string;
}

export interface SendOptions {
  /** sent-by host of Via in place of the advertised one. */
  readonly viaHost?: string | undefined;
  readonly viaPort?: number | undefined;
  /** Which of our addresses Via says. Default `public`. */
  readonly scope?: AddressScope | undefined;
  /** What becomes of a request over 1,300 octets to a UDP target. Default `tcp`, where the peer takes the connection (RFC 3261 §18.1.1). */
  readonly largeRequests?: 'tcp' | 'udp' | undefined;
  /** Timer B or F in place of 64*T1. */
  readonly transactionTimeoutMs?: number | undefined;
  /** Where the peer of a connection is by itself: tried once when the connection proves dead before anything of an answer has come. */
  readonly pastFlow?: Target | undefined;
}

/** What a node that drains does with a request that starts something new; `redirectTo` is the Contact of a 302. */
export type DrainAnswer = 'serve' | 'refuse' | { readonly redirectTo: string };

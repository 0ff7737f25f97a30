import type { PeerError } from '../../base/errors.ts';
import type { TransportName } from '../../base/transport.ts';
import type { TlsFacts } from './certificate-names.ts';

/**
 * The way to one peer over one socket: for TCP and TLS the connection itself, for UDP one light object per peer address and
 * listening socket. Whatever is sent on a flow leaves from the socket that the peer's messages arrive on (RFC 5626 §3.1).
 */
export interface Flow {
  readonly transport: TransportName;
  /** True for TCP and TLS: transactions do not retransmit over it (RFC 3261 §17). */
  readonly reliable: boolean;
  /** The address our socket is bound to; `0.0.0.0` or `::` on a UDP socket that listens on all interfaces. */
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** The listener whose advertised address belongs in Via and Contact on this flow. */
  readonly listenerId: string;
  /** Names this flow among all others: equal for equal UDP peers, unique per TCP or TLS connection. */
  readonly key: string;
  /** False until a connection, TLS included, is set up for the first time. */
  readonly connected: boolean;
  /** True once nothing can be sent any more; a UDP flow closes with its listener only. */
  readonly closed: boolean;
  /** When something came over a connection last, in ms of the scheduler; undefined on UDP. */
  readonly heardAtMs?: number;
  /** What the peer's certificate proved; undefined on UDP and TCP, and before the handshake ends. */
  readonly tls: TlsFacts | undefined;
  /**
   * Sends one whole message (latin1 text); on a connection that is being set up it waits in a bounded queue. Never throws, and never
   * reports a failure before it returns.
   */
  send(text: string): void;
  /** Sends a datagram as it is; nobody is told, so whoever sends it counts it. Absent: there are no datagrams. */
  sendOctets?(octets: Buffer): void;
  /**
   * Keeps the flow alive with CRLF pings (RFC 5626 §3.5.1) every `intervalMs` ± 10 %. On TCP and TLS an unanswered ping fails the
   * flow if the peer has answered one before; on UDP it only refreshes the address binding of a NAT, for `lastsMs` ms where that is given: whoever
   * asks for longer is heard, and a datagram's flow has no end of its own.
   */
  keepAlive(intervalMs: number, lastsMs?: number): void;
  /** Closes a connection once what was sent has left; does nothing on UDP. */
  close(reason: string): void;
}

/** TLS material for connections to one target. Texts are PEM. */
export interface TlsCredentials {
  readonly cert?: string;
  readonly key?: string;
  /** Trust anchors; the runtime's own list when absent. */
  readonly ca?: string | readonly string[];
  /** `full` (default): chain and name; `chain`: name not compared; `none`: neither, for laboratories. */
  readonly verify?: 'full' | 'chain' | 'none';
  /** DEVIATION from RFC 5922 §7.2 that some carriers need: `*.example.com` stands for one label. Default false. */
  readonly allowWildcard?: boolean;
}

/** A certificate chain and its key, PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** Where a request is to go, after RFC 3263 has been applied. */
export interface Target {
  readonly transport: TransportName;
  /** An IP literal; IPv6 without brackets. */
  readonly address: string;
  readonly port: number;
  /** The domain that was looked up: sent as SNI and looked for in the certificate (RFC 5922 §7.3). Default: the address. */
  readonly serverName?: string;
  readonly tls?: TlsCredentials;
  /** Give up setting up a connection after this time; default: the limit of the transport layer. */
  readonly connectTimeoutMs?: number;
  /** A tenant can name it: it passes the egress guard when something is sent there. */
  readonly guarded?: boolean;
  /** The tenant: a guarded target's connections are of its share. */
  readonly owner?: string;
  /**
   * Send from this listener: nothing leaves when it is of another address family. One of another transport stands for the listener at its
   * address that has this transport. Default: the first one of the transport and address family.
   */
  readonly listenerId?: string;
}

/** One address to listen on. */
export interface ListenerOptions {
  /** Default: `transport:host:port` as configured. */
  readonly id?: string;
  readonly transport: TransportName;
  /** An IP literal to bind. */
  readonly host: string;
  /** 0 takes a free port, which `open` reports. */
  readonly port: number;
  /** What Via and Contact say toward the public side; default: the address of the interface. */
  readonly publicHost?: string;
  /** What they say to a trunk with the private address option; default: the address of the interface. */
  readonly privateHost?: string;
  /** The port that a port mapping shows to the outside; default: the port that listens. */
  readonly publicPort?: number;
  /** PEM certificate chain and key; required for TLS. */
  readonly certificate?: string;
  readonly key?: string;
  /** Trust anchors for client certificates. */
  readonly clientCa?: string | readonly string[];
  /** Default `none`. `optional`: asked for, a bad one counts as none; `required`: without a valid one the connection is refused. */
  readonly clientCertificate?: 'none' | 'optional' | 'required';
  /** Default `TLSv1.2` (RFC 8996 forbids older ones). */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** Other processes of this machine listen at the same port. Default: none does. */
  readonly shared?: SharedPort;
}

/** A port that several processes listen on (SO_REUSEPORT): each gets some of the connections and datagrams. */
export interface SharedPort {
  /** What Via and Contact say: the port of this process alone, where answers and requests within dialogs find it. */
  readonly ownPort: number;
  /** False: the datagram is another process's, which has been given it. */
  keeps(listenerId: string, octets: Buffer, address: string, port: number): boolean;
}

/** A listener that is open, with the port that it really has. */
export type Listening = Required<Pick<ListenerOptions, 'id' | 'transport' | 'host' | 'port'>>;

/** Decides per source address, before anything is parsed. */
export interface SourcePolicy {
  /** False: this message is over the rate of its source, or of all strangers. */
  admits(address: string): boolean;
  /** False: what has come of a message of this source is not kept until the rest is there. */
  hasRoomFor(address: string): boolean;
  /** As what source (`base/source.ts`) an address of a known peer counts, whose rates and slots are its own: trunks, registered phones; undefined: it is a stranger's. */
  sourceOf(address: string): string | undefined;
}

export interface TransportLimits {
  /** Connections that are open or being set up, all listeners together; half of them may lead to guarded targets. Default 20,000. */
  readonly maxConnections: number;
  /** Of these, how many only known peers may take. Default 2,000. */
  readonly reservedConnections: number;
  /** Connections accepted from one address. Default 1,000 (phones behind one NAT share an address). */
  readonly maxConnectionsPerSource: number;
  /** Accepted connections that have not yet delivered a message, per unknown address. Default 100. */
  readonly maxUnprovenPerSource: number;
  /** Connections accepted per second from all unknown addresses, since a TLS handshake costs more than a call. Default 200. */
  readonly strangersPerSecond: number;
  /** Remembered UDP peers. Default 65,536. */
  readonly maxUdpFlows: number;
  /** A connection is set up, TLS included, within this time. Default 10 s. */
  readonly connectTimeoutMs: number;
  /** A message is complete, and a new connection has brought its first one, within this time. Default 10 s. */
  readonly messageTimeoutMs: number;
  /** A connection without traffic is closed after this time. Default 15 min. */
  readonly idleTimeoutMs: number;
  /** CRLF pings on connections that we opened (RFC 5626 §4.4.1). Default 110 s; 0: none. */
  readonly pingIntervalMs: number;
  /** A pong is due within this time. Default 10 s (RFC 5626 §4.4.1). */
  readonly pongTimeoutMs: number;
  /** Octets that wait for a connection to be set up, or for a peer to read. Default 1 MB. */
  readonly maxQueuedOctets: number;
  /** SO_RCVBUF and SO_SNDBUF wanted on UDP sockets; less is a warning. Default 4 MB. */
  readonly udpBufferOctets: number;
  /**
   * A turn of a UDP socket that brought something takes at least so long, down to half as long where many messages come: its thread sleeps
   * for what is left, and what comes meanwhile is handled together; not when, by the rate of late, nothing is to be expected meanwhile.
   * Default 0: it does not wait.
   */
  readonly udpGatherMs: number;
}

export const defaultTransportLimits: TransportLimits = {
  maxConnections: 20_000,
  reservedConnections: 2_000,
  maxConnectionsPerSource: 1_000,
  maxUnprovenPerSource: 100,
  strangersPerSecond: 200,
  maxUdpFlows: 65_536,
  connectTimeoutMs: 10_000,
  messageTimeoutMs: 10_000,
  idleTimeoutMs: 900_000,
  pingIntervalMs: 110_000,
  pongTimeoutMs: 10_000,
  maxQueuedOctets: 1_048_576,
  udpBufferOctets: 4_194_304,
  udpGatherMs: 0,
};

/** Whoever receives what the transports bring. Calls are made in the turn of the event loop that brought it. */
export interface TransportUser {
  /**
   * While messages that were delivered wait for their turn, the time, ms, at which this thread had last looked at its sockets before the
   * look that it takes now; undefined: none waits. The sockets do not rest while it is given. Default: none waits.
   */
  readonly lookedMs?: number | undefined;
  /** A datagram was read that came at about this time, ms. True: nothing more is to be done with it; else it is handed over as a message. */
  disposes?(octets: Buffer, flow: Flow, cameMs: number): boolean;
  /** One message: a datagram, and when it came (it may have waited in its socket), or what the stream framer cut out. */
  onMessage(text: string, flow: Flow, cameMs?: number): void;
  /**
   * A stream that cannot be cut into messages any more (RFC 3261 §18.3). `head` is the start line and header section of the message at
   * fault, if it was read, so that the user can answer it; the connection closes afterwards.
   */
  onFramingLost?(head: string | undefined, flow: Flow, error: PeerError): void;
  /** Something was sent on a connection that has ended; §18.2.2 has another way for responses. */
  onUndelivered?(text: string, flow: Flow): void;
  /** A connection ended in order: by the peer, by us, or for want of traffic. */
  onFlowClosed(flow: Flow, reason: string): void;
  /** A connection could not be set up or broke, or a datagram could not be sent. */
  onFlowFailed(flow: Flow, reason: string): void;
  /** A message is about to leave, for counting and tracing. */
  onSent?(text: string, flow: Flow): void;
  /** A CRLF ping or pong arrived: the peer is alive. */
  onKeepAlive?(flow: Flow): void;
}

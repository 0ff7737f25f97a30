import type { SocketOptions } from 'node:dgram';
import { isIP, isIPv6, connect as tcpConnect } from 'node:net';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import type { AddressScope } from '../../base/address-scope.ts';
import type { Egress } from '../../base/egress.ts';
import { type Problem, SettingsError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Scheduler } from '../../base/scheduler.ts';
import { SharedBudget } from '../../base/shared-budget.ts';
import type { HostPort, TransportName } from '../../base/transport.ts';
import { DEFAULT_LIMITS, type MessageLimits } from '../message/index.ts';
import { AdvertisedAddress, isWildcard } from './advertised.ts';
import { certificateNames } from './certificate-names.ts';
import { ConnectionSlots } from './connection-slots.ts';
import { TransportCounters } from './counters.ts';
import { Gathering } from './gathering.ts';
import { ReusableConnections } from './reusable-connections.ts';
import { StreamFlow } from './stream-flow.ts';
import { StreamListener, type StreamListenerOwner } from './stream-listener.ts';
import { clientOptions, type TlsTrial, tryTls } from './tls-client.ts';
import {
  defaultTransportLimits,
  type Flow,
  type KeyPair,
  type ListenerOptions,
  type Listening,
  type SourcePolicy,
  type Target,
  type TlsCredentials,
  type TransportLimits,
  type TransportUser,
} from './types.ts';
import { type DatagramSocket, type TransportContext, UdpListener } from './udp-listener.ts';

export interface TransportLayerOptions {
  readonly scheduler: Scheduler;
  readonly limits?: Partial<TransportLimits>;
  /** Limits of one message on a stream; longer ones cost the connection. Default: the message layer's. */
  readonly messageLimits?: MessageLimits;
  /** Rates and reserved slots per source; default: no limit per source beyond the connection limits. */
  readonly sources?: SourcePolicy;
  /** Client certificate, key and trust anchors for targets that bring none of their own. */
  readonly tls?: TlsCredentials;
  /** Why nothing may leave for a guarded target; default: all may. */
  readonly egress?: Pick<Egress, 'refusal'>;
  /** Makes the sockets of UDP listeners; default: the runtime's. */
  readonly createSocket?: ((options: SocketOptions) => DatagramSocket) | undefined;
}

interface OpenListener {
  readonly socket: UdpListener | StreamListener;
  readonly options: ListenerOptions;
  readonly advertised: AdvertisedAddress;
  /** Nothing new begins on it; what is under way has its time. */
  isLeaving: boolean;
}

const DRAIN_MS = 2_000;
/** Of all connections: tenants can have as many made as they have places to name, and phones need some to register. */
const SHARE_OF_TENANTS = 0.5;
const ALL_TAKEN = 'all connection slots are taken';
const TENANTS_TAKEN = "its tenant's trunks have their share of the connections";

/** Whether a flow failed for want of a connection here: nothing was sent, and its target may be well. */
export function isOwnShortage(reason: string): boolean {
  return reason === ALL_TAKEN || reason === TENANTS_TAKEN;
}
/** 64*T1: the longest that a transaction waits. */
const RETIRED_MS = 32_000;

/**
 * The sockets of one engine: UDP, TCP and TLS listeners and the connections that it makes. A message leaves on the flow it belongs
 * to: answers where the request came from, requests on the connection that is already there (RFC 5923) or on a new one.
 */
export class TransportLayer {
  readonly counters = new TransportCounters();
  readonly #context: TransportContext;
  readonly #defaultTls: TlsCredentials;
  readonly #egress: Pick<Egress, 'refusal'> | undefined;
  readonly #listeners = new Map<string, OpenListener>();
  readonly #reusable = new ReusableConnections<StreamFlow>();
  readonly #connections = new Set<StreamFlow>();
  /** Made to guarded targets, by owner. */
  readonly #ofTenants: SharedBudget;
  readonly #owner: StreamListenerOwner;
  #serial = 0;
  #onIdle: (() => void) | undefined;

  constructor(options: TransportLayerOptions, user: TransportUser, log: Log) {
    const limits = { ...defaultTransportLimits, ...options.limits };
    this.#context = {
      user,
      log,
      scheduler: options.scheduler,
      limits,
      messageLimits: options.messageLimits ?? DEFAULT_LIMITS,
      counters: this.counters,
      gathering: new Gathering(limits.udpGatherMs),
      sources: options.sources,
      createSocket: options.createSocket,
    };
    this.#defaultTls = options.tls ?? {};
    this.#egress = options.egress;
    this.#ofTenants = new SharedBudget(SHARE_OF_TENANTS * limits.maxConnections);
    this.#owner = {
      slots: new ConnectionSlots(options.scheduler, limits, this.counters, options.sources),
      nextSerial: () => ++this.#serial,
      onAccepted: (flow) => this.#connections.add(flow),
      onEnded: (flow) => this.#onEnded(flow),
    };
  }

  /** {@link add} at the beginning, when nothing is open yet. */
  open(listeners: readonly ListenerOptions[]): Promise<Listening[]> {
    return this.add(listeners);
  }

  /**
   * Opens all of these or none, beside what is open. Throws a SettingsError that names each address that could not be opened, and why.
   */
  async add(listeners: readonly ListenerOptions[]): Promise<Listening[]> {
    const problems: Problem[] = [];
    const opened: Listening[] = [];
    for (const [index, options] of listeners.entries()) {
      try {
        opened.push(await this.#openOne(options));
      } catch (error) {
        const { transport, host, port } = options;
        const { field, reason } = describeListenError(error as NodeJS.ErrnoException);
        problems.push({
          code: 'listen-failed',
          path: `listen[${index}]${field === undefined ? '' : `.${field}`}`,
          message: `cannot listen on ${transport} ${atPort(host, port)}: ${reason}`,
        });
      }
    }
    if (problems.length === 0) return opened;
    await Promise.all(opened.map(({ id }) => this.#closeListener(id)));
    throw new SettingsError(problems);
  }

  /** Closes a listener at once, and what came to it. */
  discard(listenerId: string): void {
    void this.#closeListener(listenerId);
  }

  /**
   * A listener takes no new connections, and no new request leaves from it or over a connection of it; what peers send to it is served until its
   * socket and connections close, when the transactions that run over them have had their time. Until then its address is taken.
   */
  remove(listenerId: string): void {
    const listener = this.#listeners.get(listenerId);
    if (listener === undefined || listener.isLeaving) return;
    listener.isLeaving = true;
    this.#reusable.deleteOf(listenerId);
    if (listener.socket instanceof StreamListener) void listener.socket.close();
    this.#context.scheduler.schedule(RETIRED_MS, { onTimer: () => void this.#closeListener(listenerId) }, 0);
  }

  async #closeListener(listenerId: string): Promise<void> {
    const socket = this.#listeners.get(listenerId)?.socket;
    this.#listeners.delete(listenerId);
    if (socket instanceof UdpListener) return socket.close();
    for (const flow of this.#connections) if (flow.listenerId === listenerId) flow.close('its listener was removed');
    await socket?.close();
  }

  /** A datagram that came to another process at a port that is shared with it. */
  bring(listenerId: string, octets: Buffer, address: string, port: number): void {
    const socket = this.#listeners.get(listenerId)?.socket;
    if (socket instanceof UdpListener) socket.bring(octets, address, port);
  }

  /** Gives a TLS listener a new certificate without closing anything; throws when certificate and key do not fit. */
  renewCertificate(listenerId: string, certificate: string, key: string): void {
    const socket = this.#listeners.get(listenerId)?.socket;
    if (socket instanceof StreamListener) socket.renewCertificate(certificate, key);
  }

  /** What the TLS listeners show to those who ask for one of these names, lower case, in place of what they are configured with. */
  serveNames(pairs: ReadonlyMap<string, KeyPair>): void {
    for (const { socket } of this.#listeners.values()) if (socket instanceof StreamListener) socket.serveNames(pairs);
  }

  /**
   * No new request uses the connections to this target any more; they close when the transactions that run over them have had their time.
   */
  retire(target: Pick<Target, 'transport' | 'address' | 'port'>): void {
    for (const flow of this.#reusable.take(target)) {
      this.#context.scheduler.schedule(
        RETIRED_MS,
        { onTimer: () => flow.close('its server has asked to be left alone') },
        0,
      );
    }
  }

  /** What was read from datagram sockets is handled now. True: one holds more, which is read before that one's is. */
  takeTurns(): boolean {
    let readsOn = false;
    for (const { socket } of this.#listeners.values()) {
      if (!(socket instanceof UdpListener)) continue;
      socket.takeTurn();
      readsOn ||= socket.readsOn;
    }
    return readsOn;
  }

  /** What is open, with its real ports. */
  listening(): Listening[] {
    const open = Array.from(this.#listeners).filter(([, { isLeaving }]) => !isLeaving);
    return open.map(([id, { options, socket }]) => ({
      id,
      transport: options.transport,
      host: socket.address,
      port: socket.port,
    }));
  }

  /**
   * The flow to a target: the UDP peer, the connection that is there, or a new connection. Always returns one; if it cannot be set
   * up, the user hears onFlowFailed on a later turn.
   */
  flowTo(target: Target): Flow {
    // Before any connection is looked for: one that is there may be the operator's.
    const refusal = this.refusal(target);
    if (refusal !== undefined) return this.#unreachable(target, refusal);
    const listener = this.#listenerFor(target);
    if (target.transport === 'udp') {
      if (listener !== undefined) return (listener.socket as UdpListener).flowTo(target.address, target.port);
      return this.#unreachable(target, 'no UDP listener for this address family');
    }
    const key = this.#reusable.keyOf(target, listener?.socket.id);
    const existing = this.#reusable.open(key);
    if (existing !== undefined) return existing;
    if (listener === undefined)
      return this.#unreachable(target, `no ${target.transport.toUpperCase()} listener for this address family`);
    if (this.counters.connections >= this.#context.limits.maxConnections) return this.#unreachable(target, ALL_TAKEN);
    if (target.guarded === true && this.#ofTenants.hasShare(target.owner ?? '', 1))
      return this.#unreachable(target, TENANTS_TAKEN);
    return this.#connect(target, key, listener);
  }

  /** One handshake with a TLS target, on a connection of its own that carries nothing. */
  tryTls(target: Target): Promise<TlsTrial> {
    const bound = this.#listenerFor(target)?.options.host;
    const local = bound === undefined || isWildcard(bound) ? {} : { localAddress: bound };
    return tryTls({ ...clientOptions(target, target.tls ?? this.#defaultTls), ...local });
  }

  /** Why nothing may leave for a target that a tenant can name. */
  refusal({ guarded, address, port }: Target): string | undefined {
    return guarded === true ? this.#egress?.refusal(address, port) : undefined;
  }

  /** True when a request to this transport and address has a listener to leave from. */
  supports(transport: TransportName, address: string): boolean {
    return this.#listenerFor({ transport, address, port: 0 }) !== undefined;
  }

  /** The listener of another transport at the address that a target is sent to from, or at all of them; undefined when there is none. */
  listenerBeside(target: Target, transport: TransportName): string | undefined {
    const host = this.#listenerFor(target)?.options.host;
    if (host === undefined) return undefined;
    let everywhere: string | undefined;
    for (const [id, { options, isLeaving }] of this.#listeners) {
      if (options.transport !== transport || isLeaving) continue;
      if (options.host === host) return id;
      if (isWildcard(options.host) && isIPv6(options.host) === isIPv6(host)) everywhere ??= id;
    }
    return everywhere;
  }

  /** What Via and Contact say on this flow. */
  advertised(flow: Flow, scope: AddressScope = 'public'): HostPort {
    const listener = this.#listeners.get(flow.listenerId);
    // A connection knows from which of the machine's addresses it comes; a datagram's is what the listener says.
    const local = flow.reliable && flow.connected ? flow.localAddress : '';
    if (listener !== undefined) return listener.advertised.toward(flow.remoteAddress, scope, local);
    return { host: flow.localAddress, port: flow.localPort };
  }

  /** The same before there is a flow; undefined when nothing listens on that transport and family. */
  advertisedToward(target: Target, scope: AddressScope = 'public'): HostPort | undefined {
    return this.#listenerFor(target)?.advertised.toward(target.address, scope);
  }

  /**
   * Lets requests to `port` at the peer's address use a connection that the peer made (RFC 5923 §8). Only over TLS with a verified
   * certificate: then for the names in it; anybody could claim a port over TCP.
   */
  alias(flow: Flow, port: number): void {
    if (!(flow instanceof StreamFlow) || flow.closed || flow.tls?.verified !== true) return;
    const { remoteAddress: address, listenerId } = flow;
    // Whoever names no listener may use it whichever it came to.
    const usual = this.#listenerFor({ transport: 'tls', address, port })?.socket.id;
    for (const id of new Set([listenerId, usual])) {
      for (const serverName of [address, ...flow.tls.names]) {
        const key = this.#reusable.keyOf({ transport: 'tls', address, port, serverName }, id);
        if (this.#reusable.open(key) === undefined) this.#reusable.add(key, flow);
      }
    }
  }

  /** Stops listening and ends connections once what was sent on them has left, at the latest after two seconds. */
  async close(): Promise<void> {
    for (const flow of this.#connections) flow.close('shutting down');
    const sockets = Array.from(this.#listeners.values(), (listener) => listener.socket);
    const streams = sockets.filter((socket) => socket instanceof StreamListener);
    const linger = setTimeout(() => {
      for (const flow of this.#connections) flow.fail('shutting down');
    }, DRAIN_MS);
    await Promise.all(streams.map((socket) => socket.close()));
    await this.#connectionsEnded();
    clearTimeout(linger);
    await Promise.all(sockets.map((socket) => (socket instanceof UdpListener ? socket.close() : undefined)));
    this.#listeners.clear();
  }

  async #openOne(options: ListenerOptions): Promise<Listening> {
    const id = options.id ?? `${options.transport}:${atPort(options.host, options.port)}`;
    const present = this.#listeners.get(id);
    if (present?.isLeaving === true || this.#isLeft(options))
      throw new Error('what listened there before is being closed: try again in half a minute');
    if (present !== undefined) throw new Error('the same address is listed twice');
    if (isIP(options.host) === 0) throw new Error('not an IP address');
    const socket =
      options.transport === 'udp'
        ? new UdpListener(id, options, this.#context)
        : new StreamListener(id, options, this.#context, this.#owner);
    await socket.open();
    this.#listeners.set(id, {
      socket,
      options,
      advertised: new AdvertisedAddress(options, options.shared?.ownPort ?? socket.port),
      isLeaving: false,
    });
    return { id, transport: options.transport, host: socket.address, port: socket.port };
  }

  /** Whether a UDP socket at this address only waits for its transactions to end. */
  #isLeft({ transport, host, port }: ListenerOptions): boolean {
    if (transport !== 'udp') return false;
    const open = Array.from(this.#listeners.values());
    return open.some(
      ({ isLeaving, options }) =>
        isLeaving && options.transport === 'udp' && options.host === host && options.port === port,
    );
  }

  #listenerFor(target: Target): OpenListener | undefined {
    // An address is a literal, and only IPv6 has colons.
    const ipv6 = target.address.includes(':');
    const named = target.listenerId === undefined ? undefined : this.#listeners.get(target.listenerId);
    if (named?.options.transport === target.transport && !named.isLeaving)
      return named.options.host.includes(':') === ipv6 ? named : undefined;
    let first: OpenListener | undefined;
    for (const listener of this.#listeners.values()) {
      const { transport, host } = listener.options;
      if (transport !== target.transport || host.includes(':') !== ipv6 || listener.isLeaving) continue;
      if (named === undefined || host === named.options.host) return listener;
      first ??= listener;
    }
    return first;
  }

  #connect(target: Target, key: string, listener: OpenListener): StreamFlow {
    const flow = this.#outgoingFlow(target, listener.socket.id);
    this.#reusable.add(key, flow);
    this.counters.connectionsOpened++;
    const { address: host, port } = target;
    const { host: bound } = listener.options;
    const local = isWildcard(bound) ? {} : { localAddress: bound };
    try {
      if (target.transport === 'tls') this.#connectTls(flow, target, local);
      else {
        const socket = tcpConnect({ host, port, ...local });
        flow.attach(socket);
        socket.once('connect', () => flow.onConnected(undefined));
      }
    } catch (error) {
      // The runtime refuses bad key material by throwing.
      flow.fail(`cannot connect: ${(error as Error).message}`);
    }
    return flow;
  }

  #connectTls(flow: StreamFlow, target: Target, local: { localAddress?: string }): void {
    const socket: TLSSocket = tlsConnect({ ...clientOptions(target, target.tls ?? this.#defaultTls), ...local });
    flow.attach(socket);
    socket.once('secureConnect', () => {
      const names = socket.authorized ? certificateNames(socket.getPeerCertificate()).domains : [];
      flow.onConnected({
        verified: socket.authorized,
        names,
      });
    });
  }

  #outgoingFlow(target: Target, listenerId: string): StreamFlow {
    const count = (by: 1 | -1) => {
      this.counters.connections += by;
      if (target.guarded === true) this.#ofTenants.change(target.owner ?? '', by);
    };
    count(1);
    const flow = new StreamFlow(this.#context, {
      transport: target.transport === 'tls' ? 'tls' : 'tcp',
      listenerId,
      serial: ++this.#serial,
      remoteAddress: target.address,
      remotePort: target.port,
      opened: true,
      ...(target.connectTimeoutMs === undefined ? {} : { connectTimeoutMs: target.connectTimeoutMs }),
      onEnded: (ended) => {
        count(-1);
        this.#onEnded(ended);
      },
    });
    this.#connections.add(flow);
    return flow;
  }

  /** A flow that fails on the next turn, so that the sender hears of it the same way as of any failure. */
  #unreachable(target: Target, reason: string): Flow {
    const flow = this.#outgoingFlow(target, '');
    flow.fail(reason);
    return flow;
  }

  #onEnded(flow: StreamFlow): void {
    this.#connections.delete(flow);
    this.#reusable.delete(flow);
    if (this.#connections.size === 0) this.#onIdle?.();
  }

  #connectionsEnded(): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }
}

function describeListenError(error: NodeJS.ErrnoException): { field?: 'host' | 'port'; reason: string } {
  switch (error.code) {
    case 'EADDRINUSE':
      return { field: 'port', reason: 'another process has the port (EADDRINUSE): stop it, or set another port' };
    case 'EADDRNOTAVAIL':
      return {
        field: 'host',
        reason: 'this machine does not have the address (EADDRNOTAVAIL): set one of its own, or 0.0.0.0 for all',
      };
    case 'EACCES':
      return {
        field: 'port',
        reason: 'ports below 1024 need a privilege (EACCES): set a higher one, or give CAP_NET_BIND_SERVICE',
      };
    default:
      return { reason: error.message };
  }
}

function atPort(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

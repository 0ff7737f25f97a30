import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { PeerError } from '../../base/errors.ts';
import { cancelTimer, type Timer, type TimerTarget } from '../../base/scheduler.ts';
import { type FrameSink, StreamFramer } from '../message/index.ts';
import type { TlsFacts } from './certificate-names.ts';
import type { ConnectionSlots, SlotHolder } from './connection-slots.ts';
import { describeTlsError } from './tls-refusal.ts';
import type { Flow } from './types.ts';
import type { TransportContext } from './udp-listener.ts';

/**
 * One TCP or TLS connection.
 *
 *   setting-up ──connected──▶ open ──end, idle, close()──▶ closing ──▶ closed   (onFlowClosed)
 *        │                     └──error, pong overdue, too much queued──▶ closed (onFlowFailed)
 *        └──refused, TLS error, overdue──▶ closed                                (onFlowFailed)
 *
 * Rules: the user hears exactly one of onFlowClosed and onFlowFailed, once. What is sent while setting up waits in a bounded queue.
 * Every wait has a limit: for the connection, for its first message, for the rest of a message, for traffic, for a pong, for a
 * stranger to read, for the last octets to leave.
 */
const TimerKind = { SetUp: 1, Message: 2, Idle: 3, Ping: 4, Pong: 5, Linger: 6, Resume: 7, Unread: 8 } as const;

const UNREAD = 'the peer does not read what we send';
const PING = '\r\n\r\n';
const PONG = '\r\n';
const LINGER_MS = 2_000;
/** A source over its rate is not read from for this long; TCP then slows it down. */
const RATE_PAUSE_MS = 100;

type State = 'setting-up' | 'open' | 'closing' | 'closed';

export interface StreamFlowOptions {
  readonly transport: 'tcp' | 'tls';
  readonly listenerId: string;
  readonly serial: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** True when we made the connection: then we ping it. */
  readonly opened: boolean;
  readonly connectTimeoutMs?: number;
  /** The slots that this connection, if it was accepted, holds one of. */
  readonly slots?: ConnectionSlots;
  /** Called once when the connection is gone, before the user hears of it. */
  readonly onEnded: (flow: StreamFlow) => void;
}

export class StreamFlow implements Flow, FrameSink, SlotHolder, TimerTarget {
  readonly transport: 'tcp' | 'tls';
  readonly reliable = true;
  readonly listenerId: string;
  readonly key: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly opened: boolean;
  tls: TlsFacts | undefined = undefined;
  /** True once the connection, TLS included, was set up. */
  connected = false;
  /** True once it brought a whole message: until then it is a stranger that holds a slot. */
  proven: boolean;
  readonly #context: TransportContext;
  readonly #onEnded: (flow: StreamFlow) => void;
  readonly #slots: ConnectionSlots | undefined;
  readonly #framer: StreamFramer;
  #socket: Socket | TLSSocket | undefined;
  #state: State = 'setting-up';
  #queue: string[] = [];
  #queuedOctets = 0;
  #failure: string | undefined;
  #closeReason = 'closed by the peer';
  #lastTrafficMs: number;
  heardAtMs = 0;
  messageAtMs = 0;
  #pingIntervalMs = 0;
  #pongSeen = false;
  #pongAwaited = false;
  #messageEnded = false;
  /** A ping is in the octets that are being read. */
  #pinged = false;
  /** One answer to pings has not left yet, and one more is owed: so much waits at most for a peer that reads nothing. */
  #pongUnderWay = false;
  #owesPong = false;
  /** What had left when the peer was seen not to read: octets of whole writes, and how much of the one under way had not. */
  #leftOctets = 0;
  #stuckOctets = 0;
  #unreadTimer: Timer | undefined;
  #deadline: Timer | undefined;
  #idleTimer: Timer | undefined;
  #pingTimer: Timer | undefined;
  #resumeTimer: Timer | undefined;

  constructor(context: TransportContext, options: StreamFlowOptions) {
    this.#context = context;
    this.transport = options.transport;
    this.listenerId = options.listenerId;
    this.remoteAddress = options.remoteAddress;
    this.remotePort = options.remotePort;
    this.key = `${options.transport}|${options.serial}|${options.remoteAddress}|${options.remotePort}`;
    this.opened = options.opened;
    this.proven = options.opened;
    this.#onEnded = options.onEnded;
    this.#slots = options.slots;
    this.#framer = new StreamFramer(this, context.messageLimits);
    this.#lastTrafficMs = context.scheduler.nowMs();
    this.#deadline = context.scheduler.schedule(
      options.connectTimeoutMs ?? context.limits.connectTimeoutMs,
      this,
      TimerKind.SetUp,
    );
  }

  get localAddress(): string {
    return this.#socket?.localAddress ?? '';
  }

  get localPort(): number {
    return this.#socket?.localPort ?? 0;
  }

  get closed(): boolean {
    return this.#state === 'closing' || this.#state === 'closed';
  }

  /** Takes over the socket's events; {@link onConnected} follows when it is ready. */
  attach(socket: Socket | TLSSocket): void {
    this.#socket = socket;
    socket.setNoDelay(true);
    // Finds peers that vanished without a FIN and do not answer CRLF pings either.
    socket.setKeepAlive(true, 60_000);
    socket.on('data', (octets: Buffer) => this.#onData(octets));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#onError(error));
    socket.on('close', () => this.#onClose());
  }

  /** The connection is set up, TLS included: what waited leaves, the limits of an open connection begin. */
  onConnected(tls: TlsFacts | undefined): void {
    if (this.#state !== 'setting-up') return;
    this.tls = tls;
    this.#state = 'open';
    this.connected = true;
    const { scheduler, limits } = this.#context;
    this.#deadline = cancelTimer(this.#deadline);
    this.#noteTraffic();
    if (!this.proven) this.#deadline = scheduler.schedule(limits.messageTimeoutMs, this, TimerKind.Message);
    this.#idleTimer = scheduler.schedule(limits.idleTimeoutMs, this, TimerKind.Idle);
    if (this.opened && limits.pingIntervalMs > 0) this.keepAlive(limits.pingIntervalMs);
    const waiting = this.#queue;
    this.#queue = [];
    this.#queuedOctets = 0;
    for (const text of waiting) this.send(text);
  }

  send(text: string): void {
    if (this.#state === 'open') {
      const socket = this.#socket as Socket;
      if (socket.writableLength + text.length > this.#context.limits.maxQueuedOctets) {
        this.fail(UNREAD);
        return;
      }
      this.#noteTraffic();
      this.#context.user.onSent?.(text, this);
      this.#write(text);
    } else if (this.closed) {
      this.#context.user.onUndelivered?.(text, this);
    } else {
      this.#queuedOctets += text.length;
      if (this.#queuedOctets > this.#context.limits.maxQueuedOctets) this.fail('too much waits for the connection');
      else this.#queue.push(text);
    }
  }

  keepAlive(intervalMs: number): void {
    this.#pingIntervalMs = intervalMs;
    this.#pingTimer = cancelTimer(this.#pingTimer);
    if (intervalMs > 0 && !this.closed) this.#armPing();
  }

  close(reason: string): void {
    if (this.closed) return;
    this.#closeReason = reason;
    if (this.#state === 'setting-up') {
      this.fail(reason);
      return;
    }
    this.#state = 'closing';
    this.#deadline = cancelTimer(this.#deadline);
    this.#deadline = this.#context.scheduler.schedule(LINGER_MS, this, TimerKind.Linger);
    this.#socket?.end();
  }

  giveWay(): void {
    if (this.#state === 'closed') return;
    this.#closeReason = 'its place was needed';
    this.#state = 'closing';
    this.#socket?.destroy();
  }

  /** Ends the connection at once as broken. */
  fail(reason: string): void {
    if (this.#state === 'closed') return;
    this.#failure ??= reason;
    this.#state = 'closing';
    // Never before the caller returns: a transaction sends in the middle of its own change of state.
    if (this.#socket === undefined) setImmediate(() => this.#onClose());
    else this.#socket.destroy();
  }

  onTimer(kind: number): void {
    switch (kind) {
      case TimerKind.SetUp:
        this.fail(
          this.transport === 'tls'
            ? 'connection and TLS handshake not set up in time'
            : 'connection not set up in time',
        );
        return;
      case TimerKind.Message:
        this.#context.counters.slowClosed++;
        this.#closeReason = this.proven ? 'message not completed in time' : 'no message in time';
        this.#state = 'closing';
        this.#socket?.destroy();
        return;
      case TimerKind.Idle:
        this.#onIdleTimer();
        return;
      case TimerKind.Ping:
        this.#ping();
        return;
      case TimerKind.Pong:
        this.#onPongOverdue();
        return;
      case TimerKind.Linger:
        this.#socket?.destroy();
        return;
      case TimerKind.Resume:
        this.#resumeTimer = undefined;
        this.#socket?.resume();
        return;
      case TimerKind.Unread:
        this.#onUnread();
        return;
    }
  }

  #onData(octets: Buffer): void {
    this.heardAtMs = this.#context.scheduler.nowMs();
    if (this.#state !== 'open') return;
    this.#noteTraffic();
    this.#messageEnded = false;
    this.#framer.push(octets.toString('latin1'));
    if (this.#pinged) this.#answerPing();
    this.#watchPartialMessage();
  }

  /** From the framer: a whole message. */
  onMessage(text: string): void {
    if (this.#state !== 'open') return;
    this.#messageEnded = true;
    this.messageAtMs = this.heardAtMs;
    if (!this.proven) {
      this.proven = true;
      this.#slots?.prove(this.remoteAddress, this);
    }
    const { sources, counters, user, scheduler } = this.#context;
    if (sources !== undefined && this.#resumeTimer === undefined && !sources.admits(this.remoteAddress)) {
      counters.rateLimited++;
      this.#socket?.pause();
      this.#resumeTimer = scheduler.schedule(RATE_PAUSE_MS, this, TimerKind.Resume);
    }
    user.onMessage(text, this);
  }

  /** From the framer: a ping. Those that came together are answered together. */
  onPing(): void {
    this.#pinged = true;
  }

  /** RFC 5626 §3.5.1: a single CRLF, at once; while the one before it is under way, as soon as that has left. */
  #answerPing(): void {
    this.#pinged = false;
    this.#owesPong = true;
    this.#pong();
    this.#context.user.onKeepAlive?.(this);
  }

  #pong(): void {
    if (!this.#owesPong || this.#pongUnderWay || this.#state !== 'open') return;
    this.#owesPong = false;
    this.#pongUnderWay = true;
    this.#write(PONG, this.#onPongLeft);
  }

  readonly #onPongLeft = () => {
    this.#pongUnderWay = false;
    this.#pong();
  };

  /** From the framer: a single CRLF. True when it answers our ping. */
  onPong(): boolean {
    const awaited = this.#pongAwaited;
    this.#pongAwaited = false;
    if (awaited) {
      this.#pongSeen = true;
      if (this.#pingIntervalMs > 0 && this.#state === 'open') this.#armPing();
    }
    this.#context.user.onKeepAlive?.(this);
    return awaited;
  }

  /** From the framer: where the next message starts is not known any more, so the connection ends (RFC 3261 §18.3). */
  onBroken(error: PeerError, head: string | undefined): void {
    this.#context.counters.framingLost++;
    this.#context.user.onFramingLost?.(head, this, error);
    this.close(error.message);
  }

  /** What is sent in one go leaves in one go: a system call, and with TLS a record, for all of it. */
  #write(text: string, onLeft?: () => void): void {
    const socket = this.#socket as Socket;
    if (socket.writableCorked === 0) {
      socket.cork();
      process.nextTick(this.#uncork);
    }
    socket.write(text, 'latin1', onLeft);
  }

  readonly #uncork = () => {
    const socket = this.#socket as Socket;
    socket.uncork();
    const mayBeUnread = socket.writableLength > 0 && this.#state === 'open';
    if (mayBeUnread && this.#unreadTimer === undefined) this.#watchUnread(socket);
  };

  /** The kernel has not taken all: the peer may not be reading. */
  #watchUnread(socket: Socket): void {
    this.#leftOctets = leftOctets(socket);
    this.#stuckOctets = stuckOctets(socket);
    const { scheduler, limits } = this.#context;
    this.#unreadTimer = scheduler.schedule(limits.messageTimeoutMs, this, TimerKind.Unread);
  }

  /** A stranger that asks and does not read has the answers kept here, for as many connections as it can open. */
  #onUnread(): void {
    this.#unreadTimer = undefined;
    const { sources, counters } = this.#context;
    const socket = this.#socket as Socket;
    if (socket.writableLength === 0 || this.#state !== 'open') return;
    const reads = leftOctets(socket) > this.#leftOctets || stuckOctets(socket) < this.#stuckOctets;
    if (reads || this.opened || sources === undefined || sources.sourceOf(this.remoteAddress) !== undefined) {
      this.#watchUnread(socket);
      return;
    }
    counters.slowClosed++;
    this.fail(UNREAD);
  }

  #noteTraffic(): void {
    this.#lastTrafficMs = this.#context.scheduler.nowMs();
  }

  /** Unread octets are an unfinished message: the rest is due within the message timeout, counted from its first octet. */
  #watchPartialMessage(): void {
    if (this.#state !== 'open') return;
    const held = this.#framer.heldOctets > 0;
    const { scheduler, limits, sources } = this.#context;
    if (held && sources?.hasRoomFor(this.remoteAddress) === false) {
      this.close('no memory for what unknown addresses send');
      return;
    }
    if (!this.proven) return;
    if (this.#messageEnded || !held) this.#deadline = cancelTimer(this.#deadline);
    if (!held || this.#deadline !== undefined) return;
    this.#deadline = scheduler.schedule(limits.messageTimeoutMs, this, TimerKind.Message);
  }

  #onIdleTimer(): void {
    const { scheduler, limits } = this.#context;
    const idleMs = scheduler.nowMs() - this.#lastTrafficMs;
    if (idleMs >= limits.idleTimeoutMs) this.close('idle');
    else this.#idleTimer = scheduler.schedule(limits.idleTimeoutMs - idleMs, this, TimerKind.Idle);
  }

  #armPing(): void {
    this.#pingTimer = cancelTimer(this.#pingTimer);
    // RFC 5626 §4.4.1: a random time, so that flows made together are not pinged together.
    const delayMs = this.#pingIntervalMs * (0.9 + Math.random() * 0.2);
    this.#pingTimer = this.#context.scheduler.schedule(delayMs, this, TimerKind.Ping);
  }

  #ping(): void {
    if (this.#state !== 'open') return;
    this.#write(PING);
    this.#pongAwaited = true;
    this.#pingTimer = this.#context.scheduler.schedule(this.#context.limits.pongTimeoutMs, this, TimerKind.Pong);
  }

  /**
   * DEVIATION from RFC 5626 §4.4.1, which lets only peers be pinged that promised to answer: a peer that has never answered is left
   * alone (the ping still keeps the NAT open), one that has and stops is gone.
   */
  #onPongOverdue(): void {
    if (!this.#pongSeen) {
      this.#armPing();
      return;
    }
    this.#context.counters.pongTimeouts++;
    this.fail('the peer stopped answering pings');
  }

  #onError(error: NodeJS.ErrnoException): void {
    if (this.#failure !== undefined) return;
    this.#failure = this.#describe(error);
    if (!isTlsError(error, this.transport)) return;
    const { counters, log } = this.#context;
    counters.tlsRefused++;
    const { listenerId: listener, remoteAddress, remotePort, opened } = this;
    log.warn('tls-refused', { listener, remoteAddress, remotePort, opened, reason: this.#failure });
  }

  #onClose(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#deadline = cancelTimer(this.#deadline);
    this.#idleTimer = cancelTimer(this.#idleTimer);
    this.#pingTimer = cancelTimer(this.#pingTimer);
    this.#resumeTimer = cancelTimer(this.#resumeTimer);
    this.#unreadTimer = cancelTimer(this.#unreadTimer);
    this.#queue = [];
    if (!this.proven) this.#slots?.prove(this.remoteAddress);
    this.#slots?.release(this.remoteAddress, this);
    this.#onEnded(this);
    const { user, counters } = this.#context;
    if (this.#failure === undefined && this.connected) {
      user.onFlowClosed(this, this.#closeReason);
      return;
    }
    if (!this.connected) counters.connectFailures++;
    user.onFlowFailed(this, this.#failure ?? 'connection ended while it was set up');
  }

  #describe(error: NodeJS.ErrnoException): string {
    if (error.code === 'ECONNREFUSED') return 'connection refused';
    if (error.code === 'ECONNRESET' && this.connected) return 'connection reset by the peer';
    if (isTlsError(error, this.transport)) return describeTlsError(error);
    return error.code ?? error.message;
  }
}

/** Octets of writes that have left as a whole. */
function leftOctets(socket: Socket): number {
  return socket.bytesWritten - socket.writableLength;
}

/**
 * Octets of the write under way that the kernel has not taken: all that was written while the one before it was under way is one, and a
 * long one leaves bit by bit. The runtime's own idle timeout of sockets looks there too; without it only whole writes are seen.
 */
function stuckOctets(socket: Socket): number {
  return (socket as { _handle?: { writeQueueSize?: number } | null })._handle?.writeQueueSize ?? 0;
}

/** Errors of the operating system name the call that failed; those of TLS do not. */
function isTlsError(error: NodeJS.ErrnoException, transport: string): boolean {
  return transport === 'tls' && error.syscall === undefined && error.code !== 'ECONNRESET';
}

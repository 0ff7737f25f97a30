import { createSocket, type SocketOptions } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Log } from '../../base/log.ts';
import type { Scheduler } from '../../base/scheduler.ts';
import { type MessageLimits, withCrlf } from '../message/index.ts';
import type { TransportCounters } from './counters.ts';
import type { Gathering } from './gathering.ts';
import { GenerationCache } from './generation-cache.ts';
import { KernelRefusals } from './refusals.ts';
import { bindingResponse } from './stun.ts';
import type { ListenerOptions, SourcePolicy, TransportLimits, TransportUser } from './types.ts';
import { type SocketOfFlow, UdpFlow } from './udp-flow.ts';

interface Remote {
  readonly address: string;
  readonly port: number;
}

/** What a listener needs of a datagram socket. */
export interface DatagramSocket {
  bind(port: number, address: string, callback: () => void): unknown;
  once(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'message', listener: (octets: Buffer, remote: Remote) => void): unknown;
  address(): { readonly address: string; readonly port: number };
  getRecvBufferSize(): number;
  getSendBufferSize(): number;
  send(octets: Buffer, port: number, address: string, callback: (error: Error | null) => void): void;
  /** Sends what it was given; absent: that has left. */
  flush?(): void;
  /** Reads what waits; absent: the event loop does. */
  receive?(): unknown;
  /** Whether more waited than was read, if anything was since this was asked; undefined, or absent: it cannot say. */
  hadMore?(): boolean | undefined;
  close(callback: () => void): unknown;
}

/** What the listeners of one transport layer share. */
export interface TransportContext {
  readonly user: TransportUser;
  readonly log: Log;
  readonly scheduler: Scheduler;
  readonly limits: TransportLimits;
  readonly messageLimits: MessageLimits;
  readonly counters: TransportCounters;
  readonly gathering: Gathering;
  readonly sources: SourcePolicy | undefined;
  readonly createSocket: ((options: SocketOptions) => DatagramSocket) | undefined;
}

/** RFC 768: 65,535 less the UDP and IPv4 headers. */
const MAX_DATAGRAM_OCTETS = 65_507;
/**
 * The kernel has refused one datagram and may take the next: a firewall rule, a full table of connections, no memory. It is lost as others are
 * on their way, and sent again where it is needed; what goes on with that peer, or rings there, is not ended for it, unless that lasts
 * ({@link KernelRefusals}).
 */
const MOMENTARY: ReadonlySet<string> = new Set(['EPERM', 'ENOBUFS', 'ENOMEM', 'EAGAIN']);
const REFUSED_SAID_MS = 1_000;
const CR = 13;
const LF = 10;
const NUL = 0;

const LATEST_FLOWS = 64;

/** libuv reads so many from a socket in one turn of the event loop; fewer mean that none is left. */
const DATAGRAMS_PER_POLL = 32;
/**
 * Then others have their turn: reading and refusing so many takes twice as long as messages are handled for after that. A socket that is not
 * emptied for long is one of which nobody knows how long its datagrams have lain there.
 */
const MOST_READ_AT_ONCE = 4_096;
/** Of more that lie in the socket so many are read, then handled, before the next: whoever came first is not kept waiting for the last. */
const PORTION = 256;
const MOST_HANDLED_AT_ONCE = 64;
/** What so many messages gave rise to is sent before more of them are handled: while there is too much, refusals do not wait for each other. */
const MOST_HANDLED_UNSENT = 128;

/** Where nothing waited, the event loop slept, and woke for the first datagram; it was away from its sockets for no longer than a turn may take. */
const LONGEST_AWAY_MS = 20;

/** What came is counted over so long, ms. */
const LATELY_MS = 500;

const NEVER_WOKEN = new Int32Array(new SharedArrayBuffer(4));

interface Datagram {
  readonly octets: Buffer;
  readonly flow: UdpFlow;
}

interface Received extends Datagram {
  /** When it is taken to have come, of one that another process brought; of the others that is told when all are read. */
  readonly broughtMs: number | undefined;
}

/**
 * One UDP socket and the flows of its peers.
 *
 * It works in stages, once per turn of the event loop: all datagrams that wait are read, then handled, then what they gave rise to is
 * sent. Each stage stays in the processor's caches, and a burst to a peer wakes it once: a quarter less CPU per call than message by
 * message at 1,000 calls a second. What arrives and what leaves keeps its order. With `udpGatherMs`, turns are so far apart that several
 * messages share one at lower rates too, where more than one comes in that time.
 */
export class UdpListener implements SocketOfFlow {
  readonly id: string;
  readonly options: ListenerOptions;
  address: string;
  port: number;
  closed = false;
  /** The socket holds more than was read; nothing is handled before. */
  readsOn = false;
  readonly #context: TransportContext;
  readonly #socket: DatagramSocket;
  readonly #flows: GenerationCache<UdpFlow>;
  /** The latest peers by {@link latestPlace}: most packets find theirs here, and no key is made. */
  readonly #latest = new Array<UdpFlow | undefined>(LATEST_FLOWS).fill(undefined);
  readonly #onSent: (error: Error | null) => void;
  readonly #received: Received[] = [];
  readonly #toSend: Datagram[] = [];
  readonly #runTurn = () => this.#turn();
  #due: NodeJS.Immediate | undefined = undefined;
  /** Datagrams read since the turn before, whatever became of them: one that is not let in has been in the socket as well. */
  #readThisTurn = 0;
  /** The same since messages were handled. */
  #readUnhandled = 0;
  /** The same since the socket was empty, or so many were read that others have their turn. */
  #readInRow = 0;
  /** When the socket was read last. */
  #readMs = 0;
  /** The socket was read until it was empty. */
  #isEmptied = true;
  /** What is read next has come since. */
  #emptyMs = 0;
  /** Datagrams that came lately, and in how long. Both fade. */
  #lately = { count: 0, ms: 0 };
  /** Datagrams that the kernel has refused since that was said last. */
  #refused = 0;
  #refusedSaidAtMs = Number.NEGATIVE_INFINITY;

  constructor(id: string, options: ListenerOptions, context: TransportContext) {
    this.id = id;
    this.options = options;
    this.address = options.host;
    this.port = options.port;
    this.#context = context;
    this.#flows = new GenerationCache(context.limits.maxUdpFlows);
    this.#onSent = (error) => {
      if (error !== null) this.#onSendError(error);
    };
    const family = isIPv6(options.host) ? 6 : 4;
    this.#socket = (context.createSocket ?? createSocket)({
      type: family === 6 ? 'udp6' : 'udp4',
      ipv6Only: family === 6,
      reusePort: options.shared !== undefined,
      recvBufferSize: context.limits.udpBufferOctets,
      sendBufferSize: context.limits.udpBufferOctets,
      // Addresses are literals already; the default would look up each one, and answer on a later turn.
      lookup: (address, _options, callback) => callback(null, address, family),
    });
  }

  get user(): TransportUser {
    return this.#context.user;
  }

  get scheduler(): Scheduler {
    return this.#context.scheduler;
  }

  /** Resolves when bound; rejects with the runtime's error. */
  open(): Promise<void> {
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(this.options.port, this.options.host, () => {
        socket.off('error', reject);
        socket.on('error', (error) =>
          this.#context.log.error('udp-socket-error', { listener: this.id, error: error.message }),
        );
        socket.on('message', (octets, remote) => this.#onDatagram(octets, remote));
        const bound = socket.address();
        this.address = bound.address;
        this.port = bound.port;
        this.#checkBuffers();
        resolve();
      });
    });
  }

  flowTo(address: string, port: number): UdpFlow {
    const latest = this.#latestOf(address, port);
    if (latest !== undefined) return latest;
    const key = port + address;
    let flow = this.#flows.get(key);
    if (flow === undefined) {
      flow = new UdpFlow(this, address, port);
      this.#flows.set(key, flow);
    }
    this.#latest[latestPlace(address, port)] = flow;
    return flow;
  }

  #latestOf(address: string, port: number): UdpFlow | undefined {
    const last = this.#latest[latestPlace(address, port)];
    return last !== undefined && last.remotePort === port && last.remoteAddress === address ? last : undefined;
  }

  send(octets: Buffer, flow: UdpFlow): void {
    if (this.closed) return;
    if (octets.length > MAX_DATAGRAM_OCTETS) {
      this.#context.counters.sendErrors++;
      const reason = `message of ${octets.length} octets does not fit a datagram`;
      setImmediate(() => this.#context.user.onFlowFailed(flow, reason));
      return;
    }
    this.#toSend.push({ octets, flow });
    this.#wantTurn();
  }

  close(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.#sendAll();
    this.closed = true;
    this.#received.length = 0;
    this.#flows.clear();
    this.#latest.fill(undefined);
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }

  #onDatagram(octets: Buffer, remote: Remote): void {
    const { sources, counters } = this.#context;
    if (this.#readThisTurn++ === 0) this.#onLook();
    this.#wantTurn();
    const known = this.#latestOf(remote.address, remote.port);
    // The same text object at each packet is found at once; the runtime makes a new one for each.
    if (sources !== undefined && !sources.admits(known?.remoteAddress ?? remote.address)) {
      counters.rateLimited++;
      return;
    }
    const flow = known ?? this.flowTo(remote.address, remote.port);
    const first = octets[0];
    const isBlank = first === CR || first === LF;
    if ((isBlank || first === NUL || first === undefined) && this.#keepsAlive(octets, flow)) return;
    // Whoever looks at a message's octets before it is parsed looks at its start line.
    const message = isBlank ? withoutEmptyLines(octets) : octets;
    if (isBlank && message.length === 0) {
      this.user.onKeepAlive?.(flow);
      return;
    }
    if (this.options.shared?.keeps(this.id, message, remote.address, remote.port) === false) return;
    this.#received.push({ octets: message, flow, broughtMs: undefined });
  }

  /** Whether a datagram is there to keep a NAT open and nothing else; one that asks for an answer gets it. */
  #keepsAlive(octets: Buffer, flow: UdpFlow): boolean {
    const answer = bindingResponse(octets, flow.remoteAddress, flow.remotePort);
    if (answer === undefined && !isKeepAlive(octets)) return false;
    const { user, sources, counters } = this.#context;
    user.onKeepAlive?.(flow);
    if (answer === undefined) return true;
    // An address that nobody here knows may be forged: it gets little more than was sent in its name.
    if (
      answer.length <= 1.5 * octets.length ||
      sources === undefined ||
      sources.sourceOf(flow.remoteAddress) !== undefined
    ) {
      counters.stunAnswered++;
      flow.sendOctets(answer);
    } else counters.stunWithheld++;
    return true;
  }

  /** A datagram that came to another process's socket at this port. */
  bring(octets: Buffer, address: string, port: number): void {
    if (this.closed) return;
    const nowMs = this.scheduler.nowMs();
    // It came to this process at any time since that looked before: in the middle of it, taken together.
    const broughtMs = (nowMs + Math.min(nowMs, this.user.lookedMs ?? nowMs)) / 2;
    this.#received.push({ octets, flow: this.flowTo(address, port), broughtMs });
    this.#wantTurn();
  }

  /** The first datagram of this turn was read. However long ago the last one came: one that came before the last look was read by that. */
  #onLook(): void {
    const nowMs = this.scheduler.nowMs();
    if (this.#isEmptied)
      this.#emptyMs = Math.min(nowMs, Math.max(this.#readMs, this.user.lookedMs ?? nowMs - LONGEST_AWAY_MS));
    this.#readMs = nowMs;
    this.#isEmptied = false;
  }

  #wantTurn(): void {
    if (this.#due !== undefined) return;
    this.#context.gathering.begin(this.scheduler.nowMs());
    this.#due = setImmediate(this.#runTurn);
  }

  /** What was read is handled now, before what its turn would come after. */
  takeTurn(): void {
    if (this.#readThisTurn === 0) return;
    clearImmediate(this.#due);
    this.#turn();
  }

  #turn(): void {
    // What messages of an earlier turn, and timers, gave rise to does not wait for what is read now.
    this.#sendAll();
    // The kernel has more: what waits there cannot be told from what just came, so it is read before anything is handled.
    const hasMore = this.#socket.hadMore?.() ?? this.#readThisTurn >= DATAGRAMS_PER_POLL;
    this.#readUnhandled += this.#readThisTurn;
    this.#readInRow += this.#readThisTurn;
    this.#readThisTurn = 0;
    this.readsOn = hasMore && Math.max(this.#readInRow, this.#received.length) < MOST_READ_AT_ONCE && !this.closed;
    if (!this.readsOn) this.#readInRow = 0;
    if (this.readsOn && Math.max(this.#readUnhandled, this.#received.length) < PORTION) {
      this.#due = setImmediate(this.#runTurn);
      return;
    }
    this.#isEmptied = !hasMore;
    // Who has a policy for sources orders what is read by itself. Else a peer gets its answers in bursts that its own buffer holds.
    const most = this.#context.sources === undefined ? MOST_HANDLED_AT_ONCE : this.#received.length;
    const batch = this.#received.splice(0, most);
    const { user } = this;
    const read = batch.reduce((count, { broughtMs }) => (broughtMs === undefined ? count + 1 : count), 0);
    const stepMs = this.#stepMs(read, hasMore);
    let cameNextMs = this.#emptyMs + stepMs / 2;
    if (hasMore) this.#emptyMs += read * stepMs;
    try {
      for (let index = 0; index < batch.length; index++) {
        const { octets, flow, broughtMs } = batch[index] as Received;
        const cameMs = broughtMs ?? cameNextMs;
        if (broughtMs === undefined) cameNextMs += stepMs;
        if (user.disposes?.(octets, flow, cameMs) !== true)
          user.onMessage(withCrlf(octets.toString('latin1')), flow, cameMs);
        if (index % MOST_HANDLED_UNSENT === MOST_HANDLED_UNSENT - 1) this.#sendAll();
      }
    } finally {
      this.#sendAll();
      this.#context.gathering.handled(batch.length, this.#readUnhandled);
      this.#readUnhandled = 0;
      // Nobody rests while the kernel has more.
      const isDue = this.#received.length > 0 || (hasMore && !this.closed);
      this.#due = isDue ? setImmediate(this.#runTurn) : undefined;
      if (!isDue) this.#endTurn();
    }
  }

  /**
   * Ms from one of those that were read to the next. They lie in the order in which they came, and as far as anybody knows came evenly: whoever came
   * just after the last look has waited since. Where the socket holds more, that has come after them: in between as much as came lately.
   */
  #stepMs(read: number, hasMore: boolean): number {
    const passedMs = this.#readMs - this.#emptyMs;
    const { count, ms } = this.#lately;
    // Nobody gets what was read (keep-alives, more than a source's share): all of the time is that of what comes behind it.
    if (hasMore && read === 0) return 0;
    if (hasMore) return Math.min(passedMs / read, ms / count || Number.POSITIVE_INFINITY);
    const kept = Math.max(0, 1 - passedMs / LATELY_MS);
    this.#lately = { count: count * kept + read, ms: ms * kept + passedMs };
    return read === 0 ? 0 : passedMs / read;
  }

  #endTurn(): void {
    const restMs = this.#context.gathering.end(this.scheduler.nowMs());
    if (restMs === 0 || this.user.lookedMs !== undefined) return;
    Atomics.wait(NEVER_WOKEN, 0, 0, restMs);
    this.#socket.receive?.();
  }

  #sendAll(): void {
    // One callback for all sends, as long as they leave: the error itself names the peer.
    for (const { octets, flow } of this.#toSend) {
      try {
        const onSent = flow.refusals === undefined ? this.#onSent : this.#onSentAfterRefusal(flow);
        this.#socket.send(octets, flow.remotePort, flow.remoteAddress, onSent);
      } catch (error) {
        // Port 0, which a datagram may come from, is refused by an exception: one flow's, not the turn's.
        this.#context.counters.sendErrors++;
        setImmediate(() => this.user.onFlowFailed(flow, `send failed: ${String(error)}`));
      }
    }
    this.#toSend.length = 0;
    this.#socket.flush?.();
  }

  #onSentAfterRefusal(flow: UdpFlow): (error: Error | null) => void {
    return (error) => {
      if (error === null) flow.refusals = undefined;
      else this.#onSendError(error);
    };
  }

  #onSendError(error: NodeJS.ErrnoException & { address?: string; port?: number }): void {
    const { counters, log, user } = this.#context;
    counters.sendErrors++;
    if (this.closed || error.address === undefined || error.port === undefined) return;
    const flow = this.flowTo(error.address, error.port);
    if (MOMENTARY.has(error.code ?? '')) {
      this.#noteRefused(error);
      flow.refusals ??= new KernelRefusals(this.scheduler.nowMs());
      if (!flow.refusals.add(this.scheduler.nowMs())) return;
    }
    log.debug('udp-send-failed', { listener: this.id, address: error.address, port: error.port, code: error.code });
    user.onFlowFailed(flow, `send failed: ${error.code ?? error.message}`);
  }

  /** Of many there is one line a second. */
  #noteRefused({ code, address, port }: NodeJS.ErrnoException & { address?: string; port?: number }): void {
    this.#refused++;
    const nowMs = this.#context.scheduler.nowMs();
    if (nowMs - this.#refusedSaidAtMs < REFUSED_SAID_MS) return;
    const { log } = this.#context;
    log.warn('udp-send-refused', { listener: this.id, count: this.#refused, code, address, port });
    this.#refused = 0;
    this.#refusedSaidAtMs = nowMs;
  }

  /** The kernel grants less than was asked without saying so; Linux reports twice what it grants. */
  #checkBuffers(): void {
    const wantedOctets = this.#context.limits.udpBufferOctets;
    const receiveOctets = this.#socket.getRecvBufferSize();
    const sendOctets = this.#socket.getSendBufferSize();
    if (receiveOctets >= wantedOctets && sendOctets >= wantedOctets) return;
    const hint = 'raise net.core.rmem_max and net.core.wmem_max, or bursts of calls lose packets';
    this.#context.log.warn('udp-buffers-small', { listener: this.id, wantedOctets, receiveOctets, sendOctets, hint });
  }
}

/** By port and the end of the address: phones behind one router differ in the one, carriers in the other. */
function latestPlace(address: string, port: number): number {
  const last = address.length - 1;
  return (port + address.charCodeAt(last) + 8 * address.charCodeAt(last - 1)) % LATEST_FLOWS;
}

/** RFC 3261 §7.5: what stands before the start line is no part of the message. */
function withoutEmptyLines(octets: Buffer): Buffer {
  let start = 0;
  while (octets[start] === CR || octets[start] === LF) start++;
  return octets.subarray(start);
}

/** Phones keep NAT bindings with CRLF or with NUL octets, too; there is nothing to answer (RFC 5626 §3.5.1 is for streams). */
function isKeepAlive(octets: Buffer): boolean {
  if (octets.length > 8) return false;
  for (const octet of octets) if (octet !== CR && octet !== LF && octet !== NUL) return false;
  return true;
}

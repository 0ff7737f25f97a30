import { readFileSync } from 'node:fs';
import { isIP, Socket } from 'node:net';
import { type ConnectionOptions, TLSSocket } from 'node:tls';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { StoreAwayError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { StoreContact } from '../../call/index.ts';
import type { RedisStoreSettings } from '../stores.ts';
import { type ArgumentBlocks, LongCommand } from './long-command.ts';
import type { Script } from './scripts.ts';

const MAX_RECONNECT_MS = 500;
const CONNECT_TIMEOUT_MS = 1000;
/** Between attempts to follow a Sentinel that is away; the others are followed meanwhile. */
const SENTINEL_AGAIN_MS = 1000;
/** Between attempts to listen to a Cluster, of which another member may be there. */
const SUBSCRIBE_AGAIN_MS = 100;
/** Where Sentinels say that there is another master. */
const FAILOVERS = '+switch-master';

type Argument = string | number | Buffer;

export interface LinkOptions {
  /** How long a command may take. Default: 250. */
  readonly commandTimeoutMs?: number;
  readonly log: Log;
}

/**
 * A connection to Redis, a Sentinel group or a Cluster, for signalling: a command is answered or rejected within its time, none waits in
 * a queue for Redis to come back, none is sent twice. It reconnects by itself, for as long as it takes. A command rejects with a
 * {@link StoreAwayError}, but for what Redis itself finds wrong with it.
 */
export class RedisLink {
  readonly #client: Redis | Cluster;
  #lastError = '';
  #contact: StoreContact = 'silent';
  #isClosed = false;

  constructor(settings: RedisStoreSettings, { commandTimeoutMs = 250, log }: LinkOptions) {
    this.#client = connect(settings, commandTimeoutMs);
    this.#client.on('error', (error: Error) => {
      const message = reasonOf(error);
      if (message !== this.#lastError) log.warn('redis-error', { error: message });
      this.#lastError = message;
      this.#contact = saidBy(message) ?? this.contact;
    });
    this.#client.on('ready', () => {
      this.#lastError = '';
      this.#contact = 'reached';
    });
    // A client that was told to drop its connection while it still asked the Sentinels for one gives up for good.
    this.#client.on('end', () => this.#again());
  }

  #again(): void {
    if (this.#isClosed) return;
    setTimeout(() => {
      if (this.#isClosed || this.#client.status !== 'end') return;
      this.#client.connect().catch(() => {});
    }, MAX_RECONNECT_MS);
  }

  /** Of the last attempt to connect; empty when it went well. */
  get lastError(): string {
    return this.#lastError;
  }

  get contact(): StoreContact {
    // Somebody has closed the connection, and nothing is known of the next one yet.
    return this.#contact === 'reached' && !this.isReady ? 'refused' : this.#contact;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get isReady(): boolean {
    return this.#client.status === 'ready';
  }

  /** False when it is not ready within the time. */
  ready(timeoutMs: number): Promise<boolean> {
    if (this.isReady) return Promise.resolve(true);
    return new Promise((resolve) => {
      const finish = (isReady: boolean) => {
        clearTimeout(timeout);
        this.#client.off('ready', onReady);
        resolve(isReady);
      };
      const onReady = () => finish(true);
      const timeout = setTimeout(() => finish(false), timeoutMs);
      this.#client.on('ready', onReady);
    });
  }

  /** Runs one command; bulk replies are Buffers. */
  async command(name: string, ...args: Argument[]): Promise<unknown> {
    this.mustBeReady();
    return this.#answered(this.#client.callBuffer(name, ...args));
  }

  async run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return this.#run(script, (command, text) => this.#client.callBuffer(command, text, keys.length, ...keys, ...args));
  }

  /** {@link run} of a script with further arguments, however long they are together. */
  async runLong(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number)[],
    more: ArgumentBlocks,
  ): Promise<unknown> {
    return this.#run(script, (command, text) => {
      const long = new LongCommand(command, [text, keys.length, ...keys, ...args], more);
      this.#client.sendCommand(long);
      return long.promise;
    });
  }

  async #run(script: Script, call: (command: 'EVALSHA' | 'EVAL', text: string) => Promise<unknown>): Promise<unknown> {
    this.mustBeReady();
    try {
      return await this.#answered(call('EVALSHA', script.sha1));
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return this.#answered(call('EVAL', script.text));
    }
  }

  async #answered<T>(answer: Promise<T>): Promise<T> {
    try {
      const answered = await answer;
      this.#contact = 'reached';
      return answered;
    } catch (error) {
      const { name, message } = error as Error;
      const isReply = name === 'ReplyError';
      const isAway = !isReply || AWAY.test(message);
      // What is found wrong with a command is an answer; a connection that has ended has said so by itself.
      this.#contact = isReply ? (isAway ? 'refused' : 'reached') : (saidBy(message) ?? this.contact);
      if (error instanceof TypeError || !isAway) throw error;
      throw Object.assign(new StoreAwayError(message, { cause: error }), { name });
    }
  }

  /** Rejects when the answer has not come in time; for commands whose size decides how long they may take. */
  async within<T>(timeoutMs: number, answer: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new StoreAwayError('Redis cannot be reached: command timed out')), timeoutMs);
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Calls the listener for every message on the channel, again after every reconnect. This link then takes no commands. */
  async listen(channel: string, listener: (message: Buffer) => void): Promise<void> {
    this.#client.on('messageBuffer', (from: Buffer, message: Buffer) => {
      if (from.toString() === channel) listener(message);
    });
    this.#client.on('ready', () => {
      this.#client.subscribe(channel).catch(() => {});
    });
    if (this.isReady) await this.#client.subscribe(channel);
  }

  /** Drops a connection that does not answer, with what was written and has not arrived, and looks anew for whom to talk to. */
  reconnect(): void {
    if (this.#isClosed) return;
    const clients = this.#client instanceof Cluster ? this.#client.nodes() : [this.#client];
    for (const { stream } of clients) dropUnsent(stream);
    if (this.#contact === 'reached') this.#contact = 'silent';
    this.#client.disconnect(true);
  }

  close(): void {
    this.#isClosed = true;
    this.#client.disconnect();
  }

  /** Throws, with the reason, when no command would be sent now. */
  mustBeReady(): void {
    if (this.#isClosed) throw new StoreAwayError('the store is closed');
    if (!this.isReady) {
      const why = this.#lastError === '' ? '' : `: ${this.#lastError}`;
      throw new StoreAwayError(`Redis cannot be reached${why}`);
    }
  }
}

/** What Redis answers while it cannot do its work. */
const AWAY = /^(?:LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|BUSY|OOM|MISCONF|NOREPLICAS) /;

/** Nothing at all is heard from there. */
const SILENCE = /timed out|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/;
/** Somebody closed or refused the connection. */
const WORD = /ECONNRESET|ECONNREFUSED|ECONNABORTED|EPIPE/;

/** Undefined: neither; a connection that did not answer was dropped, and another one is being made. */
function saidBy(error: string): StoreContact | undefined {
  if (SILENCE.test(error)) return 'silent';
  return WORD.test(error) ? 'refused' : undefined;
}

function connect(settings: RedisStoreSettings, commandTimeoutMs: number): Redis | Cluster {
  const url = new URL(settings.url);
  const username = settings.username ?? decodeURIComponent(url.username);
  const password = settings.password ?? decodeURIComponent(url.password);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? 6379 : Number(url.port);
  const tls = url.protocol === 'rediss:' ? tlsOptions(settings) : undefined;
  const options = {
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
    protocol: 2 as const,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: commandTimeoutMs,
    keepAlive: 10_000,
    autoResendUnfulfilledCommands: false,
    // Who listens subscribes anew by itself. Nobody hears when the client's own subscription takes too long, which is the end of the process.
    autoResubscribe: false,
    // After a failover the old master answers READONLY: look for the new one.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  } satisfies RedisOptions;
  if (settings.cluster) {
    const cluster = new Cluster([{ host, port }], {
      redisOptions: options,
      enableOfflineQueue: false,
      clusterRetryStrategy: retryAfterMs,
      slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
      slotsRefreshInterval: 2000,
      maxRedirections: 5,
      retryDelayOnFailover: 50,
      retryDelayOnClusterDown: 50,
    });
    paceSubscriber(cluster);
    return cluster.on('+node', hearEveryError);
  }
  const single = {
    ...options,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    maxLoadingRetryTime: MAX_RECONNECT_MS,
    retryStrategy: retryAfterMs,
    db: Number(url.pathname.slice(1)) || 0,
    lazyConnect: true,
  } satisfies RedisOptions;
  if (settings.sentinel === undefined) return connected(new Redis({ ...single, host, port }));
  const group = new Redis({
    ...single,
    name: settings.sentinel.name,
    sentinels: [...settings.sentinel.nodes],
    ...(tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tls }),
    sentinelRetryStrategy: retryAfterMs,
    sentinelCommandTimeout: CONNECT_TIMEOUT_MS,
    sentinelReconnectStrategy: () => SENTINEL_AGAIN_MS,
    // Hears of a failover from the Sentinels instead of from the old master's silence.
    failoverDetector: true,
  });
  followSentinels(group);
  return connected(group);
}

function connected(client: Redis): Redis {
  hearEveryError(client);
  // How it goes is heard by the events.
  client.connect().catch(() => {});
  return client;
}

/**
 * A connection that is closed in good order has the kernel go on sending what it holds: what was written before a partition would come through
 * after what was written since over another connection. Not over TLS, whose sockets the runtime does not reset.
 */
function dropUnsent(stream: Redis['stream'] | undefined): void {
  if (!(stream instanceof Socket) || stream instanceof TLSSocket || stream.connecting || stream.destroyed) return;
  stream.resetAndDestroy();
}

/** What is private of a client: it offers no other way to its connections. */
interface Connecting {
  readonly connector: { connect(report: unknown): Promise<NodeJS.EventEmitter> };
}

interface Following {
  readonly connector: { connectToSentinel(endpoint: unknown, options?: RedisOptions): Redis };
}

interface Subscribing {
  readonly subscriber: {
    /** Its channels are those of the next one. */
    readonly lastActiveSubscriber: Redis | undefined;
    getInstance(): Redis | null;
    onSubscriberEnd: () => void;
    selectSubscriber: () => void;
  };
}

/**
 * A client hears the first error of a connection. Another one (TLS: the alert of a peer whose handshake was given up) would be nobody's,
 * and the end of the process.
 */
function hearEveryError(client: Redis): void {
  const { connector } = client as unknown as Connecting;
  const connect = connector.connect.bind(connector);
  connector.connect = async (report) => (await connect(report)).on('error', () => {});
}

/**
 * Who hears of failovers from a Sentinel subscribes anew by itself, as in a link that listens: nobody would hear when the client's own
 * subscription takes too long.
 */
function followSentinels(group: Redis): void {
  const { connector } = group as unknown as Following;
  const connectTo = connector.connectToSentinel.bind(connector);
  connector.connectToSentinel = (endpoint, options) => {
    // One that asks a question has no options.
    if (options === undefined) return connectTo(endpoint);
    const client = connectTo(endpoint, { ...options, autoResubscribe: false });
    return client.on('ready', () => void client.subscribe(FAILOVERS).catch(() => {}));
  };
}

/**
 * A Cluster that loses the connection which listens makes another one at once, to members that refuse thousands a second; and each time it
 * ends the last one that listened once more, which leaves a listener on a socket that is gone.
 */
function paceSubscriber(cluster: Cluster): void {
  const { subscriber } = cluster as unknown as Subscribing;
  const { onSubscriberEnd, selectSubscriber } = subscriber;
  subscriber.onSubscriberEnd = () => {
    const ended = subscriber.getInstance();
    setTimeout(() => {
      if (subscriber.getInstance() === ended) onSubscriberEnd();
    }, SUBSCRIBE_AGAIN_MS);
  };
  subscriber.selectSubscriber = () => {
    const last = subscriber.lastActiveSubscriber;
    if (last?.status === 'end') last.disconnect = () => {};
    selectSubscriber.call(subscriber);
  };
}

/**
 * Read at the start. The name that is asked for is the host's by itself, of each member and Sentinel; an address is none (RFC 6066 §3), and
 * is looked for among the certificate's addresses.
 */
function tlsOptions({ url, sentinel, cluster, tls = {} }: RedisStoreSettings): ConnectionOptions {
  const host = new URL(url).hostname;
  const isOneHost = sentinel === undefined && !cluster && isIP(host.replace(/^\[|\]$/g, '')) === 0;
  const serverName = tls.serverName ?? (isOneHost ? host : undefined);
  return {
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(tls.ca === undefined ? {} : { ca: readFileSync(tls.ca) }),
    ...(tls.certificate === undefined ? {} : { cert: readFileSync(tls.certificate) }),
    ...(tls.key === undefined ? {} : { key: readFileSync(tls.key) }),
  };
}

function retryAfterMs(times: number): number {
  return Math.min(50 * times, MAX_RECONNECT_MS);
}

interface Failure extends Error {
  readonly lastNodeError?: Failure;
  readonly code?: string;
  readonly reason?: string;
}

/** What to tell an operator, on one line; the error of a Cluster hides its causes, that of OpenSSL its reason between numbers. */
function reasonOf(error: Failure): string {
  const { message, code, reason, name } = error.lastNodeError ?? error;
  if (code?.startsWith('ERR_SSL') && reason !== undefined) return `TLS: ${reason}`;
  return message === '' ? (code ?? error.code ?? name) : message.trim();
}

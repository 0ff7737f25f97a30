import { constants, X509Certificate } from 'node:crypto';
import { createServer, isIPv6, type Server, type Socket } from 'node:net';
import {
  createSecureContext,
  createServer as createTlsServer,
  type SecureContext,
  type TLSSocket,
  type Server as TlsServer,
} from 'node:tls';
import { certificateNames, type TlsFacts } from './certificate-names.ts';
import { isCertifiedServer } from './client-chain.ts';
import type { ConnectionSlots } from './connection-slots.ts';
import { StreamFlow } from './stream-flow.ts';
import { describeTlsError, describeVerifyCode, NO_CLIENT_CERTIFICATE } from './tls-refusal.ts';
import type { KeyPair, ListenerOptions } from './types.ts';
import type { TransportContext } from './udp-listener.ts';

const BACKLOG = 1024;
/** Nobody needs to renegotiate under TLS 1.2: it costs the server ten times what it costs the client (TLS 1.3 has none, RFC 8446 §1.2). */
const SECURE_OPTIONS = constants.SSL_OP_NO_RENEGOTIATION;

export interface StreamListenerOwner {
  readonly slots: ConnectionSlots;
  nextSerial(): number;
  onAccepted(flow: StreamFlow): void;
  onEnded(flow: StreamFlow): void;
}

/** Accepts TCP connections, and for TLS listeners sees to the handshake, on one address. */
export class StreamListener {
  readonly id: string;
  readonly options: ListenerOptions;
  readonly transport: 'tcp' | 'tls';
  address: string;
  port: number;
  readonly #context: TransportContext;
  readonly #owner: StreamListenerOwner;
  readonly #server: Server;
  readonly #tlsServer: TlsServer | undefined;
  /** Sockets whose TLS handshake is under way. */
  readonly #handshakes = new Map<string, Socket>();
  /** The listener's own. */
  #certificate: X509Certificate | undefined;
  /** What is shown to those who ask for a name. */
  readonly #byName = new Map<string, { readonly pair: KeyPair; context: SecureContext | undefined }>();

  constructor(id: string, options: ListenerOptions, context: TransportContext, owner: StreamListenerOwner) {
    this.id = id;
    this.options = options;
    this.transport = options.transport === 'tls' ? 'tls' : 'tcp';
    this.address = options.host;
    this.port = options.port;
    this.#context = context;
    this.#owner = owner;
    this.#server = createServer({ noDelay: true }, (socket) => this.#onSocket(socket));
    this.#tlsServer = this.transport === 'tls' ? this.#createTlsServer() : undefined;
  }

  open(): Promise<void> {
    const { port, host } = this.options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      const reusePort = this.options.shared !== undefined;
      this.#server.listen({ port, host, backlog: BACKLOG, ipv6Only: isIPv6(host), reusePort }, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) =>
          this.#context.log.error('listener-error', { listener: this.id, error: error.message }),
        );
        const bound = this.#server.address();
        if (bound !== null && typeof bound === 'object') {
          this.address = bound.address;
          this.port = bound.port;
        }
        resolve();
      });
    });
  }

  /** New handshakes use this certificate; connections that are set up go on. Throws when the pair does not fit. */
  renewCertificate(certificate: string, key: string): void {
    const { minVersion, clientCa } = this.options;
    this.#certificate = new X509Certificate(certificate);
    this.#tlsServer?.setSecureContext({
      cert: certificate,
      key,
      ...(clientCa === undefined ? {} : { ca: toList(clientCa) }),
      minVersion: minVersion ?? 'TLSv1.2',
      secureOptions: SECURE_OPTIONS,
    });
  }

  /** What new handshakes show to those who ask for one of these names (RFC 6066 §3), lower case; a pair that stays is not read again. */
  serveNames(pairs: ReadonlyMap<string, KeyPair>): void {
    for (const [name, { pair }] of this.#byName) {
      const now = pairs.get(name);
      if (now?.cert !== pair.cert || now.key !== pair.key) this.#byName.delete(name);
    }
    for (const [name, pair] of pairs) if (!this.#byName.has(name)) this.#byName.set(name, { pair, context: undefined });
  }

  /** Stops accepting; connections in use are their owner's to close. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#handshakes.values()) socket.destroy();
    });
  }

  #onSocket(socket: Socket): void {
    const { remoteAddress, remotePort } = socket;
    const { counters, log } = this.#context;
    if (remoteAddress === undefined || remotePort === undefined) {
      socket.destroy();
      return;
    }
    const refusal = this.#owner.slots.take(remoteAddress);
    if (refusal !== undefined) {
      counters.connectionsRefused++;
      socket.destroy();
      log.debug('connection-refused', { listener: this.id, remoteAddress, reason: refusal });
      return;
    }
    counters.connectionsAccepted++;
    // A reset between here and the flow's own handlers must not be an uncaught error.
    socket.on('error', () => {});
    if (this.#tlsServer === undefined) {
      this.#accept(socket, remoteAddress, remotePort, undefined);
      return;
    }
    const peer = peerKey(remoteAddress, remotePort);
    this.#handshakes.set(peer, socket);
    socket.once('close', () => {
      if (this.#handshakes.get(peer) !== socket) return;
      this.#handshakes.delete(peer);
      this.#owner.slots.prove(remoteAddress);
      this.#owner.slots.release(remoteAddress);
    });
    this.#tlsServer.emit('connection', socket);
  }

  #accept(socket: Socket | TLSSocket, remoteAddress: string, remotePort: number, tls: TlsFacts | undefined): void {
    const flow = new StreamFlow(this.#context, {
      transport: this.transport,
      listenerId: this.id,
      serial: this.#owner.nextSerial(),
      remoteAddress,
      remotePort,
      opened: false,
      slots: this.#owner.slots,
      onEnded: (ended) => this.#owner.onEnded(ended),
    });
    this.#owner.onAccepted(flow);
    flow.attach(socket);
    flow.onConnected(tls);
  }

  #createTlsServer(): TlsServer {
    const { certificate, key, clientCa, minVersion, clientCertificate } = this.options;
    if (certificate !== undefined) this.#certificate = new X509Certificate(certificate);
    const server = createTlsServer({
      cert: certificate,
      key,
      ...(clientCa === undefined ? {} : { ca: toList(clientCa) }),
      minVersion: minVersion ?? 'TLSv1.2',
      secureOptions: SECURE_OPTIONS,
      handshakeTimeout: this.#context.limits.messageTimeoutMs,
      requestCert: clientCertificate === 'optional' || clientCertificate === 'required',
      // The verdict is ours, in #onHandshake, so that the log can tell why; Node would only hang up.
      rejectUnauthorized: false,
      SNICallback: (name, done) => done(null, this.#contextOf(name.toLowerCase())),
    });
    server.on('secureConnection', (socket) => this.#onHandshake(socket));
    server.on('tlsClientError', (error, socket) => this.#refuse(socket, describeTlsError(error)));
    return server;
  }

  /** Undefined: the listener's own, which has the name or is all there is. Made when first asked for: of many names few are. */
  #contextOf(name: string): SecureContext | undefined {
    const named = this.#byName.get(name);
    if (named === undefined || this.#certificate?.checkHost(name, { subject: 'always' }) !== undefined)
      return undefined;
    try {
      const { minVersion, clientCa } = this.options;
      named.context ??= createSecureContext({
        ...named.pair,
        ...(clientCa === undefined ? {} : { ca: toList(clientCa) }),
        minVersion: minVersion ?? 'TLSv1.2',
        secureOptions: SECURE_OPTIONS,
      });
    } catch (error) {
      this.#context.log.error('tls-name-unusable', { listener: this.id, name, reason: (error as Error).message });
    }
    return named.context;
  }

  #onHandshake(socket: TLSSocket): void {
    const { remoteAddress, remotePort } = socket;
    const verdict = this.#judge(socket);
    if (typeof verdict === 'string' || remoteAddress === undefined || remotePort === undefined) {
      this.#refuse(socket, typeof verdict === 'string' ? verdict : 'connection lost');
      return;
    }
    this.#handshakes.delete(peerKey(remoteAddress, remotePort));
    this.#accept(socket, remoteAddress, remotePort, verdict);
  }

  /** RFC 5922 §7.4: without a valid certificate the client is not authenticated; whether that ends it is our policy. */
  #judge(socket: TLSSocket): TlsFacts | string {
    const policy = this.options.clientCertificate ?? 'none';
    if (policy === 'none') return { verified: false, names: [] };
    const certificate = socket.getPeerCertificate();
    const present = certificate !== null && Object.keys(certificate).length > 0;
    if (present && (socket.authorized || this.#isServer(socket))) {
      return { verified: true, names: certificateNames(certificate).domains };
    }
    const reason = present ? describeVerifyCode(String(socket.authorizationError)) : NO_CLIENT_CERTIFICATE;
    if (policy === 'required') return reason;
    if (present)
      this.#context.log.info('tls-client-certificate-ignored', {
        listener: this.id,
        remoteAddress: socket.remoteAddress,
        reason,
      });
    return { verified: false, names: [] };
  }

  /**
   * DEVIATION: a certificate for servers alone is taken from a client too. Public authorities issue no others since 2026, and both ends of
   * a SIP trunk are servers.
   */
  #isServer(socket: TLSSocket): boolean {
    const { clientCa } = this.options;
    if (String(socket.authorizationError) !== 'INVALID_PURPOSE') return false;
    return isCertifiedServer(socket.getPeerX509Certificate(), clientCa === undefined ? undefined : toList(clientCa));
  }

  #refuse(socket: TLSSocket, reason: string): void {
    this.#context.counters.tlsRefused++;
    this.#context.log.warn('tls-refused', {
      listener: this.id,
      remoteAddress: socket.remoteAddress,
      remotePort: socket.remotePort,
      reason,
    });
    socket.destroy();
  }
}

function peerKey(address: string, port: number): string {
  return `${port}|${address}`;
}

function toList(value: string | readonly string[]): string[] {
  return typeof value === 'string' ? [value] : [...value];
}

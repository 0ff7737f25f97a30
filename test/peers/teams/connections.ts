/** The TLS connections of a datacentre, both ways: certificates are shown and asked for, messages cut out of the stream. */
import type { X509Certificate } from 'node:crypto';
import { createServer, type Server, type TLSSocket, connect as tlsConnect } from 'node:tls';
import { readMessage, type WireMessage } from '../../end-to-end/outbound/wire-message.ts';

export interface Identity {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** Clients show no certificate. Default: they must. */
  readonly takesAnyClient?: boolean;
}

export interface Peer {
  readonly socket: TLSSocket;
  /** Names in its certificate. */
  readonly names: readonly string[];
  send(text: string): void;
}

export interface ConnectionUser {
  onMessage(message: WireMessage, peer: Peer): void;
  /** A handshake has failed. */
  onRefused(reason: string): void;
  onClosed(peer: Peer): void;
}

/** What Teams speaks, TLS 1.2 and up. */
const CIPHERS =
  'ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:TLS_AES_256_GCM_SHA384';

export class Connections {
  readonly #identity: Identity;
  readonly #user: ConnectionUser;
  readonly #address: string;
  readonly #server: Server;
  readonly #outgoing = new Map<string, Promise<Peer>>();
  readonly #sockets = new Set<TLSSocket>();

  constructor(identity: Identity, address: string, user: ConnectionUser) {
    this.#identity = identity;
    this.#address = address;
    this.#user = user;
    this.#server = createServer({
      ...identity,
      ciphers: CIPHERS,
      minVersion: 'TLSv1.2',
      requestCert: identity.takesAnyClient !== true,
      rejectUnauthorized: false,
    });
    this.#server.on('secureConnection', (socket) => this.#accept(socket));
    this.#server.on('tlsClientError', (error) => user.onRefused(error.message));
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve) => {
      this.#server.listen(port, this.#address, resolve);
    });
  }

  /** To a session border controller by its name, which its certificate must have; the connection that is there is used. */
  to(name: string, address: string, port: number): Promise<Peer> {
    const key = `${name} ${address}:${port}`;
    const known = this.#outgoing.get(key);
    if (known !== undefined) return known;
    const connected = new Promise<Peer>((resolve, reject) => {
      const options = {
        host: address,
        port,
        localAddress: this.#address,
        servername: name,
        minVersion: 'TLSv1.2',
      } as const;
      const socket = tlsConnect({ ...this.#identity, ...options, ciphers: CIPHERS });
      socket.once('secureConnect', () => resolve(this.#serve(socket)));
      socket.once('error', reject);
      socket.once('close', () => this.#outgoing.delete(key));
    });
    this.#outgoing.set(key, connected);
    return connected;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Mutual TLS: a client without a certificate that is valid now, for servers, by an authority that is known gets no further. */
  #accept(socket: TLSSocket): void {
    if (this.#identity.takesAnyClient === true) {
      this.#serve(socket);
      return;
    }
    const certificate = socket.getPeerX509Certificate();
    const purpose: readonly string[] = certificate?.keyUsage ?? [];
    const code = String(socket.authorizationError ?? '');
    if (certificate === undefined) this.#refuse(socket, 'no client certificate');
    else if (!socket.authorized && code !== 'INVALID_PURPOSE') this.#refuse(socket, code);
    else if (!purpose.includes('1.3.6.1.5.5.7.3.1'))
      this.#refuse(socket, 'no server authentication in its extended key usage');
    else this.#serve(socket);
  }

  #refuse(socket: TLSSocket, reason: string): void {
    this.#user.onRefused(reason);
    socket.destroy();
  }

  #serve(socket: TLSSocket): Peer {
    this.#sockets.add(socket);
    const names = namesOf(socket.getPeerX509Certificate());
    const peer: Peer = { socket, names, send: (text) => void socket.write(text, 'latin1') };
    let read = '';
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#user.onClosed(peer);
    });
    socket.on('data', (octets: Buffer) => {
      read += octets.toString('latin1');
      for (let text = first(read); text !== undefined; text = first(read)) {
        read = read.slice(text.length);
        if (text === '\r\n\r\n') peer.send('\r\n');
        else if (text !== '\r\n') this.#user.onMessage(readMessage(text), peer);
      }
    });
    return peer;
  }
}

/** The first whole message of a stream, or the CRLFs in front of it. */
function first(read: string): string | undefined {
  if (read.startsWith('\r\n\r\n')) return '\r\n\r\n';
  if (read.startsWith('\r\n') && read.length > 2) return '\r\n';
  const end = read.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const length = Number(/^Content-Length:\s*(\d+)/im.exec(read.slice(0, end))?.[1] ?? 0);
  const whole = end + 4 + length;
  return read.length < whole ? undefined : read.slice(0, whole);
}

function namesOf(certificate: X509Certificate | undefined): string[] {
  const alternative = (certificate?.subjectAltName ?? '')
    .split(', ')
    .flatMap((entry) => (entry.startsWith('DNS:') ? entry.slice(4) : []));
  const common = /CN=(.+)/.exec(certificate?.subject ?? '')?.[1];
  return [...alternative, ...(common === undefined ? [] : [common])].map((name) => name.toLowerCase());
}

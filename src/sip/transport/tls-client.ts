/** TLS toward a target: what is shown and checked, and a trial of it. */
import { constants } from 'node:crypto';
import { isIP } from 'node:net';
import { type ConnectionOptions, type PeerCertificate, connect as tlsConnect } from 'node:tls';
import { certificateMatches, certificateNames } from './certificate-names.ts';
import { describeTlsError } from './tls-refusal.ts';
import type { Target, TlsCredentials } from './types.ts';

/** How a trial ended: what the peer is, or why there is no connection. */
export type TlsTrial =
  | {
      readonly kind: 'connected';
      readonly protocol: string;
      readonly cipher: string;
      /** Names in the peer's certificate. */
      readonly names: readonly string[];
      readonly notAfterMs: number;
    }
  | { readonly kind: 'refused'; readonly reason: string };

const TRIAL_MS = 5_000;
/** Under TLS 1.3 a client hears of its own certificate's refusal after its handshake has ended (RFC 8446 §4.4.3). */
const AFTERTHOUGHT_MS = 500;

export function clientOptions(target: Target, credentials: TlsCredentials): ConnectionOptions {
  const verify = credentials.verify ?? 'full';
  const name = target.serverName ?? target.address;
  return {
    host: target.address,
    port: target.port,
    ...(credentials.cert === undefined ? {} : { cert: credentials.cert }),
    ...(credentials.key === undefined ? {} : { key: credentials.key }),
    ...(credentials.ca === undefined
      ? {}
      : { ca: typeof credentials.ca === 'string' ? credentials.ca : [...credentials.ca] }),
    // RFC 6066 §3: literal addresses are no server names.
    servername: isIP(name) === 0 ? name : '',
    minVersion: 'TLSv1.2',
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    rejectUnauthorized: verify !== 'none',
    checkServerIdentity: (_host, certificate) =>
      verify === 'full' ? nameError(certificate, name, credentials) : undefined,
  };
}

/** One handshake, and nothing sent. */
export function tryTls(options: ConnectionOptions): Promise<TlsTrial> {
  return new Promise((resolve) => {
    let socket: ReturnType<typeof tlsConnect>;
    let connected: TlsTrial | undefined;
    const end = (trial: TlsTrial) => {
      clearTimeout(timer);
      socket?.destroy();
      resolve(trial);
    };
    const refused = (reason: string) => end({ kind: 'refused', reason });
    let timer = setTimeout(() => refused(`no handshake in ${TRIAL_MS / 1000} s`), TRIAL_MS);
    try {
      socket = tlsConnect(options);
    } catch (error) {
      // The runtime refuses bad key material by throwing.
      refused((error as Error).message);
      return;
    }
    socket.on('error', (error) => refused(describeTlsError(error)));
    socket.once('close', () => refused(connected === undefined ? 'closed by the peer' : CLOSED_AFTERWARDS));
    socket.once('secureConnect', () => {
      const certificate = socket.getPeerCertificate();
      connected = {
        kind: 'connected',
        protocol: socket.getProtocol() ?? '',
        cipher: socket.getCipher().name,
        names: certificateNames(certificate).domains,
        notAfterMs: Date.parse(certificate.valid_to),
      };
      const found = connected;
      clearTimeout(timer);
      timer = setTimeout(() => end(found), AFTERTHOUGHT_MS);
    });
  });
}

const CLOSED_AFTERWARDS = 'closed by the peer after the handshake: it refuses our certificate, or wants one';

/** RFC 5922 §7.3 as the runtime wants it: an error, or undefined when the name is right. */
function nameError(certificate: PeerCertificate, name: string, credentials: TlsCredentials): Error | undefined {
  if (certificateMatches(certificate, name, credentials.allowWildcard === true)) return undefined;
  const { domains, addresses } = certificateNames(certificate);
  const error: NodeJS.ErrnoException = new Error(
    `expected ${name}, the certificate says ${[...domains, ...addresses].join(', ')}`,
  );
  error.code = 'ERR_TLS_CERT_ALTNAME_INVALID';
  return error;
}

import { createHash } from 'node:crypto';

const HASHES: Readonly<Record<string, string>> = { MD5: 'md5', 'SHA-256': 'sha256', 'SHA-512-256': 'sha512-256' };

export interface Challenge {
  readonly realm: string;
  readonly nonce: string;
  readonly algorithm: string;
  readonly opaque: string;
  uses: number;
}

export function readChallenge(value: string): Challenge {
  const parameter = (name: string) => new RegExp(`\\b${name}="?([^",]+)`).exec(value)?.[1] ?? '';
  return {
    realm: parameter('realm'),
    nonce: parameter('nonce'),
    algorithm: parameter('algorithm') || 'MD5',
    opaque: parameter('opaque'),
    uses: 0,
  };
}

/** RFC 7616 §3.4 with qop=auth. */
export function credentials(
  challenge: Challenge,
  { username, password, method, uri }: { username: string; password: string; method: string; uri: string },
  cnonce = 'c0',
): string {
  const hash = (text: string) =>
    createHash(HASHES[challenge.algorithm] ?? 'md5')
      .update(text, 'latin1')
      .digest('hex');
  const count = (++challenge.uses).toString(16).padStart(8, '0');
  const secret = hash(`${username}:${challenge.realm}:${password}`);
  const response = hash(`${secret}:${challenge.nonce}:${count}:${cnonce}:auth:${hash(`${method}:${uri}`)}`);
  const opaque = challenge.opaque === '' ? '' : `, opaque="${challenge.opaque}"`;
  return (
    `Digest username="${username}", realm="${challenge.realm}", nonce="${challenge.nonce}", uri="${uri}", ` +
    `response="${response}", algorithm=${challenge.algorithm}, qop=auth, nc=${count}, cnonce="${cnonce}"${opaque}`
  );
}

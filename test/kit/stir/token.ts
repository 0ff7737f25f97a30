import { createHmac, type KeyObject, sign } from 'node:crypto';
import { canonicalJson } from '../../../src/stir/passport.ts';

/** A compact JWS of any header and claims, whatever they say: by ES256 with a key, by HS256 with a text. */
export function signToken(header: object, claims: object, key: KeyObject | string): string {
  const input = [header, claims].map((part) => Buffer.from(canonicalJson(part)).toString('base64url')).join('.');
  const signature =
    typeof key === 'string'
      ? createHmac('sha256', key).update(input).digest()
      : sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

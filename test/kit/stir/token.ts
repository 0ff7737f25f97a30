import { createHmac, type KeyObject, sign } from 'node:crypto';
import { signEs256 } from '../../../src/stir/jws.ts';
import { canonicalJson, encodePart, type PassportClaims, type PassportHeader } from '../../../src/stir/passport.ts';

/** A compact JWS of any header and claims, whatever they say: by ES256 with a key, by HS256 with a text. */
export function signToken(header: object, claims: object, key: KeyObject | string): string {
  const input = [header, claims].map((part) => Buffer.from(canonicalJson(part)).toString('base64url')).join('.');
  const signature =
    typeof key === 'string'
      ? createHmac('sha256', key).update(input).digest()
      : sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

/** The compact form `header.claims.signature`, by the parts that the engine makes it of. */
export function signPassport(header: PassportHeader, claims: PassportClaims, key: KeyObject): string {
  const input = `${encodePart(header)}.${encodePart(claims)}`;
  return `${input}.${signEs256(input, key)}`;
}

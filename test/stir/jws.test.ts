import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { compactVerify, importSPKI } from 'jose';
import { expect, test } from 'vitest';
import { isEs256Key, verifyEs256 } from '../../src/stir/jws.ts';
import type { DivClaims, PassportHeader, ShakenClaims } from '../../src/stir/passport.ts';
import { signPassport } from '../kit/stir/token.ts';

const DRAFT_KEY = spki(
  'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8HNbQd/TmvCKwPKHkMF9fScavGeH78YTU8qLS8I5HLHSSmlATLcslQMhNC/OhlWBYC626nIlo7XeebYS7Sb37g==',
);
const SHAKEN_KEY = spki(
  'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEFn2o9R1BE6aDQqzrafSgPKNFe/SLlgESrfQtXBT5MndxQT+EnojWcUIQ6w9LXQR5bN/8BXvPvithaz8kBfb7oQ==',
);
const RFC_7515_KEY = createPublicKey({
  format: 'jwk',
  key: {
    kty: 'EC',
    crv: 'P-256',
    x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
    y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
  },
});

/** Tokens that others made and published, and two made with another library. */
const VECTORS: readonly (readonly [name: string, key: KeyObject, token: string])[] = [
  [
    'PASSporT draft',
    DRAFT_KEY,
    'eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9.eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6IjE0NDMyMDgzNDUiLCJvcmlnIjp7InRuIjoiMTIxNTU1NTEyMTIifX0.rq3pjT1hoRwakEGjHCnWSwUnshd0-zJ6F1VOgFWSjHBr8Qjpjlk-cpFYpFYsojNCpTzO3QfPOlckGaS6hEck7w',
  ],
  [
    'RFC 7515 A.3',
    RFC_7515_KEY,
    'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q',
  ],
  [
    'shaken',
    SHAKEN_KEY,
    'eyJhbGciOiJFUzI1NiIsInBwdCI6InNoYWtlbiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9.eyJhdHRlc3QiOiJBIiwiZGVzdCI6eyJ0biI6WyIxMjE1NTU1MDEzMSJdfSwiaWF0IjoxNDQzMjA4MzQ1LCJvcmlnIjp7InRuIjoiMTIxNTU1NTAxMjEifSwib3JpZ2lkIjoiMTIzZTQ1NjctZTg5Yi0xMmQzLWE0NTYtNDI2NjU1NDQwMDAwIn0.Z0U3MZLeebt3PoNw-OgrorqUI8TVI6WZ_UNHD9I7sE7qozOIEZYKwyCVOEI_S8BErmV5cdal_aJJVWNt9t6JtQ',
  ],
  [
    'div',
    SHAKEN_KEY,
    'eyJhbGciOiJFUzI1NiIsInBwdCI6ImRpdiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9.eyJkZXN0Ijp7InRuIjpbIjEyMTU1NTUwMTQwIl19LCJkaXYiOnsidG4iOiIxMjE1NTU1MDEzMSJ9LCJpYXQiOjE0NDMyMDgzNDYsIm9yaWciOnsidG4iOiIxMjE1NTU1MDEyMSJ9fQ.OnfIYTznPf_lfMntDIZEOigpmi9B6GD1Y7QCGRwzMlFo4QicjXmeqt3qE9aAEbPnFtSG286-MVh5RjP50g3kYQ',
  ],
];

test.each(VECTORS)('RFC 7518 §3.4: the published token verifies with its key and no other: %s', (_name, key, token) => {
  const [input, signature] = cut(token);
  expect(verifyEs256(input, signature, key)).toBe(true);
  for (const other of [DRAFT_KEY, SHAKEN_KEY, RFC_7515_KEY]) {
    if (other !== key) expect(verifyEs256(input, signature, other)).toBe(false);
  }
});

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

test('tokens are made octet for octet as the published ones, but for the signature, and jose verifies them', async () => {
  const x5u = 'https://cert.example.org/passport.cer';
  const shaken: ShakenClaims = {
    origid: '123e4567-e89b-12d3-a456-426655440000',
    orig: { tn: '12155550121' },
    iat: 1443208345,
    dest: { tn: ['12155550131'] },
    attest: 'A',
  };
  const div: DivClaims = {
    orig: { tn: '12155550121' },
    iat: 1443208346,
    div: { tn: '12155550131' },
    dest: { tn: ['12155550140'] },
  };
  for (const [ppt, claims, vector] of [
    ['shaken', shaken, VECTORS[2]?.[2] ?? ''],
    ['div', div, VECTORS[3]?.[2] ?? ''],
  ] as const) {
    const token = signPassport({ alg: 'ES256', ppt, typ: 'passport', x5u }, claims, privateKey);
    expect(cut(token)[0]).toBe(cut(vector)[0]);
    const { payload, protectedHeader } = await josesOpinion(token);
    expect(protectedHeader).toEqual({ alg: 'ES256', ppt, typ: 'passport', x5u });
    expect(JSON.parse(Buffer.from(payload).toString('utf8'))).toEqual(claims);
  }
});

test('what was signed verifies; with any octet changed it is refused, and jose agrees', async () => {
  await fc.assert(
    fc.asyncProperty(tokens(), fc.nat(), fc.integer({ min: 1, max: 63 }), async (token, place, step) => {
      expect(verifyEs256(...cut(token), publicKey)).toBe(true);
      await expect(josesOpinion(token)).resolves.toBeDefined();
      const changed = changedAt(token, place % token.length, step);
      expect(verifyEs256(...cut(changed), publicKey)).toBe(false);
      // A lenient reader of base64 does not see the four bits of the last character that say nothing.
      if (place % token.length < token.length - 1) await expect(josesOpinion(changed)).rejects.toThrow();
    }),
    { numRuns: 200 },
  );
});

test('RFC 7515 §2: one signature has one spelling: padding, white space and stray bits are a change', () => {
  const [input, signature] = cut(VECTORS[2]?.[2] ?? '');
  for (const spelled of [
    `${signature}=`,
    ` ${signature}`,
    `${signature}\n`,
    signature.slice(0, -1),
    `${signature.slice(0, -1)}R`,
    signature.replaceAll('_', '/').replaceAll('-', '+'),
  ])
    expect(verifyEs256(input, spelled, SHAKEN_KEY)).toBe(false);
});

test('RFC 8225 §8: keys of other kinds never verify', () => {
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ed25519 = generateKeyPairSync('ed25519');
  const [input, signature] = cut(VECTORS[2]?.[2] ?? '');
  for (const key of [p384.publicKey, rsa.publicKey, ed25519.publicKey]) {
    expect(isEs256Key(key)).toBe(false);
    expect(verifyEs256(input, signature, key)).toBe(false);
  }
  expect(isEs256Key(publicKey)).toBe(true);
});

function tokens(): fc.Arbitrary<string> {
  const number = fc.stringMatching(/^[1-9][0-9]{6,14}$/);
  return fc
    .record({
      attest: fc.constantFrom('A', 'B', 'C'),
      orig: number.map((tn) => ({ tn })),
      dest: number.map((tn) => ({ tn: [tn] })),
      iat: fc.nat(),
      origid: fc.uuid(),
    })
    .map((claims) => {
      const header: PassportHeader = { alg: 'ES256', ppt: 'shaken', typ: 'passport', x5u: 'https://c.example/a.pem' };
      return signPassport(header, claims as ShakenClaims, privateKey);
    });
}

/** Another base64url character, or a character in place of a dot. */
function changedAt(token: string, place: number, step: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const at = alphabet.indexOf(token[place] as string);
  return token.slice(0, place) + alphabet[(at + step) % 64] + token.slice(place + 1);
}

async function josesOpinion(token: string) {
  const key = await importSPKI(publicKey.export({ type: 'spki', format: 'pem' }) as string, 'ES256');
  return await compactVerify(token, key, { algorithms: ['ES256'] });
}

function cut(token: string): [input: string, signature: string] {
  const dot = token.lastIndexOf('.');
  return [token.slice(0, dot), token.slice(dot + 1)];
}

function spki(base64: string): KeyObject {
  return createPublicKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'spki' });
}

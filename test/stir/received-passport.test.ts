import { createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Signer } from '../../src/stir/chain.ts';
import { type IdentityValue, parseIdentity } from '../../src/stir/identity.ts';
import { readPassport } from '../../src/stir/received-passport.ts';
import { Verifier } from '../../src/stir/verify.ts';

const X5U = 'https://cert.example.org/passport.cer';
const NO_DATE = { iatSeconds: undefined, claims: () => '' };
const read = (field: string) => readPassport(parseIdentity(field)[0] as IdentityValue, NO_DATE);

/** Draft of RFC 8225: the signature is right, and iat is a text. */
const IAT_AS_TEXT =
  'eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9.eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6IjE0NDMyMDgzNDUiLCJvcmlnIjp7InRuIjoiMTIxNTU1NTEyMTIifX0.rq3pjT1hoRwakEGjHCnWSwUnshd0-zJ6F1VOgFWSjHBr8Qjpjlk-cpFYpFYsojNCpTzO3QfPOlckGaS6hEck7w';
const SHAKEN =
  'eyJhbGciOiJFUzI1NiIsInBwdCI6InNoYWtlbiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9.eyJhdHRlc3QiOiJBIiwiZGVzdCI6eyJ0biI6WyIxMjE1NTU1MDEzMSJdfSwiaWF0IjoxNDQzMjA4MzQ1LCJvcmlnIjp7InRuIjoiMTIxNTU1NTAxMjEifSwib3JpZ2lkIjoiMTIzZTQ1NjctZTg5Yi0xMmQzLWE0NTYtNDI2NjU1NDQwMDAwIn0.Z0U3MZLeebt3PoNw-OgrorqUI8TVI6WZ_UNHD9I7sE7qozOIEZYKwyCVOEI_S8BErmV5cdal_aJJVWNt9t6JtQ';
const DIV =
  'eyJhbGciOiJFUzI1NiIsInBwdCI6ImRpdiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9.eyJkZXN0Ijp7InRuIjpbIjEyMTU1NTUwMTQwIl19LCJkaXYiOnsidG4iOiIxMjE1NTU1MDEzMSJ9LCJpYXQiOjE0NDMyMDgzNDYsIm9yaWciOnsidG4iOiIxMjE1NTU1MDEyMSJ9fQ.OnfIYTznPf_lfMntDIZEOigpmi9B6GD1Y7QCGRwzMlFo4QicjXmeqt3qE9aAEbPnFtSG286-MVh5RjP50g3kYQ';
const KEY =
  'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEFn2o9R1BE6aDQqzrafSgPKNFe/SLlgESrfQtXBT5MndxQT+EnojWcUIQ6w9LXQR5bN/8BXvPvithaz8kBfb7oQ==';

test('tokens made elsewhere: a shaken and a div token are read, and verify at their time', () => {
  expect(read(`${SHAKEN};info=<${X5U}>;alg=ES256;ppt=shaken`)).toMatchObject({
    type: 'shaken',
    orig: '12155550121',
    dest: ['12155550131'],
    attest: 'A',
    origId: '123e4567-e89b-12d3-a456-426655440000',
    iatSeconds: 1443208345,
  });
  const signer: Signer = {
    key: createPublicKey({ key: Buffer.from(KEY, 'base64'), format: 'der', type: 'spki' }),
    name: 'CN=vector',
    anchor: 'CN=vector',
    scopes: [{ spcs: ['1234'], ranges: [] }],
    constraints: undefined,
    notBeforeMs: 0,
    notAfterMs: Number.POSITIVE_INFINITY,
  };
  const at = (seconds: number) =>
    new Verifier({
      wallMs: () => seconds * 1000,
      repository: { signer: () => signer },
      icons: { fault: () => undefined },
      timeoutMs: () => 2000,
    });
  const shaken = `${SHAKEN};info=<${X5U}>;alg=ES256;ppt=shaken`;
  const call = {
    tenant: 'acme',
    identities: [shaken],
    callers: ['12155550121'],
    called: ['12155550131'],
    compact: NO_DATE,
  };
  expect(at(1443208345).verify(call)).toMatchObject({ result: 'passed', attestation: 'A' });
  expect(at(1443208406).verify(call)).toMatchObject({ failure: { status: 403 } });
  const sentOn = { ...call, identities: [`${DIV};info=<${X5U}>;alg=ES256;ppt=div`, shaken], called: ['12155550140'] };
  expect(at(1443208345).verify(sentOn)).toMatchObject({ result: 'passed', divertedFrom: ['12155550131'] });
});

test('errata 6656 of RFC 8588: iat as a text is refused, however right the signature', () => {
  expect(read(`${IAT_AS_TEXT};info=<${X5U}>`)).toEqual({ status: 438, reason: 'iat is not a number of seconds' });
});

test('RFC 8224 §7.3: info and x5u are the same place in two spellings', () => {
  expect(read(`${SHAKEN};info=<HTTPS://CERT.example.org:443/passport.cer>;ppt=shaken`)).toMatchObject({
    type: 'shaken',
  });
  expect(read(`${SHAKEN};info=<https://cert.example.org/Passport.cer>;ppt=shaken`)).toMatchObject({ status: 436 });
});

test('any header and claims are a passport, a failure, or nothing that is known', () => {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.jsonValue({ maxDepth: 4 }), (header, claims) => {
      const value = parseIdentity(`${part(header)}.${part(claims)}.AAAA;info=<${X5U}>`)[0] as IdentityValue;
      const found = readPassport(value, NO_DATE);
      expect('status' in found || 'ignored' in found || 'type' in found).toBe(true);
    }),
  );
});

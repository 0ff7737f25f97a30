import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isDigestScheme, parseChallenges, parseDigest, parseDirectives } from '../../../src/sip/auth/digest-params.ts';
import { anyCharacter } from '../../kit/any-character.ts';

test.each([
  ['Digest username="bob", realm="a.example", nc=00000001', { username: 'bob', realm: 'a.example', nc: '00000001' }],
  ['digest USERNAME = "bob" ,realm="a\\"b\\\\c"', { username: 'bob', realm: 'a"b\\c' }],
  ['DIGEST\tqop=auth,', { qop: 'auth' }],
  ['Digest unknown=1, __proto__="x", constructor=y, realm=""', { realm: '' }],
  ['Digest realm="a", nc=1, REALM=a, nc=1', { realm: 'a', nc: '1' }],
  ['Digest , realm="a",, opaque=, nonce="y" ,', { realm: 'a', nonce: 'y' }],
  ['Digest realm=', {}],
  ['Digest realm', {}],
  ['Digest realm="x" nonce="y"', { realm: 'x', nonce: 'y' }],
  ['Digest realm="x", stale=, qop=auth,auth-int', { realm: 'x', qop: 'auth' }],
  ['Digest realm="x", flag, nonce="y"', { realm: 'x', nonce: 'y' }],
  ['Digest uri="sip:bob@b.example;x=1,2?h=v"', { uri: 'sip:bob@b.example;x=1,2?h=v' }],
])('RFC 3261 §20.7: %s', (text, expected) => {
  expect(parseDigest(text)).toEqual(expected);
});

test.each([
  '',
  'Digest',
  'Basic YWxpY2U=',
  'Digestrealm="x"',
  'Digest realm="x',
  'Digest realm="x\\',
  'Digest ="x"',
  'Digest realm="x"nonce="y"',
  'Digest realm="x"; nonce="y"',
  'Digest realm="x", Digest realm="y"',
  'Digest realm="x", REALM="y"',
  `Digest realm="${'x'.repeat(5000)}"`,
  `Digest ${Array.from({ length: 40 }, (_, index) => `x${index}=1`).join(',')}`,
])('malformed: %s', (text) => {
  expect(parseDigest(text)).toBeUndefined();
});

test.each([
  ['Digest realm="a", nonce="1"', [{ realm: 'a', nonce: '1' }]],
  [
    'Digest realm="a", nonce="1", algorithm=SHA-256,Digest realm="b", nonce="2"',
    [
      { realm: 'a', nonce: '1', algorithm: 'SHA-256' },
      { realm: 'b', nonce: '2' },
    ],
  ],
  ['Basic realm="a", charset="UTF-8", digest realm="a", nonce="1"', [{ realm: 'a', nonce: '1' }]],
  ['Digest realm="a", nonce="1" Digest realm="b"', [{ realm: 'a', nonce: '1' }, { realm: 'b' }]],
  ['Digest realm="a", nonce="1", Digest realm="b', [{ realm: 'a', nonce: '1' }]],
  ['NTLM TlRMTVNTUAAC', []],
  ['Digest', [{}]],
  ['', []],
])('RFC 7235 §4.1: the challenges in one field: %s', (text, expected) => {
  expect(parseChallenges(text)).toEqual(expected);
});

test('nothing from the network becomes a key', () => {
  const params = parseDigest('Digest __proto__=1, toString=2, realm=r');
  expect(params).toStrictEqual(parseDigest('Digest realm=r'));
  expect(params?.realm).toBe('r');
});

test('any octets are read or refused, never thrown at', () => {
  fc.assert(
    fc.property(fc.string({ unit: anyCharacter, maxLength: 200 }), (octets) => {
      parseDigest(`Digest ${octets}`);
      parseChallenges(octets);
      parseDirectives(octets, 0);
      isDigestScheme(octets);
    }),
    { numRuns: 1000 },
  );
});

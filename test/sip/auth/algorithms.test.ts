import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { digestOf, ha1, parseDigestAlgorithm } from '../../../src/sip/auth/algorithms.ts';

test('RFC 8760 §2.6: the hash of an empty body is the hash of the empty string', () => {
  expect(digestOf('SHA-256', '')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
});

test('FIPS 180-4: SHA-512-256 is SHA-512/256, not a cut SHA-512', () => {
  expect(digestOf('SHA-512-256', 'abc')).toBe('53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23');
});

test('octets above 127 are hashed as octets, not as UTF-8 of them', () => {
  const octets = 'J\u00c3\u00a4son';
  expect(digestOf('MD5', octets)).toBe(createHash('md5').update(Buffer.from(octets, 'latin1')).digest('hex'));
});

test('RFC 7616 §4: user and password are hashed as UTF-8', () => {
  const expected = createHash('sha256').update('Jäsøn Doe:api@example.org:Secret, or not?', 'utf8').digest('hex');
  expect(ha1('SHA-256', 'Jäsøn Doe', 'api@example.org', 'Secret, or not?')).toBe(expected);
});

test('RFC 2617 §3.5: H(A1) of its example', () => {
  expect(ha1('MD5', 'Mufasa', 'testrealm@host.com', 'Circle Of Life')).toBe('939e7578ed9e3c518a452acee763bce9');
});

test.each([
  [undefined, 'MD5'],
  ['md5', 'MD5'],
  ['sha-256', 'SHA-256'],
  ['SHA-512-256', 'SHA-512-256'],
  ['NONE', undefined],
  ['MD5-sess', undefined],
  ['', 'MD5'],
  ['__proto__', undefined],
])('RFC 8760 §2.7: algorithm %s is read as %s', (value, expected) => {
  expect(parseDigestAlgorithm(value)).toBe(expected);
});

import { createHash, createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { MessageAuthenticator } from '../../src/base/message-authenticator.ts';

const SECRET = new Uint8Array(32).fill(3);

test('RFC 2104: the authenticator is HMAC-SHA-256 with the hexadecimal hash of the secret as its key', () => {
  const key = createHash('sha256').update(SECRET).digest('hex');
  const authenticator = new MessageAuthenticator(SECRET);
  for (const text of ['', 'abc', 'x'.repeat(1000), 'ü']) {
    expect(authenticator.hex(text)).toBe(createHmac('sha256', key).update(text, 'utf8').digest('hex'));
  }
});

test('the short one is of its secret and its text, and no part of the long one', () => {
  const authenticator = new MessageAuthenticator(SECRET);
  const short = authenticator.short('abc', 'hex', 12);
  expect(short).toMatch(/^[0-9a-f]{12}$/);
  expect(authenticator.short('abc', 'hex', 12)).toBe(short);
  expect(authenticator.short('abc', 'base64url', 12)).toMatch(/^[\w-]{12}$/);
  expect(authenticator.hex('abc').startsWith(short)).toBe(false);
  const others = [
    authenticator.short('abd', 'hex', 12),
    new MessageAuthenticator(new Uint8Array(32)).short('abc', 'hex', 12),
  ];
  expect(others).not.toContain(short);
});

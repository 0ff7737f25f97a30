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

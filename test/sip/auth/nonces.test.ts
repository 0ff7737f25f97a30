import { expect, test } from 'vitest';
import { isSameHex, NonceSource } from '../../../src/sip/auth/nonces.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

const SECRET = new Uint8Array(32).fill(3);

test('a nonce is good for its address, its realm, its secret and its time', () => {
  const clock = new VirtualScheduler();
  const nonces = new NonceSource(clock, 1000, SECRET);
  const nonce = nonces.issue('a', 'r', 1);
  expect(nonces.check(nonce, 'a', 'r')).toBe('fresh');
  expect(nonces.check(nonce, 'b', 'r')).toBe('forged');
  expect(nonces.check(nonce, 'a', 's')).toBe('forged');
  expect(new NonceSource(clock, 1000, new Uint8Array(32)).check(nonce, 'a', 'r')).toBe('forged');
  clock.advance(999);
  expect(nonces.check(nonce, 'a', 'r')).toBe('fresh');
  clock.advance(1);
  expect(nonces.check(nonce, 'a', 'r')).toBe('expired');
});

test('no digit of a nonce can be changed', () => {
  const nonces = new NonceSource(new VirtualScheduler(), 1000, SECRET);
  const nonce = nonces.issue('a', 'r', 1);
  for (let index = 0; index < nonce.length; index++) {
    const digit = nonce[index] === '0' ? '1' : '0';
    expect(nonces.check(nonce.slice(0, index) + digit + nonce.slice(index + 1), 'a', 'r')).toBe('forged');
  }
  for (const bad of ['', nonce.slice(1), `${nonce}0`, nonce.toUpperCase().replace(/^0/, 'G')]) {
    expect(nonces.check(bad, 'a', 'r')).toBe('forged');
  }
});

test('a nonce from a node whose clock is a little ahead is good, one from far ahead is not', () => {
  const ahead = new NonceSource(new VirtualScheduler(1_000_000_020_000), 300_000, SECRET).issue('a', 'r', 1);
  const farAhead = new NonceSource(new VirtualScheduler(1_000_000_090_000), 300_000, SECRET).issue('a', 'r', 1);
  const here = new NonceSource(new VirtualScheduler(1_000_000_000_000), 300_000, SECRET);
  expect([here.check(ahead, 'a', 'r'), here.check(farAhead, 'a', 'r')]).toEqual(['fresh', 'expired']);
});

test('RFC 3261 §8.2.7: the same request gets the same nonce while its copies come, another one its own', () => {
  const clock = new VirtualScheduler(32_000_000);
  const nonces = new NonceSource(clock, 300_000, SECRET);
  const nonce = nonces.issue('a', 'r', 1);
  expect(nonce.length).toBeLessThanOrEqual(27);
  clock.advance(31_999);
  expect(nonces.issue('a', 'r', 1)).toBe(nonce);
  expect(nonces.issue('a', 'r', 2)).not.toBe(nonce);
  clock.advance(1);
  expect(nonces.issue('a', 'r', 1)).not.toBe(nonce);
});

test('nodes of other versions know the nonces of this one, and it knows theirs', () => {
  const clock = new VirtualScheduler(1_000_000_000_000);
  const nonces = new NonceSource(clock, 300_000, SECRET);
  // As it has been in each version.
  const head = 'cre66i9s0esb6um';
  expect(nonces.check(`${head}_hs44i2UV62Q`, '192.0.2.10', 'acme.example.com')).toBe('fresh');
  expect(nonces.issue('192.0.2.10', 'acme.example.com', Number.parseInt('0esb6um', 36))).toBe(`${head}_hs44i2UV62Q`);
});

test('hexadecimal digits are the same in either case, and nothing else is', () => {
  const secret = '0123456789abcdef';
  for (const same of [secret, secret.toUpperCase(), '0123456789AbCdEf']) expect(isSameHex(same, secret)).toBe(true);
  const others = [
    '',
    secret.slice(1),
    `${secret}0`,
    `1${secret.slice(1)}`,
    secret.replace('f', 'e'),
    secret.replace('a', '9'),
  ];
  for (const other of others) expect(isSameHex(other, secret)).toBe(false);
});

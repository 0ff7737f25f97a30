import { expect, test } from 'vitest';
import { DIGEST_ALGORITHMS, ha1 } from '../../../src/sip/auth/algorithms.ts';
import { dummySecret, Ha1Cache } from '../../../src/sip/auth/credentials.ts';

test('H(A1) follows the user, the realm and the secret it is asked for', () => {
  const cache = new Ha1Cache();
  const secret = { password: 'a' };
  for (const [user, realm] of [
    ['bob', 'x'],
    ['bob', 'x'],
    ['bob', 'y'],
    ['eve', 'y'],
    ['bob', 'x'],
  ] as const) {
    expect(cache.get(secret, 'MD5', user, realm)).toBe(ha1('MD5', user, realm, 'a'));
  }
  expect(cache.get({ password: 'b' }, 'MD5', 'bob', 'x')).toBe(ha1('MD5', 'bob', 'x', 'b'));
});

test('an algorithm that was not stored has none', () => {
  expect(new Ha1Cache().get({ ha1: { MD5: 'x' } }, 'SHA-256', 'bob', 'x')).toBeUndefined();
});

test('nobody has an H(A1) for every algorithm, of the right length, another one each time', () => {
  const cache = new Ha1Cache();
  const [a, b] = [dummySecret(), dummySecret()];
  for (const algorithm of DIGEST_ALGORITHMS) {
    const value = cache.get(a, algorithm, '', '');
    expect(value).toMatch(algorithm === 'MD5' ? /^[0-9a-f]{32}$/ : /^[0-9a-f]{64}$/);
    expect(value).not.toBe(cache.get(b, algorithm, '', ''));
  }
});

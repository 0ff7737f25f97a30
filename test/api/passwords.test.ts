import { expect, test } from 'vitest';
import { hashPassword, isPassword, TooManySignInsError } from '../../src/api/passwords.ts';

test('a password is known by its Argon2id hash, another one is not', async () => {
  const hash = await hashPassword('correct horse battery');
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  expect(await isPassword('correct horse battery', hash)).toBe(true);
  expect(await isPassword('correct horse batterY', hash)).toBe(false);
});

test('two hashes of one password differ: each has its salt', async () => {
  expect(await hashPassword('correct horse battery')).not.toBe(await hashPassword('correct horse battery'));
});

test('a password typed with other compositions of the same characters is the same', async () => {
  expect(await isPassword('Gru\u0308ne Wiese 1', await hashPassword('Gr\u00fcne Wiese 1'))).toBe(true);
});

test('without a hash, or with one that cannot be read, no password is right', async () => {
  for (const hash of [undefined, '', '$argon2id$v=19$m=1$x', 'correct horse battery'])
    expect(await isPassword('correct horse battery', hash)).toBe(false);
});

test('a hash with other parameters is read by its own', async () => {
  const hash = await hashPassword('x');
  const [, , , , salt, tag] = hash.split('$');
  expect(await isPassword('x', `$argon2id$v=19$m=19456,t=3,p=1$${salt}$${tag}`)).toBe(false);
});

test('more sign-ins than can be worked on are refused at once, and those that wait are answered', async () => {
  const all = await Promise.allSettled(Array.from({ length: 110 }, () => isPassword('x', undefined)));
  const refused = all.filter((one) => one.status === 'rejected');
  expect(refused).toHaveLength(8);
  for (const one of refused) expect(one.reason).toBeInstanceOf(TooManySignInsError);
  expect(await isPassword('x', undefined)).toBe(false);
}, 30_000);

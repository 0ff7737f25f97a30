import { expect, test } from 'vitest';
import { hashPassword, isPassword } from '../../src/api/passwords.ts';

test('a password is known by its Argon2id hash, another one is not', async () => {
  const hash = await hashPassword('correct horse battery', 'a');
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  expect(await isPassword('correct horse battery', hash, 'a')).toBe(true);
  expect(await isPassword('correct horse batterY', hash, 'a')).toBe(false);
});

test('two hashes of one password differ: each has its salt', async () => {
  expect(await hashPassword('correct horse battery', 'a')).not.toBe(await hashPassword('correct horse battery', 'a'));
});

test('a password typed with other compositions of the same characters is the same', async () => {
  expect(await isPassword('Gru\u0308ne Wiese 1', await hashPassword('Gr\u00fcne Wiese 1', 'a'), 'a')).toBe(true);
});

test('without a hash, or with one that cannot be read, no password is right', async () => {
  for (const hash of [undefined, '', '$argon2id$v=19$m=1$x', 'correct horse battery'])
    expect(await isPassword('correct horse battery', hash, 'a')).toBe(false);
});

test('a hash with other parameters is read by its own', async () => {
  const hash = await hashPassword('x', 'a');
  const [, , , , salt, tag] = hash.split('$');
  expect(await isPassword('x', `$argon2id$v=19$m=19456,t=3,p=1$${salt}$${tag}`, 'a')).toBe(false);
});

/** Of parameters that cost next to nothing: how many may wait, and who is next, does not depend on them. */
const CHEAP = `$argon2id$v=19$m=8,t=1,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

test('more sign-ins than can be worked on are refused at once, and those that wait are answered', async () => {
  const all = await Promise.allSettled(Array.from({ length: 110 }, () => isPassword('x', CHEAP, 'a')));
  const refused = all.filter((one) => one.status === 'rejected');
  expect(refused).toHaveLength(8);
  for (const one of refused) expect(one.reason).toMatchObject({ status: 503, code: 'busy' });
  expect(await isPassword('x', CHEAP, 'a')).toBe(false);
});

test('askers have their turns one after the other: who comes behind a hundred of a few is neither refused nor last', async () => {
  const answered: string[] = [];
  const ask = async (asker: string) => {
    await isPassword('x', CHEAP, asker);
    answered.push(asker);
  };
  const flood = Array.from({ length: 102 }, (_, at) => ask(`192.0.2.${at % 10}`));
  const late = ask('198.51.100.1');
  const refused = (await Promise.allSettled(flood)).filter((one) => one.status === 'rejected');
  await late;
  expect(refused).toMatchObject([{ reason: { status: 503, code: 'busy' } }]);
  // Two are in work, and each of the ten may have one before.
  expect(answered.indexOf('198.51.100.1')).toBeLessThan(15);
});

test('of a hundred askers with one each nobody gives way', async () => {
  const all = Array.from({ length: 102 }, (_, at) => isPassword('x', CHEAP, `192.0.2.${at}`));
  await expect(isPassword('x', CHEAP, '198.51.100.1')).rejects.toMatchObject({ status: 503, code: 'busy' });
  expect(await Promise.all(all)).toHaveLength(102);
});

test('who has been right before has a place where a hundred newcomers with one each wait, and every other turn', async () => {
  const answered: string[] = [];
  const ask = async (asker: string, isKnown = false) => {
    await isPassword('x', CHEAP, asker, isKnown);
    answered.push(asker);
  };
  const flood = Array.from({ length: 102 }, (_, at) => ask(`192.0.2.${at}`));
  const known = ['jo', 'kim'].map((asker) => ask(asker, true));
  const refused = (await Promise.allSettled(flood)).filter((one) => one.status === 'rejected');
  await Promise.all(known);
  expect(refused).toMatchObject(new Array(2).fill({ reason: { status: 503, code: 'busy' } }));
  // Two are in work, and one newcomer may be between them.
  expect([answered.indexOf('jo'), answered.indexOf('kim')].every((place) => place < 8)).toBe(true);
  // Nobody is forgotten.
  expect(await isPassword('x', CHEAP, '198.51.100.1')).toBe(false);
});

test('however many of somebody known wait, a newcomer has a place, and soon its turn', async () => {
  const answered: string[] = [];
  const ask = async (asker: string, isKnown: boolean) => {
    await isPassword('x', CHEAP, asker, isKnown);
    answered.push(asker);
  };
  const known = Array.from({ length: 140 }, () => ask('jo', true));
  const newcomers = Array.from({ length: 8 }, (_, at) => ask(`198.51.100.${at}`, false));
  const refused = (await Promise.allSettled(known)).filter((one) => one.status === 'rejected');
  await Promise.all(newcomers);
  // Two are in work, and eight of the hundred gave their places up.
  expect(refused).toHaveLength(140 - 102 + 8);
  expect(answered.indexOf('198.51.100.7')).toBeLessThan(20);
});

test('those who are known and newcomers have half of the places each where both come in numbers, whoever was first', async () => {
  const refusedOf = async (first: boolean) => {
    const ask = (isKnown: boolean) => (at: number) => isPassword('x', CHEAP, `${isKnown} ${at}`, isKnown);
    const numbers = Array.from({ length: 110 }, (_, at) => at);
    const groups = [first, !first].map((isKnown) => Promise.allSettled(numbers.map(ask(isKnown))));
    return (await Promise.all(groups)).map((all) => all.filter(({ status }) => status === 'rejected').length);
  };
  // Two of those who come first are in work.
  expect(await refusedOf(true)).toEqual([58, 60]);
  expect(await refusedOf(false)).toEqual([58, 60]);
});

test('among those who are known whoever has most waiting gives way', async () => {
  const one = Array.from({ length: 102 }, () => isPassword('x', CHEAP, 'jo', true));
  const others = Array.from({ length: 8 }, (_, at) => isPassword('x', CHEAP, `kim ${at}`, true));
  const refused = (await Promise.allSettled(one)).filter(({ status }) => status === 'rejected');
  expect(await Promise.all(others)).toHaveLength(8);
  expect(refused).toHaveLength(8);
});

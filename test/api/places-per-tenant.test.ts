import { afterEach, expect, test } from 'vitest';
import { ask, startTestApi, type TestApi } from './kit.ts';

const PASSWORD = 'correct horse battery';

let world: TestApi;
afterEach(() => world.close());

const trunk = (name: string) => ({
  name,
  type: 'register',
  host: `${name}.example`,
  credentials: { authName: name, password: 'p' },
  didPool: `4930${name.slice(1)}`,
});

type Made = readonly [number, string | undefined];

async function statusOf(token: string, url: string, body: object): Promise<Made> {
  const answer = await ask(world, token, 'POST', url, body);
  return [answer.status, answer.body.code];
}

test.each([
  ['webhooks', (at: number) => ({ url: `https://hooks${at}.example/`, topics: ['call'], tenant: 'acme' })],
  ['users', (at: number) => ({ id: `user${at}`, role: 'tenant-admin', tenant: 'acme', password: PASSWORD })],
])('a tenant has as many %s as it may have, whoever makes them; others have theirs', async (what, bodyOf) => {
  world = await startTestApi({ limits: { [`${what}PerTenant`]: 2 } });
  const url = `/api/v1/${what}`;
  const made: Made[] = [];
  for (let at = 0; at < 2; at++) made.push(await statusOf(world.tokens.acme, url, bodyOf(at)));
  for (const token of [world.tokens.acme, world.tokens.system]) made.push(await statusOf(token, url, bodyOf(2)));
  made.push(await statusOf(world.tokens.bolt, url, { ...bodyOf(3), tenant: 'bolt' }));
  expect(made).toEqual([
    [201, undefined],
    [201, undefined],
    [409, `too-many-${what}`],
    [409, `too-many-${what}`],
    [201, undefined],
  ]);
});

test('a tenant admin makes as many trunks as its tenant may have, one by one or in a document; a system admin makes more', async () => {
  world = await startTestApi({ limits: { trunksPerTenant: 3 } });
  const one = (token: string, name: string) => statusOf(token, '/api/v1/trunks', { ...trunk(name), owner: 'acme' });
  const document = (names: readonly string[]) =>
    statusOf(world.tokens.acme, '/api/v1/provisioning', {
      trunks: names.map((name) => ({ ...trunk(name), owner: 'acme' })),
    });
  // It has one of its own.
  expect(await one(world.tokens.acme, 't1')).toEqual([201, undefined]);
  expect(await document(['t2', 't3'])).toEqual([409, 'too-many-trunks']);
  expect(await document(['t1', 't2'])).toEqual([200, undefined]);
  expect(await one(world.tokens.acme, 't3')).toEqual([409, 'too-many-trunks']);
  expect(await one(world.tokens.system, 't3')).toEqual([201, undefined]);
});

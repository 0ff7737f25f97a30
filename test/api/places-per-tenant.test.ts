import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { ask, startTestApi, type TestApi } from './kit.ts';

const PASSWORD = 'correct horse battery';
const MAKING: readonly [what: string, bodyOf: (at: number) => object][] = [
  ['webhooks', (at) => ({ url: `https://hooks${at}.example/`, topics: ['call'], tenant: 'acme' })],
  ['users', (at) => ({ id: `user${at}`, role: 'tenant-admin', tenant: 'acme', password: PASSWORD })],
];

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

test.each(MAKING)(
  'a tenant has as many %s as it may have, whoever makes them; others have theirs',
  async (what, bodyOf) => {
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
  },
);

test.each(MAKING)('%s that are asked for at once are not more, however long the store takes', async (what, bodyOf) => {
  world = await startTestApi({ limits: { [`${what}PerTenant`]: 2 } });
  for (const store of [world.webhookStore, world.userStore]) {
    const put = store.put.bind(store) as (record: object) => Promise<void>;
    store.put = async (record: object) => {
      await setImmediate();
      await put(record);
    };
  }
  const made = await Promise.all(
    Array.from({ length: 6 }, (_, at) => statusOf(world.tokens.acme, `/api/v1/${what}`, bodyOf(at))),
  );
  expect(made.map(([status]) => status).sort()).toEqual([201, 201, 409, 409, 409, 409]);
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

describe('what a tenant admin makes of its tenant has a bound in octets', () => {
  const ACME = '/api/v1/tenants/acme';
  const LONG = 'x'.repeat(100);
  const MADE: Made = [201, undefined];
  const REFUSED: Made = [409, 'too-many-bytes'];
  const extension = (number: number, name = LONG) => ({ number: String(number), name, password: PASSWORD });

  /** What acme has, as it is stored. */
  function present(): number {
    const { tenants, trunks, certificates } = world.provisioning.current().state;
    const own = [...trunks, ...certificates].filter(({ owner }) => owner === 'acme');
    const octetsOf = (document: object) => Buffer.byteLength(JSON.stringify(document));
    return [...tenants.filter(({ name }) => name === 'acme'), ...own].reduce((sum, each) => sum + octetsOf(each), 0);
  }

  async function full(): Promise<void> {
    world = await startTestApi({ limits: { bytesPerTenant: 8_192 } });
    const made: Made[] = [];
    while (made.length < 50 && made.at(-1)?.[0] !== 409)
      made.push(await statusOf(world.tokens.acme, `${ACME}/extensions`, extension(2_000 + made.length)));
    expect(made.slice(0, -1)).toEqual(made.slice(1).map(() => MADE));
    expect(made.at(-1)).toEqual(REFUSED);
  }

  test('of all kinds together, however it is written; the refusal says the bound, what there is and what to do', async () => {
    await full();
    const { acme } = world.tokens;
    expect(8_192 - present()).toBeLessThan(600);
    const { body } = await ask(world, acme, 'POST', `${ACME}/extensions`, extension(2_900));
    const words = `^tenant acme has ${present()} bytes, would have \\d+, and may have 8192 .api.bytesPerTenant.: delete`;
    expect(body.detail).toMatch(new RegExp(words));
    const rule = { name: 'r', match: { prefixes: Array.from({ length: 99 }, (_each, at) => String(1_000 + at)) } };
    const patched = async (url: string, patch: object): Promise<Made> => {
      const answer = await ask(world, acme, 'PATCH', url, patch);
      return [answer.status, answer.body.code];
    };
    const patch = { forward: { busy: '14155550199', noAnswer: '14155550199', notRegistered: '14155550199' } };
    const answers = [
      await statusOf(acme, '/api/v1/trunks', { ...trunk('t1'), owner: 'acme' }),
      await statusOf(acme, `${ACME}/outbound-rules`, { ...rule, routes: [{ trunk: 'acme-own' }] }),
      await statusOf(acme, '/api/v1/provisioning', { trunks: [{ ...trunk('t1'), owner: 'acme' }] }),
      await statusOf(acme, '/api/v1/plan', { trunks: [{ ...trunk('t1'), owner: 'acme' }] }),
      await patched(`${ACME}/extensions`, {
        keys: Array.from({ length: 10 }, (_each, at) => String(2_000 + at)),
        patch,
      }),
      await patched(ACME, {
        headers: { add: ['X-A', 'X-B', 'X-C', 'X-D', 'X-E'].map((name) => ({ name, value: LONG })) },
      }),
    ];
    expect(answers).toEqual(answers.map(() => REFUSED));
    expect(await statusOf(world.tokens.bolt, '/api/v1/tenants/bolt/extensions', extension(2_000))).toEqual(MADE);
  });

  test('whoever sees all tenants makes it longer; what is longer is changed and made shorter', async () => {
    await full();
    const { acme, system } = world.tokens;
    for (let at = 0; at < 5; at++)
      expect(await statusOf(system, `${ACME}/extensions`, extension(3_000 + at))).toEqual(MADE);
    const rename = (name: string) => ask(world, acme, 'PATCH', `${ACME}/extensions/3000`, { name });
    expect((await rename('y'.repeat(100))).status).toBe(200);
    expect((await rename('y'.repeat(101))).body.code).toBe('too-many-bytes');
    expect((await rename('short')).status).toBe(200);
    for (let at = 0; at < 5; at++)
      expect((await ask(world, acme, 'DELETE', `${ACME}/extensions/${3_000 + at}`)).status).toBe(204);
    expect((await ask(world, acme, 'DELETE', `${ACME}/extensions/2000`)).status).toBe(204);
    expect(await statusOf(acme, `${ACME}/extensions`, extension(2_000))).toEqual(MADE);
  });
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApi, type TestApi } from '../api/kit.ts';
import { envOf, run } from './kit.ts';

let world: TestApi;
let env: Record<string, string>;
let drained = 0;
beforeAll(async () => {
  const drain = () => ({ node: 'edge-1', calls: drained++, limitSeconds: 60 });
  world = await startTestApi({ drain });
  env = await envOf(world);
});
afterAll(() => world.close());

test('drain: which node, for which calls, and for how long', async () => {
  expect(await run(['drain'], { env })).toEqual({
    code: 0,
    out: 'edge-1 drains: no call is up, it ends now\n',
    err: '',
  });
  expect((await run(['drain'], { env })).out).toContain('1 call is up');
  expect(JSON.parse((await run(['drain', '--json'], { env })).out)).toEqual({
    node: 'edge-1',
    calls: 2,
    limitSeconds: 60,
  });
});

test('drain: only system admins', async () => {
  const { code } = await run(['drain'], { env: { ...env, TANDEM_TOKEN: world.tokens.acme } });
  expect([code, drained]).toEqual([1, 3]);
});

import { beforeAll, expect, test } from 'vitest';
import { apiOfAll } from '../api/served.ts';
import { run } from './kit.ts';

const world = apiOfAll();
let url: string;
beforeAll(async () => {
  url = await world.api.listen('127.0.0.1', 0);
});

const rows = async (token: string) => {
  const { out } = await run(['tenants'], { env: { TANDEM_URL: url, TANDEM_TOKEN: token } });
  return out
    .trimEnd()
    .split('\n')
    .map((line) => line.trim().split(/ {2,}/));
};

test('tenants: how much each has, for a system admin and for the admin of one', async () => {
  const title = ['NAME', 'DOMAIN', 'EXTENSIONS', 'SERVICES', 'OUTBOUND RULES', 'INBOUND RULES'];
  const acme = ['acme', 'acme.example.com', '2', '1', '1', '1'];
  expect(await rows(world.tokens.system)).toEqual([title, acme, ['bolt', 'bolt.example.com', '2', '1', '1', '1']]);
  expect(await rows(world.tokens.acme)).toEqual([title, acme]);
});

test('no engine: the message says how to name the configuration of the one that runs', async () => {
  const { code, err } = await run(['trunks'], { env: { TANDEM_URL: 'http://127.0.0.1:9', TANDEM_TOKEN: 'x' } });
  expect([code, err]).toEqual([1, expect.stringContaining('--config FILE or TANDEM_CONFIG')]);
});

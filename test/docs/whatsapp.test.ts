import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { loadProvisioning } from '../../src/settings/load.ts';
import { apiOfAll } from '../api/served.ts';
import { folder, run } from '../cli/kit.ts';

/** docs/whatsapp.md, step by step, as a tenant admin follows it; what is asked of Meta is left out. */
const GUIDE = readFileSync('docs/whatsapp.md', 'utf8');
const COMMANDS = [...GUIDE.matchAll(/^( *)```sh\n([\s\S]*?)```/gm)].map(([, , text = '']) => text.trim());

const world = apiOfAll();
let env: Record<string, string>;
let address: string;

beforeAll(async () => {
  address = await world.api.listen('127.0.0.1', 0);
  env = { TANDEM_URL: address, TANDEM_TOKEN: world.tokens.acme };
});

/** A curl command of the guide, with what it says. */
async function curl(
  marker: string,
  token = world.tokens.acme,
): Promise<{ status: number; body: unknown; sent: unknown }> {
  const command = COMMANDS.find((each) => each.startsWith('curl') && each.includes(marker)) ?? '';
  const [, method = '', url = ''] = /-X (\w+) https:\/\/pbx\.acme\.example(\S+)/.exec(command) ?? [];
  const type = /Content-Type: ([^']+)/.exec(command)?.[1] ?? '';
  const body = /-d '([\s\S]*)'/.exec(command)?.[1] ?? '';
  const response = await fetch(`${address}${url}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': type },
    body,
  });
  return { status: response.status, body: await response.json(), sent: JSON.parse(body) };
}

/** Each command line of the guide that has this in it. */
const tandem = async (marker: string) => {
  const lines = COMMANDS.flatMap((each) => each.split('\n')).filter(
    (line) => line.startsWith('npx tandem') && line.includes(marker),
  );
  expect(lines.length).toBeGreaterThan(0);
  return Promise.all(lines.map((line) => run(line.split(' ').slice(2), { env })));
};

test('2. the trunk is made by the tenant admin, by nobody else; its secrets are shown to nobody', async () => {
  expect((await curl('/api/v1/trunks -H', world.tokens.system)).status).toBe(403);
  const made = await curl('/api/v1/trunks -H');
  expect([made.status, made.body]).toMatchObject([
    201,
    { id: '7', type: 'whatsapp', whatsapp: { accessTokenSet: true } },
  ]);
  expect(JSON.stringify(made.body)).not.toContain('"accessToken"');
});

test('2. the same in a provisioning file, with secrets from elsewhere', async () => {
  const { sent } = await curl('/api/v1/trunks -H');
  const trunk = sent as { whatsapp: object };
  const file = join(folder({}), 'whatsapp.yaml');
  const secrets = {
    accessToken: { env: 'WA_TOKEN' },
    appSecret: { env: 'WA_SECRET' },
    verifyToken: { env: 'WA_VERIFY' },
  };
  writeFileSync(
    file,
    JSON.stringify({
      tenants: [{ name: 'acme', domain: 'acme.example' }],
      trunks: [{ ...trunk, whatsapp: { ...trunk.whatsapp, ...secrets } }],
    }),
  );
  const { problems, provisioning } = loadProvisioning([file], { WA_TOKEN: 'a', WA_SECRET: 'b', WA_VERIFY: 'c' });
  expect(problems).toEqual([]);
  expect(provisioning?.trunks[0]).toMatchObject({ whatsapp: { accessToken: 'a', appSecret: 'b', verifyToken: 'c' } });
});

test('3. its state, and the doctor', async () => {
  expect(GUIDE).toContain('`npx tandem trunks`');
  expect((await run(['trunks'], { env })).out).toMatch(/whatsapp +/);
  expect((await run(['doctor', '7'], { env })).out).toContain(' ok ');
});

test('5. and 6. whom messages are for, and who may write', async () => {
  expect((await curl('inbound-rules')).status).toBe(201);
  expect((await curl('outbound-rules')).status).toBe(201);
});

test('7. what would become of a message', async () => {
  for (const { code, out } of await tandem('message explain'))
    expect([code, out]).toEqual([0, expect.stringMatching(/^(rule|phones) /)]);
});

test('by HTTP and by the command line', async () => {
  expect(await curl('/api/v1/messages -H')).toMatchObject({ status: 202, body: { state: 'queued' } });
  for (const { code, err } of await tandem('message send')) expect([code, err]).toEqual([0, '']);
  for (const { code } of await tandem('tandem messages')) expect(code).toBe(0);
});

test('calls: the password goes into the trunk beside what is there', async () => {
  const changed = await curl('PATCH');
  expect([changed.status, changed.body]).toMatchObject([
    200,
    {
      whatsapp: { accessTokenSet: true, calls: { hostname: 'sbc1.acme.example', passwordSet: true } },
    },
  ]);
});

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadProvisioning } from '../../src/settings/load.ts';
import { startTestApi, type TestApi } from '../api/kit.ts';
import { folder, run } from '../cli/kit.ts';
import { TestAuthority } from '../kit/certificates.ts';

/** docs/teams.md, step by step, as a tenant admin follows it. */
const GUIDE = readFileSync('docs/teams.md', 'utf8');
const blocks = (language: string) =>
  [...GUIDE.matchAll(new RegExp(`^( *)\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'gm'))].map(
    ([, indent = '', text = '']) => text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );

const authority = new TestAuthority();
let world: TestApi;
let env: Record<string, string>;
let files: string;
let address: string;

beforeAll(async () => {
  world = await startTestApi();
  address = await world.api.listen('127.0.0.1', 0);
  env = { TANDEM_URL: address, TANDEM_TOKEN: world.tokens.acme };
  const pair = authority.issue({ commonName: 'sbc1.acme.example', alternativeNames: ['DNS:sbc1.acme.example'] });
  files = folder({ 'sbc.pem': pair.cert, 'sbc-key.pem': pair.key });
});
afterAll(async () => {
  authority.remove();
  await world.close();
});

test('1. the certificate is uploaded, and its key is shown to nobody', async () => {
  const [command = ''] = blocks('sh');
  const args = command
    .trim()
    .split(' ')
    .slice(2)
    .map((each) => (each.endsWith('.pem') ? join(files, each) : each));
  const { code, out, err } = await run(args, { env });
  expect([code, err, out]).toEqual([0, '', expect.stringMatching(/^acme-sbc speaks for sbc1\.acme\.example until /)]);
  expect((await run(['certificates', 'show', 'acme-sbc'], { env })).out).not.toContain('PRIVATE');
});

test('2. the trunk is created over HTTP by the tenant admin, by nobody else', async () => {
  const body = /-d '\n?([\s\S]*?)'/.exec(blocks('sh')[1] ?? '')?.[1] ?? '';
  const post = (token: string) =>
    fetch(`${address}/api/v1/trunks`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body,
    });
  expect((await post(world.tokens.system)).status).toBe(403);
  const made = await post(world.tokens.acme);
  expect([made.status, await made.json()]).toMatchObject([
    201,
    { type: 'teams', teams: { fqdn: 'sbc1.acme.example' } },
  ]);
});

test('2. the same in a provisioning file', () => {
  const yaml = blocks('yaml').find((block) => block.startsWith('certificates:')) ?? '';
  const file = join(files, 'teams.yaml');
  const found = yaml.replaceAll('file: sbc', `file: ${files}/sbc`);
  writeFileSync(file, `tenants:\n  - { name: acme, domain: pbx.acme.example }\n${found}`);
  const { problems, provisioning } = loadProvisioning([file], {});
  expect(problems).toEqual([]);
  expect(provisioning?.trunks[0]).toMatchObject({ type: 'teams', owner: 'acme' });
});

test('4. and when it does not work: its state, and the doctor', async () => {
  expect((await run(['trunks'], { env })).out).toMatch(/teams +/);
  expect((await run(['doctor', 'teams'], { env })).out).toContain('-> ');
});

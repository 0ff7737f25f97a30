import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { validateFiles } from '../../src/settings/load.ts';
import { signer } from '../kit/stir/signed.ts';
import { folder, run, served } from './kit.ts';

const x5u = 'https://certs.example.com/stir/acme-stir.pem';
const acme = signer('acme-stir', { owner: 'acme', x5u });
const key = acme.key ?? '';
const secret = key.split('\n')[1] ?? '';
const { world, env } = served();
let path: string;

beforeAll(async () => {
  path = folder({ 'chain.pem': acme.chain, 'key.pem': key });
});

const files = (...names: string[]) => names.map((name) => join(path, name));

test('certificates: uploaded from files, listed, shown without the key, deleted', async () => {
  expect((await run(['certificates'], { env })).out).toBe('no certificates\n');
  const [chain = '', keyFile = ''] = files('chain.pem', 'key.pem');
  const upload = ['certificates', 'put', 'acme-stir', '--chain', chain, '--x5u', x5u, '--owner', 'acme'];
  const withoutKey = await run(upload, { env });
  expect([withoutKey.code, withoutKey.err]).toEqual([1, expect.stringContaining('is missing')]);
  const put = await run([...upload, '--key', keyFile], { env });
  expect([put.code, put.out]).toEqual([0, expect.stringContaining('acme-stir signs for code 1234 until 2040-01-01')]);
  // The key is known now.
  expect((await run([...upload, '--numbers', '14155550100-14155550199'], { env })).code).toBe(0);
  const listed = await run(['certificates'], { env });
  expect(listed.out).toMatch(/^NAME +OWNER +ENDS +USE +FOR +X5U +SERVED/);
  expect(listed.out).toMatch(/acme-stir +acme +2040-01-01\S* \S+ +stir +14155550100-14155550199 +https:\S+ +here/);
  const shown = await run(['certificates', 'show', 'acme-stir'], { env });
  expect(JSON.parse(shown.out)).toMatchObject({ keySet: true, facts: { codes: ['1234'] } });
  const exported = await run(['export'], { env });
  for (const { out } of [put, listed, shown, exported]) expect(out).not.toContain(secret);
  expect(exported.out).not.toContain('keySet');
  expect((await run(['certificates', 'delete', 'acme-stir'], { env })).out).toBe('deleted acme-stir\n');
});

test('certificates: what is missing, too much or not there is told', async () => {
  for (const args of [['list', 'x'], ['put'], ['put', 'a'], ['show'], ['make', 'x'], ['show', 'a', 'b']])
    expect((await run(['certificates', ...args], { env })).code).toBe(2);
  const missing = await run(['certificates', 'put', 'a', '--chain', '/nowhere/chain.pem', '--x5u', x5u], { env });
  expect([missing.code, missing.err]).toEqual([
    1,
    expect.stringContaining('/nowhere/chain.pem cannot be read: ENOENT'),
  ]);
  expect((await run(['certificates', 'show', 'nobody'], { env })).code).toBe(1);
});

test('a provisioning file names the files of chain and key; a fault is told with its line', async () => {
  const [chain = '', keyFile = ''] = files('chain.pem', 'key.pem');
  const yaml = (of: string, by = keyFile) => `tenants:
  - { name: acme, domain: acme.example.com }
certificates:
  - name: acme-stir
    owner: ${of}
    use: stir
    chain: { file: ${chain} }
    key: { file: ${by} }
    x5u: ${x5u}
`;
  const other = signer('other').key ?? '';
  const written = folder({
    'good.yaml': yaml('acme'),
    'unknown.yaml': yaml('acne'),
    'other.pem': other,
    'missing.yaml': yaml('acme', '/nowhere/key.pem'),
    'twice.yaml': `certificates: [{ name: a, use: stir, chain: x, x5u: y, more: 1 }]\n`,
  });
  const check = (name: string) => validateFiles([join(written, name)], {});
  expect(check('good.yaml')).toEqual([]);
  expect(check('unknown.yaml')).toMatchObject([
    { line: 5, path: 'certificates[0].owner', message: 'there is no tenant "acne" (did you mean "acme"?)' },
  ]);
  expect(check('missing.yaml')).toMatchObject([
    { line: 8, path: 'certificates[0].key', message: expect.stringContaining('ENOENT') },
  ]);
  expect(check('twice.yaml')).toMatchObject([{ line: 1, path: expect.stringContaining('certificates[0]') }]);
  expect((await run(['apply', join(written, 'good.yaml')], { env })).code).toBe(0);
  expect(world.provisioning.current().state.certificates).toMatchObject([
    { name: 'acme-stir', key: readFileSync(keyFile, 'utf8').trimEnd() },
  ]);
  expect((await run(['apply', join(written, 'good.yaml')], { env })).out).toContain('created 0, updated 0');
});

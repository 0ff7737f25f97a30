import { expect, test } from 'vitest';
import { run, served } from './kit.ts';

const { env } = served();

test('token: made, used, listed without itself, revoked', async () => {
  const made = await run(
    ['token', 'create', '--role', 'tenant-admin', '--tenant', 'acme', '--expires', '3600', '--label', 'shop'],
    { env },
  );
  const token = made.out.trim();
  expect([made.code, token]).toEqual([0, expect.stringMatching(/^tdm_/)]);
  const asTenant = { ...env, TANDEM_TOKEN: token };
  expect((await run(['trunks'], { env: asTenant })).code).toBe(0);
  const listed = await run(['token', 'list', '--tenant', 'acme'], { env });
  expect(listed.out).toMatch(/^ID +ROLE +TENANT +LABEL +MADE/);
  expect(listed.out).toContain('shop');
  expect(listed.out).not.toContain(token);
  const rows = JSON.parse((await run(['token', 'list', '--json'], { env })).out) as { id: string; label?: string }[];
  const id = rows.find(({ label }) => label === 'shop')?.id ?? '';
  expect(await run(['token', 'revoke', id], { env })).toEqual({ code: 0, out: `revoked ${id}\n`, err: '' });
  expect((await run(['trunks'], { env: asTenant })).err).toContain('does not accept this token');
});

test('token: --read-only makes one that sees everything and changes nothing, and is listed as such', async () => {
  const made = await run(['token', 'create', '--role', 'system-admin', '--read-only', '--label', 'watch'], { env });
  const asReader = { ...env, TANDEM_TOKEN: made.out.trim() };
  expect((await run(['trunks'], { env: asReader })).code).toBe(0);
  expect((await run(['token', 'create', '--role', 'system-admin'], { env: asReader })).code).not.toBe(0);
  expect((await run(['token', 'list'], { env })).out).toMatch(/system-admin, read only +- +watch/);
});

test('token: what is missing or too much is wrong usage', async () => {
  for (const args of [
    [],
    ['list', 'x'],
    ['create'],
    ['revoke'],
    ['revoke', 'a', 'b'],
    ['make'],
    ['create', '--role', 'x', '--expires', '0'],
  ])
    expect((await run(['token', ...args], { env })).code).toBe(2);
});

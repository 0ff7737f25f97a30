import { expect, test } from 'vitest';
import { run, served } from './kit.ts';

const PASSWORD = 'correct horse battery';
const { world, env } = served();

const signIn = async (password: string) => {
  const answer = await world.app.inject({
    method: 'POST',
    url: '/api/v1/session',
    payload: { user: 'pat@acme.example', password },
  });
  return answer.statusCode;
};

test('users: made, listed, locked out and let in, given another password, deleted', async () => {
  const made = await run(['users', 'create', 'pat@acme.example', '--role', 'tenant-admin', '--tenant', 'acme'], {
    env,
    input: `${PASSWORD}\n`,
  });
  expect(made).toEqual({ code: 0, out: 'pat@acme.example may sign in\n', err: '' });
  const listed = await run(['users', 'list'], { env });
  expect(listed.out).toMatch(/^NAME +ROLE +TENANT +CODES +SIGNS IN +MADE/);
  expect(listed.out).toContain('pat@acme.example');
  expect(await signIn(PASSWORD)).toBe(201);
  expect((await run(['users', 'disable', 'pat@acme.example'], { env })).out).toBe('pat@acme.example may not sign in\n');
  expect(await signIn(PASSWORD)).toBe(401);
  await run(['users', 'enable', 'pat@acme.example'], { env });
  await run(['users', 'password', 'pat@acme.example'], { env, input: 'a second long password\n' });
  expect(await signIn('a second long password')).toBe(201);
  expect((await run(['users', 'reset-codes', 'pat@acme.example'], { env })).code).toBe(0);
  expect((await run(['users', 'delete', 'pat@acme.example'], { env })).out).toBe('deleted pat@acme.example\n');
  expect((await run(['users', 'list', '--json'], { env })).out).toBe('[]\n');
});

test('users: what is missing, too much or refused is said', async () => {
  for (const args of [
    [],
    ['list', 'x'],
    ['create'],
    ['create', 'x'],
    ['password'],
    ['make', 'x'],
    ['delete', 'a', 'b'],
  ])
    expect((await run(['users', ...args], { env, input: PASSWORD })).code).toBe(2);
  const empty = await run(['users', 'create', 'x', '--role', 'system-admin'], { env, input: '\n' });
  expect([empty.code, empty.err]).toEqual([2, expect.stringContaining('standard input')]);
  const short = await run(['users', 'create', 'x', '--role', 'system-admin'], { env, input: 'short' });
  expect([short.code, short.err]).toEqual([1, expect.stringContaining('at least 12 characters')]);
});

test('console: a link that signs in once', async () => {
  const { out } = await run(['console'], { env });
  const [, code] = /^http:\/\/127\.0\.0\.1:\d+\/console\/sign-in#link=([\w-]+)\n$/.exec(out) ?? [];
  const use = () => world.app.inject({ method: 'POST', url: '/api/v1/session', payload: { link: code } });
  expect([(await use()).statusCode, (await use()).statusCode]).toEqual([201, 401]);
});

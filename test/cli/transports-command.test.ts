import { expect, test } from 'vitest';
import { run, served } from './kit.ts';

const { env } = served();

const ADD = ['transports', 'add', 'carrier', '--transport', 'tcp', '--host', '127.0.0.1', '--port'];

test('transports: added, listed with where they come from, removed', async () => {
  expect((await run([...ADD, '5080'], { env })).out).toBe('carrier listens on tcp 127.0.0.1:5080\n');
  const { out } = await run(['transports'], { env });
  expect(out).toMatch(/udp:127\.0\.0\.1:5060 .* tandem\.yaml +open/);
  expect(out).toMatch(/carrier +tcp +127\.0\.0\.1:5080 .* added +open/);
  expect((await run(['transports', 'remove', 'carrier'], { env })).out).toBe('removed carrier\n');
  expect(JSON.parse((await run(['transports', '--json'], { env })).out)).toHaveLength(1);
});

test('transports: what is missing, too much or at fault is told', async () => {
  for (const args of [['add', 'a'], ['add'], ['remove'], ['list', 'a', 'b'], ['move', 'a']])
    expect((await run(['transports', ...args], { env })).code).toBe(2);
  expect((await run([...ADD, 'five'], { env })).code).toBe(2);
  const taken = await run([...ADD, '9'], { env });
  expect([taken.code, taken.err]).toEqual([1, expect.stringContaining('port: cannot listen')]);
  const tls = await run([...ADD, '5061', '--min-version', 'TLSv1.3'], { env });
  expect(tls.err).toContain('minVersion');
  const owned = await run(['transports', 'remove', 'udp:127.0.0.1:5060'], { env });
  expect([owned.code, owned.err]).toEqual([1, expect.stringContaining('take it out of tandem.yaml')]);
});

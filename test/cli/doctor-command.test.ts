import { expect, test } from 'vitest';
import { run, served } from './kit.ts';

const { env } = served();

test('doctor: each finding on a line, what to do below it, exit code 1 when anything has failed', async () => {
  const { code, out } = await run(['doctor', '100'], { env });
  expect(code).toBe(1);
  expect(out).toBe(
    [
      'carrier (ip)',
      '  ok       dns           sip.example.net: it is there',
      '  failed   options       no answer',
      '                         -> check the firewall',
      'something has failed: see -> for what to do',
      '',
    ].join('\n'),
  );
  const json = await run(['doctor', '100', '--json'], { env });
  expect([json.code, JSON.parse(json.out).healthy]).toEqual([1, false]);
});

test('doctor: one trunk, and one that is there', async () => {
  expect((await run(['doctor'], { env })).code).toBe(2);
  expect((await run(['doctor', 'a', 'b'], { env })).code).toBe(2);
  const missing = await run(['doctor', 'nobody'], { env });
  expect([missing.code, missing.err]).toEqual([1, expect.stringContaining('there is no trunk "nobody"')]);
});

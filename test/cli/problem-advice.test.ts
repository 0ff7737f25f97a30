import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { adviceOn } from '../../src/cli/problem-advice.ts';

const terminal = { out() {}, err() {}, colour: false, env: {}, readInput: async () => '' };

test('each thing that /readyz may say is wrong has advice, but for a drain, which ends by itself', () => {
  const [, table = ''] =
    /\| reason \| what is wrong \|\n([\s\S]*?)\n\n/.exec(readFileSync('docs/operations.md', 'utf8')) ?? [];
  const reasons = [...table.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, names = '']) => names.match(/[a-z-]+/g) ?? []);
  expect(reasons.length).toBeGreaterThan(8);
  expect(reasons.filter((reason) => adviceOn(terminal, [reason]).length === 0)).toEqual(['draining']);
});

test('what is wrong stands in front of what to do', () => {
  expect(adviceOn(terminal, ['draining', 'clock-off'])).toEqual([
    '    -> clock-off: set the clocks of this machine and of Redis (NTP)',
  ]);
});

import { expect, test } from 'vitest';
import { SetupTimes } from '../../src/observe/setup-times.ts';

test('each time is in its bucket and all above, a bound in the bucket that it bounds', () => {
  const outbound = new SetupTimes('direction="outbound"');
  for (const seconds of [0.05, 0.06, 3, 3, 100]) outbound.observe(seconds);
  const text = SetupTimes.render([outbound, new SetupTimes('direction="inbound"')]);
  expect(text).toMatch(/^# HELP tandem_call_setup_seconds .+\n# TYPE tandem_call_setup_seconds histogram\n/);
  const value = (series: string) => text.split(`${series} `)[1]?.split('\n')[0];
  const bucket = (le: string) => value(`tandem_call_setup_seconds_bucket{le="${le}",direction="outbound"}`);
  expect(['0.05', '0.1', '2', '4', '32', '+Inf'].map(bucket)).toEqual(['1', '2', '2', '4', '4', '5']);
  expect(value('tandem_call_setup_seconds_count{direction="outbound"}')).toBe('5');
  expect(Number(value('tandem_call_setup_seconds_sum{direction="outbound"}'))).toBeCloseTo(106.11);
  expect(value('tandem_call_setup_seconds_count{direction="inbound"}')).toBe('0');
  expect(text.endsWith('\n')).toBe(true);
});

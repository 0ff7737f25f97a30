import { expect, test } from 'vitest';
import { CallParties } from '../../src/call/call-parties.ts';
import type { Leg } from '../../src/call/leg.ts';

test('a leg whose place was taken is kept until it has ended, and no longer', () => {
  const hungUp: string[] = [];
  const leg = (name: string) => ({ state: 'confirmed', peer: undefined, hangUp: () => hungUp.push(name) });
  const [a, b, c, d] = [leg('a'), leg('b'), leg('c'), leg('d')];
  const parties = new CallParties();
  parties.connect(a as unknown as Leg, b as unknown as Leg);
  parties.replace(b as unknown as Leg, c as unknown as Leg);
  b.state = 'gone';
  parties.replace(c as unknown as Leg, d as unknown as Leg);
  parties.hangUp([]);
  expect(hungUp).toEqual(['a', 'd', 'c']);
});

import { expect, test } from 'vitest';
import { HeldMessages } from '../../../src/engine/continuity/held-messages.ts';

test('what comes is given out in its order; strangers have places of their own, and ends of connections always one', () => {
  const held = new HeldMessages();
  const served: string[] = [];
  for (let index = 0; index < 1_001; index++) held.add(() => served.push(`stranger ${index}`), 10, false);
  held.add(() => served.push('long'), 15 * 1024 * 1024 + 1, true);
  held.add(() => served.push('known'), 15 * 1024 * 1024, true);
  held.add(() => served.push('no more'), 1, true);
  held.addEnd(() => served.push('end'));
  expect([held.size, held.dropped]).toEqual([1_002, 3]);
  for (const act of held.all()) act();
  expect([served[0], served.at(-3), ...served.slice(-2)]).toEqual(['stranger 0', 'stranger 999', 'known', 'end']);
});

import { expect, test } from 'vitest';
import { Remembered } from '../../../src/engine/continuity/remembered.ts';

test('of more than 50,000 the oldest is forgotten', () => {
  const remembered = new Remembered();
  for (let call = 0; call < 50_000; call++) remembered.add(`call-${call}`);
  expect([remembered.has('call-0'), [...remembered].length]).toEqual([true, 50_000]);
  remembered.add('call-50000');
  expect([remembered.has('call-0'), remembered.has('call-1'), remembered.has('call-50000')]).toEqual([
    false,
    true,
    true,
  ]);
  // One that is there already makes no room.
  remembered.add('call-50000');
  expect(remembered.has('call-1')).toBe(true);
});

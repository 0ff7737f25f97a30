import { expect, test } from 'vitest';
import { LiveRecord } from '../../src/call/record.ts';

test('of legs that take each other’s place without end the first are kept by name, the latest, and the other party', () => {
  const record = new LiveRecord('id', { direction: 'internal', caller: '101', called: '102' }, 'caller', 0);
  const legs = Array.from({ length: 10_000 }, (_, leg) => ({ callId: `leg ${leg}`, localTag: `tag ${leg}` }));
  // The fortieth stays, and all others change opposite to it.
  for (const leg of legs) record.noteJoined(leg, '102', legs[40]);
  const numbers = [...Array(32).keys(), 40, ...Array.from({ length: 31 }, (_, index) => 9_969 + index)];
  expect(record.joined).toEqual(numbers.map((leg) => ({ callId: `leg ${leg}`, label: '102', tags: [`tag ${leg}`] })));
});

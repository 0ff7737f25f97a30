import { expect, test } from 'vitest';
import { keptReason } from '../../src/base/text.ts';
import { LiveRecord } from '../../src/call/record.ts';
import { branchTo, scene, stages } from './world.ts';

test('of legs that take each other’s place without end the first are kept by name, the latest, and the other party', () => {
  const record = new LiveRecord('id', { direction: 'internal', caller: '101', called: '102' }, 'caller', 0);
  const legs = Array.from({ length: 10_000 }, (_, leg) => ({ callId: `leg ${leg}`, localTag: `tag ${leg}` }));
  // The fortieth stays, and all others change opposite to it.
  for (const leg of legs) record.noteJoined(leg, '102', legs[40]);
  const numbers = [...Array(32).keys(), 40, ...Array.from({ length: 31 }, (_, index) => 9_969 + index)];
  expect(record.joined).toEqual(numbers.map((leg) => ({ callId: `leg ${leg}`, label: '102', tags: [`tag ${leg}`] })));
});

test('of a reason phrase as long as a message its beginning is kept, for the call and each attempt, and the caller is told all', () => {
  const { world, a, b } = scene();
  world.engine.plan = (request) => stages([{ branches: [branchTo(request, 'b')] }]);
  const sent = a.calls();
  const reason = `Busy ${'x'.repeat(8_000)}`;
  b.invite.reply(486, reason);
  world.run();
  const kept = keptReason(reason);
  expect(kept).toBe(reason.slice(0, 256));
  expect(world.engine.ended).toMatchObject([{ reason: kept, attempts: [{ reason: kept }] }]);
  expect(sent.final?.reason).toBe(reason);
});

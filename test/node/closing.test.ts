import { expect, test } from 'vitest';
import { closeAll } from '../../src/node/closing.ts';
import { RecordingLog } from '../sip/transport/recorder.ts';

test('all are closed, the last one first and each when the one before has ended; one that fails is logged and stops none', async () => {
  const log = new RecordingLog();
  const closed: string[] = [];
  const closers = [
    () => closed.push('store'),
    () => closed.push('records'),
    () => Promise.reject(new Error('command timed out')),
    async () => {
      await new Promise((resolve) => setImmediate(resolve));
      closed.push('engine');
    },
    () => {
      throw new Error('not open');
    },
  ];
  await closeAll(closers, log);
  expect(closed).toEqual(['engine', 'records', 'store']);
  expect(log.lines.map(({ event, fields }) => [event, String(fields['error']).split('\n')[0]])).toEqual([
    ['close-failed', 'Error: not open'],
    ['close-failed', 'Error: command timed out'],
  ]);
});

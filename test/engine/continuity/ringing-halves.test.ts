import { beforeEach, expect, test } from 'vitest';
import type { Knowledge } from '../../../src/engine/continuity/peer-question.ts';
import { RingingHalves, type RingingHalvesOptions } from '../../../src/engine/continuity/ringing-halves.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { RecordingLog } from '../../sip/transport/recorder.ts';

type Half = ReturnType<RingingHalvesOptions['calls']['ringingHalves']>[number];

let time: VirtualScheduler;
let log: RecordingLog;
let halves: Half[];
let isHeard: boolean;
let knowledge: Knowledge | undefined;
let asked: { readonly name: string; readonly callId: string; readonly ours: string; readonly theirs: string }[];
let lost: Half[];
let ringing: RingingHalves;

const half = (address: string, port = 5060) =>
  ({
    state: 'early',
    dialog: { callId: 'call', localTag: 'mine', remoteTag: 'its' },
    destination: { transport: 'udp', address, port },
  }) as unknown as Half;

beforeEach(() => {
  time = new VirtualScheduler();
  log = new RecordingLog();
  [halves, isHeard, knowledge, asked, lost] = [[half('192.0.2.2')], true, 'has', [], []];
  ringing = new RingingHalves({
    calls: { ringingHalves: () => halves, halfLost: (each) => lost.push(each) },
    known: {
      latestNames: () => ['two', 'three'],
      lastAddressOf: (name) => ({ transport: 'udp', address: name === 'two' ? '192.0.2.2' : '192.0.2.3', port: 5060 }),
      isHeard: () => isHeard,
      signs: () => true,
    },
    questions: {
      knows: async ({ name }, { callId, ours, theirs }) => {
        asked.push({ name, callId, ours, theirs });
        return knowledge;
      },
    },
    scheduler: time,
    log,
  });
  ringing.start();
});

async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    time.advance(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('of a node that is heard nothing is asked', async () => {
  await pass(10_000);
  expect(asked).toEqual([]);
});

test('one that is not heard is asked what it knows of the dialog as it sees that; while it has it the call rings on', async () => {
  isHeard = false;
  await pass(4_000);
  expect(new Set(asked.map((question) => JSON.stringify(question)))).toEqual(
    new Set([JSON.stringify({ name: 'two', callId: 'call', ours: 'its', theirs: 'mine' })]),
  );
  expect([asked.length, lost]).toEqual([5, []]);
});

test.each([undefined, 'none', 'had'] as const)('%s, three times running: the half is lost', async (known) => {
  [isHeard, knowledge] = [false, known];
  await pass(1_600);
  expect(lost).toEqual([]);
  await pass(800);
  expect(lost).toEqual(halves);
  expect(log.lines).toMatchObject([{ event: 'ringing-half-lost', fields: { node: 'two', callId: 'call' } }]);
});

test('one that has begun again, and is heard, is asked on until it has said that it has it', async () => {
  [isHeard, knowledge] = [false, undefined];
  await pass(1_600);
  [isHeard, knowledge] = [true, 'has'];
  await pass(800);
  expect(asked).toHaveLength(3);
  await pass(4_000);
  expect([asked.length, lost]).toEqual([3, []]);
});

test('a half that has been answered or has ended meanwhile is not lost, nor one whose other node nobody knows', async () => {
  [isHeard, knowledge] = [false, 'none'];
  await pass(1_600);
  Object.assign(halves[0] as Half, { state: 'confirmed' });
  halves.push(half('198.51.100.9'), half('192.0.2.2', 5070));
  await pass(1_600);
  expect(lost).toEqual([]);
  expect(new Set(asked.map(({ name }) => name))).toEqual(new Set(['two']));
});

test('of thousands a thousand are asked after in a round; when it has stopped none', async () => {
  isHeard = false;
  halves = Array.from({ length: 3_000 }, () => half('192.0.2.3'));
  await pass(800);
  expect(asked).toHaveLength(1_000);
  ringing.stop();
  await pass(4_000);
  expect(asked).toHaveLength(1_000);
});

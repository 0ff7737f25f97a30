import { beforeEach, describe, expect, test } from 'vitest';
import type { Half } from '../../../src/call/index.ts';
import type { Knowledge } from '../../../src/engine/continuity/peer-question.ts';
import { RingingHalves } from '../../../src/engine/continuity/ringing-halves.ts';
import type { Target } from '../../../src/sip/transport/index.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { RecordingLog } from '../../sip/transport/recorder.ts';

interface Node {
  address: Target | undefined;
  isHeard: boolean;
  isListed: boolean;
  /** As the roster says it. */
  process: string | undefined;
  /** That is at work there; undefined: nobody answers. */
  runs: string | undefined;
  knows: Knowledge;
}

let time: VirtualScheduler;
let log: RecordingLog;
let nodes: { two: Node; three: Node; ended?: Node };
let halves: Map<string, Set<Half>>;
let hearFirst: (node: string) => void;
let looks: number;
let processQuestions: string[];
let asked: { readonly name: string; readonly at: string; readonly callId: string; readonly ours: string }[];
let lost: Half[];
let ringing: RingingHalves;

const at = (address: string, port = 5060): Target => ({ transport: 'tcp', address, port });
const node = (address: Target): Node => ({
  ...{ address, isHeard: true, isListed: true },
  ...{ process: '1-1', runs: '1-1', knows: 'has' as const },
});

function begin(name: string, hasDialog = true): Half {
  const half: Half = {
    ...{ node: name, callId: `call-${lost.length}`, localTag: 'mine', remoteTag: hasDialog ? 'its' : undefined },
    lost: () => {
      halves.get(name)?.delete(half);
      lost.push(half);
    },
    onFault() {},
  };
  const isFirst = (halves.get(name)?.size ?? 0) === 0;
  halves.set(name, (halves.get(name) ?? new Set()).add(half));
  if (isFirst) hearFirst(name);
  return half;
}

beforeEach(() => {
  time = new VirtualScheduler();
  log = new RecordingLog();
  nodes = { two: node(at('192.0.2.2')), three: node(at('192.0.2.3')) };
  [halves, looks, processQuestions, asked, lost] = [new Map(), 0, [], [], []];
  const of = (name: string) => nodes[name as keyof typeof nodes] as Node;
  const noted = new Map<string, Target | undefined>();
  ringing = new RingingHalves({
    halves: {
      onFirst: (hear) => {
        hearFirst = hear;
      },
      nodes: () => halves.keys(),
      with: (name) => {
        const those = halves.get(name) ?? new Set<Half>();
        return new Proxy(those, {
          get: (set, key) => {
            if (key === Symbol.iterator) looks++;
            const value: unknown = Reflect.get(set, key, set);
            return typeof value === 'function' ? value.bind(set) : value;
          },
        });
      },
    },
    known: {
      note: () => {
        for (const [name, { isListed, address }] of Object.entries(nodes)) if (isListed) noted.set(name, address);
      },
      listedNames: () => Object.keys(nodes).filter((name) => of(name).isListed),
      processOf: (name) => (of(name).isListed ? of(name).process : undefined),
      lastAddressOf: (name) => (of(name).isListed ? of(name).address : noted.get(name)),
      isHeard: (name) => of(name).isHeard,
      signs: () => true,
    },
    questions: {
      isProcess: async ({ name }, process) => {
        processQuestions.push(name);
        const { runs } = of(name);
        return runs === undefined ? undefined : runs === process;
      },
      knows: async ({ name, address }, { callId, ours }) => {
        asked.push({ name, at: address.address, callId, ours });
        return of(name).runs === undefined ? undefined : of(name).knows;
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

test('while every node is heard nothing is asked, and no half looked at', async () => {
  for (let count = 0; count < 100; count++) begin('two');
  await pass(10_000);
  expect([processQuestions, asked, looks]).toEqual([[], [], 0]);
});

test('of one that is not heard one question a round tells that its process lives, however many calls ring', async () => {
  for (let count = 0; count < 100; count++) begin('two');
  begin('three');
  Object.assign(nodes.two, { isHeard: false });
  await pass(60_000);
  expect([processQuestions.length, new Set(processQuestions)]).toEqual([75, new Set(['two'])]);
  expect([asked, lost]).toEqual([[], []]);
});

test('one that is silent three times running has lost all that was begun with it by then, and no other has', async () => {
  const ended = [begin('two'), begin('two', false)];
  begin('three');
  Object.assign(nodes.two, { isHeard: false, runs: undefined });
  await pass(1_600);
  expect(lost).toEqual([]);
  const late = begin('two');
  await pass(800);
  expect(lost).toEqual(ended);
  expect(asked).toEqual([]);
  expect(log.lines).toMatchObject(
    ended.map(({ callId }) => ({ event: 'ringing-half-lost', fields: { from: 'two', callId } })),
  );
  await pass(1_600);
  expect(lost).toEqual([...ended, late]);
});

test('a defect in losing one is told to its call, and all others are lost', async () => {
  const [first, other] = [begin('two'), begin('two')];
  const met: unknown[] = [];
  first.lost = () => {
    throw new Error('a defect');
  };
  first.onFault = (error) => met.push(error);
  Object.assign(nodes.two, { isHeard: false, runs: undefined });
  await pass(2_400);
  expect([met, lost]).toEqual([[new Error('a defect')], [other]]);
});

test('one that answers again, or is heard again, has lost nothing', async () => {
  begin('two');
  for (const back of [{ runs: '1-1' }, { runs: '1-1', isHeard: true }]) {
    Object.assign(nodes.two, { isHeard: false, runs: undefined });
    await pass(1_600);
    Object.assign(nodes.two, back);
    await pass(800);
  }
  Object.assign(nodes.two, { isHeard: false, runs: undefined });
  await pass(1_600);
  expect([lost, asked]).toEqual([[], []]);
});

test('of two at one address the one that lives keeps its call when the other has ended', async () => {
  nodes.ended = { ...node(at('192.0.2.2')), isHeard: false, runs: undefined };
  nodes.two = node(at('192.0.2.2', 5070));
  begin('two');
  await pass(10_000);
  expect([processQuestions, lost]).toEqual([[], []]);
});

describe('another process is at work under the name', () => {
  test('which is heard at another address: it is asked there of what was begun with the one before, until it has it', async () => {
    const before = begin('two');
    await pass(800);
    Object.assign(nodes.two, { process: '1-2', runs: '1-2', address: at('192.0.2.77'), knows: 'none' });
    await pass(700);
    const after = begin('two');
    await pass(100);
    Object.assign(nodes.two, { knows: 'has' });
    await pass(800);
    // Both of them: the second was begun before it was seen that the process is another.
    expect(asked.map(({ at: where, ours }) => [where, ours])).toEqual(Array(4).fill(['192.0.2.77', 'its']));
    begin('two');
    await pass(8_000);
    expect([asked.length, lost]).toEqual([4, []]);
    expect([...(halves.get('two') ?? [])].slice(0, 2)).toEqual([before, after]);
  });

  test.each(['none', 'had'] as const)('%s, three times running: the half is lost within 3.2 s', async (knows) => {
    const half = begin('two');
    begin('three');
    await pass(800);
    Object.assign(nodes.two, { process: '1-2', runs: '1-2', knows });
    await pass(2_400);
    expect(lost).toEqual([half]);
    expect(processQuestions).toEqual([]);
    expect(new Set(asked.map(({ name }) => name))).toEqual(new Set(['two']));
  });

  test('which the store has not heard of: the question tells, and halves are asked', async () => {
    const half = begin('two');
    await pass(800);
    Object.assign(nodes.two, { isHeard: false, runs: '1-2', knows: 'none' });
    await pass(2_400);
    expect(lost).toEqual([half]);
    expect([processQuestions.length, asked.length]).toEqual([3, 3]);
  });

  test('which is back before the first look at the one that a half was begun with: it is asked all the same', async () => {
    const half = begin('two');
    await pass(300);
    Object.assign(nodes.two, { isListed: false, isHeard: false, runs: undefined });
    await pass(200);
    Object.assign(nodes.two, { isListed: true, isHeard: true, process: '1-2', runs: '1-2', knows: 'none' });
    await pass(2_700);
    expect([lost, processQuestions]).toEqual([[half], []]);
  });

  test('which had not said yet who it is when a half was begun: it is asked, and has it', async () => {
    Object.assign(nodes.two, { isListed: false });
    begin('two');
    Object.assign(nodes.two, { isListed: true });
    await pass(8_000);
    expect([asked.length, lost]).toEqual([1, []]);
  });

  test('a half without a dialog is asked after by its Call-ID', async () => {
    const half = begin('two', false);
    await pass(800);
    Object.assign(nodes.two, { process: '1-2', runs: '1-2', knows: 'none' });
    await pass(2_400);
    expect([lost, asked.map(({ ours }) => ours)]).toEqual([[half], ['none', 'none', 'none']]);
  });
});

test('a program of before, which names no process, is asked of each early dialog, and of nothing that has none', async () => {
  nodes.two = { ...node(at('192.0.2.2')), process: undefined, isHeard: false, knows: 'none' };
  const half = begin('two');
  begin('two', false);
  await pass(8_000);
  expect([lost, asked.length]).toEqual([[half], 3]);
});

test('one that ends before the first look at it is asked where it was, and has lost what was begun with it', async () => {
  const half = begin('two');
  Object.assign(nodes.two, { isListed: false, isHeard: false, runs: undefined });
  await pass(2_400);
  expect([lost, processQuestions]).toEqual([[half], ['two', 'two', 'two']]);
});

test('a half that is answered or over meanwhile is not lost, nor one whose node was at no address', async () => {
  const half = begin('two');
  begin('three');
  for (const each of Object.values(nodes)) Object.assign(each, { isHeard: false, runs: undefined });
  Object.assign(nodes.three, { address: undefined });
  await pass(1_600);
  halves.get('two')?.delete(half);
  await pass(4_000);
  expect([lost, new Set(processQuestions)]).toEqual([[], new Set(['two'])]);
});

test('of thousands a thousand are asked after in a round; when it has stopped none', async () => {
  for (let count = 0; count < 3_000; count++) begin('two');
  await pass(800);
  Object.assign(nodes.two, { process: '1-2', runs: '1-2', knows: 'none' });
  await pass(800);
  expect(asked).toHaveLength(1_000);
  ringing.stop();
  await pass(4_000);
  expect(asked).toHaveLength(1_000);
});

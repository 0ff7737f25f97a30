import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { OtherEvents } from '../../../src/api/across/other-events.ts';
import type { NodesPort } from '../../../src/api/index.ts';
import { silentLog } from '../../../src/base/log.ts';

/** What edge-2 answers when it is asked next; undefined: nothing. */
let answer: object | undefined;
let written: string[];
let isRoom: boolean;
const reader = {
  channel: { types: new Set(['audit']), tenant: undefined, perSecond: undefined } as never,
  takes: () => isRoom,
  write: (text: string) => void written.push(text),
};

function following(): OtherEvents {
  const nodes: NodesPort = {
    self: 'edge-1',
    others: () => ['edge-2'],
    named: (wanted) => ['edge-1', 'edge-2'].filter((name) => name === wanted),
    ask: async () => {
      if (answer === undefined) throw new Error('silent');
      return { status: 200, text: JSON.stringify(answer) } as never;
    },
    answerWith: () => {},
  };
  return new OtherEvents({ nodes, log: silentLog });
}

const page = (more: object) => ({ events: [], next: '1', gap: false, isMore: false, ...more });
const gaps = () => written.join('').match(/^event: gap$/gm)?.length ?? 0;

beforeEach(() => {
  vi.useFakeTimers();
  answer = page({});
  written = [];
  isRoom = true;
});
afterEach(() => vi.useRealTimers());

test.each([
  ['events were lost there', page({ gap: true }), 'events were lost'],
  ['the node fell silent', undefined, 'node edge-2 does not answer'],
])('a reader that takes nothing just then is told later, and once, that %s', async (_what, then, reason) => {
  const others = following();
  others.add(reader, { node: undefined, isBack: false });
  await vi.advanceTimersByTimeAsync(0);
  isRoom = false;
  answer = then;
  await vi.advanceTimersByTimeAsync(500);
  answer = page({});
  await vi.advanceTimersByTimeAsync(1_000);
  expect(gaps()).toBe(0);
  isRoom = true;
  await vi.advanceTimersByTimeAsync(500);
  expect(written.join('')).toContain(`event: gap\ndata: {"node":"edge-2","reason":"${reason}`);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(gaps()).toBe(1);
  others.remove(reader);
});

test('a gap is told before what came after it', async () => {
  const others = following();
  others.add(reader, { node: undefined, isBack: true });
  isRoom = false;
  answer = page({ gap: true });
  await vi.advanceTimersByTimeAsync(500);
  isRoom = true;
  const event = { at: '2026-11-01T00:00:00Z', type: 'audit', tenants: ['acme'], data: { action: 'update' } };
  answer = page({ events: [event] });
  await vi.advanceTimersByTimeAsync(500);
  expect(
    written
      .join('')
      .match(/^event: \w+$/gm)
      ?.slice(-2),
  ).toEqual(['event: gap', 'event: audit']);
  others.remove(reader);
});

test('a reader that comes back and takes nothing at first is told what it has missed', async () => {
  const others = following();
  isRoom = false;
  others.add(reader, { node: 'edge-2', isBack: true });
  await vi.advanceTimersByTimeAsync(0);
  isRoom = true;
  await vi.advanceTimersByTimeAsync(500);
  expect(gaps()).toBe(1);
  others.remove(reader);
});

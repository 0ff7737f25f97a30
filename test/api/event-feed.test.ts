import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { channelOf, EventFeed, type FeedReader, GATHER_MS } from '../../src/api/event-feed.ts';
import { EventBus } from '../../src/observe/index.ts';

class Reader implements FeedReader {
  readonly channel: FeedReader['channel'];
  place: string;
  notBeforeMs = 0;
  isBlocked = false;
  readonly texts: string[] = [];

  constructor(place: string, channel: FeedReader['channel']) {
    this.place = place;
    this.channel = channel;
  }

  takes() {
    return !this.isBlocked;
  }

  write(text: Buffer) {
    this.texts.push(text.toString());
  }

  get read() {
    return [...this.texts.join('').matchAll(/"value":"(\w+)"/g)].map(([, value]) => value);
  }
}

let events: EventBus;
let feed: EventFeed;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'], now: 1_000_000 });
  events = new EventBus({ wallMs: () => 0, nowMs: () => 0 }, { capacity: 100 });
  feed = new EventFeed(events, 'a');
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const tell = (value: string | number, tenants: string[] = []) =>
  events.publish('caller-id-rejected', tenants, { trunkId: '1', source: 's', value: String(value), reason: 'r' });
const later = async (ms = GATHER_MS) => {
  await vi.advanceTimersByTimeAsync(ms);
  for (let turns = 0; turns < 20; turns++) await turn();
};
/** Turns of the event loop that the feed asks for, which come when a test calls them; what else asks in this process is served as ever. */
function countedTurns(): Set<() => void> {
  const turns = new Set<() => void>();
  const { setImmediate: real } = globalThis;
  vi.spyOn(globalThis, 'setImmediate').mockImplementation((asked, ...values) => {
    if (!String(asked).includes('serveSome')) return real(asked, ...values);
    turns.add(asked);
    return asked as unknown as NodeJS.Immediate;
  });
  const { clearImmediate: forget } = globalThis;
  vi.spyOn(globalThis, 'clearImmediate').mockImplementation((asked) => {
    if (!turns.delete(asked as unknown as () => void)) forget(asked);
  });
  return turns;
}
const opened = (place = events.lastId, channel = channelOf(undefined, undefined)) => {
  const reader = new Reader(place, channel);
  feed.add(reader);
  return reader;
};

describe('the feed of events', () => {
  test('the first event of a quiet time goes out at once, those that follow it together', async () => {
    const reader = opened();
    await later();
    tell(1);
    await later(1);
    expect(reader.read).toEqual(['1']);
    for (const value of [2, 3, 4]) tell(value);
    await later(GATHER_MS - 2);
    expect(reader.read).toEqual(['1']);
    await later(2);
    expect(reader.read).toEqual(['1', '2', '3', '4']);
    expect(reader.texts).toHaveLength(2);
  });

  test('while calls wait readers have a turn of 3 ms each 100 ms, and get what they missed, or are told how much', async () => {
    let callsWait = false;
    feed = new EventFeed(events, 'a', () => callsWait);
    const slow = (reader: Reader) => {
      const write = reader.write.bind(reader);
      // A reader takes a millisecond to write to.
      reader.write = (text) => {
        vi.advanceTimersByTime(1);
        write(text);
      };
      return reader;
    };
    const readers = Array.from({ length: 12 }, () => slow(opened()));
    await later();
    callsWait = true;
    tell(1);
    await later(1);
    const served = () => readers.filter(({ read }) => read.length > 0).length;
    expect(served()).toBeLessThanOrEqual(3);
    for (let ms = 0; ms < 1_000; ms += 100) await later(100);
    expect(served()).toBe(12);
    for (let value = 2; value <= 500; value++) tell(value);
    await later(1);
    callsWait = false;
    for (let ms = 0; ms < 1_000; ms += 100) await later(100);
    for (const reader of readers) {
      expect(reader.read.at(-1)).toBe('500');
      const lost = Number(/event: gap\ndata: \{"count":([0-9]+),/.exec(reader.texts.join(''))?.[1]);
      expect(reader.read.length + lost).toBe(500);
    }
  });

  test('a text is made once for all who follow the same; who follows less gets less', async () => {
    const readers = Array.from({ length: 200 }, () => opened());
    const narrow = opened(events.lastId, channelOf('trunk-state', undefined));
    const acme = opened(events.lastId, channelOf(undefined, 'acme'));
    let made = 0;
    const value = { toJSON: () => String(++made) } as unknown as string;
    events.publish('caller-id-rejected', ['acme'], { trunkId: '1', source: 's', value, reason: 'r' });
    tell('bolt', ['bolt']);
    events.publish('trunk-state', [], { trunkId: '1', trunk: 'a', state: 'online' });
    await later();
    expect(made).toBe(1);
    for (const reader of readers) expect(reader.read).toEqual(['1', 'bolt']);
    expect(narrow.texts.join('')).toMatch(/^id: \S+\nevent: trunk-state\n/);
    expect(acme.read).toEqual(['1']);
  });

  test('a reader that takes nothing keeps nothing waiting, and goes on where it was; past what is kept it is told of the gap', async () => {
    const [slow, quick] = [opened(), opened()];
    slow.isBlocked = true;
    tell(1);
    await later();
    expect([slow.read, quick.read]).toEqual([[], ['1']]);
    slow.isBlocked = false;
    feed.serve(slow);
    await later(0);
    expect(slow.read).toEqual(['1']);
    slow.isBlocked = true;
    for (let value = 2; value < 400; value++) tell(value);
    slow.isBlocked = false;
    await later();
    expect(slow.texts.join('')).toContain('event: gap');
    expect(slow.read.at(-1)).toBe('399');
  });

  test('whoever comes back gets what it missed in pieces, none of them twice', async () => {
    const from = events.lastId;
    events = new EventBus({ wallMs: () => 0, nowMs: () => 0 });
    feed = new EventFeed(events, 'a');
    const start = events.lastId;
    for (let value = 0; value < 1000; value++) tell(value);
    const reader = opened(start);
    await later();
    expect(reader.texts).toHaveLength(5);
    expect(reader.read).toEqual(Array.from({ length: 1000 }, (_, value) => String(value)));
    expect(opened(from).place).toBe(from);
  });

  test('who reads no more than so many a second gets the latest, and is told how many were left out', async () => {
    const person = opened(events.lastId, channelOf(undefined, undefined, 10));
    const watcher = opened(events.lastId, channelOf(undefined, undefined, 1));
    await later();
    for (let value = 0; value < 50; value++) tell(value);
    await later();
    expect(person.read).toEqual(['48', '49']);
    expect(person.texts.join('')).toContain('event: skipped\ndata: {"count":48}');
    expect(watcher.read).toEqual(['49']);
    for (let value = 50; value < 60; value++) tell(value);
    await later();
    expect(person.read.slice(2)).toEqual(['58', '59']);
    expect(watcher.read).toEqual(['49']);
    await later(1000);
    expect(watcher.read).toEqual(['49', '59']);
  });

  test('one who reads one a second holds up nobody else', async () => {
    const watcher = opened(events.lastId, channelOf(undefined, undefined, 1));
    const quick = opened();
    await later();
    for (let value = 0; value < 8; value++) {
      tell(value);
      await later(GATHER_MS + 1);
      expect(quick.read.at(-1)).toBe(String(value));
    }
    expect(watcher.read.length).toBeLessThanOrEqual(2);
    await later(1_001);
    expect(watcher.read.at(-1)).toBe('7');
  });

  test.each([false, true])(
    'however many are behind, one turn is asked for at a time; calls wait: %s',
    async (waits) => {
      events = new EventBus({ wallMs: () => 0, nowMs: () => 0 });
      feed = new EventFeed(events, 'a', () => waits);
      const turns = countedTurns();
      let nowMs = performance.now();
      vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
      const start = events.lastId;
      for (let value = 0; value < 1_000; value++) tell(value);
      const readers = Array.from({ length: 50 }, () => {
        const reader = new Reader(start, channelOf(undefined, undefined));
        const write = reader.write.bind(reader);
        // Four readers fill a turn.
        reader.write = (text) => {
          nowMs += 0.75;
          write(text);
        };
        feed.add(reader);
        return reader;
      });
      let most = 0;
      for (let round = 0; round < 1_000; round++) {
        most = Math.max(most, turns.size + vi.getTimerCount());
        const [turn] = turns;
        if (turn !== undefined) {
          turns.delete(turn);
          turn();
        } else if (vi.getTimerCount() > 0) {
          nowMs += 100;
          vi.advanceTimersByTime(100);
        } else break;
      }
      for (const { read } of readers) expect(read).toHaveLength(1_000);
      expect(most).toBe(1);
    },
  );

  test('nothing is left of the last reader that goes', async () => {
    const [set, cleared] = [vi.spyOn(globalThis, 'setTimeout'), vi.spyOn(globalThis, 'clearTimeout')];
    const reader = opened();
    expect(events.subscriberCount).toBe(1);
    tell(1);
    feed.remove(reader);
    expect(events.subscriberCount).toBe(0);
    // Others in this process have timers of their own.
    const own = set.mock.results.filter((_, at) => String(set.mock.calls[at]?.[0]).includes('gatheredAtMs'));
    const isCleared = (timer: unknown) => cleared.mock.calls.some(([each]) => each === timer);
    expect(own.map(({ value }) => isCleared(value))).toEqual([true]);
    await later();
    expect(reader.texts).toEqual([]);
    // Not even the turn that it was waiting for.
    const turns = countedTurns();
    const other = opened();
    expect(turns.size).toBe(1);
    feed.remove(other);
    expect(turns.size).toBe(0);
  });
});

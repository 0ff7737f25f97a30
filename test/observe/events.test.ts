import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { type EngineEvent, EventBus, type EventData } from '../../src/observe/events.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

const publish = (bus: EventBus, detail: string) => bus.publish('fraud', ['acme'], { guard: 'rate', detail });

function published(bus: EventBus, detail: string): EngineEvent {
  const place = bus.lastId;
  publish(bus, detail);
  return bus.since(place).events[0] as EngineEvent;
}

describe('EventBus', () => {
  test('subscribers get events in order; one that throws costs nobody else the event', () => {
    const errors: unknown[] = [];
    const bus = new EventBus(new VirtualScheduler(), { onError: (error) => errors.push(error) });
    const seen: number[] = [];
    bus.subscribe(() => {
      throw new Error('broken');
    });
    const end = bus.subscribe((event) => seen.push(event.sequence));
    publish(bus, 'a');
    publish(bus, 'b');
    end();
    publish(bus, 'c');
    expect(seen).toEqual([1, 2]);
    expect(errors).toHaveLength(3);
  });

  test('what came after an id is given again; an id that is too old, of another run or of the future is a gap', () => {
    const bus = new EventBus(new VirtualScheduler(), { capacity: 10 });
    const first = published(bus, 'first');
    const second = published(bus, 'second');
    expect(bus.since(first.id)).toEqual({ events: [second], gap: false, lost: 0, place: second.id, isMore: false });
    expect(bus.since(first.id, 0)).toMatchObject({ events: [], isMore: true });
    expect(bus.since(bus.lastId)).toEqual({ events: [], gap: false, lost: 0, place: second.id, isMore: false });
    for (let index = 0; index < 30; index++) publish(bus, String(index));
    const late = bus.since(first.id);
    expect(late.gap).toBe(true);
    expect(Number(late.lost) + late.events.length).toBe(31);
    expect(bus.since('other:1').lost).toBe(undefined);
    expect(late.events.at(-1)?.id).toBe(bus.lastId);
    for (const id of ['other:1', 'nonsense', `${bus.lastId}999`, `${first.id.split(':')[0]}:-1`])
      expect(bus.since(id).gap).toBe(true);
  });

  test('whoever comes back reads of an event what was told of it at first', () => {
    const scheduler = new VirtualScheduler(Date.UTC(2026, 10, 29));
    const bus = new EventBus(scheduler);
    const told: string[] = [];
    bus.subscribe((event) => told.push(JSON.stringify(event)));
    for (let index = 0; index < 200; index++) {
      publish(bus, `Zoë ${index}`);
      bus.publish('audit', index % 2 === 0 ? [] : ['acme', 'bolt'], { actor: 'a', action: 'put', resource: 'r' });
      scheduler.advance(1);
    }
    expect(bus.since('other:0').events.map((event) => JSON.stringify(event))).toEqual(told);
    const [from] = bus.since('other:0', 150).events.slice(-1);
    const { events, isMore } = bus.since(from?.id ?? '', 100);
    expect(events.map((event) => JSON.stringify(event))).toEqual(told.slice(150, 250));
    expect(isMore).toBe(true);
  });

  test.each([
    ['that are no JSON', 1n],
    ['that are none', undefined],
  ])('one with facts %s costs nobody another: it is told of, and kept without them', (_, facts) => {
    const errors: unknown[] = [];
    const bus = new EventBus(new VirtualScheduler(), { onError: (error) => errors.push(error) });
    const seen: number[] = [];
    bus.subscribe((event) => seen.push(event.sequence));
    for (let index = 0; index < 300; index++) {
      if (index === 5) bus.publish('fraud', [], facts as unknown as EventData['fraud']);
      else publish(bus, String(index));
    }
    expect(seen).toHaveLength(300);
    const { events } = bus.since('other:0');
    expect(events.map(({ sequence }) => sequence)).toEqual(seen);
    expect(events[5]?.data).toEqual({});
    expect(events[299]?.data).toEqual({ guard: 'rate', detail: '299' });
    expect(errors).toHaveLength(1);
  });

  test.each([
    [
      'no memory is to be had for them',
      {},
      () => {
        vi.spyOn(Buffer, 'allocUnsafeSlow').mockImplementationOnce(() => {
          throw new RangeError('Array buffer allocation failed');
        });
      },
    ],
    ['telling that they have no JSON text fails', 1n, () => {}],
  ])(
    'facts that are not kept, because %s, are a gap: no later event has the facts of another tenant’s',
    (_, facts, before) => {
      let isBroken = true;
      const onError = (error: unknown) => {
        if (isBroken && typeof facts === 'bigint') throw error;
      };
      const bus = new EventBus(new VirtualScheduler(), { onError });
      const begin = bus.lastId;
      before();
      bus.publish('fraud', ['lost'], facts as unknown as EventData['fraud']);
      try {
        bus.since(begin);
      } catch {
        // So says who was told.
      }
      isBroken = false;
      const place = bus.lastId;
      for (const guard of ['two', 'three']) bus.publish('fraud', [guard], { guard, detail: '' });
      bus.publish('audit', ['four'], { actor: 'four', action: '', resource: '' });
      const { events, lost } = bus.since(begin);
      expect(lost).toBe(1);
      expect(
        events.map(({ sequence, type, tenants, data }) => [sequence, type, tenants, Object.values(data)[0]]),
      ).toEqual([
        [2, 'fraud', ['two'], 'two'],
        [3, 'fraud', ['three'], 'three'],
        [4, 'audit', ['four'], 'four'],
      ]);
      expect(bus.since(place)).toEqual({ events, gap: false, lost: 0, place: bus.lastId, isMore: false });
      expect(bus.since(bus.lastId)).toMatchObject({ events: [], gap: false });
    },
  );

  test('a tenant with long ones evicts none of another, nor do seven such tenants', () => {
    const bus = new EventBus(new VirtualScheduler());
    const tell = (count: number, tenant: string, length: number) => {
      for (let index = 0; index < count; index++)
        bus.publish('fraud', [tenant], { guard: 'rate', detail: 'x'.repeat(length) });
    };
    const begin = bus.lastId;
    tell(5, 'quiet', 100);
    tell(640, 'loud', 56_000);
    const ofQuiet = () => {
      const { events, gap } = bus.since(begin, Infinity, 'quiet');
      return [gap, events.filter(({ tenants }) => tenants.includes('quiet')).length];
    };
    expect(ofQuiet()).toEqual([false, 5]);
    for (let tenant = 2; tenant <= 7; tenant++) tell(640, `loud ${tenant}`, 56_000);
    expect(ofQuiet()).toEqual([false, 5]);
  });

  test('a tenant with very many events evicts none of another: who reads that one’s has no gap', () => {
    const bus = new EventBus(new VirtualScheduler(), { capacity: 100 });
    const begin = bus.lastId;
    const tell = (count: number, ...tenants: string[]) => {
      for (let index = 0; index < count; index++) bus.publish('fraud', tenants, { guard: 'rate', detail: '' });
    };
    tell(5, 'quiet');
    tell(2);
    tell(3_000, 'loud');
    const ofQuiet = bus.since(begin, Infinity, 'quiet');
    expect(ofQuiet.events.filter(({ tenants }) => tenants.includes('quiet'))).toHaveLength(5);
    expect([ofQuiet.gap, ofQuiet.lost]).toEqual([false, 0]);
    for (const tenant of ['loud', undefined]) {
      const { events, gap, lost } = bus.since(begin, Infinity, tenant);
      expect([gap, events.length + Number(lost), events.filter(({ tenants }) => tenants.length === 0).length]).toEqual([
        true,
        3_007,
        2,
      ]);
    }
    // What several tenants' admins may see is nobody's alone.
    tell(300, 'loud', 'quiet');
    expect(bus.since(begin, Infinity, 'quiet').gap).toBe(true);
  });

  test('page by page each is given once, in order, of each tenant the latest, and what is lost is told once, with its number', () => {
    const runs = fc.array(fc.record({ tenant: fc.constantFrom('a', 'a', 'a', 'b', 'c', ''), most: fc.nat(30) }), {
      minLength: 1,
      maxLength: 500,
    });
    fc.assert(
      fc.property(runs, (steps) => {
        const bus = new EventBus(new VirtualScheduler(), { capacity: 40 });
        const begin = bus.lastId;
        for (const { tenant } of steps)
          bus.publish('fraud', tenant === '' ? [] : [tenant], { guard: '', detail: tenant });
        const read: EngineEvent[] = [];
        let [place, gaps, lost] = [begin, 0, 0];
        for (let isMore = true, page = 0; isMore; page++) {
          const found = bus.since(place, 1 + (steps[page % steps.length]?.most ?? 0));
          read.push(...found.events);
          if (found.gap) gaps++;
          lost += found.lost ?? Number.NaN;
          ({ place, isMore } = found);
        }
        expect([gaps, read.length + lost, place]).toEqual([lost === 0 ? 0 : 1, steps.length, bus.lastId]);
        const sequences = read.map(({ sequence }) => sequence);
        expect(sequences).toEqual([...new Set(sequences)].sort((x, y) => x - y));
        for (const tenant of ['a', 'b', 'c', '']) {
          const told = steps.flatMap((step, index) => (step.tenant === tenant ? [index + 1] : []));
          const kept = read.filter(({ tenants }) => (tenants[0] ?? '') === tenant).map(({ sequence }) => sequence);
          expect(kept).toEqual(told.slice(told.length - kept.length));
        }
        expect(sequences.slice(-40)).toEqual(
          Array.from({ length: Math.min(40, steps.length) }, (_, index) => index + 1 + Math.max(0, steps.length - 40)),
        );
      }),
      { numRuns: 200 },
    );
  });

  test('what is lost between two pages is told, also of what came before others that were lost', () => {
    const bus = new EventBus(new VirtualScheduler(), { capacity: 100 });
    const tell = (count: number, tenant: string) => {
      for (let index = 0; index < count; index++) bus.publish('fraud', [tenant], { guard: '', detail: '' });
    };
    const begin = bus.lastId;
    tell(12, 'quiet');
    tell(3_000, 'loud');
    const [ofQuiet, ofAll] = ['quiet', undefined].map((tenant) => bus.since(begin, 5, tenant));
    expect([ofQuiet?.gap, ofAll?.gap]).toEqual([false, true]);
    for (let index = 0; index < 12; index++) tell(13, `other${index}`);
    const next = bus.since(ofQuiet?.place ?? '', Infinity, 'quiet');
    expect([next.gap, Number(next.lost) >= 7, next.events.some(({ tenants }) => tenants.includes('quiet'))]).toEqual([
      true,
      true,
      false,
    ]);
    const rest = bus.since(ofAll?.place ?? '');
    expect([rest.gap, 5 + Number(ofAll?.lost) + Number(rest.lost) + rest.events.length]).toEqual([true, 3_168]);
  });

  test('whatever comes between pages: each is given or told to be lost once, and a tenant’s reader has no gap without one of its', () => {
    const step = fc.record({
      tenant: fc.constantFrom('a', 'a', 'a', 'b', 'c', ''),
      times: fc.integer({ min: 1, max: 40 }),
    });
    const steps = fc.array(fc.record({ publish: fc.array(step, { maxLength: 4 }), most: fc.nat(20) }), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(steps, fc.constantFrom('a', 'b', undefined), (pages, tenant) => {
        const bus = new EventBus(new VirtualScheduler(), { capacity: 40 });
        const isTheirs = (owner: string) => tenant === undefined || owner === '' || owner === tenant;
        const own: number[] = [];
        const read: number[] = [];
        let [place, last, gaps, lost, published] = [bus.lastId, 0, 0, 0, 0];
        const readPage = (most: number) => {
          const found = bus.since(place, most, tenant);
          read.push(...found.events.map(({ sequence }) => sequence));
          expect(found.gap).toBe(Number(found.lost) > 0);
          if (found.gap) gaps++;
          lost += found.lost ?? Number.NaN;
          ({ place } = found);
          last = Number(place.split(':')[1]);
          const missing = own.filter((sequence) => sequence <= last && !read.includes(sequence)).length;
          expect(missing).toBeLessThanOrEqual(lost);
          return found.isMore;
        };
        for (const { publish: runs, most } of pages) {
          for (const { tenant: owner, times } of runs)
            for (let index = 0; index < times; index++) {
              published++;
              if (isTheirs(owner)) own.push(published);
              bus.publish('fraud', owner === '' ? [] : [owner], { guard: '', detail: '' });
            }
          readPage(most);
        }
        while (readPage(7));
        expect(read).toEqual([...new Set(read)].sort((x, y) => x - y));
        const missing = own.length - own.filter((sequence) => read.includes(sequence)).length;
        if (tenant === undefined) expect(lost).toBe(missing);
        expect(gaps).toBeLessThanOrEqual(missing);
      }),
      { numRuns: 300 },
    );
  });

  test('what is kept is bounded by octets as well', () => {
    const bus = new EventBus(new VirtualScheduler(), { mostOctets: 1_000_000 });
    for (let index = 0; index < 1000; index++) publish(bus, String(index).padEnd(10_000));
    const { events, lost } = bus.since(`${bus.lastId.split(':')[0]}:0`);
    expect(events.length).toBeGreaterThan(50);
    expect(events.length).toBeLessThanOrEqual(100);
    expect(lost).toBe(1000 - events.length);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => Number(lost) + 1 + index));
  });

  test('what is kept is bounded', () => {
    const bus = new EventBus(new VirtualScheduler(), { capacity: 100 });
    for (let index = 0; index < 10_000; index++) publish(bus, 'x');
    expect(bus.since('other:0').events.length).toBeLessThanOrEqual(150);
  });
});

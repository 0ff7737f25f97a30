import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Capacity, type CapacityGrant, type CapacityHolder } from '../../src/trunks/capacity.ts';
import { SharedLimits, type ToldTalk } from '../../src/trunks/shared-limits.ts';
import { Tally } from '../../src/trunks/tallies.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { type SharedNode, SharedNodes } from './shared-nodes.ts';

const TRUNK = 'trunk 1';

class World {
  readonly scheduler = new VirtualScheduler();
  readonly nodes = new SharedNodes(this.scheduler);

  node(): { readonly node: SharedNode; readonly capacity: Capacity } {
    const node = this.nodes.join();
    const capacity = new Capacity(this.scheduler, node.limits);
    node.use = () => capacity.use();
    return { node, capacity };
  }

  /** Asks for calls at each node, so many a second, and says how many were let in at each. */
  ask(
    holder: CapacityHolder,
    seconds: number,
    ...loads: readonly (readonly [Capacity, perSecond: number])[]
  ): number[] {
    const granted = loads.map(() => 0);
    for (let ms = 0; ms < seconds * 1000; ms++) {
      for (const [at, [capacity, perSecond]] of loads.entries()) {
        if (Math.floor(((ms + 1) * perSecond) / 1000) === Math.floor((ms * perSecond) / 1000)) continue;
        const answer = capacity.admit([holder]);
        if (!answer.granted) continue;
        answer.release();
        granted[at] = (granted[at] ?? 0) + 1;
      }
      this.scheduler.advance(1);
    }
    return granted;
  }
}

const sum = (counts: readonly number[]) => counts.reduce((all, each) => all + each, 0);

describe('calls per second of a limit', () => {
  const rate = { key: TRUNK, callsPerSecond: 20 };

  test('two nodes that ask for more than there is have it together, half each', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    world.ask(rate, 2, [a.capacity, 100], [b.capacity, 100]);
    const granted = world.ask(rate, 10, [a.capacity, 1_000], [b.capacity, 1_000]);
    expect(sum(granted)).toBeGreaterThanOrEqual(196);
    expect(sum(granted)).toBeLessThanOrEqual(203);
    for (const each of granted) expect(each).toBeGreaterThan(95);
  });

  test('a node on which all calls come has all of it, at once', () => {
    const world = new World();
    const [a] = [world.node(), world.node()];
    world.scheduler.advance(5_000);
    const [granted = 0] = world.ask(rate, 10, [a.capacity, 100]);
    expect(granted).toBeGreaterThanOrEqual(200);
    expect(granted).toBeLessThanOrEqual(203);
  });

  test('what one does not ask for the other has', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    world.ask(rate, 3, [a.capacity, 100], [b.capacity, 4]);
    const [ofA = 0, ofB = 0] = world.ask(rate, 20, [a.capacity, 100], [b.capacity, 4]);
    expect(ofB).toBeGreaterThanOrEqual(79);
    expect(ofA + ofB).toBeGreaterThan(370);
    expect(ofA + ofB).toBeLessThanOrEqual(408);
  });

  test('nodes that begin to ask at the same moment exceed it until they have heard of each other, by what the limit is once more', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    world.scheduler.advance(5_050);
    const first = world.ask(rate, 1, [a.capacity, 200], [b.capacity, 200]);
    expect(sum(first)).toBeLessThanOrEqual(20 + 20 + 4);
    expect(sum(world.ask(rate, 10, [a.capacity, 200], [b.capacity, 200]))).toBeLessThanOrEqual(203);
  });

  test('a node that has died returns its share', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    world.ask(rate, 3, [a.capacity, 100], [b.capacity, 100]);
    world.nodes.kill(b.node);
    world.ask(rate, 6, [a.capacity, 100]);
    const [granted = 0] = world.ask(rate, 10, [a.capacity, 100]);
    expect(granted).toBeGreaterThanOrEqual(199);
  });

  test('while the store is away each goes on with its share, whatever it is asked; then they share again', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    world.ask(rate, 3, [a.capacity, 12], [b.capacity, 2]);
    world.nodes.isStoreAway = true;
    world.ask(rate, 3, [a.capacity, 12], [b.capacity, 2]);
    const [ofA = 0, ofB = 0] = world.ask(rate, 20, [a.capacity, 1_000], [b.capacity, 1_000]);
    expect(ofA + ofB).toBeLessThanOrEqual(404);
    expect(ofA + ofB).toBeGreaterThan(390);
    // Of what was left, half each: asked for were 12 and 2 a second.
    expect(ofA).toBeGreaterThan(240);
    expect(ofB).toBeGreaterThan(140);
    world.nodes.isStoreAway = false;
    world.ask(rate, 2, [a.capacity, 100], [b.capacity, 100]);
    const again = world.ask(rate, 10, [a.capacity, 1_000], [b.capacity, 1_000]);
    for (const each of again) expect(each).toBeGreaterThan(90);
    expect(sum(again)).toBeLessThanOrEqual(203);
  });

  test('whatever the nodes ask for, their shares are the limit together where they ask for more, and never less than a fair part', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 2, maxLength: 8 }),
        fc.double({ min: 0.1, max: 100, noNaN: true }),
        (asked, limit) => {
          const told = asked.map((perSecond) => ({ rates: { [TRUNK]: perSecond }, heardAtMs: 0 }));
          const shares = told.map((own) => {
            const others = told.filter((each) => each !== own);
            const nodes = { others: () => others, told: () => own, isCutOff: false };
            return new SharedLimits(new VirtualScheduler(), nodes).rate(TRUNK, limit);
          });
          for (const share of shares) expect(share).toBeGreaterThanOrEqual(limit / asked.length - 1e-9);
          const used = sum(shares.map((share, at) => Math.min(share, asked[at] ?? 0)));
          expect(used).toBeLessThanOrEqual(limit + 1e-6);
          expect(used).toBeGreaterThanOrEqual(Math.min(limit, sum(asked)) - 1e-6);
        },
      ),
    );
  });
});

describe('calls in progress of a limit', () => {
  const places = { key: TRUNK, concurrentCalls: 10 };
  const take = (capacity: Capacity, count: number) => {
    const grants: CapacityGrant[] = [];
    for (let index = 0; index < count; index++) {
      const answer = capacity.admit([places]);
      if (answer.granted) grants.push(answer);
    }
    return grants;
  };

  test('those of the other nodes count once they were told, and are free when the node has died', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    expect(take(a.capacity, 6)).toHaveLength(6);
    world.scheduler.advance(1_000);
    expect(take(b.capacity, 10)).toHaveLength(4);
    world.nodes.kill(a.node);
    world.scheduler.advance(4_000);
    expect(take(b.capacity, 10)).toHaveLength(0);
    world.scheduler.advance(1_000);
    expect(take(b.capacity, 10)).toHaveLength(6);
  });

  test('while the store is away each may have what it has and half of what was left; then all again', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    const held = take(a.capacity, 5);
    take(b.capacity, 1);
    world.scheduler.advance(1_000);
    world.nodes.isStoreAway = true;
    world.scheduler.advance(2_500);
    expect(take(a.capacity, 10)).toHaveLength(2);
    expect(take(b.capacity, 10)).toHaveLength(2);
    // Places that come back are its own.
    held[0]?.release();
    expect(take(a.capacity, 10)).toHaveLength(1);
    world.nodes.isStoreAway = false;
    world.scheduler.advance(1_000);
    for (const grant of held) grant.release();
    world.scheduler.advance(1_000);
    expect(take(b.capacity, 10)).toHaveLength(4);
  });
});

describe('talk of calls in progress', () => {
  const DAY = '2026-11-29';
  const tallyOf = (total: number) => {
    const tally = new Tally(`talk ${DAY} tenant acme`, 9e12);
    tally.total = total;
    return tally;
  };
  const elsewhere = ({ limits }: SharedNode, key = 'tenant acme') => limits.talk(key, DAY, tallyOf(0)).most;

  test('goes on between two tellings, and stands still once no news come', () => {
    const world = new World();
    const [a, b] = [world.node(), world.node()];
    a.node.use = () => ({ talking: { 'tenant acme': [2, 60_000] } });
    world.scheduler.advance(500);
    world.nodes.isStoreAway = true;
    world.scheduler.advance(1_500);
    expect(elsewhere(b.node)).toBe(63_000);
    expect(a.node.limits.toldTalkMs('tenant acme', tallyOf(0))).toBe(63_000);
    expect(elsewhere(b.node, 'tenant umbrella')).toBe(0);
    // Those calls may have ended long since.
    world.scheduler.advance(3_600_000);
    expect(elsewhere(b.node)).toBe(60_000);
    expect(a.node.limits.toldTalkMs('tenant acme', tallyOf(0))).toBe(60_000);
  });

  describe('and the total of ended ones: each call counts once', () => {
    const others = (...told: readonly ToldTalk[]) =>
      new SharedLimits(new VirtualScheduler(), {
        others: () => told.map((talk) => ({ heardAtMs: 0, talking: { 'tenant acme': talk } })),
        told: () => undefined,
        isCutOff: false,
      });
    const talk = (limits: SharedLimits, tally: Tally, day = DAY) => limits.talk('tenant acme', day, tally);

    test('the total has it before its node tells so', () => {
      expect(talk(others([2, 90, 10, DAY]), tallyOf(10 + 60))).toEqual({ most: 100, least: 100 });
    });

    test('its node tells so before the total has it', () => {
      expect(talk(others([1, 30, 70, DAY]), tallyOf(10))).toEqual({ most: 100, least: 100 });
    });

    test('what was added here meanwhile ran nowhere else', () => {
      const tally = tallyOf(70);
      tally.noteAdded(20, 40);
      expect(talk(others([1, 90, 10, DAY]), tally)).toEqual({ most: 120, least: 120 });
      // What it writes at the moment may be in what the other has heard.
      tally.sent = 5;
      expect(talk(others([1, 0, 90, DAY]), tally)).toEqual({ most: 90, least: 85 });
    });

    test('of three nodes, of which one has told since, a call counts twice at most until the next telling, never less than once', () => {
      expect(talk(others([1, 60, 10, DAY], [0, 0, 70, DAY]), tallyOf(70))).toEqual({ most: 130, least: 70 });
    });

    test('a total of another day, and a node that tells none, are left out', () => {
      expect(talk(others([1, 60, 900, '2026-11-28'], [1, 30]), tallyOf(70))).toEqual({ most: 160, least: 160 });
    });

    test('a node that has been silent may have ended, and its calls be here', () => {
      const limits = others([1, 60, 70, DAY]);
      const clock = new VirtualScheduler();
      clock.advance(1_500);
      const later = new SharedLimits(clock, {
        others: () => [{ heardAtMs: clock.nowMs() - 1_500, talking: { 'tenant acme': [1, 60, 70, DAY] } }],
        told: () => undefined,
        isCutOff: false,
      });
      expect(talk(limits, tallyOf(70)).least).toBe(130);
      expect(talk(later, tallyOf(70))).toEqual({ most: 70 + 60 + 1_500, least: 70 });
    });

    test('what the others knew of this node’s that it has written since is no part of its share any more', () => {
      const told = { heardAtMs: 0, talking: { 'tenant acme': [1, 60, 10, DAY] } } as const;
      const limits = new SharedLimits(new VirtualScheduler(), { others: () => [], told: () => told, isCutOff: false });
      const tally = tallyOf(50);
      tally.noteAdded(10, 50);
      expect(limits.toldTalkMs('tenant acme', tally)).toBe(20);
    });
  });
});

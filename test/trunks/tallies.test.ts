import { expect, test } from 'vitest';
import type { Log } from '../../src/base/log.ts';
import { Tallies } from '../../src/trunks/tallies.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { MemoryTallies } from './memory-tallies.ts';

class World {
  readonly scheduler = new VirtualScheduler();
  readonly store = new MemoryTallies();
  readonly warnings: string[] = [];
  readonly elsewhere: string[] = [];

  node(name: string): Tallies {
    const log: Log = { debug() {}, info() {}, warn: (event) => void this.warnings.push(event), error() {} };
    return new Tallies({
      scheduler: this.scheduler,
      log,
      store: this.store.of(name),
      onCountedElsewhere: (key, count) => void this.elsewhere.push(`${name} ${key} ${count}`),
    });
  }

  get untilMs(): number {
    return this.scheduler.wallMs() + 60_000;
  }

  count(tallies: Tallies, key: string, more: number): void {
    const tally = tallies.of(key, this.untilMs);
    tally.waiting += more;
    tallies.write(tally);
  }

  async pass(ms: number): Promise<void> {
    this.scheduler.advance(ms);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }
}

const counts = (tallies: Tallies, key: string) => tallies.of(key, 0).count;

test('what is counted counts at once here, and at the others once it was written; nobody counts it twice', async () => {
  const world = new World();
  const [a, b] = [world.node('a'), world.node('b')];
  await Promise.all([a.restore(), b.restore()]);
  world.count(a, 'x', 3);
  world.count(b, 'x', 4);
  expect([counts(a, 'x'), counts(b, 'x')]).toEqual([3, 4]);
  await world.pass(250);
  expect([counts(a, 'x'), counts(b, 'x'), world.store.totals.get('x')?.total]).toEqual([7, 7, 7]);
  expect(world.elsewhere.sort()).toEqual(['a x 4', 'b x 3']);
});

test('another life of the process begins with what was counted', async () => {
  const world = new World();
  const a = world.node('a');
  world.count(a, 'x', 3);
  await a.stop();
  const next = world.node('a again');
  await next.restore();
  expect(counts(next, 'x')).toBe(3);
  expect(world.elsewhere).toEqual(['a again x 3']);
});

test('a store that is away is told later, warned of once; an answer that is lost adds nothing twice', async () => {
  const world = new World();
  const a = world.node('a');
  world.store.isAway = true;
  world.count(a, 'x', 3);
  await world.pass(250);
  world.count(a, 'x', 2);
  for (let second = 0; second < 5; second++) await world.pass(1_000);
  expect([counts(a, 'x'), world.store.totals.size]).toEqual([5, 0]);
  expect(world.warnings).toEqual(['tallies-not-written']);
  world.store.isAway = false;
  world.store.losesAnswers = true;
  for (let second = 0; second < 3; second++) await world.pass(1_000);
  world.store.losesAnswers = false;
  for (let second = 0; second < 3; second++) await world.pass(1_000);
  expect([counts(a, 'x'), world.store.totals.get('x')?.total]).toEqual([5, 5]);
  expect(world.elsewhere).toEqual([]);
});

test('a store that has lost its counts goes on from what the node knows', async () => {
  const world = new World();
  const a = world.node('a');
  world.count(a, 'x', 100);
  await world.pass(250);
  world.store.totals.clear();
  world.count(a, 'x', 1);
  await world.pass(250);
  expect(world.store.totals.get('x')?.total).toBe(101);
});

test('counts of periods that are over are dropped, others are not', async () => {
  const world = new World();
  const a = world.node('a');
  const lasting = a.of('lasting', world.untilMs + 86_400_000);
  lasting.waiting = 1;
  for (let index = 0; index < 3_000; index++) {
    a.of(`x ${index}`, world.untilMs);
    world.scheduler.advance(1_000);
  }
  expect(a.size).toBeLessThan(1_100);
  expect(counts(a, 'lasting')).toBe(1);
});

test('without a store what is counted counts here', async () => {
  const a = new Tallies({
    scheduler: new VirtualScheduler(),
    log: { debug() {}, info() {}, warn() {}, error() {} },
    onCountedElsewhere: () => {},
  });
  await a.restore();
  const tally = a.of('x', 1);
  tally.waiting = 2;
  a.write(tally);
  await a.stop();
  expect(counts(a, 'x')).toBe(2);
});

test('what was added here is told apart from what others have added, for as long as somebody may ask', async () => {
  const world = new World();
  const [a, b] = [world.node('a'), world.node('b')];
  await Promise.all([a.restore(), b.restore()]);
  world.count(a, 'x', 10);
  await world.pass(250);
  world.count(b, 'x', 100);
  await world.pass(250);
  world.count(a, 'x', 5);
  await world.pass(250);
  const tally = a.of('x', 0);
  expect([0, 4, 50, 112, 115].map((from) => tally.addedHere(from))).toEqual([15, 11, 5, 3, 0]);
  for (let round = 0; round < 20; round++) {
    world.count(b, 'x', 100);
    await world.pass(250);
    world.count(a, 'x', 1);
    await world.pass(250);
  }
  // Of long ago all counts as its own.
  expect(tally.addedHere(tally.total - 404)).toBe(4);
  expect(tally.addedHere(0)).toBeGreaterThan(1_000);
});

test('an answer that was lost: whether others had added something before the next is not known, and counts as own', async () => {
  const world = new World();
  const [a, b] = [world.node('a'), world.node('b')];
  await Promise.all([a.restore(), b.restore()]);
  world.store.losesAnswers = true;
  world.count(a, 'x', 10);
  await world.pass(250);
  world.store.losesAnswers = false;
  world.count(b, 'x', 100);
  await world.pass(250);
  for (let second = 0; second < 2; second++) await world.pass(1_000);
  expect([counts(a, 'x'), a.of('x', 0).addedHere(0)]).toEqual([110, 110]);
});

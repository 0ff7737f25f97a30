import { describe, expect, test } from 'vitest';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import { type PacedUser, Pacer, ProviderPacers } from '../../src/trunks/pacer.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { provision } from './kit.ts';

class User implements PacedUser {
  readonly turnsMs: number[] = [];
  readonly owner: string;
  readonly #scheduler: VirtualScheduler;
  constructor(scheduler: VirtualScheduler, owner = 'acme') {
    this.#scheduler = scheduler;
    this.owner = owner;
  }
  onTurn(): void {
    this.turnsMs.push(this.#scheduler.nowMs());
  }
}

function world(options = {}) {
  const scheduler = new VirtualScheduler();
  const pacer = new Pacer(scheduler, options);
  const users = Array.from({ length: 500 }, () => new User(scheduler));
  const turns = () => users.flatMap(({ turnsMs }) => turnsMs).sort((a, b) => a - b);
  return { scheduler, pacer, users, turns };
}

const most = (times: readonly number[], windowMs: number) =>
  Math.max(...times.map((start) => times.filter((ms) => ms >= start && ms < start + windowMs).length));

test('no second has more turns than the rate and one burst', () => {
  const { scheduler, pacer, users, turns } = world({ perSecond: 50, window: 1000 });
  for (const user of users) pacer.ask(user, false);
  scheduler.advance(20_000);
  expect(turns()).toHaveLength(500);
  expect(most(turns(), 1000)).toBeLessThanOrEqual(55);
  expect(turns().at(-1)).toBeLessThan(10_200);
});

test('messages within a turn are counted too', () => {
  const { scheduler, pacer, users, turns } = world({ perSecond: 50, window: 1000 });
  for (const user of users.slice(0, 50)) {
    pacer.ask(user, false);
    pacer.charge();
  }
  scheduler.advance(500);
  expect(turns().length).toBeLessThanOrEqual(15);
});

describe('turns in progress', () => {
  test('are bounded; the next begins when one ends', () => {
    const { scheduler, pacer, users, turns } = world({ perSecond: 1000, window: 3 });
    for (const user of users) pacer.ask(user, false);
    scheduler.advance(60_000);
    expect(turns()).toHaveLength(3);
    pacer.done(true);
    scheduler.advance(1);
    expect(turns()).toHaveLength(4);
  });

  test('are halved by silence down to two, and grow by one with each answer', () => {
    const { scheduler, pacer, users, turns } = world({ perSecond: 1000, window: 16 });
    for (const user of users) pacer.ask(user, false);
    scheduler.advance(1000);
    for (let ended = 0; ended < 16; ended++) pacer.done(false);
    scheduler.advance(1000);
    // 16 were ended, 2 at a time are let in.
    expect(turns()).toHaveLength(18);
    pacer.done(true);
    scheduler.advance(1000);
    expect(turns()).toHaveLength(20);
  });
});

test('who has something to lose goes first, and keeps its place', () => {
  const { scheduler, pacer, users } = world({ perSecond: 10, window: 1 });
  const [busy, patient, urgent, second] = users as [User, User, User, User];
  pacer.ask(busy, false);
  pacer.ask(patient, false);
  pacer.ask(second, false);
  pacer.ask(urgent, true);
  for (let turn = 0; turn < 3; turn++) {
    scheduler.advance(1000);
    pacer.done(true);
  }
  scheduler.advance(1000);
  const at = [urgent, patient, second].map(({ turnsMs }) => turnsMs[0] ?? Number.NaN);
  expect(at).toEqual([...at].sort((a, b) => a - b));
});

test.each([
  { urgent: false, othersUrgent: false },
  { urgent: true, othersUrgent: true },
  { urgent: true, othersUrgent: false },
])(
  'the owners of trunks come in turn: who has 500 that nobody answers waits for itself (%o)',
  ({ urgent, othersUrgent }) => {
    const { scheduler, pacer, users } = world({ perSecond: 50, window: 2 });
    for (const user of users) pacer.ask(user, urgent);
    const others = ['globex', 'globex', 'initech'].map((owner) => new User(scheduler, owner));
    for (const other of others) pacer.ask(other, othersUrgent);
    // Both turns end without an answer after 64*T1.
    for (let silence = 0; silence < 3; silence++) {
      scheduler.advance(32_000);
      pacer.done(false);
      pacer.done(false);
    }
    expect(others.map(({ turnsMs }) => turnsMs)).toEqual([[32_000], [96_000], [64_000]]);
    expect(users.filter(({ turnsMs }) => turnsMs.length > 0)).toHaveLength(5);
  },
);

test('who has nothing to lose any more goes behind those of its owner that have', () => {
  const { scheduler, pacer, users } = world({ perSecond: 10, window: 1 });
  const [busy, lapsed, urgent, patient] = users as [User, User, User, User];
  pacer.ask(busy, false);
  pacer.ask(lapsed, true);
  pacer.ask(urgent, true);
  pacer.ask(patient, false);
  pacer.ask(lapsed, false);
  for (let turn = 0; turn < 3; turn++) {
    scheduler.advance(1000);
    pacer.done(true);
  }
  expect([urgent, patient, lapsed].map(({ turnsMs }) => turnsMs)).toEqual([[1000], [2000], [3000]]);
});

test('who is withdrawn gets no turn', () => {
  const { scheduler, pacer, users, turns } = world({ perSecond: 10, window: 1 });
  pacer.ask(users[0] as User, false);
  pacer.ask(users[1] as User, true);
  pacer.withdraw(users[1] as User);
  pacer.done(true);
  scheduler.advance(10_000);
  expect(turns()).toHaveLength(1);
});

test('a provider that grants short times gets the rate that its refreshes need', () => {
  const { scheduler, pacer, users, turns } = world({ perSecond: 10, window: 1000 });
  for (const user of users) pacer.setDemand(user, 0.2);
  for (const user of users) pacer.ask(user, true);
  scheduler.advance(3000);
  expect(turns()).toHaveLength(500);
  for (const user of users) pacer.setDemand(user, 0);
  for (const user of users) pacer.ask(user, true);
  scheduler.advance(1000);
  expect(turns().length).toBeLessThanOrEqual(500 + 60);
});

test('trunks of one provider have one pacer, which is forgotten with the last of them', () => {
  const credentials = { authName: 'acme', password: 'secret' };
  const hosts = ['sip.one.test', 'SIP.one.test', 'sip.two.test'];
  const trunks = hosts.map((host, index) => ({ name: `t${index}`, type: 'register' as const, host, credentials }));
  const [first, second, third] = new Directory(provision({ trunks })).trunks;
  if (first === undefined || second === undefined || third === undefined) throw new Error('three trunks');
  const pacers = new ProviderPacers(new VirtualScheduler());
  const [one, two] = [pacers.of(first), pacers.of(third)];
  expect(pacers.of(second)).toBe(one);
  expect(two).not.toBe(one);
  pacers.keep([second]);
  expect(pacers.of(first)).toBe(one);
  expect(pacers.of(third)).not.toBe(two);
});

import { expect, test } from 'vitest';
import { GuessThrottle } from '../../../src/sip/auth/index.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

function world() {
  const clock = new VirtualScheduler();
  const throttle = new GuessThrottle(clock);
  /** Wrong guesses as fast as they are let through; how many were. */
  const guess = (attempts: number, user: (index: number) => string, source: (index: number) => string): number => {
    let tried = 0;
    for (let index = 0; index < attempts; index++) {
      if (!throttle.allows(user(index), source(index))) continue;
      throttle.failed(user(index), source(index));
      tried++;
    }
    return tried;
  };
  return { clock, throttle, guess };
}

test('one user from one address: 10 guesses, then one per 30 s', () => {
  const { clock, guess } = world();
  expect(
    guess(
      1000,
      () => 'bob',
      () => 'a',
    ),
  ).toBe(10);
  clock.advance(29_999);
  expect(
    guess(
      10,
      () => 'bob',
      () => 'a',
    ),
  ).toBe(0);
  clock.advance(1);
  expect(
    guess(
      10,
      () => 'bob',
      () => 'a',
    ),
  ).toBe(1);
});

test('one user from many addresses is throttled too', () => {
  const { guess } = world();
  expect(
    guess(
      1000,
      () => 'bob',
      (index) => `a${index % 20}`,
    ),
  ).toBe(30);
});

test('many users from one address are throttled too', () => {
  const { guess } = world();
  expect(
    guess(
      1000,
      (index) => `user${index}`,
      () => 'a',
    ),
  ).toBe(60);
});

test('guesses from elsewhere do not lock out who signed in before', () => {
  const { throttle, guess } = world();
  throttle.succeeded('bob', 'home');
  guess(
    1000,
    () => 'bob',
    (index) => `a${index}`,
  );
  expect(throttle.allows('bob', 'home')).toBe(true);
  expect(throttle.allows('bob', 'new place')).toBe(true);
  expect(throttle.allows('bob', 'a1')).toBe(false);
});

test('a wrong guess every 2 s from changing addresses keeps the owner out nowhere: 11 of 11 get in from a new address', () => {
  const { clock, throttle, guess } = world();
  let admitted = 0;
  let attempts = 0;
  for (let second = 0; second < 240; second += 2) {
    guess(
      1,
      () => 'bob',
      () => `a${second}`,
    );
    clock.advance(2000);
    // The budget is spent by now; every 11 s the owner comes from somewhere else.
    if (second < 120 || second % 11 !== 0) continue;
    attempts++;
    if (throttle.allows('bob', `owner${second}`)) admitted++;
  }
  for (; attempts < 11; attempts++) if (throttle.allows('bob', `owner${attempts}`)) admitted++;
  expect(admitted).toBe(11);
});

test('the right password at guess 100 of a fast run is not found by those who guess', () => {
  const { throttle, guess } = world();
  guess(
    99,
    () => 'bob',
    (index) => `a${index % 50}`,
  );
  for (let index = 0; index < 50; index++) expect(throttle.allows('bob', `a${index}`), `a${index}`).toBe(false);
});

test('however long an address guesses while the budget is spent, it has one try an hour', () => {
  const { clock, throttle, guess } = world();
  guess(
    30,
    () => 'bob',
    (index) => `a${index}`,
  );
  let tried = 0;
  for (let second = 0; second < 3600; second++) {
    guess(
      5,
      () => 'bob',
      (index) => `b${index}-${second}`,
    );
    tried += guess(
      1,
      () => 'bob',
      () => 'mallory',
    );
    clock.advance(1000);
  }
  expect(tried).toBe(1);
  expect(throttle.allows('bob', 'mallory')).toBe(true);
});

test('an IPv6 host does not get further tries by changing its address within its /64', () => {
  const { guess } = world();
  const tried = guess(
    1000,
    () => 'bob',
    (index) => `2001:db8:0:1::${(index + 1).toString(16)}`,
  );
  expect(tried).toBe(10);
});

test('who signed in before is known in the next life, by what was told of it', () => {
  const told: string[] = [];
  const before = new GuessThrottle(new VirtualScheduler(), { onSignIn: (pair) => told.push(pair) });
  before.succeeded('bob', '192.0.2.1');
  before.succeeded('bob', '192.0.2.1');
  before.succeeded('bob', '2001:db8::1');
  expect(told).toHaveLength(2);
  const { throttle } = world();
  throttle.restore(told);
  for (let index = 0; index < 100; index++) throttle.failed(`user${index}`, '192.0.2.1');
  expect(throttle.allows('bob', '192.0.2.1')).toBe(true);
  expect(throttle.allows('bob', '2001:db8::2')).toBe(true);
  expect(throttle.allows('alice', '192.0.2.1')).toBe(false);
});

test('a neighbour behind the same NAT with a wrong password does not lock out the office', () => {
  const { clock, throttle, guess } = world();
  throttle.succeeded('bob', 'office');
  for (let minute = 0; minute < 60; minute++) {
    guess(
      100,
      () => 'mallory',
      () => 'office',
    );
    clock.advance(60_000);
  }
  guess(
    1000,
    (index) => `user${index}`,
    () => 'office',
  );
  expect(throttle.allows('bob', 'office')).toBe(true);
});

test('a phone with a wrong password is let in soon after it is corrected', () => {
  const { clock, throttle, guess } = world();
  for (let second = 0; second < 600; second++) {
    guess(
      1,
      () => 'bob',
      () => 'a',
    );
    clock.advance(1000);
  }
  clock.advance(30_000);
  expect(throttle.allows('bob', 'a')).toBe(true);
});

test('memory is bounded', () => {
  const throttle = new GuessThrottle(new VirtualScheduler(), { maxEntries: 100 });
  for (let index = 0; index < 10_000; index++) {
    throttle.failed(`user${index}`, `a${index}`);
    throttle.succeeded(`user${index}`, `a${index}`);
  }
  expect(throttle.size).toBeLessThanOrEqual(400);
});

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
      (index) => `a${index}`,
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
  expect(throttle.allows('bob', 'new place')).toBe(false);
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

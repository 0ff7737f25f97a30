import { expect, test } from 'vitest';
import { KernelRefusals } from '../../../src/sip/transport/refusals.ts';

test('refusals of all copies of a request are lasting from the one behind 2 s on, and then each is', () => {
  const refusals = new KernelRefusals(10_000);
  expect([10_000, 10_500, 11_500, 11_999, 13_500, 60_000].map((atMs) => refusals.add(atMs))).toEqual([
    false,
    false,
    false,
    false,
    true,
    true,
  ]);
});

test('single ones that are far apart say nothing about the time between', () => {
  const refusals = new KernelRefusals(0);
  expect([0, 30_000, 60_000, 61_000, 62_000].map((atMs) => refusals.add(atMs))).toEqual([
    false,
    false,
    false,
    false,
    true,
  ]);
});

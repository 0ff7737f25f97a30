import { expect, test } from 'vitest';
import { SharedBudget } from '../../src/base/shared-budget.ts';
import { sourceOf } from '../../src/base/source.ts';

/** How many a source is given, one after another. */
function given(budget: SharedBudget, source: string): number {
  let count = 0;
  for (; !budget.hasShare(source, 1); count++) budget.change(source, 1);
  return count;
}

test('one source has three quarters at most, whoever comes then three quarters of the rest', () => {
  const budget = new SharedBudget(1_600);
  expect([given(budget, 'a'), given(budget, 'b'), given(budget, 'c')]).toEqual([1_200, 300, 75]);
  expect([budget.total, budget.fill]).toEqual([1_575, 1_575 / 1_600]);
});

test('who has its share is told, and how much any other may take at once', () => {
  const budget = new SharedBudget(200);
  expect(budget.shares()).toEqual({ full: [], left: 150 });
  budget.change('a', 150);
  expect(budget.shares()).toEqual({ full: ['a'], left: 38 });
  budget.change('b', 30);
  const { full, left } = budget.shares();
  expect([full, left, given(budget, 'b')]).toEqual([['a'], 8, 8]);
  budget.change('c', 12);
  expect(budget.shares()).toEqual({ full: ['a', 'b', 'c'], left: 0 });
});

test('what is given back may be had again, by whoever asks', () => {
  const budget = new SharedBudget(16);
  given(budget, 'a');
  budget.change('a', -12);
  expect([budget.total, given(budget, 'b')]).toEqual([0, 12]);
  budget.clear();
  expect([budget.fill, given(budget, 'c')]).toEqual([0, 12]);
});

test('a peer of many addresses has the share of one; one of them leaves the others three quarters of what is left of it', () => {
  const budget = new SharedBudget(1_300);
  const address = (index: number) => sourceOf('of acme', `198.51.100.${index}`);
  // 3 * (3 * (1,300 - 900) - 900) = 900: of its peer's share.
  expect(given(budget, address(0))).toBe(900);
  for (let index = 1; index < 200; index++) given(budget, address(index));
  expect(budget.total).toBe(975);
  expect(given(budget, '192.0.2.1')).toBe(244);
});

test('what a peer of many addresses gives back is given back', () => {
  const budget = new SharedBudget(1_000);
  for (let index = 0; index < 100; index++) budget.change(sourceOf('of acme', `198.51.100.${index}`), 5);
  for (let index = 0; index < 100; index++) budget.change(sourceOf('of acme', `198.51.100.${index}`), -5);
  expect([budget.total, given(budget, '192.0.2.1')]).toEqual([0, 750]);
  budget.clear();
  expect(given(budget, sourceOf('of acme', '198.51.100.1'))).toBe(693);
});

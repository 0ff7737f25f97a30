import { expect, test } from 'vitest';
import { Numbered } from '../../../src/sip/transaction/numbered.ts';

test('who shares an object gets the same number, and the last of them lets it go', () => {
  const numbered = new Numbered<object>();
  const [flow, other] = [{}, {}];
  const number = numbered.share(flow);
  expect(numbered.share(flow)).toBe(number);
  expect(numbered.share(other)).not.toBe(number);
  numbered.release(number);
  expect(numbered.get(number)).toBe(flow);
  numbered.release(number);
  expect(numbered.get(number)).toBeUndefined();
});

test("a number of its own is nobody else's while it is held, and is used again", () => {
  const numbered = new Numbered<object>();
  const object = {};
  const [first, second] = [numbered.add(object), numbered.add(object)];
  expect(second).not.toBe(first);
  expect(numbered.share(object)).not.toBe(first);
  numbered.release(first);
  expect(numbered.get(second)).toBe(object);
  const next = {};
  expect(numbered.add(next)).toBe(first);
  expect(numbered.get(first)).toBe(next);
});

test('letting go of a number of its own leaves a shared one as it is', () => {
  const numbered = new Numbered<object>();
  const object = {};
  const shared = numbered.share(object);
  numbered.release(numbered.add(object));
  expect(numbered.share(object)).toBe(shared);
});

test('cleared, it holds nothing', () => {
  const numbered = new Numbered<object>();
  const number = numbered.share({});
  numbered.clear();
  expect(numbered.get(number)).toBeUndefined();
  expect(numbered.add({})).toBe(0);
});

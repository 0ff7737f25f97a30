import { expect, test } from 'vitest';
import { askedAtStart } from '../../src/base/at-start.ts';

function rig(refusals: number) {
  let asked = 0;
  const ask = async () => {
    asked++;
    if (asked <= refusals) throw new Error(`refused ${asked}`);
    return asked;
  };
  return { ask, asked: () => asked };
}

test('a store that answers late is asked until it does', async () => {
  expect(await askedAtStart(rig(2).ask, () => true)).toBe(3);
});

test('what will not pass is told at once', async () => {
  const { ask, asked } = rig(1);
  await expect(askedAtStart(ask, () => false)).rejects.toThrow('refused 1');
  expect(asked()).toBe(1);
});

test('after as long as one waits its last word is told', async () => {
  const { ask, asked } = rig(Number.POSITIVE_INFINITY);
  await expect(askedAtStart(ask, () => true, 150)).rejects.toThrow(/refused [2-9]/);
  expect(asked()).toBeGreaterThan(1);
});

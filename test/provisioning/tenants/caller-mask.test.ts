import { describe, expect, test } from 'vitest';
import { CallerMask } from '../../../src/provisioning/tenants/caller-mask.ts';
import { DidPoolError } from '../../../src/provisioning/tenants/did-pool.ts';

describe('caller masks (behaviour 21)', () => {
  test.each([
    ['14155550100', '+14155550100', 1],
    ['14155550100', '14155550101', undefined],
    ['1000-1999', '001500', 1000],
    ['44207946****', '+442079460123', 10_000],
    ['44207946****', '44207946012', undefined],
    ['+44*********; 1000-1999', '442079460', undefined],
    ['4420********; 442079460123', '442079460123', 1],
    ['442079460123', 'anonymous', undefined],
  ])('%s of %s stands for %s numbers', (mask, caller, size) => {
    expect(CallerMask.parse(mask).match(caller)).toBe(size);
  });

  test.each(['', ';', 'x', '44?', '9-1', '1'.repeat(16)])('%j is refused', (mask) => {
    expect(() => CallerMask.parse(mask)).toThrow(DidPoolError);
  });
});

import { expect, test } from 'vitest';
import { untold } from '../../src/console/pages/provisioning/untold.ts';

test('rows that were refused beyond those whose faults are told are counted, a row with two faults once', () => {
  const faults = Array.from({ length: 1000 }, (_, at) => ({ row: at >> 1 }));
  expect(untold({ refused: 100_000, faults })).toBe(99_500);
  expect(untold({ refused: 500, faults })).toBe(0);
});

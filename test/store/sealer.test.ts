import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Sealer } from '../../src/store/sealer.ts';

const key = randomBytes(32);

test('what is sealed opens to the same text, and no two seals are alike', () => {
  const sealer = new Sealer(key);
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (text, place) => {
      const sealed = sealer.seal(place, text);
      expect(sealer.open(place, sealed)).toBe(text);
      expect(sealer.seal(place, text).equals(sealed)).toBe(false);
    }),
  );
});

test('every changed octet, another place and another key are noticed', () => {
  const sealer = new Sealer(key);
  const sealed = sealer.seal('trunk/1', 's3cret');
  for (let i = 0; i < sealed.length; i++) {
    const changed = Buffer.from(sealed);
    changed[i] = (changed[i] ?? 0) ^ 1;
    expect(() => sealer.open('trunk/1', changed)).toThrow('trunk/1');
  }
  expect(() => sealer.open('trunk/2', sealed)).toThrow('trunk/2');
  expect(() => new Sealer(randomBytes(32)).open('trunk/1', sealed)).toThrow(/another key/);
  expect(() => sealer.open('trunk/1', sealed.subarray(0, 20))).toThrow(/not a sealed/);
});

import { expect, test } from 'vitest';
import { joined, keptReason, ownCopy } from '../../src/base/text.ts';

test('a copy has the same octets, short and long, high ones too', () => {
  const high = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code));
  for (const text of ['', 'a', high, high.repeat(3), high.repeat(50)]) expect(ownCopy(text)).toBe(text);
});

test('copies do not change with later ones', () => {
  const first = ownCopy('first text of some length');
  ownCopy('another text of that length');
  expect(first).toBe('first text of some length');
});

test('parts are joined as they are, short, long and empty ones too', () => {
  const high = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code));
  for (const parts of [
    ['', ''],
    ['a', high],
    [high, '', high],
    ['', 'b', '', high.repeat(5)],
  ] as [string, string][])
    expect(joined(...parts)).toBe(parts.join(''));
});

test.each(['é', '€', '😀'])('of a long reason phrase no character is cut in two: %s', (character) => {
  const octets = Buffer.from(character).toString('latin1');
  for (let before = 250; before <= 257; before++) {
    const whole = Math.max(Math.floor((256 - before) / octets.length), 0);
    const kept = keptReason('x'.repeat(before) + octets.repeat(9));
    expect(Buffer.from(kept, 'latin1').toString()).toBe('x'.repeat(Math.min(before, 256)) + character.repeat(whole));
  }
});

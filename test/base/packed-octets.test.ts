import { describe, expect, test } from 'vitest';
import { PackedReader, PackedWriter, PackingError } from '../../src/base/packed-octets.ts';

const packed = (...texts: string[]): Buffer => {
  const writer = new PackedWriter(512);
  for (const text of texts) writer.text(text);
  return writer.octets;
};

describe('texts', () => {
  test.each([
    ['', 1],
    ['1', 2],
    ['+14155550100', 7],
    ['*67#', 3],
    ['d41d8cd98f00b204e9800998', 13],
    ['f', 2],
    ['6ba7b810-9dad-11d1-80b4-00c04fd430c8', 17],
    ['203.0.113.7', 5],
    ['203.0.113.700', 8],
    ['256.0.0.1', 6],
    ['007.1.1.1', 6],
    ['AbC-x.9', 7],
    ['a84b4c76e66710@10.1.2.3', 14],
    ['@', 2],
    ['a@b@c', 8],
    ['grüezi;tag=ä'.replaceAll(/[^\0-\xff]/g, ''), 13],
    ['x'.repeat(200), 152],
  ])('%s takes %i octets and comes back', (text, octets) => {
    const written = packed(text);
    expect(written.length).toBe(octets);
    expect(new PackedReader(written).text()).toBe(text);
  });

  test('what was written before takes one octet', () => {
    const texts = ['alice@example.org', '+14155550100', 'example.org', 'alice@example.org', '', 'x', '+14155550100'];
    const once = packed(...texts.slice(0, 2), '', 'x');
    const written = packed(...texts);
    expect(written.length).toBe(once.length + 3);
    const reader = new PackedReader(written);
    expect(texts.map(() => reader.text())).toEqual(texts);
  });

  test('any octets come back, whatever they are made of', () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % below;
    };
    const alphabets = ['0123456789', '0123456789abcdef', 'abcXYZ-.@', '@', String.fromCharCode(...Array(256).keys())];
    for (let round = 0; round < 3_000; round++) {
      const texts = Array.from({ length: 1 + random(6) }, () => {
        const alphabet = alphabets[random(alphabets.length)] as string;
        return Array.from({ length: random(40) }, () => alphabet[random(alphabet.length)]).join('');
      });
      const reader = new PackedReader(packed(...texts));
      expect(texts.map(() => reader.text())).toEqual(texts);
    }
  });

  test('of more than 255 characters, or beyond the room, it is refused', () => {
    expect(() => packed('ü'.repeat(256))).toThrow(PackingError);
    expect(() => new PackedWriter(5).text('grüezi')).toThrow(PackingError);
    expect(() => new PackedWriter(0).octet(1)).toThrow(PackingError);
    expect(() => new PackedWriter(3).fixed(1, 4)).toThrow(PackingError);
  });
});

test('numbers come back', () => {
  const numbers = [0, 1, 127, 128, 16_383, 16_384, 2 ** 31 - 1, 2 ** 47];
  const writer = new PackedWriter(128);
  for (const value of numbers) writer.number(value).fixed(value, 6);
  const reader = new PackedReader(writer.octets);
  expect(numbers.map(() => [reader.number(), reader.fixed(6)])).toEqual(numbers.map((value) => [value, value]));
});

test.each([
  ['nothing', Buffer.of()],
  ['a reference to nothing', Buffer.of(3)],
  ['a text that is cut off', Buffer.of((5 << 5) | 4, 65)],
  ['digits that are cut off', Buffer.of((1 << 5) | 9, 0x12)],
])('%s is no text', (_what, octets) => {
  expect(() => new PackedReader(octets).text()).toThrow(PackingError);
});

import { expect, test } from 'vitest';
import { KnownTexts } from '../../src/base/known-texts.ts';

function rig(most?: number) {
  const made: string[] = [];
  const texts = new KnownTexts<string | number | undefined>((host, port) => {
    const text = `<sip:${host}:${port ?? ''}>`;
    made.push(text);
    return text;
  }, most);
  return { texts, made };
}

test('what two values make is made once, and told from what others make', () => {
  const { texts, made } = rig();
  const pairs = [
    ['192.0.2.1', 5060],
    ['192.0.2.1', 5061],
    ['192.0.2.1', '5060'],
    ['192.0.2.2', undefined],
  ] as const;
  const first = pairs.map(([host, port]) => texts.of(host, port));
  expect(first).toEqual(['<sip:192.0.2.1:5060>', '<sip:192.0.2.1:5061>', '<sip:192.0.2.1:5060>', '<sip:192.0.2.2:>']);
  expect(pairs.map(([host, port]) => texts.of(host, port))).toEqual(first);
  expect(made).toHaveLength(4);
});

test('beyond so many those of the oldest first value are made anew, and whoever comes later is known as well', () => {
  const { texts, made } = rig(3);
  for (const host of ['a', 'b', 'c', 'd']) texts.of(host, 5060);
  expect(texts.of('d', 5060)).toBe('<sip:d:5060>');
  texts.of('b', 5060);
  expect(made).toHaveLength(4);
  texts.of('a', 5060);
  expect(made).toHaveLength(5);
});

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

test('beyond so many those that are not in use are made anew, and whoever comes later is known as well', () => {
  const { texts, made } = rig(3);
  for (const host of ['a', 'b', 'c', 'd', 'd', 'b', 'c', 'b', 'c', 'e', 'e']) texts.of(host, 5060);
  expect(made).toEqual(['a', 'b', 'c', 'd', 'e'].map((host) => `<sip:${host}:5060>`));
  for (const host of ['b', 'c', 'f', 'g', 'b', 'c', 'h', 'i', 'b', 'c']) texts.of(host, 5060);
  expect(made).toHaveLength(9);
  texts.of('a', 5060);
  expect(made).toHaveLength(10);
});

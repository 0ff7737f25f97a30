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

test('beyond so many they are made anew, and those that are known stay', () => {
  const { texts, made } = rig(2);
  for (let port = 1; port <= 5; port++) texts.of('192.0.2.1', port);
  expect(texts.of('192.0.2.1', 5)).toBe('<sip:192.0.2.1:5>');
  expect(made).toHaveLength(6);
  texts.of('192.0.2.1', 1);
  texts.of('192.0.2.1', 2);
  expect(made).toHaveLength(6);
});

import { expect, test } from 'vitest';
import { wordAt, wordsByLength } from '../../../src/sip/message/words.ts';

const words = wordsByLength(['tag', 'lr', 'branch']);

test.each([
  ['a known word', 'x;tag=1', 2, 5, 'tag'],
  ['a word of a known length', 'x;top=1', 2, 5, 'top'],
  ['another case is another word', 'x;TAG=1', 2, 5, 'TAG'],
  ['longer than any known one', ';instance', 1, 9, 'instance'],
  ['nothing', ';', 1, 1, ''],
])('%s', (_what, text, start, end, expected) => {
  expect(wordAt(words, text, start, end)).toBe(expected);
});

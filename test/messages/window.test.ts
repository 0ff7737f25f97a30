import { expect, test } from 'vitest';
import { WINDOW_MS, windowOf } from '../../src/messages/window.ts';
import { directoryOf, numberIn } from './world.ts';

const NOW = 10 * WINDOW_MS;

test('a day after the last word, to the millisecond; of whom nothing is known WhatsApp decides', () => {
  const number = numberIn(directoryOf());
  expect(windowOf(number, NOW, NOW)).toBe('open');
  expect(windowOf(number, NOW - WINDOW_MS + 1, NOW)).toBe('open');
  expect(windowOf(number, NOW - WINDOW_MS, NOW)).toBe('closed');
  expect(windowOf(number, undefined, NOW)).toBe('unknown');
  // A clock that was set back: the word is of the future, and counts.
  expect(windowOf(number, NOW + 1000, NOW)).toBe('open');
});

test('where the number has calls, one may have opened it', () => {
  const number = numberIn(directoryOf({ calls: { hostname: 'calls.example', password: 'x' } }));
  expect(windowOf(number, NOW - 2 * WINDOW_MS, NOW)).toBe('unknown');
});

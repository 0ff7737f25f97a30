/** Every reader of what others write, over the inputs that guided runs (`npm run hostile -- guided`) found to reach something new. */
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../kit/simulated-link.ts';
import { foundInputs } from './guided/found.ts';
import { slowness } from './guided/linear.ts';
import { readers } from './guided/readers.ts';

/** The bar is 5 ms on a machine of its own; what is not linear takes seconds. */
const MOST_MS = 50;
const STRETCHED = 40;

describe.each(readers)('$name', (reader) => {
  test('reads all that was found, and throws nothing that it does not declare', () => {
    const inputs = [...reader.seeds, ...foundInputs(reader.name)];
    expect(inputs.length).toBeGreaterThan(reader.seeds.length);
    for (const input of inputs) expect(() => reader.read(input), JSON.stringify(input)).not.toThrow();
  });

  test('takes time in proportion to the length: what was found, with a piece of it repeated up to 64 KB', () => {
    const random = seededRandom(64);
    const inputs = [...reader.seeds, ...foundInputs(reader.name)];
    for (let count = 0; count < STRETCHED; count++) {
      const input = inputs[Math.floor(random() * inputs.length)] ?? '';
      const at = Math.floor(random() * input.length);
      expect(slowness(reader, input, at, 1 + Math.floor(random() * 8), MOST_MS)).toBe(undefined);
    }
  });
});

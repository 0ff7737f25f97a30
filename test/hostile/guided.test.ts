/** Every reader of what others write, over the inputs that guided runs (`npm run hostile -- guided`) found to reach something new. */
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../kit/simulated-link.ts';
import { foundInputs } from './guided/found.ts';
import { slowness } from './guided/linear.ts';
import { type Reader, readers } from './guided/readers.ts';

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

test.each([
  ['body', 'multipart/mixed;boundary=b\n--b\r\nx\r\n--b\r\n', 'x\r\n--b\r\n'],
  ['description', 'v=0\r\nm=audio 1 RTP/AVP 8 96 8\r\na=rtpmap:8 PCMA/8000\r\n', ' 96 8'],
  ['description', 'v=0\r\nm=audio 1 RTP/AVP 8 8\r\na=fmtp:8 x\r\na=fmtp:8 x\r\n', 'a=fmtp:8 x\r\n'],
  ['steady', 'v=0\r\nm=audio 1 RTP/AVP 8\r\nm=audio 1 RTP/AVP 97\r\n', 'm=audio 1 RTP/AVP 97\r\n'],
  ['steady', 'v=0\r\nm=audio 1 RTP/AVP 101\r\n', 'm=audio 1 RTP/AVP 101\r\n'],
])('%s: the same for what a mutation seldom finds, %j with %j repeated', (name, input, piece) => {
  const reader = readers.find((each) => each.name === name) as Reader;
  expect(slowness(reader, input, input.indexOf(piece), piece.length, MOST_MS)).toBe(undefined);
});

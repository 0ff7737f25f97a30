import { expect, test } from 'vitest';
import { StatelessTags, TAG_LENGTH } from '../../../src/sip/transaction/index.ts';

function written(tags: StatelessTags, via: number, callId: number): { tag: string; drawn: number; octets: Buffer } {
  const octets = Buffer.alloc(TAG_LENGTH + 2, '.');
  const drawn = tags.writeUnread(via, callId, octets, 1);
  return { tag: octets.toString('latin1', 1, 1 + TAG_LENGTH), drawn, octets };
}

test('the tag of a request that is not read has the form of the others, and differs by Via, Call-ID and engine', () => {
  const tags = new StatelessTags();
  const { tag, drawn, octets } = written(tags, 1, 2);
  expect(StatelessTags.has(tag)).toBe(true);
  expect(StatelessTags.isAt(octets, 1, 1 + TAG_LENGTH)).toBe(true);
  expect(octets.toString('latin1')).toBe(`.${tag}.`);
  expect(written(tags, 1, 2)).toMatchObject({ tag, drawn });
  expect(written(tags, 3, 2).tag).not.toBe(tag);
  expect(written(tags, 1, 3).tag).not.toBe(tag);
  // One in 2^48 engines draws the same.
  expect(written(new StatelessTags(), 1, 2).tag).not.toBe(tag);
});

test('octets that are no such tag', () => {
  for (const text of ['z0123456789a', 'y0123456789ab', 'z0123456789aB', 'z0123456789abc'])
    expect(StatelessTags.isAt(Buffer.from(text, 'latin1'), 0, text.length), text).toBe(false);
});

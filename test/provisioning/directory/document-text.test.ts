import { expect, test } from 'vitest';
import { allAtOnce } from '../../../src/base/steps.ts';
import { documentLines, readLines } from '../../../src/provisioning/directory/document-text.ts';

const extension = (index: number) => ({ number: String(index), name: `line\nbreak, "quote" ], } ${index}` });

test.each([0, 1, 50, 51, 100, 101, 1_234])('a document with %i extensions is read as it was written', (count) => {
  const document = { name: 'acme', extensions: Array.from({ length: count }, (_each, index) => extension(index)) };
  const lines = [...documentLines(document)];
  for (const line of lines) expect(line).not.toContain('\n');
  expect(JSON.parse(lines.join(''))).toEqual(document);
  expect(JSON.parse(lines.join('\n'))).toEqual(document);
  expect(allAtOnce(readLines(lines.join('\n')))).toEqual(document);
});

test('what has no extensions is one line', () => {
  expect([...documentLines({ id: '1' })]).toEqual(['{"id":"1"}']);
  expect(allAtOnce(readLines('{"id":"1"}'))).toEqual({ id: '1' });
});

test('a view is shown of the document and of each extension on a line of its own', () => {
  const document = { secret: 1, extensions: Array.from({ length: 60 }, () => ({ secret: 2 })) };
  const text = [...documentLines(document, (part) => ({ ...part, secret: undefined }))].join('');
  expect(text).not.toContain('secret');
});

test('ten thousand extensions are read in steps', () => {
  const document = { extensions: Array.from({ length: 10_000 }, (_each, index) => extension(index)) };
  const steps = readLines([...documentLines(document)].join('\n'));
  let count = 0;
  while (steps.next().done !== true) count++;
  expect(count).toBe(200);
});

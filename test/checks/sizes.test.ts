import { expect, test } from 'vitest';
import { filesOf, functionsOf, sourcesNow } from './sizes.ts';

const MOST_LINES_OF_A_FILE = 500;
const MOST_LINES_OF_A_FUNCTION = 100;

test(`no file of src has more than ${MOST_LINES_OF_A_FILE} lines, no function more than ${MOST_LINES_OF_A_FUNCTION}`, () => {
  const sources = sourcesNow();
  const [files, functions] = [filesOf(sources), functionsOf(sources)];
  expect(files.length).toBeGreaterThan(500);
  expect(functions.length).toBeGreaterThan(files.length);
  expect(files.filter(({ lines }) => lines > MOST_LINES_OF_A_FILE)).toEqual([]);
  expect(functions.filter(({ lines }) => lines > MOST_LINES_OF_A_FUNCTION)).toEqual([]);
});

test('a function is counted from its first line to its last, under the name that it is known by', () => {
  const text = 'class A {\n  #b(): void {\n    return;\n  }\n}\nexport const c = () => {\n  return () => 1;\n};\n';
  expect(functionsOf([{ path: 'a.ts', text }])).toEqual([
    { lines: 3, what: 'a.ts:2 b' },
    { lines: 3, what: 'a.ts:6 c' },
    { lines: 1, what: 'a.ts:7 c' },
  ]);
  expect(filesOf([{ path: 'a.ts', text }])).toEqual([{ lines: 8, what: 'a.ts' }]);
});

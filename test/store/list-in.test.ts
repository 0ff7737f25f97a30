import { expect, test } from 'vitest';
import { listIn } from '../../src/store/list-in.ts';

test.each<[string, readonly unknown[] | undefined]>([
  ['[]', []],
  ['[1,null,{"a":"b"}]', [1, null, { a: 'b' }]],
  ['', undefined],
  ['no JSON', undefined],
  ['[1', undefined],
  ['null', undefined],
  ['{"length":1}', undefined],
])('%j is a list, or none', (document, list) => {
  expect(listIn(document)).toEqual(list);
});

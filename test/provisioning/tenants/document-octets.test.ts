import { expect, test } from 'vitest';
import type { Steps } from '../../../src/base/steps.ts';
import { documentOctets, measuredAs } from '../../../src/provisioning/tenants/document-octets.ts';

function measure(work: Steps<number>): { octets: number; steps: number } {
  for (let steps = 1; ; steps++) {
    const { done, value } = work.next();
    if (done === true) return { octets: value, steps };
  }
}

const inJson = (document: object) => Buffer.byteLength(JSON.stringify(document));
const item = (at: number, name = 'Zoë') => ({ number: String(at), name, forward: { busy: null } });
const many = (count: number) => Array.from({ length: count }, (_each, at) => item(at));

test.each<[string, object]>([
  ['texts, numbers, what is not there', { name: 'Zoë "Z"', count: 12, off: false, nothing: undefined, none: null }],
  ['lists', { short: ['a', 'b'], empty: [], long: many(101) }],
])('a document is as long as its JSON is in UTF-8: %s', (_what, document) => {
  expect(measure(documentOctets(document)).octets).toBe(inJson(document));
});

test.each<[string, (list: readonly object[]) => object[], number?]>([
  ['one is another', (list) => list.with(50_000, item(50_000, 'Another name')), 1],
  ['one is new', (list) => [...list, item(100_000)], 1],
  ['one is gone', (list) => list.toSpliced(10, 1), 1],
  ['the first and the last are others', (list) => list.with(0, item(0, 'a')).with(list.length - 1, item(9, 'b'))],
  ['one is new, another one gone', (list) => [item(100_000), ...list.slice(0, -1)]],
  ['hardly any is left', (list) => list.slice(0, 101)],
  ['few are left', (list) => list.slice(0, 5)],
])('a list that comes of another one is measured where they differ: %s', (_what, edit, most = 5_000) => {
  const before = { name: 'acme', extensions: many(100_000) };
  expect(measure(documentOctets(before)).steps).toBeGreaterThan(1_000);
  const after = { ...before, extensions: edit(before.extensions) };
  const { octets, steps } = measure(documentOctets(after, before));
  expect(octets).toBe(inJson(after));
  expect(steps).toBeLessThanOrEqual(most);
  // From then on it is known.
  expect(measure(documentOctets(after)).steps).toBe(1);
});

test('a list that says the same as a measured one is as long', () => {
  const before = { extensions: many(1_000) };
  const same = { extensions: [...before.extensions] };
  measuredAs(same.extensions, before.extensions);
  expect(measure(documentOctets(same)).steps).toBeGreaterThan(1);
  measure(documentOctets(before));
  const copy = { extensions: [...before.extensions] };
  measuredAs(copy.extensions, before.extensions);
  expect(measure(documentOctets(copy))).toEqual({ octets: inJson(before), steps: 1 });
});

import { isDeepStrictEqual } from 'node:util';
import { expect, test } from 'vitest';
import { derived } from '../../src/base/derived.ts';

test('a value is asked once, and each value for itself', () => {
  const asked: string[] = [];
  const lengthOf = derived(({ name }: { readonly name: string }) => {
    asked.push(name);
    return name === '' ? undefined : name.length;
  });
  const [one, same, empty] = [{ name: 'acme' }, { name: 'acme' }, { name: '' }];
  expect([one, one, same, empty, empty].map(lengthOf)).toEqual([4, 4, 4, undefined, undefined]);
  expect(asked).toEqual(['acme', 'acme', '']);
});

test('what could not be worked out is tried again', () => {
  let tries = 0;
  const failing = derived((_value: object) => {
    tries++;
    throw new Error('not yet');
  });
  const value = {};
  expect(() => failing(value)).toThrow('not yet');
  expect(() => failing(value)).toThrow('not yet');
  expect(tries).toBe(2);
});

test('what is kept with a value belongs to that object alone, and nobody sees it', () => {
  const nameOf = derived(({ name }: { readonly name: string }) => ({ name }));
  const sizeOf = derived(({ name }: { readonly name: string }) => name.length);
  const value = Object.freeze({ name: 'acme' });
  const [name, size] = [nameOf(value), sizeOf(value)];
  expect([nameOf(value) === name, sizeOf(value), size]).toEqual([true, 4, 4]);
  expect(Reflect.ownKeys(value)).toEqual(['name']);
  expect(isDeepStrictEqual(value, { name: 'acme' })).toBe(true);
  expect(structuredClone(value)).toEqual({ name: 'acme' });
  expect(nameOf({ ...value })).not.toBe(name);
});

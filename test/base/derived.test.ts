import { spawnSync } from 'node:child_process';
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

test('an object that takes no more fields, private ones neither, has what is kept with it all the same', () => {
  const source = `
    import { derived } from ${JSON.stringify(import.meta.resolve('../../src/base/derived.ts'))};
    let asked = 0;
    const lengthOf = derived(({ name }) => (asked++, name.length));
    const namesOf = derived((value) => [value.name, lengthOf(value)]);
    const frozen = Object.freeze({ name: 'acme' });
    const others = [Object.seal({ name: 'globex' }), Object.preventExtensions({ name: '' }), { name: 'initech' }];
    const found = [frozen, ...others, frozen].map(namesOf);
    console.log(JSON.stringify([found, asked, found[0] === found[4]]));
  `;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--js-nonextensible-applies-to-private', '--input-type=module', '-e', source],
    { encoding: 'utf8' },
  );
  const acme = ['acme', 4];
  expect([stdout && JSON.parse(stdout), stderr]).toEqual([
    [[acme, ['globex', 6], ['', 0], ['initech', 7], acme], 4, true],
    '',
  ]);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeJsonObject } from '../../src/stir/strict-json.ts';

const encode = (text: string) => Buffer.from(text, 'utf8').toString('base64url');

test('what JSON.parse makes of an object is what comes out', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ maxLength: 10 }), fc.jsonValue({ maxDepth: 3 })), (object) => {
      const text = JSON.stringify(object);
      expect(JSON.stringify(decodeJsonObject(encode(text)))).toBe(text);
    }),
  );
});

test.each([
  ['a member twice', '{"orig":{"tn":"1"},"iat":1,"orig":{"tn":"2"}}', 'has the member "orig" twice'],
  ['the same one escaped', '{"orig":{"tn":"1"},"\\u006frig":{"tn":"2"}}', 'has the member "orig" twice'],
  ['a member twice further in', '{"orig":{"tn":"1","tn":"2"}}', 'has the member "tn" twice'],
  ['depth', `{"a":${'['.repeat(100)}${']'.repeat(100)}}`, 'nested deeper'],
  ['an array', '[1]', 'no JSON object'],
  ['a number', '1', 'no JSON object'],
  ['null', 'null', 'no JSON object'],
  ['text behind it', '{} x', 'not JSON'],
  ['a comma too many', '{"a":1,}', 'not JSON'],
  ['nothing', '', 'not JSON'],
  ['single quotes', "{'a':1}", 'not JSON'],
  ['an open text', '{"a', 'not JSON'],
])('refused: %s', (_name, text, fault) => {
  expect(decodeJsonObject(encode(text))).toContain(fault);
});

test('a name may come again in another object', () => {
  expect(decodeJsonObject(encode('{"orig":{"tn":"1"},"dest":{"tn":["1"]},"a":["tn","tn"]}'))).toBeTypeOf('object');
});

test('octets that have a second spelling, or are no UTF-8, are refused', () => {
  expect(decodeJsonObject(encode('{}'))).toEqual({});
  expect(decodeJsonObject('e31')).toBe('is not base64url');
  expect(decodeJsonObject('e30=')).toBe('is not base64url');
  expect(decodeJsonObject(Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url'))).toBe('is not UTF-8');
  expect(decodeJsonObject(encode(`{"a":"${'x'.repeat(20_000)}"}`))).toContain('longer than');
});

test('__proto__ is a member like any other', () => {
  const value = decodeJsonObject(encode('{"__proto__":{"polluted":true},"constructor":1}')) as Record<string, unknown>;
  expect(Object.hasOwn(value, '__proto__')).toBe(true);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

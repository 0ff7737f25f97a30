import { expect, test } from 'vitest';
import { PeerError } from '../../../src/base/errors.ts';
import { Params, readParam, readParams } from '../../../src/sip/message/params.ts';
import { describeField } from './field-suite.ts';

describeField('header parameters (RFC 3261 §25.1 generic-param)', {
  parse: (text) => readParams(text, 0, text.length, 'test'),
  format: String,
  table: [
    ['', {}],
    [';lr', { lr: undefined }],
    [';a=b;c="d;e,f"', { a: 'b', c: 'd;e,f' }],
    [' ; a = b ; C', { a: 'b', C: undefined }, ';a=b;C'],
    [';received=[2001:db8::1];tag=a/b@c=', { received: '[2001:db8::1]', tag: 'a/b@c=' }],
    [';__proto__=1;toString', { toString: undefined }],
    [
      ';+sip.instance=<urn:uuid:0-1>;x',
      { '+sip.instance': '<urn:uuid:0-1>', x: undefined },
      ';+sip.instance="<urn:uuid:0-1>";x',
    ],
    // Empty parameters and values, and the same thing said twice.
    [';', {}, ''],
    [';;a=b;;lr;', { a: 'b', lr: undefined }, ';a=b;lr'],
    [';a=;b', { a: '', b: undefined }],
    [';a=', { a: '' }],
    [';tag=x;rport;TAG=x;rport', { tag: 'x', rport: undefined }, ';tag=x;rport'],
  ],
  rejects: [
    'a',
    ';=b',
    ';a="b',
    ';a=b c',
    ';a=b,',
    ';a="b"c',
    ';a=<b',
    ';a=<b"c">',
    ';a=<b;c>',
    ';a=<b>c',
    `${';a'.repeat(129)}`,
  ],
});

test('§7.3.1: names are case-insensitive, order and spelling are kept', () => {
  const params = readParams(';Tag=x;LR', 0, 9, 'test');
  params.set('tAG', 'y');
  expect([params.get('TAG'), params.has('lr'), params.get('none'), String(params)]).toEqual([
    'y',
    true,
    undefined,
    ';Tag=y;LR',
  ]);
  expect([params.delete('TAG'), params.delete('TAG'), String(params)]).toEqual([true, false, ';LR']);
});

test('a value of ours that is no token is quoted in a header field and escaped in a URI', () => {
  expect(String(new Params().set('text', 'a "b"; c').set('n', '[::1]:5060').set('empty', ''))).toBe(
    ';text="a \\"b\\"; c";n=[::1]:5060;empty=""',
  );
  expect(String(new Params('uri').set('x', 'a;b@c').set('y', 'tcp'))).toBe(';x=a%3Bb%40c;y=tcp');
});

test('§7.3.1: two values of one name are seen in any case; the same value twice is one', () => {
  const has = (text: string, name?: string): boolean => readParams(text, 0, text.length, 'test').hasDuplicates(name);
  expect([has(';a'), has(';a;b'), has(';a;A=1'), has(';a;b=1;c;B')]).toEqual([false, false, true, true]);
  expect([has(';a;A'), has(';a;a='), has(';tag=x;tag=x'), has(';tag=x;tag=X')]).toEqual([false, false, false, true]);
  expect([has(';a;a=1;b', 'b'), has(';a;a=1;b', 'A'), has('', 'a')]).toEqual([false, true, false]);
});

test.each([';tag=x;tag=', ';tag=;TAG=x', ';tag=;tag=x;tag='])(
  'an empty value beside another says nothing: %s',
  (text) => {
    expect(readParams(text, 0, text.length, 'test').entries()).toEqual([['tag', 'x']]);
    expect(readParam(text, 0, text.length, 'tag')).toBe('x');
    for (const two of [`${text};tag=y`, `;tag=y${text}`])
      expect(() => readParam(two, 0, two.length, 'tag')).toThrow(PeerError);
  },
);

test('a clone changes alone', () => {
  const params = new Params().set('a', '1');
  params.clone().set('a', '2');
  expect(params.get('a')).toBe('1');
});

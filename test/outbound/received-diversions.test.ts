import { expect, test } from 'vitest';
import { receivedDiversions } from '../../src/outbound/received-diversions.ts';
import { Headers } from '../../src/sip/message/index.ts';

function read(name: string, ...values: string[]): string[] {
  const headers = new Headers();
  for (const value of values) headers.addNamed(name, value);
  return receivedDiversions(headers).map(({ number, reason, counter }) => `${number} ${reason} ${counter}`);
}

test.each([
  ['<sip:+12125550001@h>', '+12125550001 unknown 1'],
  ['sip:2125550001@h;reason=Unconditional;counter=07', '2125550001 unconditional 1'],
  ['"A, B" <tel:+1-212-555-0001>;reason="user-busy";counter="12"', '+1-212-555-0001 user-busy 12'],
  ['<sip:+12125550001;npdi@h>;privacy=off;reason=do-not-disturb', '+12125550001 unknown 1'],
  ['<sip:+12125550001@h>;privacy=name', '+12125550001 unknown 1'],
])('RFC 5806 §6: Diversion %s', (value, expected) => expect(read('Diversion', value)).toEqual([expected]));

test.each([
  '<sip:+12125550001@h>;privacy=full',
  '<sip:+12125550001@h>;privacy="URI"',
  '<sip:desk@h>',
  '<mailto:a@b>',
  '<<>>',
])('Diversion %s names nobody who may be told', (value) => expect(read('Diversion', value)).toEqual([]));

test('RFC 5806 §6: the latest comes first on the wire, and ten of them are kept', () => {
  const values = Array.from({ length: 12 }, (_, nth) => `<sip:+1212555${1000 + nth}@h>`);
  const numbers = values.map((value) => `${value.slice(5, -3)} unknown 1`).reverse();
  expect(read('Diversion', values.join(', '))).toEqual(numbers.slice(2));
  expect(read('Diversion', ...values)).toEqual(numbers.slice(2));
});

test.each(['history', 'id;header', 'session, critical'])('RFC 7044 §10.1.1: Privacy: %s hides all', (privacy) => {
  const headers = new Headers();
  headers.addNamed('Diversion', '<sip:+12125550001@h>');
  expect(receivedDiversions(headers)).toHaveLength(1);
  headers.addNamed('Privacy', privacy);
  expect(receivedDiversions(headers)).toEqual([]);
});

test('RFC 7044 §10.2: an entry was sent on where a cause follows; the last one is the target', () => {
  const first = '<sip:+12125550001@h>;index=1';
  expect(read('History-Info', first)).toEqual([]);
  expect(read('History-Info', first, '<sip:+12125550002@h>;index=1.1;rc=1')).toEqual([]);
  expect(read('History-Info', first, '<sip:+12125550002@h;cause=408>;index=1.1')).toEqual(['+12125550001 no-answer 1']);
  expect(read('History-Info', first, '<sip:+12125550002@h;cause=380>;index=1.1')).toEqual(['+12125550001 unknown 1']);
  expect(read('History-Info', '<sip:+12125550001@h?Privacy=none>', '<sip:x@h;cause=302>')).toHaveLength(1);
  expect(read('History-Info', '<sip:+12125550001@h?a=b&Privacy=session>', '<sip:x@h;cause=302>')).toEqual([]);
  expect(read('History-Info', '<<>>', '<sip:x@h;cause=302>', first)).toEqual([]);
});

import { describe, expect, test } from 'vitest';
import type { TraceMessage } from '../../src/observe/call-facts.ts';
import { matchesTrace, methodOf, type TraceFilter } from '../../src/observe/trace-filter.ts';

const INVITE =
  'INVITE sip:+14155551212@carrier SIP/2.0\r\nf: "A" <sip:+1-415-555-0100@acme>;tag=1\r\nTo: <tel:+1(415)5551212>\r\nCSeq: 7 INVITE\r\n\r\nv=0\r\no=99999';
const BUSY =
  'SIP/2.0 486 Busy Here\r\nFrom: <sip:101@acme>;tag=1\r\nTo: <sip:102@acme>;tag=2\r\ncseq:  3\tINVITE\r\n\r\n';

function message(text: string, fields: Partial<TraceMessage> = {}): TraceMessage {
  return {
    at: '2026-11-01T08:00:00.000Z',
    atMs: 0,
    direction: 'received',
    transport: 'udp',
    local: '127.0.0.1:5060',
    remote: '[2001:db8::1]:5080',
    sipCallId: 'a',
    text,
    ...fields,
  };
}

describe('matchesTrace', () => {
  const cases: [string, TraceFilter, TraceMessage, boolean][] = [
    ['nothing asked lets everything through', {}, message('garbage'), true],
    ['a number in the Request-URI', { number: '4155551212' }, message(INVITE), true],
    ['a number in a compact From with separators', { number: '+1 415 555 0100' }, message(INVITE), true],
    ['digits of the body do not count', { number: '99999' }, message(INVITE), false],
    ['a number of a response', { number: '102' }, message(BUSY), true],
    ['an address without its port', { address: '2001:db8::1' }, message(BUSY), true],
    ['an address with its port', { address: '[2001:db8::1]:5080' }, message(BUSY), true],
    ['another address', { address: '2001:db8::' }, message(BUSY), false],
    ['the method of a request, in any case', { method: 'invite' }, message(INVITE), true],
    ['the method that a response answers', { method: 'INVITE' }, message(BUSY), true],
    ['another method', { method: 'BYE' }, message(BUSY), false],
    ['a refusal', { refused: true }, message(BUSY), true],
    ['a challenge is no refusal', { refused: true }, message('SIP/2.0 407 Proxy\r\n\r\n'), false],
    ['a request is no refusal', { refused: true }, message(INVITE), false],
    ['filters are ANDed', { refused: true, number: '999' }, message(BUSY), false],
  ];
  test.each(cases)('%s', (_name, filter, given, expected) => {
    expect(matchesTrace(filter, given)).toBe(expected);
  });

  test('a trunk: its legs by name, what belongs to no call by address', () => {
    const trunk = { name: 'carrier', isOf: (address: string) => address === '2001:db8::1' };
    expect(matchesTrace({ trunk }, message(INVITE))).toBe(true);
    expect(matchesTrace({ trunk }, message(INVITE, { leg: 'caller' }))).toBe(false);
    expect(matchesTrace({ trunk }, message(INVITE, { leg: 'carrier', remote: '192.0.2.1:5060' }))).toBe(true);
    expect(matchesTrace({ trunk }, message(INVITE, { remote: '192.0.2.1:5060' }))).toBe(false);
  });
});

test('methodOf: of what is no SIP message there is none', () => {
  expect(['', 'x', 'SIP/2.0 200 OK\r\n\r\n'].map(methodOf)).toEqual(['', '', '']);
});

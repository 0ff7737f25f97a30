import { expect, test } from 'vitest';
import { NodeMark } from '../../../src/engine/continuity/node-mark.ts';
import { HeaderId, parseMessage, type SipRequest, serialize } from '../../../src/sip/message/index.ts';

const TEXT = [
  'BYE sip:102@192.0.2.1 SIP/2.0',
  'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1',
  'From: <sip:101@a>;tag=1',
  'To: <sip:102@a>;tag=2',
  'Call-ID: 1',
  'CSeq: 2 BYE',
  'Max-Forwards: 70',
  'X-Tandem-Via: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bK2',
  'Content-Length: 0',
  '',
  '',
].join('\r\n');
const [mark, theirs] = [7, 8].map((octet) => new NodeMark(new Uint8Array(32).fill(octet))) as [NodeMark, NodeMark];

const request = () => parseMessage(TEXT) as SipRequest;
const marked = () => {
  const passed = request();
  mark.put(passed);
  return serialize(passed);
};
const isOn = (text: string, of = mark) => of.isOn(parseMessage(text) as SipRequest);

test('what a node has passed on is known by its mark, by nodes of the same store alone', () => {
  expect([isOn(marked()), isOn(marked(), theirs), isOn(TEXT)]).toEqual([true, false, false]);
});

test('over another Via too, which each hop has of its own', () => {
  const passed = parseMessage(marked()) as SipRequest;
  passed.headers.set(HeaderId.Via, 'SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK9');
  expect(mark.isOn(passed)).toBe(true);
});

test.each([
  ['another method', 'BYE', 'CANCEL'],
  ['another dialog', 'Call-ID: 1', 'Call-ID: 2'],
  ['another tag of the sender', 'tag=1', 'tag=3'],
  ['another tag of ours', 'tag=2', 'tag=3'],
  ['another number in it', 'CSeq: 2', 'CSeq: 3'],
  ['another sender', '203.0.113.1', '203.0.113.2'],
  ['another mark', 'X-Tandem-Passed: ', 'X-Tandem-Passed: a'],
  ['none', 'X-Tandem-Passed', 'X-Tandem-Other'],
])('with %s it is none', (_what, is, other) => {
  expect(isOn(marked().replaceAll(is, other))).toBe(false);
});

test('one that its sender has written already is not sent on, and two are none', () => {
  const forged = request();
  forged.headers.addNamed('X-Tandem-Passed', 'forged');
  expect(mark.isOn(forged)).toBe(false);
  mark.put(forged);
  expect([forged.headers.fieldValuesNamed('X-Tandem-Passed').length, mark.isOn(forged)]).toEqual([1, true]);
  forged.headers.addNamed('X-Tandem-Passed', 'forged');
  expect(mark.isOn(forged)).toBe(false);
});

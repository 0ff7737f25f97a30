import { expect, test } from 'vitest';
import {
  acknowledgesStateless,
  endsCall,
  kindOf,
  localTagOf,
  MessageKind,
  toTagOf,
} from '../../../src/sip/endpoint/triage.ts';
import { StatelessTags } from '../../../src/sip/transaction/index.ts';

const request = (method: string, to = '<sip:b@x>') => `${method} sip:b@x SIP/2.0\r\nTo: ${to}\r\n\r\n`;

test.each([
  ['SIP/2.0 200 OK\r\n\r\n', MessageKind.Ongoing],
  [request('ACK'), MessageKind.Ongoing],
  [request('BYE', '<sip:b@x>;tag=1'), MessageKind.Ongoing],
  [request('INVITE', '<sip:b@x>;tag=1'), MessageKind.Ongoing],
  [request('CANCEL'), MessageKind.Cancel],
  [request('OPTIONS'), MessageKind.Ping],
  [request('INVITE'), MessageKind.Call],
  [request('REGISTER'), MessageKind.Other],
  [request('REGISTER', '<sip:b@x>;tag=1'), MessageKind.Other],
  [request('MESSAGE'), MessageKind.Other],
  ['nothing that is SIP', MessageKind.Other],
  ['', MessageKind.Other],
])('what a message is: %j', (text, kind) => {
  expect(kindOf(text)).toBe(kind);
});

test.each([
  ['To: <sip:b@x>;tag=abc', 'abc'],
  ['TO :<sip:b@x> ; TAG = abc', 'abc'],
  ['t:<sip:b@x>;tag=abc;x=1', 'abc'],
  ['to: sip:b@x;tag=abc', 'abc'],
  ['To: "b;tag=no" <sip:b@x;tag=uri>', undefined],
  ['To: "b;tag=no" <sip:b@x;tag=uri>;tag=abc', 'abc'],
  ['Timestamp: 1;tag=1\r\nTo: <sip:b@x>', undefined],
  ['From: <sip:a@x>;tag=1', undefined],
])('the To tag of %j', (line, tag) => {
  expect(toTagOf(`BYE sip:b@x SIP/2.0\r\n${line}\r\nCall-ID: 1\r\n\r\nTo: <sip:b@x>;tag=body`)).toBe(tag);
});

test.each([
  ['BYE sip:b@x SIP/2.0\r\nFrom: <sip:a@x>;tag=theirs\r\nTo: <sip:b@x>;tag=ours', 'ours'],
  ['SIP/2.0 200 OK\r\nTo: <sip:b@x>;tag=theirs\r\nFrom: <sip:a@x>;tag=ours', 'ours'],
  ['SIP/2.0 200 OK\r\nt: <sip:b@x>;tag=theirs\r\nF : <sip:a@x>;tag=ours', 'ours'],
  ['SIP/2.0 200 OK\r\nTo: <sip:b@x>;tag=theirs\r\nFoo: <sip:a@x>;tag=no\r\nFrom: <sip:a@x>', undefined],
])('the tag of the receiver in %j', (head, tag) => {
  expect(localTagOf(`${head}\r\nCall-ID: 1\r\n\r\n`)).toBe(tag);
});

const ack = (to: string) =>
  Buffer.from(`ACK sip:b@x SIP/2.0\r\n${to}\r\nCall-ID: 1\r\n\r\nTo: <x>;tag=z0123456789ab\r\n`, 'latin1');

test.each([
  ['To: <sip:b@x>;tag=z0123456789ab', true],
  ['From: <sip:a@x>;tag=1\r\nt: "B" <sip:b@x>;tag=z0123456789ab', true],
  ['To: <sip:b@x>;tag=0123456789abc', false],
  ['To: <sip:b@x>;tag=z0123456789aG', false],
  ['To: <sip:b@x>;tag=z0123456789abc', false],
  ['To: <sip:b@x>;x=1;tag=z0123456789ab', false],
  ['To: <sip:b@x;tag=z0123456789ab>;tag=1', false],
  ['From: <sip:a@x>;tag=z0123456789ab\r\nTo: <sip:b@x>;tag=1', false],
  ['Timestamp: >;tag=z0123456789ab', false],
  ['Subject: no To', false],
])('an ACK to what was not kept, by its octets: %j', (line, is) => {
  expect(acknowledgesStateless(ack(line))).toBe(is);
  // What the octets say the text says too.
  if (is) expect(StatelessTags.has(toTagOf(ack(line).toString('latin1')))).toBe(true);
});

test.each([
  '',
  'A',
  'ACK ',
  'ACK sip:b@x SIP/2.0',
  'ACK sip:b@x SIP/2.0\r\nTo',
  'ACK \n\nt:',
  'BYE sip:b@x SIP/2.0\r\nTo: <x>;tag=z0123456789ab\r\n\r\n',
])('octets that are none: %j', (text) => {
  expect(acknowledgesStateless(Buffer.from(text, 'latin1'))).toBe(false);
});

test.each([
  [request('BYE', '<sip:b@x>;tag=1'), true],
  ['SIP/2.0 200 OK\r\nCSeq: 2 BYE\r\n\r\n', true],
  ['SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n\r\n', false],
  ['SIP/2.0 486 BYE now\r\nCSeq: 1 INVITE\r\n\r\n', false],
  [request('ACK', '<sip:b@x>;tag=1'), false],
  [`${request('INFO', '<sip:b@x>;tag=1')}say BYE\r\n`, false],
  ['SIP/2.0 180 Ringing\r\nAllow: INVITE, ACK, CANCEL, OPTIONS, BYE\r\nCSeq: 1 INVITE\r\n\r\n', false],
  ['SIP/2.0 200 OK\r\nAllow: INVITE, BYE\r\nCSeq: 2 BYE\r\n\r\n', true],
  ['SIP/2.0 200 OK\r\ncseq :2\tBYE \r\nContent-Length: 0\r\n\r\n', true],
  ['SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n\r\nCSeq: 2 BYE\r\n', false],
  ['SIP/2.0 200 OK\r\nX-CSeq: 2 BYE\r\n\r\nsay BYE\r\n', false],
  ['SIP/2.0 200 OK', false],
])('whether it ends a call: %j', (text, ends) => {
  expect(endsCall(text)).toBe(ends);
});

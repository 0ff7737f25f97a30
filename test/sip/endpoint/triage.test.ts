import { expect, test } from 'vitest';
import { Kind, kindOf, plainHostOf, plainNumberOf, toTagOf } from '../../../src/sip/endpoint/triage.ts';

const request = (method: string, to = '<sip:b@x>') => `${method} sip:b@x SIP/2.0\r\nTo: ${to}\r\n\r\n`;

test.each([
  ['SIP/2.0 200 OK\r\n\r\n', Kind.Ongoing],
  [request('ACK'), Kind.Ongoing],
  [request('BYE', '<sip:b@x>;tag=1'), Kind.Ongoing],
  [request('INVITE', '<sip:b@x>;tag=1'), Kind.Ongoing],
  [request('CANCEL'), Kind.Cancel],
  [request('OPTIONS'), Kind.Ping],
  [request('INVITE'), Kind.Call],
  [request('REGISTER'), Kind.Other],
  [request('REGISTER', '<sip:b@x>;tag=1'), Kind.Other],
  [request('MESSAGE'), Kind.Other],
  ['nothing that is SIP', Kind.Other],
  ['', Kind.Other],
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
  ['INVITE sip:112@x SIP/2.0', '112'],
  ['INVITE sips:+493012345678;phone-context=x@x SIP/2.0', '+493012345678'],
  ['INVITE tel:112 SIP/2.0', undefined],
  ['INVITE urn:service:sos SIP/2.0', undefined],
  ['INVITE sip:1-1-2@x SIP/2.0', undefined],
  ['INVITE sip:%31%312@x SIP/2.0', undefined],
  ['INVITE sip:9*112@x SIP/2.0', undefined],
  ['INVITE sip:112:secret@x SIP/2.0', undefined],
  ['INVITE sip:112.example.com SIP/2.0', undefined],
  ['INVITE  sip:112@x SIP/2.0', undefined],
])('the number of %j, when it is in digits alone', (line, number) => {
  expect(plainNumberOf(`${line}\r\nTo: <sip:112@x>\r\n\r\n`)).toBe(number);
});

test.each([
  ['<sip:101@acme.example.com>;tag=1', 'acme.example.com'],
  ['"A <b@c>" <sip:101@acme.example.com:5060;user=phone>;tag=1', 'acme.example.com'],
  ['sip:101@192.0.2.1', '192.0.2.1'],
  ['<sip:acme.example.com>;tag=1', undefined],
  ['<sip:101@[2001:db8::1]>', undefined],
  ['<tel:101>', undefined],
  ['"sip:a@b" <sip:1"@x>', undefined],
])('the host of the From %j', (from, host) => {
  expect(plainHostOf(from)).toBe(host);
});

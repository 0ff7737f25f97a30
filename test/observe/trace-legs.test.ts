import { describe, expect, test } from 'vitest';
import { ofLeg, sideOf } from '../../src/observe/trace-legs.ts';

const request = (from: string, to: string) => `INVITE sip:x SIP/2.0\r\nFrom: ${from}\r\nTo: ${to}\r\n\r\n`;
const response = (from: string, to: string) => `SIP/2.0 200 OK\r\nf:${from}\r\nt : ${to}\r\n\r\n`;

describe('what a message says of its dialog', () => {
  test.each([
    ['a request that came, before there is a dialog', request('<sip:a>;tag=1', '<sip:b>'), false, '1', true],
    ['one within it', request('<sip:a>;tag=1', '<sip:b>;tag=2'), false, '1', false],
    ['a request of ours', request('<sip:a>;tag=1', '<sip:b>;tag=2'), true, '2', false],
    ['the first of ours', request('<sip:a>;tag=1', '<sip:b>'), true, '', false],
    ['an answer to us', response('<sip:a>;tag=1', '<sip:b>;tag=2'), false, '2', false],
    ['an answer of ours', response('<sip:a>;tag=1', '<sip:b>;tag=2'), true, '1', false],
    ['one without any tags', request('<sip:a>', '<sip:b>'), false, '', true],
    ['words that look like a tag', request('"x;tag=\\"9" <sip:a>; TAG = 1 ;x', '<sip:b>'), false, '1', true],
  ])('%s', (_what, text, isSent, theirs, begins) => {
    expect(sideOf(text, isSent)).toEqual({ theirs, begins });
  });
});

test('a leg that the other side began has its tag throughout; one of ours has that of none that began one', () => {
  const came = { theirs: 'carrier', begins: true };
  const [asked, answered] = [
    { theirs: '', begins: false },
    { theirs: 'callee', begins: false },
  ];
  const all = [asked, came, answered];
  expect(all.filter(ofLeg(all, came))).toEqual([came]);
  expect(all.filter(ofLeg(all, undefined))).toEqual([asked, answered]);
});

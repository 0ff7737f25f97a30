import { describe, expect, test } from 'vitest';
import { joined, type KeptMessage, messagesOfLeg } from '../../src/observe/trace-legs.ts';
import { leastCpuMs } from '../kit/thread-cpu.ts';

const ADDRESS = '192.0.2.1';
const LEG = { label: 'caller', tags: ['ours'], begunBy: { branch: 'z9hG4bKbegun', address: ADDRESS } };
const same = (message: KeptMessage) => message;

interface Fields {
  readonly from?: string;
  readonly to?: string;
  readonly via?: string;
}

function message(
  startLine: string,
  isSent: boolean,
  { from = '<sip:a>;tag=theirs', to = '<sip:b>', via = 'x' }: Fields,
) {
  const head = `${startLine}\r\nv: SIP/2.0/UDP h;branch=z9hG4bK${via}\r\nf:${from}\r\nTo : ${to}\r\nCall-ID: x\r\n\r\n`;
  return { text: head, isSent, address: ADDRESS };
}

const isShown = (each: KeptMessage, leg = LEG) => messagesOfLeg([each], leg, 60, same).length === 1;

describe('a message is of a leg by the engine’s own tag, where that stands', () => {
  const ours = '<sip:x>;tag=ours';
  test.each([
    ['a request that came', message('BYE sip:x SIP/2.0', false, { to: ours }), true],
    ['a request of ours', message('BYE sip:x SIP/2.0', true, { from: ours }), true],
    ['an answer to us', message('SIP/2.0 200 OK', false, { from: ours }), true],
    ['an answer of ours', message('SIP/2.0 200 OK', true, { to: ours }), true],
    ['behind other parameters', message('BYE sip:x SIP/2.0', false, { to: '"b;" <sip:b>; x=y ; TAG = ours' }), true],
    ['as the tag of the other side', message('BYE sip:x SIP/2.0', false, { from: ours }), false],
    ['in the URI', message('INVITE sip:x SIP/2.0', false, { to: '<sip:b;tag=ours>' }), false],
    ['in the name', message('INVITE sip:x SIP/2.0', false, { to: '"\\">;tag=ours" <sip:b>' }), false],
    ['of another call', message('BYE sip:x SIP/2.0', false, { to: '<sip:b>;tag=anothers' }), false],
    ['what is no message', { text: 'ours', isSent: false, address: ADDRESS }, false],
    ['two tags', message('BYE sip:x SIP/2.0', false, { to: '<sip:b>;tag=ours;tag=anothers' }), false],
  ])('%s', (_what, each, expected) => {
    expect(isShown(each)).toBe(expected);
  });
});

describe('or by the transaction that the call begins by', () => {
  test.each([
    ['the INVITE', message('INVITE sip:x SIP/2.0', false, { via: 'begun' }), true],
    ['its answer', message('SIP/2.0 404 No', true, { via: 'begun', to: '<sip:b>;tag=stateless' }), true],
    [
      'of that name from elsewhere',
      { ...message('INVITE sip:x SIP/2.0', false, { via: 'begun' }), address: '192.0.2.2' },
      false,
    ],
    ['of that name, of ours', message('BYE sip:x SIP/2.0', true, { via: 'begun' }), false],
    ['another INVITE', message('INVITE sip:x SIP/2.0', false, { via: 'another' }), false],
  ])('%s', (_what, each, expected) => {
    expect(isShown(each)).toBe(expected);
  });
});

test('an INVITE without a branch tells nothing: what the engine sends there has none either', () => {
  const leg = { ...LEG, begunBy: { branch: '', address: ADDRESS } };
  const shown = [
    message('INVITE sip:x SIP/2.0', false, { via: '' }),
    message('BYE sip:token-of-another SIP/2.0', true, { from: '<sip:b>;tag=anothers' }),
    message('SIP/2.0 200 OK', false, { from: '<sip:b>;tag=anothers' }),
  ].map((each) => isShown(each, leg));
  expect(shown).toEqual([false, false, false]);
});

test('what is known twice of a leg is known once, and all tags count', () => {
  const [known, linked] = [
    { label: undefined, tags: ['a'], begunBy: undefined },
    { label: 'carrier', tags: undefined, begunBy: undefined },
  ];
  expect(joined(undefined, linked)).toEqual(linked);
  expect(joined(known, linked)).toEqual({ label: 'carrier', tags: ['a'], begunBy: undefined });
  expect(joined(linked, { ...LEG, label: undefined })).toEqual({ ...LEG, label: 'carrier' });
  expect(joined(LEG, known).tags).toEqual(['ours', 'a']);
});

test('the first half and the latest are found without reading what lies between', () => {
  const all = Array.from({ length: 95_000 }, () => message('OPTIONS sip:x SIP/2.0', false, { to: '<sip:b>;tag=ours' }));
  let count = 0;
  const found = messagesOfLeg(all, LEG, 60, (each) => {
    count++;
    return each;
  });
  expect(found).toEqual([...all.slice(0, 30), ...all.slice(-30)]);
  expect(count).toBeLessThan(2_000);
});

test('however many messages of others are among them, and however long they are, reading has an end', () => {
  for (const to of ['<sip:b>', `"${'\\"'.repeat(30_000)}`]) {
    const all = Array.from({ length: 95_000 }, () => message('OPTIONS sip:x SIP/2.0', true, { to }));
    let octets = 0;
    messagesOfLeg(all, { ...LEG, tags: undefined }, 60, (each) => {
      octets += each.text.length + 1_024;
      return each;
    });
    expect(octets).toBeLessThan(4.5 * 1024 * 1024);
  }
});

test('a quote that is never closed costs a time linear in its length', () => {
  const hostile = (octets: number) => message('BYE sip:x SIP/2.0', false, { from: `"${'\\"'.repeat(octets / 2)}` });
  isShown(hostile(8_192));
  // What is not linear takes many times as long.
  expect(leastCpuMs(50, () => isShown(hostile(65_000)))).toBeLessThan(50);
});

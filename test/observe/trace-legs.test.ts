import { describe, expect, test } from 'vitest';
import { isKnown, joined, type KeptMessage, messagesOfCall, type TracedLeg } from '../../src/observe/trace-legs.ts';
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

const ofLeg = (all: readonly KeptMessage[], leg: TracedLeg = LEG, read = same) =>
  messagesOfCall(new Map([['x', leg]]), 60, () => all, read);
const isShown = (each: KeptMessage, leg = LEG) => ofLeg([each], leg).length === 1;

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

describe('where something of it cannot be read, by the rest', () => {
  const ours = '<sip:b>;tag=ours';
  const broken = 'SIP/2.0/UDP SIP/2.0/UDP h';
  const without = (each: KeptMessage, via: string) => ({ ...each, text: each.text.replace(/(?<=v: ).*/, via) });
  const begun = (line: string) => message(line, false, { via: 'begun' });
  const theirs = { from: ours, to: ours.replace('ours', 'theirs') };
  test.each([
    ['a BYE without a Via that can be read', without(message('BYE sip:x SIP/2.0', false, { to: ours }), broken)],
    ['with two tags of its own', message('BYE sip:x SIP/2.0', false, { from: '<sip:a>;tag=a;tag=b', to: ours })],
    ['an answer to us without a status', message('SIP/2.0 OK', false, theirs)],
    ['a first line of nothing', message('BYE', false, { to: ours })],
    ['a first line of another protocol', message('BYE sip:x HTTP/1.1', false, { to: ours })],
    ['a CANCEL whose first line is none', begun('CANCEL sip:x')],
    ['a CANCEL whose Via has but its branch', without(begun('CANCEL sip:x SIP/2.0'), `${broken};branch=z9hG4bKbegun`)],
  ])('%s', (_what, each) => {
    expect(isShown(each)).toBe(true);
  });

  test.each([
    ['its sender’s tag is ours', message('BYE sip:x HTTP/1.1', false, { from: ours, to: '<sip:b>;tag=theirs' })],
    ['no tag', message('BYE sip:x HTTP/1.1', false, {})],
    ['no end of a line', { text: 'BYE sip:x;tag=ours', isSent: false, address: ADDRESS }],
  ])('not of another call: %s', (_what, each) => {
    expect(isShown(each)).toBe(false);
  });
});

describe('an INVITE that takes a place in a call (RFC 3891) is of the leg that it becomes', () => {
  const OTHER = '192.0.2.2';
  const taking = { label: '102', tags: ['ours'], begunBy: undefined };
  const invite = message('INVITE sip:x SIP/2.0', false, { via: 'taking' });
  const answer = message('SIP/2.0 200 OK', true, { via: 'taking', to: '<sip:b>;tag=ours' });

  test('and so is the one before, which was sent back for credentials', () => {
    const first = message('INVITE sip:x SIP/2.0', false, { via: 'first' });
    const challenge = message('SIP/2.0 407 Who', true, { via: 'first', to: '<sip:b>;tag=stateless' });
    const all = [first, challenge, invite, message('SIP/2.0 100 Trying', true, { via: 'taking' }), answer];
    expect(ofLeg(all, taking)).toEqual(all);
  });

  test('but nothing of who writes the same elsewhere, nor what is challenged elsewhere', () => {
    const others = [
      { ...invite, address: OTHER },
      { ...message('SIP/2.0 407 Who', true, { via: 'third' }), address: OTHER },
      { ...message('INVITE sip:x SIP/2.0', false, { via: 'third' }), address: OTHER },
    ];
    expect(ofLeg([invite, answer, ...others], taking)).toEqual([invite, answer]);
  });

  test('an INVITE that comes back from who was called is another call’s, and so is its challenge', () => {
    const sent = message('INVITE sip:out SIP/2.0', true, { via: 'out', from: '<sip:a>;tag=ours' });
    const back = message('INVITE sip:token-of-another SIP/2.0', false, { via: 'back', from: '<sip:a>;tag=ours' });
    const asked = message('SIP/2.0 407 Who', true, { via: 'back', from: '<sip:a>;tag=ours', to: '<sip:b>;tag=s' });
    const bye = message('BYE sip:z SIP/2.0', false, { via: 'bye', to: '<sip:a>;tag=ours' });
    const ok = message('SIP/2.0 200 OK', true, { via: 'bye', to: '<sip:a>;tag=ours' });
    expect(ofLeg([sent, back, asked, bye, ok], taking)).toEqual([sent, bye, ok]);
  });

  test('also where who is called writes one branch in all that it sends', () => {
    const [ours, theirs] = ['<sip:a>;tag=ours', '<sip:b>;tag=theirs'];
    const own = [
      message('BYE sip:z SIP/2.0', false, { via: 'same', from: theirs, to: ours }),
      message('SIP/2.0 200 OK', true, { via: 'same', from: theirs, to: ours }),
    ];
    const others = [
      message('INVITE sip:token-of-another SIP/2.0', false, { via: 'same', from: ours }),
      message('SIP/2.0 100 Trying', true, { via: 'same', from: ours }),
      message('SIP/2.0 407 Who', true, { via: 'same', from: ours, to: '<sip:b>;tag=stateless' }),
    ];
    expect(ofLeg([...others, ...own], taking)).toEqual(own);
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
  expect(joined(LEG, { ...known, tags: ['ours', 'a'] }).tags).toEqual(['ours', 'a']);
  expect(joined(LEG, LEG).tags).toBe(LEG.tags);
});

test('the first half and the latest are found without reading what lies between', () => {
  const all = Array.from({ length: 95_000 }, () => message('OPTIONS sip:x SIP/2.0', false, { to: '<sip:b>;tag=ours' }));
  let count = 0;
  const found = ofLeg(all, LEG, (each) => {
    count++;
    return each;
  });
  expect(found).toEqual([...all.slice(0, 30), ...all.slice(-30)]);
  expect(count).toBeLessThan(2_000);
});

test('however many messages of others are among them, however long they are, and however many legs a call has, reading has an end', () => {
  for (const to of ['<sip:b>', `"${'\\"'.repeat(30_000)}`]) {
    const all = Array.from({ length: 95_000 }, () => message('OPTIONS sip:x SIP/2.0', true, { to }));
    let octets = 0;
    const legs = new Map(Array.from({ length: 64 }, (_, leg) => [String(leg), { ...LEG, tags: undefined }]));
    const read = (each: KeptMessage) => {
      octets += each.text.length + 1_024;
      return each;
    };
    messagesOfCall(legs, 60, () => all, read);
    // Reading ends with the message that there is no room for any more.
    expect(octets).toBeLessThan(2 * 1024 * 1024 + (all[0] as KeptMessage).text.length + 1_024);
  }
});

test.each([
  ['a quote that is never closed', 16_000],
  ['one in a field that is longer than a field may be', 65_000],
])('%s costs a time linear in its length', (_what, length) => {
  const cpuMs = (octets: number) => {
    const hostile = message('BYE sip:x SIP/2.0', false, { from: `"${'\\"'.repeat(octets / 2)}` });
    return leastCpuMs(0, () => {
      for (let times = 0; times < 50; times++) isShown(hostile);
    });
  };
  cpuMs(length / 8);
  expect(cpuMs(length) / cpuMs(length / 8)).toBeLessThan(16);
});

test('what says nothing more of a leg is known of it', () => {
  const nothing = { label: undefined, tags: undefined, begunBy: undefined };
  for (const less of [
    nothing,
    { ...nothing, label: 'caller' },
    { ...nothing, tags: ['ours'] },
    { ...nothing, tags: [] },
  ])
    expect(isKnown(LEG, less)).toBe(true);
  for (const more of [LEG, { ...nothing, label: 'carrier' }, { ...nothing, tags: ['ours', 'new'] }])
    expect(isKnown(LEG, more)).toBe(false);
  expect(isKnown(nothing, nothing)).toBe(true);
  expect(isKnown(nothing, { ...nothing, tags: ['new'] })).toBe(false);
});

import { describe, expect, test } from 'vitest';
import { PackingError } from '../../src/base/packed-octets.ts';
import { type CallToken, readToken, tokenParty, writeToken } from '../../src/call/call-token.ts';
import { Dialog } from '../../src/sip/dialog/index.ts';

/** Not a secret one. */
const BY = { derived: (text: string) => `${text}-derived` };
const STARTED_MS = Date.UTC(2026, 10, 29, 3, 0, 0, 123);

const TOKEN: CallToken = {
  id: 'b45d5c0f7d0a4c2f9e6b1a3c',
  isCaller: true,
  direction: 'outbound',
  node: 0xbeef,
  life: 0x1234,
  tenant: 0x89ab_cdef,
  startedAtMs: STARTED_MS,
  answeredAtMs: STARTED_MS + 7_654,
  sessionLimitMs: 600_000,
  caller: '101',
  called: '+14155550199',
  near: {
    owner: { number: '101' },
    place: { kind: 'connection', transport: 'tls', address: '2001:db8::7', port: 50_431 },
    target: 'sips:101@[2001:db8::7]:50431;transport=tls',
    routes: [],
    sequence: 0,
    methods: 7,
    anonymous: true,
    withholdsPeer: false,
    interval: { intervalSeconds: 1800, localRefreshes: false },
  },
  far: {
    owner: { trunk: 0xdead_beef },
    place: { kind: 'target', transport: 'udp', address: '192.0.2.10', port: 5060 },
    target: 'sip:+14155550199@192.0.2.10:5060;ob',
    routes: ['<sip:192.0.2.9;lr>', '<sip:edge@proxy.example.net:5080;lr=on;ftag=a1>'],
    sequence: 2,
    methods: undefined,
    anonymous: false,
    withholdsPeer: true,
    interval: { intervalSeconds: 90, localRefreshes: true },
    callId: 'a84b4c76e66710aa11223344',
    localTag: '0123456789abcdef01234567',
    remoteTag: 'gK0c9d2b3f',
    localUri: 'sip:+14155550100@acme.example.com',
    remoteUri: 'sip:+14155550199@192.0.2.10',
    contactUser: '+14155550100',
  },
};

/** The same without session timers. */
const UNTIMED: CallToken = {
  ...TOKEN,
  near: { ...TOKEN.near, interval: undefined },
  far: { ...TOKEN.far, interval: undefined },
};

const again = (token: CallToken, nearTag = 'near') =>
  readToken(Buffer.from(writeToken(token, nearTag, BY, 1_000) ?? []), nearTag, BY);

describe('a token', () => {
  test.each([
    ['of a caller', TOKEN],
    ['without session timers', UNTIMED],
    ['with a session timer of one party', { ...TOKEN, far: { ...TOKEN.far, interval: undefined } }],
    ['of a called party, before the answer', { ...TOKEN, isCaller: false, answeredAtMs: undefined }],
    ['of a party that has named no place', { ...TOKEN, near: { ...TOKEN.near, target: undefined } }],
    ['whose names follow from others', { ...TOKEN, id: 'near-derived' }],
    [
      'whose names follow from others, toward the called party',
      { ...TOKEN, isCaller: false, id: `${TOKEN.far.localTag}-derived` },
    ],
    ['whose tag follows', { ...TOKEN, far: { ...TOKEN.far, localTag: `${TOKEN.far.callId}-derived` } }],
    ['of an inbound call', { ...TOKEN, direction: 'inbound' }],
    ['of an internal call', { ...TOKEN, direction: 'internal' }],
    ['without numbers', { ...TOKEN, caller: '', called: '', far: { ...TOKEN.far, contactUser: '' } }],
    [
      'with URIs of other forms',
      {
        ...TOKEN,
        far: {
          ...TOKEN.far,
          target: 'sip:a;b=c@d.example;transport=TCP?x=y',
          remoteUri: 'tel:+14155550199',
          localUri: 'sip:anonymous:pw@anonymous.invalid:05060',
          routes: ['"x" <sip:a@b>'],
        },
      },
    ],
  ] as [string, CallToken][])('%s comes back as it was', (_what, token) => {
    expect(again(token)).toEqual(token);
  });

  test('what follows from other names takes no room', () => {
    const whole = writeToken(TOKEN, 'near', BY, 1_000)?.length ?? 0;
    const short = { ...TOKEN, id: 'near-derived', far: { ...TOKEN.far, localTag: `${TOKEN.far.callId}-derived` } };
    expect(writeToken(short, 'near', BY, 1_000)?.length).toBe(whole - 26);
  });

  test('without room for it there is none; without room for its session timers it is one without them', () => {
    const octets = writeToken(TOKEN, 'near', BY, 1_000)?.length ?? 0;
    const least = writeToken(UNTIMED, 'near', BY, 1_000)?.length ?? 0;
    expect(octets).toBe(least + 4);
    expect(writeToken(TOKEN, 'near', BY, octets)).toHaveLength(octets);
    for (let room = least; room < octets; room++) expect(writeToken(TOKEN, 'near', BY, room)).toHaveLength(least);
    for (let room = 0; room < least; room++) expect(writeToken(TOKEN, 'near', BY, room)).toBeUndefined();
  });

  test('octets that end early are none', () => {
    const octets = Buffer.from(writeToken(TOKEN, 'near', BY, 1_000) ?? []);
    const least = writeToken(UNTIMED, 'near', BY, 1_000)?.length ?? 0;
    // As the program before wrote it.
    expect(readToken(octets.subarray(0, least), 'near', BY)).toEqual(UNTIMED);
    for (let length = 0; length < octets.length; length++)
      if (length !== least) expect(() => readToken(octets.subarray(0, length), 'near', BY)).toThrow(PackingError);
  });
});

describe('a party', () => {
  const destination = { transport: 'udp', address: '192.0.2.10', port: 5060 } as const;
  const dialog = Dialog.restore({
    role: 'uac',
    callId: 'c',
    localTag: 'l',
    remoteTag: 'r',
    localAddress: '<sip:a@b>;tag=l',
    remoteAddress: '<sip:c@d>;tag=r',
    localContact: '<sip:x@y>',
    routeSet: [],
    remoteTarget: 'sip:c@d',
    localSequence: 1,
    remoteSequence: -1,
    hasTarget: true,
  });

  test('is a trunk, or a phone by its number', () => {
    const party = (options: object) =>
      tokenParty({ options: { contact: '', ...options }, destination, dialog, session: undefined, methods: undefined })
        ?.owner;
    expect(party({ owner: { tenant: 'acme', number: '101' } })).toEqual({ number: '101' });
    expect(party({ trunkId: '100000001' })).toHaveProperty('trunk');
    expect(party({})).toBeUndefined();
  });
});

import { createCipheriv, hkdfSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ContactQuestion } from '../../../src/call/index.ts';
import { SealedContacts, type SealedContactsOptions, selfOf } from '../../../src/engine/continuity/sealed-contacts.ts';
import { parseMessage, type SipRequest } from '../../../src/sip/message/index.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

const SECRET = new Uint8Array(32).fill(1);
const WEEK_MS = 604_800_000;

const contacts = (options: Partial<SealedContactsOptions> = {}) =>
  new SealedContacts({
    secret: SECRET,
    self: { node: 1, life: 2 },
    clock: new VirtualScheduler(),
    clockOffsetMs: () => 0,
    isOn: true,
    sessionLimitMs: 14_400_000,
    isWanted: () => true,
    ...options,
  });

/** As a node names a call whose Contacts carry it. */
const ID = contacts().derived('our-tag');

function question(long = ''): ContactQuestion {
  const callId = `b84b4c76e66710aa11223344${long}`;
  const localTag = contacts().derived(callId);
  const dialog = {
    role: 'uas' as const,
    callId: 'a84b4c76e66710',
    localTag: 'our-tag',
    remoteTag: 'their-tag',
    localAddress: '<sip:+14155550199@acme.example.com>;tag=our-tag',
    remoteAddress: '"Alice" <sip:101@acme.example.com>;tag=their-tag',
    remoteTarget: 'sip:101@203.0.113.1:5060',
    routeSet: [],
    localSequence: 0,
  };
  const far = {
    ...dialog,
    role: 'uac' as const,
    callId,
    localTag,
    remoteTag: 'as7b2c9d10',
    localAddress: `<sip:+14155550100@acme.example.com>;tag=${localTag}`,
    remoteAddress: '<sip:+14155550199@192.0.2.10>;tag=as7b2c9d10',
    remoteTarget: 'sip:+14155550199@192.0.2.10:5060',
  };
  const phone = { contact: '<sip:+14155550199@198.51.100.1:5060>', owner: { tenant: 'acme', number: '101' } };
  const trunk = { contact: '<sip:+14155550100@198.51.100.1:5060;transport=tcp>', trunkId: '100000001' };
  return {
    sessionLimitMs: 14_400_000,
    record: {
      id: ID,
      facts: { direction: 'outbound', tenant: 'acme', caller: '101', called: '+14155550199' },
      startedAtMs: 1_800_000_000_000,
      answeredAtMs: 1_800_000_004_000,
    },
    near: {
      options: phone,
      destination: { transport: 'udp', address: '203.0.113.1', port: 5060 },
      dialog,
      session: undefined,
      methods: 1,
    },
    far: {
      options: trunk,
      destination: { transport: 'tcp', address: '192.0.2.10', port: 5060 },
      dialog: far,
      session: undefined,
      methods: 0,
    },
  };
}

const requestTo = (contact: string, callId = 'a84b4c76e66710', from = 'their-tag', to = 'our-tag') =>
  parseMessage(
    `BYE ${contact.slice(1, -1)} SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bK1\r\nFrom: <sip:101@a>;tag=${from}\r\nTo: <sip:1@a>;tag=${to}\r\nCall-ID: ${callId}\r\nCSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n`,
  ) as SipRequest;

describe('a Contact that carries its call', () => {
  test('is the plain one with a parameter within its brackets, and says the call to who has the key', () => {
    const sealing = contacts();
    const contact = sealing.of(question());
    expect(contact).toMatch(/^<sip:\+14155550199@198\.51\.100\.1:5060;tdm=[A-Za-z0-9_-]+>$/);
    expect(contact.length).toBeLessThanOrEqual('<sip:+14155550199@198.51.100.1:5060>'.length + 200);
    expect(contacts().open(requestTo(contact))).toMatchObject({
      id: ID,
      isCaller: true,
      node: 1,
      life: 2,
      startedAtMs: 1_800_000_000_000,
      answeredAtMs: 1_800_000_004_000,
      caller: '101',
      called: '+14155550199',
      near: { owner: { number: '101' }, target: 'sip:101@203.0.113.1:5060' },
      far: { callId: 'b84b4c76e66710aa11223344', remoteTag: 'as7b2c9d10', contactUser: '+14155550100' },
    });
  });

  test('says when by the clock of the store, whatever the clocks of its nodes', () => {
    const contact = contacts({ clockOffsetMs: () => 3_600_000 }).of(question());
    expect(contacts({ clockOffsetMs: () => -1_000 }).open(requestTo(contact))).toMatchObject({
      startedAtMs: 1_800_000_000_000 - 3_601_000,
      answeredAtMs: 1_800_000_004_000 - 3_601_000,
    });
  });

  test('says how long the call may last where that is less than for every call; and is not opened where it is switched off', () => {
    const limited = { ...question(), sessionLimitMs: 600_500 };
    expect(contacts().open(requestTo(contacts().of(question())))?.sessionLimitMs).toBeUndefined();
    expect(contacts().open(requestTo(contacts().of(limited)))?.sessionLimitMs).toBe(600_000);
    expect(contacts({ isOn: false }).open(requestTo(contacts().of(question())))).toBeUndefined();
  });

  test('is another one each time', () => {
    const sealing = contacts();
    expect(new Set(Array.from({ length: 600 }, () => sealing.of(question()))).size).toBe(600);
  });

  test.each([
    ['Call-ID', ['another']],
    ['the peer’s tag', ['a84b4c76e66710', 'another']],
    ['our tag', ['a84b4c76e66710', 'their-tag', 'another']],
  ] as [string, string[]][])('is worth nothing with another %s', (_what, ids) => {
    const sealing = contacts();
    expect(sealing.open(requestTo(sealing.of(question()), ...ids))).toBeUndefined();
    expect(sealing.counters.forged).toBe(1);
  });

  test('is worth nothing to who has another key, and with any bit changed', () => {
    const contact = contacts().of(question());
    expect(contacts({ secret: new Uint8Array(32).fill(2) }).open(requestTo(contact))).toBeUndefined();
    const [, token = ''] = /;tdm=([^>]*)/.exec(contact) ?? [];
    const octets = Buffer.from(token, 'base64url');
    const opening = contacts();
    for (let bit = 0; bit < octets.length * 8; bit++) {
      const changed = Buffer.from(octets);
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(opening.open(requestTo(contact.replace(token, changed.toString('base64url'))))).toBeUndefined();
    }
  });

  test.each([
    [0, true],
    [WEEK_MS, true],
    [2 * WEEK_MS, false],
    [32 * WEEK_MS, false],
  ])('is good after %i ms: %s', (passedMs, isGood) => {
    const clock = new VirtualScheduler();
    const contact = contacts({ clock }).of(question());
    const later = { nowMs: () => clock.nowMs(), wallMs: () => clock.wallMs() + passedMs };
    expect(contacts({ clock: later }).open(requestTo(contact)) !== undefined).toBe(isGood);
  });
});

describe('is left plain', () => {
  const plain = '<sip:+14155550199@198.51.100.1:5060>';

  test('where there is more to say than 200 octets hold', () => {
    const sealing = contacts();
    expect(sealing.of(question('-of-a-peer-that-likes-long-names.example.com'))).toBe(plain);
    expect(sealing.counters).toMatchObject({ sealed: 0, tooLong: 1 });
  });

  test('for a party of another tenant, one that nobody would know, a call of another node’s, and a trunk that does not want it', () => {
    const asked = question();
    const { near, far, record } = asked;
    const sealing = contacts({ isWanted: () => false });
    expect(
      sealing.of({
        ...asked,
        near: { ...near, options: { contact: plain, owner: { tenant: 'globex', number: '101' } } },
      }),
    ).toBe(plain);
    expect(sealing.of({ ...asked, near: { ...near, options: { contact: plain } } })).toBe(plain);
    expect(sealing.of({ ...asked, record: { ...record, facts: { ...record.facts, peerNode: 'b' } } })).toBe(plain);
    expect(sealing.of({ ...asked, near: far, far: near })).toBe(far.options.contact);
    expect(sealing.of(asked)).not.toBe(plain);
  });

  test('and it is known why, for the latest thousand of those that were to carry their call', () => {
    const [long, asked] = [question('-of-a-peer-that-likes-long-names.example.com'), question()];
    const { dialog } = asked.near;
    const sealing = contacts();
    sealing.of(long);
    expect(sealing.leftOut(dialog.callId)).toBe('too-long');
    const elsewhere = { ...asked.record, facts: { ...asked.record.facts, peerNode: 'b' } };
    sealing.of({ ...asked, record: elsewhere, near: { ...asked.near, dialog: { ...dialog, callId: 'other' } } });
    expect([sealing.leftOut('other'), sealing.leftOut('nothing')]).toEqual(['not-for-others', undefined]);
    for (let call = 0; call < 999; call++) sealing.noteTooLarge(`call-${call}`);
    expect([dialog.callId, 'other', 'call-0', 'call-998'].map((callId) => sealing.leftOut(callId))).toEqual([
      undefined,
      'not-for-others',
      'too-large',
      'too-large',
    ]);
    const unwanted = contacts({ isWanted: () => false });
    unwanted.of({ ...asked, near: asked.far, far: asked.near });
    expect(unwanted.leftOut(asked.far.dialog.callId)).toBeUndefined();
  });
});

test('what is sealed for a call that is only thought through is as long, and not counted', () => {
  const sealing = contacts();
  const rehearsed = sealing.rehearsal();
  expect(rehearsed.of(question())).toHaveLength(contacts().of(question()).length);
  rehearsed.of(question('-of-a-peer-that-likes-long-names.example.com'));
  rehearsed.noteTooLarge('large');
  expect(sealing.counters).toMatchObject({ sealed: 0, tooLong: 0, tooLarge: 0 });
  expect(sealing.leftOut('large')).toBeUndefined();
});

test('workers know one another by name', () => {
  const [one, two] = [selfOf('edge-w1', 2), selfOf('edge-w2', 2)];
  expect([one.siblings, two.siblings]).toEqual([[two.node], [one.node]]);
  expect(selfOf('edge', undefined).siblings).toEqual([]);
});

/** What a program that writes other things would seal for the question's dialog, with the key of the week. */
function sealedByAnother(octets: Buffer, wallMs: number): string {
  const week = Math.floor(wallMs / WEEK_MS);
  const key = Buffer.from(hkdfSync('sha256', SECRET, '', `tandem call token ${week}`, 32));
  const nonce = Buffer.alloc(12, 5);
  const head = 64 | 32 | (week & 31);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: 12 });
  cipher.setAAD(Buffer.from(`${String.fromCharCode(head)}a84b4c76e66710\nour-tag\ntheir-tag`, 'latin1'));
  const body = Buffer.concat([cipher.update(octets), cipher.final()]);
  return Buffer.concat([Buffer.from([head]), nonce, cipher.getAuthTag(), body]).toString('base64url');
}

test('what another version has sealed with the key is unread, not forged', () => {
  const clock = new VirtualScheduler();
  const sealed = contacts({ clock });
  const token = sealedByAnother(Buffer.alloc(40, 0xff), clock.wallMs());
  const request = parseMessage(
    [
      `BYE sip:102@198.51.100.1:5060;tdm=${token} SIP/2.0`,
      'Via: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bK1',
      'From: <sip:101@acme.example.com>;tag=their-tag',
      'To: <sip:+14155550199@acme.example.com>;tag=our-tag',
      'Call-ID: a84b4c76e66710',
      'CSeq: 2 BYE',
      'Content-Length: 0',
      '\r\n',
    ].join('\r\n'),
  ) as SipRequest;
  expect(sealed.open(request)).toBeUndefined();
  expect(sealed.counters).toMatchObject({ unread: 1, forged: 0, opened: 0 });
});

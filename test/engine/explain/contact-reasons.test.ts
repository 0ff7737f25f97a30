import { expect, test } from 'vitest';
import { type LeftOut, SealedContacts } from '../../../src/engine/continuity/sealed-contacts.ts';
import { contactReasons } from '../../../src/engine/explain/contact-reasons.ts';
import { parseMessage, type SipRequest } from '../../../src/sip/message/index.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

const contacts = (isOn = true) =>
  new SealedContacts({
    ...{ secret: new Uint8Array(32).fill(1), self: { node: 1, life: 2 }, clock: new VirtualScheduler() },
    ...{ clockOffsetMs: () => 0, sessionLimitMs: 14_400_000, isOn, isWanted: (trunkId) => trunkId === 'wanted' },
  });

const invite = (contact: string, callId = 'one') =>
  parseMessage(
    `INVITE sip:1@192.0.2.10 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1\r\nFrom: <sip:101@a>;tag=1\r\nTo: <sip:1@a>\r\nCall-ID: ${callId}\r\nCSeq: 1 INVITE\r\nContact: ${contact}\r\nContent-Length: 0\r\n\r\n`,
  ) as SipRequest;
const PLAIN = '<sip:101@198.51.100.1:5060;ob>';

test.each([
  '<sip:101@198.51.100.1:5060;ob;tdm=abcdefgh>',
  '"Alice" <sip:101@198.51.100.1;tdm=abcdefgh;transport=tcp>;expires=60',
])('%s carries its call in 13 octets', (contact) => {
  expect(contactReasons(contacts(), invite(contact), 'unwanted')).toEqual([
    {
      field: 'Contact',
      value: ';tdm=abcdefgh',
      source: 'contactToken',
      origin: 'engine',
      reason:
        '13 octets of the Contact carry the call, sealed, so that it goes on when its node and the store are lost (continuity.contactToken)',
    },
  ]);
});

test.each([
  ['unwanted', undefined, "the trunk's options.contactToken is false"],
  ['wanted', undefined, 'the parameter is left out, and it is not known any more why'],
  [undefined, undefined, 'the parameter is left out, and it is not known any more why'],
  ['wanted', 'too-long', 'the parameter is left out, for it would have more than 200 octets, or the URI more than 250'],
  [
    'wanted',
    'too-large',
    'the parameter is left out, for the INVITE would have more than the 1300 octets that go over UDP',
  ],
  [
    'wanted',
    'not-for-others',
    'the parameter is left out, for another node has the other side of the call, or one of its sides is none that other nodes know',
  ],
] as [string | undefined, LeftOut | undefined, string][])(
  'a plain one to trunk %s, left out %s: %s',
  (trunkId, leftOut, why) => {
    const [told, ...more] = contactReasons(contacts(), invite(PLAIN), trunkId, leftOut);
    expect([told?.value, told?.reason, more]).toEqual([PLAIN, `it carries no call: ${why}`, []]);
  },
);

test('of an INVITE that was sent the node knows why, by its Call-ID', () => {
  const sealing = contacts();
  sealing.noteTooLarge('one');
  const reasonOf = (callId: string) => contactReasons(sealing, invite(PLAIN, callId), 'wanted')[0]?.reason;
  expect([reasonOf('one'), reasonOf('two')]).toEqual([
    expect.stringContaining('over UDP'),
    expect.stringContaining('not known any more'),
  ]);
});

test('where no Contact carries its call there is nothing to say', () => {
  expect(contactReasons(contacts(false), invite(PLAIN), 'wanted')).toEqual([]);
});

/**
 * What `continuity.contactToken` costs a call on the engine's thread: the two Contacts that carry it (in the INVITE to the called party and
 * in the caller's 2xx), the two names that follow from others, and how many octets each token has. What it takes to read one is told too:
 * that is done only for calls whose node and snapshot are lost.
 *
 *   node bench/contact-token.bench.ts [--calls 50000] [--rounds 9]
 */
import { parseArgs } from 'node:util';
import type { ContactQuestion } from '../src/call/index.ts';
import { SealedContacts } from '../src/engine/continuity/sealed-contacts.ts';
import { parseMessage, type SipRequest } from '../src/sip/message/index.ts';
import { formatSpread, spread } from './kit/statistics.ts';

const { values: options } = parseArgs({
  options: { calls: { type: 'string', default: '50000' }, rounds: { type: 'string', default: '9' } },
});
const calls = Number(options.calls);
const rounds = Number(options.rounds);

const contacts = new SealedContacts({
  secret: new Uint8Array(32).fill(1),
  self: { node: 1, life: 2 },
  clock: { nowMs: () => performance.now(), wallMs: () => Date.now() },
  clockOffsetMs: () => 0,
  isOn: true,
  sessionLimitMs: 14_400_000,
  isWanted: () => true,
});

type ContactParty = ContactQuestion['near'];

const OUR_TAG = 'b45d5c0f7d0a4c2f9e6b1a3c';
const OUR_CALL_ID = '0d1e2f3a4b5c6d7e8f901234';

/** A phone that calls a number over a trunk, with names as Asterisk, Yealink or Cisco make them. */
function phone(): ContactParty {
  return {
    options: { contact: '<sip:+14155550199@198.51.100.1:5060>', owner: { tenant: 'acme', number: '101' } },
    destination: { transport: 'udp', address: '203.0.113.1', port: 5060 },
    dialog: {
      role: 'uas',
      callId: '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
      localTag: OUR_TAG,
      remoteTag: '1928301774',
      localAddress: `<sip:+14155550199@acme.example.com>;tag=${OUR_TAG}`,
      remoteAddress: '"Alice" <sip:101@acme.example.com>;tag=1928301774',
      remoteTarget: 'sip:101@203.0.113.1:5060',
      routeSet: [],
      localSequence: 0,
    },
    session: undefined,
    methods: 7,
  };
}

function trunk(remoteTag: string): ContactParty {
  const localTag = contacts.derived(OUR_CALL_ID);
  const to = '<sip:+14155550199@192.0.2.10>';
  return {
    options: { contact: '<sip:+14155550100@198.51.100.1:5060>', trunkId: '100000001' },
    destination: { transport: 'udp', address: '192.0.2.10', port: 5060 },
    dialog: {
      role: 'uac',
      callId: OUR_CALL_ID,
      localTag,
      remoteTag,
      localAddress: `<sip:+14155550100@acme.example.com>;tag=${localTag}`,
      remoteAddress: remoteTag === '' ? to : `${to};tag=${remoteTag}`,
      remoteTarget: 'sip:+14155550199@192.0.2.10:5060',
      routeSet: [],
      localSequence: 1,
    },
    session: undefined,
    methods: undefined,
  };
}

const question = (near: ContactParty, far: ContactParty, isAnswered: boolean): ContactQuestion => ({
  sessionLimitMs: 14_400_000,
  record: {
    id: contacts.derived(OUR_TAG),
    facts: { direction: 'outbound', tenant: 'acme', caller: '101', called: '+14155550199' },
    startedAtMs: Date.now(),
    answeredAtMs: isAnswered ? Date.now() + 4_000 : undefined,
  },
  near,
  far,
});

const inInvite = question(trunk(''), phone(), false);
const inAnswer = question(phone(), trunk('as7b2c9d10'), true);
const parameter = (contact: string) => /;tdm=[^>]*/.exec(contact)?.[0] ?? '';
const sealed = contacts.of(inAnswer);
const bye = parseMessage(
  `BYE ${sealed.slice(1, -1)} SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bK1\r\nFrom: <sip:101@acme.example.com>;tag=1928301774\r\nTo: <sip:+14155550199@acme.example.com>;tag=${OUR_TAG}\r\nCall-ID: 6ba7b810-9dad-11d1-80b4-00c04fd430c8\r\nCSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n`,
) as SipRequest;
if (contacts.open(bye) === undefined) throw new Error('the token cannot be read');

function usEach(what: () => void): number {
  const before = process.threadCpuUsage();
  for (let call = 0; call < calls; call++) what();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / calls;
}

const perCall = () => {
  contacts.derived(OUR_TAG);
  contacts.derived(OUR_CALL_ID);
  contacts.of(inInvite);
  contacts.of(inAnswer);
};

usEach(perCall);
const sealing: number[] = [];
const opening: number[] = [];
for (let round = 0; round < rounds; round++) {
  sealing.push(usEach(perCall));
  opening.push(usEach(() => void contacts.open(bye)));
}
console.log(`contact token: ${formatSpread(spread(sealing))} us a call, of two Contacts and two names`);
console.log(`               ${formatSpread(spread(opening))} us to read one`);
console.log(
  `               ${parameter(contacts.of(inInvite)).length} octets in the INVITE, ${parameter(sealed).length} in the 2xx`,
);

import { expect, test } from 'vitest';
import {
  anonymousBy,
  HeaderId,
  isAnonymousAddress,
  isWithheldCaller,
  parseNameAddr,
  partyPrivacy,
  refusesPrivacy,
  SipRequest,
  withheldBy,
} from '../../../src/sip/message/index.ts';

const NUMBER = '<sip:+442079460001@carrier.example>';

function invite(fields: readonly string[], from = NUMBER): SipRequest {
  const made = new SipRequest('INVITE', 'sip:1@x');
  const { headers } = made;
  headers.add(HeaderId.From, `${from};tag=1`);
  for (const field of fields) {
    const colon = field.indexOf(':');
    headers.addNamed(field.slice(0, colon), field.slice(colon + 1).trim());
  }
  return made;
}

test.each([
  [['Privacy: id'], true],
  [['Privacy: user;header;critical'], true],
  [['Privacy: session, ID'], true],
  [['Privacy: session', 'Privacy: header'], true],
  [['Privacy: none'], false],
  [['Privacy: session;critical'], false],
  [['Privacy: history'], false],
  [['Privacy: ;;'], false],
  [['Proxy-Require: privacy'], false],
  [['Proxy-Require: privacy', 'Privacy: id', `P-Asserted-Identity: ${NUMBER}`], true],
  [[`P-Asserted-Identity: ${NUMBER}`], false],
  [['P-Asserted-Identity: "Anonymous" <sip:anonymous@anonymous.invalid>'], true],
  [[`P-Asserted-Identity: <sip:anonymous@anonymous.invalid>, ${NUMBER}`], false],
  [[`Remote-Party-ID: ${NUMBER};party=calling;privacy=full`], true],
  [[`Remote-Party-ID: ${NUMBER};party=calling;screen=yes;privacy=uri`], true],
  [[`Remote-Party-ID: ${NUMBER};privacy=full`], true],
  [[`Remote-Party-ID: ${NUMBER};party=CALLING;privacy=FULL`], true],
  [[`Remote-Party-ID: ${NUMBER};party=calling;privacy="name,uri"`], true],
  [[`Remote-Party-ID: ${NUMBER};party=calling;privacy=full-network`], true],
  [['Remote-Party-ID: sip:+442079460001@carrier.example;party=calling;privacy=full'], true],
  [['Remote-Party-ID: "broken <sip:+44@x>;party=calling;privacy=full'], true],
  [[`Remote-Party-ID: ${NUMBER};privacy=off;privacy=full`], true],
  [['Remote-Party-ID: <sip:+442079460001@carrier.example;privacy=full>'], true],
  [['Privacy: "id"'], true],
  [['RPID-Privacy: party=calling;privacy=full'], true],
  [['RPID-Privacy: ;privacy=uri-network'], true],
  [['RPID-Privacy: ;party=called;privacy=full'], false],
  [['RPID-Privacy: ;privacy=off', 'Anonymity: off'], false],
  [['Anonymity: uri'], true],
  [[`Remote-Party-ID: ${NUMBER};privacy=name`, 'Anonymity: full'], true],
  [[`Remote-Party-ID: ${NUMBER};party=calling;privacy=name`], false],
  [[`Remote-Party-ID: ${NUMBER};party=calling;privacy=off`], false],
  [[`Remote-Party-ID: ${NUMBER};party=calling`], false],
  [[`Remote-Party-ID: ${NUMBER};party=called;privacy=full`], false],
  [[`Remote-Party-ID: ${NUMBER};party=calling;privacy=off`, `Remote-Party-ID: ${NUMBER};privacy=full`], true],
  [[`Remote-Party-ID: ${NUMBER};party=called;privacy=full, ${NUMBER};party=calling;privacy=off`], false],
  [[`Remote-Party-ID: ${NUMBER};party=called;privacy=off, ${NUMBER};party=calling;privacy=full`], true],
] as const)('RFC 3323, 3325 and Remote-Party-ID: %j withholds the caller: %s', (fields, withheld) => {
  expect(isWithheldCaller(invite(fields))).toBe(withheld);
});

test.each([
  ['"Anonymous" <sip:anonymous@anonymous.invalid>', true],
  ['<sip:+44207@ANONYMOUS.invalid>', true],
  ['"x" <sip:Anonymous@carrier.example>', true],
  ['<sip:Restricted@carrier.example>', true],
  ['<sip:anonymous;phone-context=%2B44@carrier.example;user=phone>', true],
  ['"Anonymous" <sip:carrier.example>', true],
  ['<sip:carrier.example>', true],
  ['"Anonymous" <sip:+442079460001@carrier.example>', false],
  ['"Anonymous" <>', true],
  ['<sip:anonymous@>', true],
  ['<sip:+anonymous@carrier.example;user=phone>', true],
  ['<sip:%2BRestricted@carrier.example>', true],
  ['<tel:anonymous>', true],
  ['<sip:;user=phone@carrier.example>', true],
  ['<sip:%20@carrier.example>', true],
  ['<sip:-@carrier.example>', true],
  ['<sip:+@carrier.example>', true],
  ['<urn:x:y>', true],
  // 3GPP TS 23.003 §13.7: nobody knows the number, and nobody withholds it.
  ['"Unknown" <sip:unavailable@unknown.invalid>', false],
  ['<sip:unknown-caller@carrier.example>', false],
  ['<sip:0@carrier.example>', false],
  ['<tel:+442079460001>', false],
  [NUMBER, false],
])('a From of a trunk that names nobody (RFC 3323 §4.1.1.3): %s is withheld: %s', (from, withheld) => {
  expect(isWithheldCaller(invite([], from))).toBe(withheld);
});

test.each([
  ['<sip:101@acme.test>', [], undefined],
  ['<sip:101@acme.test>', ['P-Preferred-Identity: <sip:anonymous@anonymous.invalid>'], 'P-Preferred-Identity'],
  ['<sip:101@acme.test>', [`P-Preferred-Identity: ${NUMBER}, <sip:anonymous@anonymous.invalid>`], undefined],
  ['"Anonymous" <>', [], 'From'],
  ['Anonymous', [], 'From'],
  ['<sip:[>', [], undefined],
  ['<sip:acme.test>', [], undefined],
] as const)('an endpoint that is known otherwise: %s with %j asks not to be named in %s', (from, fields, field) => {
  expect(anonymousBy(invite(fields, from))).toBe(field);
});

test('an endpoint that leaves the user part out is known by its credentials: only its words make it anonymous', () => {
  expect(isAnonymousAddress(parseNameAddr('<sip:acme.example.com>'))).toBe(false);
  expect(isAnonymousAddress(parseNameAddr('"Anonymous" <sip:acme.example.com>'))).toBe(true);
});

test('RFC 3323 §4.2: none stands alone; beside a value that withholds it says nothing', () => {
  expect(refusesPrivacy({ values: ['none'] })).toBe(true);
  expect(refusesPrivacy({ values: ['critical'] })).toBe(false);
  expect(refusesPrivacy({ values: ['none', 'id'] })).toBe(false);
});

test('a name alone may be withheld; what withholds the number is said in words', () => {
  const named = partyPrivacy(invite([`Remote-Party-ID: ${NUMBER};privacy=name`]).headers, 'calling');
  expect(named.remoteParty).toBe('name');
  expect(withheldBy(named)).toBeUndefined();
  expect(withheldBy({ values: ['session', 'user'], remoteParty: undefined })).toBe('Privacy: user');
});

test('in a response a Remote-Party-ID without party is the called one’s', () => {
  const { headers } = invite([`Remote-Party-ID: ${NUMBER};privacy=full`]);
  expect(partyPrivacy(headers, 'called').remoteParty).toBe('number');
  const calling = invite([`Remote-Party-ID: ${NUMBER};party=calling;privacy=full`]).headers;
  expect(partyPrivacy(calling, 'called').remoteParty).toBeUndefined();
});

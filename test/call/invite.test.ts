import { describe, expect, test } from 'vitest';
import { buildInvite } from '../../src/call/invite.ts';
import { serialize } from '../../src/sip/message/index.ts';
import type { LegDraft } from '../../src/sip/message/leg-draft.ts';

const DRAFT: LegDraft = {
  requestUri: 'sip:9@carrier.example',
  from: '"Alice" <sip:101@acme.example.com>',
  to: '<sip:9@carrier.example>',
  contact: '<sip:101@192.0.2.1:5060;ob>',
  routes: ['<sip:proxy.example;lr>', '<sip:edge.example;lr>'],
  headers: [
    ['Supported', '100rel, replaces'],
    ['X-Site', 'hq'],
  ],
  body: 'v=0\r\n',
};
const DIALOG = { callId: 'one', localTag: 'two', sequence: 7 };
const inviter = (relaysReliable = false) => ({ maxForwards: 19, user: { relaysReliable, methods: undefined } });
const options = { contact: DRAFT.contact };

test('the dialog and the draft make the INVITE, in the order of the fields that every INVITE has (RFC 3261 §8.1.1)', () => {
  const lines = serialize(buildInvite({ draft: DRAFT, options }, DIALOG, inviter())).split('\r\n');
  expect(lines.slice(0, 8)).toEqual([
    'INVITE sip:9@carrier.example SIP/2.0',
    'Max-Forwards: 19',
    'Route: <sip:proxy.example;lr>',
    'Route: <sip:edge.example;lr>',
    'Contact: <sip:101@192.0.2.1:5060;ob>',
    'To: <sip:9@carrier.example>',
    'From: "Alice" <sip:101@acme.example.com>;tag=two',
    'Call-ID: one',
  ]);
  expect(lines).toContain('CSeq: 7 INVITE');
  expect(lines).toContain('X-Site: hq');
  expect(lines.at(-2)).toBe('v=0');
});

describe('RFC 3262 §5: an INVITE without an offer may be offered to in a reliable response, which only a PRACK can answer', () => {
  const supported = (body: string, relaysReliable: boolean) =>
    serialize(buildInvite({ draft: { ...DRAFT, body }, options }, DIALOG, inviter(relaysReliable)));

  test.each([
    ['', false, false],
    ['', true, true],
    ['v=0\r\n', false, true],
  ])('body %j, a caller that sends PRACK: %s → 100rel is offered: %s', (body, relaysReliable, isOffered) => {
    expect(/^Supported: .*100rel/m.test(supported(body, relaysReliable))).toBe(isOffered);
  });
});

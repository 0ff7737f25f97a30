import { describe, expect, test } from 'vitest';
import type { CallFacts } from '../../../src/call/index.ts';
import { type CallIn, inboundSteps, phoneFields } from '../../../src/engine/explain/inbound-reasons.ts';
import { Directory } from '../../../src/provisioning/directory/directory.ts';
import { provisioningSchema } from '../../../src/provisioning/trunk-settings/schema.ts';
import { parseMessage, type SipRequest } from '../../../src/sip/message/index.ts';

const directory = new Directory(
  provisioningSchema.parse({
    tenants: [
      {
        name: 'acme',
        domain: 'acme.test',
        extensions: [{ number: '101', name: 'Alice', password: 'secret-101' }],
        inboundRules: [
          {
            name: 'desk',
            trunk: 'carrier',
            dids: '14155550100-14155550109',
            callers: '1*',
            displayNamePrefix: 'Desk: ',
            destination: { extension: '101' },
            hours: { timeZone: 'UTC', open: [{ days: ['mon'], from: '08:00', to: '17:00' }] },
          },
        ],
      },
      { name: 'bolt', domain: 'bolt.test' },
    ],
    trunks: [
      {
        id: '7',
        name: 'carrier',
        type: 'ip',
        host: '192.0.2.7',
        inboundParameters: {
          calledNumber: ['pCalledPartyId.user', 'to.user'],
          normalize: { calledNumber: { strip: 2 } },
        },
        tenants: [
          { tenant: 'acme', didPool: '14155550100-14155550199; 14155559999' },
          { tenant: 'bolt', didPool: '14155550200-14155550299' },
        ],
      },
    ],
  }),
);
const trunk = directory.trunk('7');
const invite = (extra = '', from = '"Ann" <sip:15551234@192.0.2.7>') =>
  parseMessage(
    `INVITE sip:x@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\nFrom: ${from};tag=a\r\nTo: <sip:0014155550101@192.0.2.1>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n${extra}Content-Length: 0\r\n\r\n`,
  ) as SipRequest;
const FACTS: CallFacts = {
  direction: 'inbound',
  tenant: 'acme',
  caller: '15551234',
  called: '14155550101',
  trunkId: '7',
  inboundRule: 'desk',
};
/** A Monday. */
const OPEN_MS = Date.parse('2026-11-02T09:00:00Z');

function steps(changes: Partial<CallIn> = {}): Record<string, string> {
  if (trunk === undefined) throw new Error('there is no trunk');
  const call = {
    directory,
    trunk,
    facts: FACTS,
    invite: invite(),
    from: 'udp:192.0.2.7:5060',
    wallMs: OPEN_MS,
    ...changes,
  };
  return Object.fromEntries(inboundSteps(call).map(({ step, reason }) => [step, reason]));
}

describe('why a call in went where it went', () => {
  test('whose trunk, what was read where and made of it, whose pool, what the rule asks for', () => {
    expect(steps()).toEqual({
      trunk: '"carrier" (ip, id 7) of the system; it came from udp:192.0.2.7:5060',
      'called-number': 'to.user: 0014155550101, read as 14155550101 (strip 2)',
      'caller-number': 'from.user: 15551234',
      'caller-name': 'from.displayName: Ann',
      pool: '14155550101 is in the DID pool of acme on this trunk (14155550100-14155550199)',
      'rule-terms': 'DIDs 14155550100-14155550109; callers 1*; within its hours; puts "Desk: " in front of the name',
    });
    expect(steps({ wallMs: OPEN_MS + 12 * 3_600_000 })['rule-terms']).toContain('outside its hours');
    const named = steps({
      invite: invite('P-Called-Party-ID: <sip:0014155559999@192.0.2.1>\r\n'),
      facts: { ...FACTS, called: '14155559999' },
    });
    expect(named['called-number']).toContain('pCalledPartyId.user: 0014155559999');
    expect(named['pool']).toContain('(14155559999)');
  });

  test('the field that the called number was taken from is named, not one before it that nobody has', () => {
    for (const [field, source, value, called] of [
      ['P-Called-Party-ID: <sip:office@192.0.2.1>', 'to.user', '0014155550101', '14155550101'],
      ['P-Called-Party-ID: <sip:00442079460000@192.0.2.1>', 'to.user', '0014155550101', '14155550101'],
    ] as const)
      expect(steps({ invite: invite(`${field}\r\n`), facts: { ...FACTS, called } })['called-number']).toContain(
        `${source}: ${value}`,
      );
  });

  test('a number of nobody, and one that no rule takes; other tenants are not named', () => {
    const { tenant, inboundRule, ...nobodys } = FACTS;
    expect([tenant, inboundRule]).toEqual(['acme', 'desk']);
    const unknown = steps({ facts: { ...nobodys, called: '1999' } });
    expect(unknown['pool']).toBe('1999 is in no DID pool on this trunk');
    expect(JSON.stringify(unknown)).not.toContain('bolt');
    const ruleless = steps({ facts: { ...nobodys, tenant: 'acme', called: '14155550150' } });
    expect(ruleless['rule-terms']).toBe('no inbound rule was followed to its end (rules for this trunk: desk)');
  });

  test('what is forgotten of the INVITE is left out', () => {
    expect(Object.keys(steps({ invite: undefined, from: undefined }))).toEqual(['trunk', 'pool', 'rule-terms']);
  });
});

test('every field of the INVITE to a phone has a reason, the name with what the rule puts in front of it', () => {
  const rule = directory.tenantByName('acme')?.inboundRules[0];
  const fields = phoneFields(invite('P-Called-Party-ID: <sip:14155550101@acme.test>\r\nX-Own: 1\r\n'), FACTS, rule);
  const reasons = Object.fromEntries(fields.map(({ field, reason }) => [field, reason]));
  expect(reasons).toMatchObject({
    'Request-URI': 'the Contact that the phone registered',
    'From.user': "the caller's number, as it was read",
    'From.displayName': 'the caller\'s name, with "Desk: " of rule "desk" in front',
    'X-Own': 'what this engine adds to the leg',
  });
  expect(fields.every(({ reason }) => reason !== '')).toBe(true);
  const inside = phoneFields(
    invite(),
    { direction: 'internal', tenant: 'acme', caller: '102', called: '101' },
    undefined,
  );
  expect(inside.find(({ field }) => field === 'From.user')?.reason).toBe("the calling extension's or service's number");
});

test.each([
  ['"Anonymous" <sip:anonymous@anonymous.invalid>', 'withholds its number', 'withholds its number'],
  ['"Unavailable" <sip:unavailable@unknown.invalid>', 'none came', "the caller's name"],
])('a phone that is shown %s is told why there is no number, nor a domain to call back', (from, number, name) => {
  const fields = phoneFields(invite('', from), FACTS, undefined);
  const reasons = Object.fromEntries(fields.map(({ field, reason }) => [field, reason]));
  expect(reasons['From.user']).toContain(number);
  expect(reasons['From.host']).toBe(reasons['From.user']);
  expect(reasons['From.displayName']).toContain(name);
});

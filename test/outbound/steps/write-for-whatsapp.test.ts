import { describe, expect, test } from 'vitest';
import { sessionTimerToward } from '../../../src/engine/route/trunk-branch.ts';
import { draftForRoute, planOutbound } from '../../../src/outbound/index.ts';
import { factsOf, type TrunkInput } from '../world.ts';

const WHATSAPP: TrunkInput = {
  id: '7',
  name: 'CallCentric',
  type: 'whatsapp',
  owner: 'acme',
  didPool: '14155550160',
  whatsapp: {
    number: '+14155550160',
    phoneNumberId: '1001',
    accountId: '2002',
    accessToken: 't',
    appSecret: 's',
    verifyToken: 'v',
    calls: { hostname: 'calls.acme.example', password: 'made-by-meta' },
  },
};

const facts = (dialled: string, headers: readonly string[] = [], changes: Partial<TrunkInput> = {}) =>
  factsOf({
    dialled,
    headers,
    tenants: [
      {
        name: 'acme',
        domain: 'sip.portsip.io',
        extensions: [{ number: '101', outboundCallerId: '14155550101' }],
        outboundRules: [{ name: 'world', routes: [{ trunk: 'CallCentric' }] }],
      },
    ],
    trunks: [{ ...WHATSAPP, ...changes }],
  });
const drafted = (...given: Parameters<typeof facts>) => draftForRoute(planOutbound(facts(...given)), 0);

describe('a call to WhatsApp', () => {
  test.each(['12015550123', '+12015550123', '0012015550123'])(
    '%s leaves as E.164 with +, over TLS, from the business',
    (dialled) => {
      expect(drafted(dialled)).toMatchObject({
        kind: 'draft',
        draft: {
          requestUri: 'sip:+12015550123@wa.meta.vc;transport=tls',
          to: '<sip:+12015550123@wa.meta.vc>',
          from: expect.stringContaining('<sip:+14155550160@calls.acme.example>'),
        },
        nextHop: { host: 'wa.meta.vc', port: 5061, transport: 'tls' },
      });
    },
  );

  test.each(['101', '0206555010', '*100'])('%s is no number of E.164: refused', (dialled) => {
    expect(drafted(dialled)).toMatchObject({ kind: 'refused', status: 484, code: 'not-e164' });
  });

  test('who wants to be anonymous is shown as the business all the same: WhatsApp takes no other', () => {
    const route = drafted('12015550123', ['Privacy: id']);
    expect(route).toMatchObject({ draft: { from: expect.stringContaining('<sip:+14155550160@calls.acme.example>') } });
    expect(JSON.stringify(route.kind === 'draft' ? route.draft : undefined)).not.toContain('14155550101');
  });

  test('no session timer is asked for', () => {
    const route = drafted('12015550123');
    if (route.kind !== 'draft') throw new Error('no draft');
    expect(route.draft.headers.map(([name]) => name)).not.toContain('Session-Expires');
    expect(sessionTimerToward(route.trunk)).toBeUndefined();
  });

  test('a trunk without calls is passed over', () => {
    const { calls: _, ...whatsapp } = WHATSAPP.whatsapp as NonNullable<TrunkInput['whatsapp']>;
    const plan = planOutbound(facts('12015550123', [], { whatsapp }));
    expect(plan.skipped).toMatchObject([{ code: 'not-for-calls' }]);
  });

  test.each([
    ['ip', 403],
    ['teams', 403],
    ['register', 403],
    ['whatsapp', undefined],
    [undefined, undefined],
  ] as const)('sent on from a party on a trunk of type %s: %s', (otherTrunk, status) => {
    const forwarding = { kind: 'forward', originator: undefined, diversions: [], otherTrunk } as const;
    const plan = planOutbound({ ...facts('12015550123'), forwarding });
    expect(plan.refusal?.status).toBe(status);
  });

  test('a party on WhatsApp is sent on over no other trunk', () => {
    const forwarding = { kind: 'transfer', originator: undefined, diversions: [], otherTrunk: 'whatsapp' } as const;
    const other = facts('12015550123', [], {
      type: 'register',
      whatsapp: undefined,
      host: '192.0.2.7',
      credentials: { username: 'u', password: 'p' },
    } as never);
    const plan = planOutbound({ ...other, forwarding });
    expect(plan).toMatchObject({ refusal: { status: 403, code: 'no-pstn' }, skipped: [{ code: 'no-pstn' }] });
  });
});

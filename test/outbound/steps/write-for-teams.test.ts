import { describe, expect, test } from 'vitest';
import { draftForRoute, planOutbound } from '../../../src/outbound/index.ts';
import { factsOf, type TrunkInput } from '../world.ts';

const TEAMS: TrunkInput = {
  id: '7',
  name: 'CallCentric',
  type: 'teams',
  owner: 'acme',
  didPool: '14155550100-14155550199',
  teams: { fqdn: 'sbc1.acme.example', certificate: 'acme-sbc' },
};

/** The INVITE for the first datacentre. */
function drafted(
  dialled: string,
  callerId = '14155550101',
  headers: readonly string[] = [],
  trunk: Partial<TrunkInput> = {},
) {
  const tenant = {
    name: 'acme',
    domain: 'sip.portsip.io',
    extensions: [{ number: '101', ...(callerId === '' ? {} : { outboundCallerId: callerId }) }],
    outboundRules: [{ name: 'world', routes: [{ trunk: 'CallCentric' }] }],
  };
  return draftForRoute(
    planOutbound(factsOf({ dialled, headers, tenants: [tenant], trunks: [{ ...TEAMS, ...trunk }] })),
    0,
  );
}

describe('numbers leave as E.164 with +, user=phone on those that are called', () => {
  test.each(['12065550100', '+12065550100', '0012065550100', '1 (206) 555-0100'])('%s', (dialled) => {
    const route = drafted(dialled);
    expect(route).toMatchObject({
      kind: 'draft',
      draft: {
        requestUri: 'sip:+12065550100@sip.pstnhub.microsoft.com;user=phone',
        to: '<sip:+12065550100@sip.pstnhub.microsoft.com;user=phone>',
        from: '<sip:+14155550101@sbc1.acme.example>',
        contact: '<sip:+14155550101@sbc1.acme.example:5061;transport=tls>',
        headers: expect.arrayContaining([['P-Asserted-Identity', '<sip:+14155550101@sbc1.acme.example>']]),
      },
      leg: { viaHost: 'sbc1.acme.example', viaPort: 5061 },
    });
  });

  test.each(['101', '0206555010', '1234567890123456', '*100'])('%s is none: refused', (dialled) => {
    expect(drafted(dialled)).toMatchObject({ kind: 'refused', status: 484, code: 'not-e164' });
  });

  test('a caller without a number of its own in the pool is refused, as `pass` is: an extension is no number of E.164', () => {
    expect(drafted('12065550100', '')).toMatchObject({ status: 403, code: 'caller-id-outside-pool' });
    const pass = { options: { callerIdOutsidePool: 'pass' } } as const;
    expect(drafted('12065550100', '', [], pass)).toMatchObject({ status: 403, code: 'not-e164' });
  });

  test('an anonymous caller is hidden, and the name stays in Contact', () => {
    const route = drafted('12065550100', '14155550101', ['Privacy: id']);
    expect(route).toMatchObject({
      draft: {
        from: '"Anonymous" <sip:anonymous@anonymous.invalid>',
        contact: '<sip:anonymous@sbc1.acme.example:5061;transport=tls>',
      },
    });
  });
});

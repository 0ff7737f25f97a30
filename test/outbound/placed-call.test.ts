import { describe, expect, test } from 'vitest';
import { endpointRequest, explain, explainPlaced, type OutboundFacts, planOutbound } from '../../src/outbound/index.ts';
import { SipRequest } from '../../src/sip/message/index.ts';
import { factsOf, placed, tenantWith, trunkWith } from './world.ts';

const facts = factsOf({
  tenants: [
    tenantWith({
      outboundCallerId: '14155550105',
      headers: { relay: { trunk: ['X-Order'] } },
      outboundRules: [{ name: 'world', routes: [{ trunk: 'CallCentric' }, { trunk: 'backup', prepend: '00' }] }],
    }),
  ],
  trunks: [
    trunkWith({
      outboundParameters: { pAssertedIdentity: { user: 'OriginatorCallerID' } },
    }),
    trunkWith({
      id: '77',
      name: 'backup',
      host: 'backup.example',
      tenants: [{ tenant: 'acme', didPool: '14155550105' }],
    }),
  ],
  headers: ['X-Order: 4711', 'X-Outbound-Cli: value=14155550105;trunk-id=77'],
  body: 'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=Zo\u00c3\u00ab\r\n',
});

const place = (of: OutboundFacts) => placed(planOutbound(of));

describe('a placed call', () => {
  test('is explained as it would have been explained then: every field, header and octet of the INVITE', () => {
    const expected = explain(facts);
    expect(expected.routes[0]?.invite).toContain('X-Order: 4711');
    expect(explainPlaced(place(facts))).toEqual(expected);
  });

  test('keeps the text of the INVITE and nothing that was read from it', () => {
    const { request } = place(facts);
    expect(request).toBe(facts.request.text);
    expect(request).toContain('X-Order: 4711');
  });

  test('whose INVITE was not received is explained too', () => {
    const made = new SipRequest('INVITE', 'sip:88888888@pbx.example.com');
    for (const [name, value] of [
      ['Via', 'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1'],
      ['From', '<sip:101@pbx.example.com>;tag=a'],
      ['To', '<sip:88888888@pbx.example.com>'],
      ['Call-ID', 'made'],
      ['CSeq', '1 INVITE'],
      ['X-Order', '4712'],
    ] as const)
      made.headers.addNamed(name, value);
    const own = { ...facts, request: endpointRequest(made) };
    expect(explain(own).routes[0]?.invite).toContain('X-Order: 4712');
    expect(explainPlaced(place(own))).toEqual(explain(own));
  });

  test('is explained with its trunks as they were, whatever became of them since', () => {
    let up = false;
    const live = {
      ...facts,
      trunkState: (id: string) => ({ up: up || id === '77', full: false, reason: 'no answer to OPTIONS' }),
    };
    const call = place(live);
    const before = explainPlaced(call);
    up = true;
    expect(explainPlaced(call)).toEqual(before);
    expect(before.routes.map(({ trunk }) => trunk.name)).toEqual(['backup']);
    expect(explain(live).routes.map(({ trunk }) => trunk.name)).toEqual(['CallCentric', 'backup']);
  });
});

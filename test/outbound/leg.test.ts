import { describe, expect, test } from 'vitest';
import { RouteState } from '../../src/outbound/context.ts';
import { emptyAddress } from '../../src/outbound/draft.ts';
import { dialledNumber, draftForRoute, planOutbound, type RouteDraft } from '../../src/outbound/index.ts';
import { guardTenancy } from '../../src/outbound/steps/guard-tenancy.ts';
import { NO_TRACE } from '../../src/outbound/trace.ts';
import { parseUri } from '../../src/sip/message/index.ts';
import { type CallOptions, factsOf, type TrunkInput, tenantWith, trunkWith } from './world.ts';

function routeOf(trunk: Partial<TrunkInput>, call: CallOptions = {}): RouteDraft {
  const route = draftForRoute(planOutbound(factsOf({ trunks: [trunkWith(trunk)], ...call })), 0);
  if (route.kind === 'refused') throw new Error(route.reason);
  return route;
}

describe('where the INVITE goes', () => {
  const credentials = { authName: 'a', password: 'x' };
  test.each([
    [
      'ip',
      { type: 'ip' },
      { kind: 'host', host: 'pstn.twillio.com', port: 5060, transport: 'udp', way: '', owner: 'system' },
    ],
    [
      'register',
      { type: 'register', credentials, port: undefined },
      { kind: 'host', host: 'pstn.twillio.com', port: undefined, transport: 'udp', way: '', owner: 'system' },
    ],
    [
      'accept-register: the binding, never its host',
      { type: 'accept-register', credentials },
      { kind: 'binding', trunkId: '235468356' },
    ],
    [
      'accept-register: the binding, its outbound proxy neither',
      { type: 'accept-register', credentials, outboundProxy: { host: 'p.example', port: 5070 } },
      { kind: 'binding', trunkId: '235468356' },
    ],
    [
      'outbound proxy',
      { transport: 'tcp', outboundProxy: { host: 'p.example', port: 5070 } },
      { kind: 'host', host: 'p.example', port: 5070, transport: 'tcp', way: '', owner: 'system' },
    ],
  ] as const)('%s', (_, trunk, nextHop) => {
    expect(routeOf(trunk as Partial<TrunkInput>).nextHop).toEqual(nextHop);
  });

  test('RFC 3608 §6.1: the Service-Route of a registered trunk follows the proxy', () => {
    const trunkState = () => ({ up: true, full: false, reason: '', serviceRoutes: ['<sip:edge.example;lr>'] });
    const route = routeOf({ outboundProxy: { host: 'p.example', route: true } }, { trunkState });
    expect(route.draft.routes).toEqual(['<sip:p.example;lr>', '<sip:edge.example;lr>']);
  });

  test('TrunkHostPort leaves the port out only when the trunk has none', () => {
    expect(routeOf({ port: undefined }).draft.requestUri).toBe('sip:88888888@pstn.twillio.com');
    expect(routeOf({ host: '2001:db8::1' }).draft.requestUri).toBe('sip:88888888@[2001:db8::1]:5060');
  });
});

describe('how the leg behaves', () => {
  test('Contact, Via and relay list go along', () => {
    const tenants = [tenantWith({ headers: { relay: { all: ['X-A'], trunk: ['x-a', 'X-B'], user: ['X-C'] } } })];
    const route = routeOf({ options: { earlyMediaFailover: true } }, { tenants });
    expect(route.leg).toEqual({
      contact: '<sip:101@192.168.0.11:5060;ob>',
      scope: 'public',
      relayHeaders: ['x-a', 'X-B'],
      headers: [['User-Agent', 'tandem']],
      earlyMediaFailover: true,
    });
    expect(route.leg.contact).toBe(route.draft.contact);
    expect(route.maxForwards).toBe(19);
  });

  test('session timers that are only accepted are not asked for', () => {
    const accept = routeOf({ options: { sessionTimer: { mode: 'accept' } } });
    expect(accept.draft.headers.map(([name]) => name)).not.toContain('Session-Expires');
    expect(accept.draft.headers).toContainEqual(['Supported', 'replaces, norefersub, timer']);
  });

  test('an anonymous leg relays nothing of the caller later on either', () => {
    const tenants = [tenantWith({ headers: { relay: { all: ['X-A'] } } })];
    const route = routeOf({}, { tenants, headers: ['Privacy: id'] });
    expect(route.leg).toMatchObject({ relayHeaders: [], headers: [], contact: '<sip:anonymous@192.168.0.11:5060;ob>' });
  });
});

test("behaviour 7: the last look refuses a draft that holds another tenant's number, should an earlier step fail to", () => {
  const tenants = [tenantWith({}), { name: 'b', domain: 'b.example' }];
  const pools = [
    { tenant: 'acme', didPool: '14155550100' },
    { tenant: 'b', didPool: '14155550200' },
  ];
  const plan = planOutbound(factsOf({ tenants, trunks: [trunkWith({ tenants: pools })] }));
  const [planned] = plan.routes;
  if (planned === undefined) throw new Error('no route');
  const look = (field: 'from' | 'contact' | 'pAssertedIdentity', user: string, displayName = '') => {
    const route = new RouteState(plan, planned);
    route.draft[field] = { ...emptyAddress(), user, displayName };
    return guardTenancy.run(route, NO_TRACE);
  };
  for (const field of ['from', 'contact', 'pAssertedIdentity'] as const) {
    expect(look(field, '+14155550200')).toMatchObject({ status: 403, code: 'foreign-number' });
    expect(look(field, '101', 'Call 1 415 555 0200')).toMatchObject({ status: 403 });
    expect(look(field, '14155550100')).toBeUndefined();
  }
});

test("behaviour 7: a caller whose every number is another tenant's is refused with 403 rather than shown", () => {
  const tenants = [tenantWith({}), { name: 'b', domain: 'b.example' }];
  const trunks = [
    trunkWith({
      tenants: [
        { tenant: 'acme', didPool: '14155550100' },
        { tenant: 'b', didPool: '101' },
      ],
    }),
  ];
  expect(draftForRoute(planOutbound(factsOf({ tenants, trunks })), 0)).toMatchObject({
    kind: 'refused',
    status: 403,
    code: 'foreign-number',
  });
  const withCallerId = [tenantWith({ outboundCallerId: '14155550100' }), { name: 'b', domain: 'b.example' }];
  const route = draftForRoute(planOutbound(factsOf({ tenants: withCallerId, trunks })), 0);
  expect(route.kind === 'draft' && route.draft.contact).toBe('<sip:192.168.0.11:5060;ob>');
});

test.each([
  ['sip:123@h', '123'],
  ['sip:%2B12@h', '+12'],
  ['sip:+12;phone-context=x@h;user=phone', '+12'],
  ['tel:+1-2', '+12'],
  ['TEL:9-1-1', '911'],
  ['tel:911;phone-context=+1', '911'],
  ['sip:91%2D900-555.1234@h;user=phone', '919005551234'],
  ['sip:%28900%29%20555@h', '900555'],
  ['sip:911%3Bphone-context=+1@h', '911'],
  ['sip:*67(900)555@h', '*67900555'],
  ['sip:jo-anne.smith@h', 'jo-anne.smith'],
  ['sip:9%252D11@h', '9%2D11'],
  ['sip:h', ''],
  ['sip:911', '911'],
  ['sip:911;user=phone', '911'],
  ['sip:911:5060', ''],
  ['sip:192.0.2.1', ''],
  ['urn:service:sos', ''],
])('dialled: %s is %s', (uri, number) => {
  expect(dialledNumber(parseUri(uri))).toBe(number);
});

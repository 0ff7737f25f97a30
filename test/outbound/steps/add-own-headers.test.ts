import { expect, test } from 'vitest';
import { addedFields, draftForRoute, explain, planOutbound } from '../../../src/outbound/index.ts';
import { type CallOptions, factsOf, TRUNK, tenantWith, trunkWith } from '../world.ts';

/** The header fields that a call of the first extension gets, as its first route drafts them. */
function fieldsOf(options: CallOptions, sessionId: string): Map<string, string> {
  const route = draftForRoute(planOutbound({ ...factsOf(options), sessionId }), 0);
  if (route.kind !== 'draft') throw new Error(`refused: ${route.reason}`);
  return new Map(route.draft.headers);
}

test('X-Session-Id is drawn at random: digits in it that are the caller, or a number of another tenant, do not keep it back', () => {
  const other = tenantWith({ name: 'globex', domain: 'globex.example.com' });
  const trunk = trunkWith({
    options: { internalHeaders: true },
    outboundParameters: { privacy: ['user', 'id'] },
    tenants: [...(TRUNK.tenants ?? []), { tenant: 'globex', didPool: '14155550200' }],
  });
  const call = { tenants: [tenantWith({}), other], trunks: [trunk], headers: ['Privacy: id'] };
  for (const sessionId of ['c101e', 'c14155550200e', '5ab']) {
    expect(fieldsOf(call, sessionId).get('X-Session-Id')).toBe(sessionId);
  }
});

test("what the caller chose itself is looked at: an X-CID with another tenant's number stays back", () => {
  const trunk = trunkWith({
    options: { internalHeaders: true },
    tenants: [...(TRUNK.tenants ?? []), { tenant: 'globex', didPool: '14155550200' }],
  });
  const other = tenantWith({ name: 'globex', domain: 'globex.example.com' });
  const facts = factsOf({ tenants: [tenantWith({}), other], trunks: [trunk] });
  const request = { ...facts.request, callId: 'x14155550200y' };
  const route = draftForRoute(planOutbound({ ...facts, request }), 0);
  if (route.kind !== 'draft') throw new Error('refused');
  expect(route.draft.headers.map(([name]) => name)).not.toContain('X-CID');
});

test('what a tenant adds goes where it says, but for names that the schema has refused since', () => {
  const tenant = tenantWith({ headers: { add: [{ name: 'X-Site', value: 'hq', on: 'trunk' }] } });
  const stored = [...(tenant.headers?.add ?? []), { name: 'X-Tandem-Via', value: 'x', on: 'all' as const }];
  const fields = addedFields({ ...tenant, headers: { ...tenant.headers, add: stored } } as never);
  expect(fields).toEqual({ trunk: [['X-Site', 'hq']], user: [] });
});

test('a relayed field with many values that hold another tenant’s number is told once, and so is each other field', () => {
  const others = { tenants: [...(TRUNK.tenants ?? []), { tenant: 'globex', didPool: '14155550200-14155550299' }] };
  const headers = { relay: { trunk: ['X-Account', 'X-Order'] } };
  const tenants = [tenantWith({ headers }), tenantWith({ name: 'globex', domain: 'globex.example.com' })];
  const written = ['X-Account: 14155550200', 'X-Account: mine', 'X-Account: 14155550201', 'X-Order: 14155550202'];
  const call = { tenants, trunks: [trunkWith(others)], headers: written };
  const route = draftForRoute(planOutbound(factsOf(call)), 0);
  if (route.kind !== 'draft') throw new Error('refused');
  expect(route.events.map(({ kind, source, value }) => [kind, source, value])).toEqual([
    ['foreign-number-blocked', 'X-Account', '"14155550200"'],
    ['foreign-number-blocked', 'X-Order', '"14155550202"'],
  ]);
  const fields = route.draft.headers.filter(([name]) => name.startsWith('X-'));
  expect(fields).toEqual([['X-Account', 'mine']]);
});

test('RFC 6086: who is called over a trunk is told what INFO the caller takes, in no relay list and with its own reason', () => {
  const facts = factsOf({ tenants: [tenantWith({})], trunks: [trunkWith({})], headers: ['Recv-Info: dtmf'] });
  const route = draftForRoute(planOutbound(facts), 0);
  if (route.kind !== 'draft') throw new Error('refused');
  expect(route.draft.headers).toContainEqual(['Recv-Info', 'dtmf']);
  const field = explain(facts).routes[0]?.fields.find(({ field: name }) => name === 'Recv-Info');
  expect(field).toMatchObject({ value: 'dtmf', source: 'relay', origin: 'engine' });
});

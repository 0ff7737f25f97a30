import { describe, expect, test } from 'vitest';
import { draftForRoute, type OutboundFacts, planOutbound } from '../../src/outbound/index.ts';
import { renderInvite } from '../../src/outbound/render.ts';
import { viaAddress } from '../../src/outbound/steps/choose-addresses.ts';
import { parseMessage, type SipRequest, serialize } from '../../src/sip/message/index.ts';
import { type GuideRow, PROSE_ROWS, variableRows } from './guide-table.ts';
import { ACME, type CallOptions, factsOf, SDP, TRUNK, tenantWith, trunkWith } from './world.ts';

/** The INVITE of the first route as a carrier would read it, or the status that the caller gets. */
function outcomeOf(facts: OutboundFacts): SipRequest | number {
  const plan = planOutbound(facts);
  if (plan.refusal !== undefined) return plan.refusal.status;
  const route = draftForRoute(plan, 0);
  if (route.kind === 'refused') return route.status;
  const { host, port } = viaAddress(facts.node, route.trunk);
  const via = `SIP/2.0/${route.trunk.transport.toUpperCase()} ${host}:${port};branch=z9hG4bK1`;
  const tokens = { via, callId: 'c', localTag: 't', sequence: 1, maxForwards: route.maxForwards };
  return parseMessage(serialize(renderInvite(route.draft, tokens))) as SipRequest;
}

function check(row: GuideRow): void {
  const outcome = outcomeOf(factsOf(row.call));
  if (row.refusedWith !== undefined || typeof outcome === 'number') {
    expect(outcome).toBe(row.refusedWith);
    return;
  }
  for (const [name, expected] of Object.entries(row.expect)) {
    if (name === 'Request-Line') {
      expect(`${outcome.method} ${outcome.requestUri} SIP/2.0`).toBe(expected);
      continue;
    }
    const values = outcome.headers
      .fieldValuesNamed(name)
      .map((value) => value.replace(/;tag=t$|;branch=z9hG4bK1$/, ''));
    expect(values, name).toEqual(expected === null ? [] : typeof expected === 'string' ? [expected] : expected);
  }
}

describe('guide "Variables": every field x variable x trunk type', () => {
  const rows = variableRows();
  test('the table has a row for each', () => expect(rows.length).toBe(3 * (9 * 8 + 7 * 8 + 9 * 4 + 9 * 2 + 7)));
  test.each(rows.map((row) => [row.name, row] as const))('%s', (_, row) => check(row));
});

describe('guide prose, row by row', () => {
  test.each(PROSE_ROWS.map((row) => [row.name, row] as const))('%s', (_, row) => check(row));
});

test('guide "Structuring the INVITE Message": the default INVITE has the structure of the sample', () => {
  const trunks = [trunkWith({ options: { internalHeaders: true } })];
  const plan = planOutbound(factsOf({ trunks, tenants: [tenantWith({ extensions: [{ number: '101' }] })] }));
  const route = draftForRoute(plan, 0);
  if (route.kind !== 'draft') throw new Error(route.reason);
  const via = 'SIP/2.0/UDP 192.168.0.11:5060;branch=z9hG4bK-524287-1---39f4bc06b915b70f;rport';
  const tokens = {
    via,
    callId: 'DSSzmYKnCwhMeB1TWUwv2A..',
    localTag: '35c2342b',
    sequence: 1,
    maxForwards: route.maxForwards,
  };
  expect(serialize(renderInvite(route.draft, tokens))).toBe(
    [
      'INVITE sip:88888888@pstn.twillio.com:5060 SIP/2.0',
      'Via: SIP/2.0/UDP 192.168.0.11:5060;branch=z9hG4bK-524287-1---39f4bc06b915b70f;rport',
      'Max-Forwards: 19',
      'Contact: <sip:101@192.168.0.11:5060;ob>',
      'To: <sip:88888888@pstn.twillio.com:5060>',
      'From: <sip:101@sip.portsip.io>;tag=35c2342b',
      'Call-ID: DSSzmYKnCwhMeB1TWUwv2A..',
      'CSeq: 1 INVITE',
      'Session-Expires: 300',
      'Min-SE: 90',
      'Accept-Language: en',
      'Allow: INVITE, ACK, CANCEL, OPTIONS, BYE',
      'Content-Type: application/sdp',
      'Supported: replaces, norefersub, timer',
      'User-Agent: tandem',
      'X-CID: QERh8-brREchTYRqTSTALQ..',
      'X-Session-Id: 678271070897180672',
      'X-Trunk-Name: CallCentric',
      `Content-Length: ${SDP.length}`,
      '',
      SDP,
    ].join('\r\n'),
  );
});

test('behaviour 18: the body goes through octet for octet, and a delayed offer stays one', () => {
  const binary = `v=0\r\ns=\u00ff\u0001\u0080\r\n`;
  expect((outcomeOf(factsOf({ body: binary })) as SipRequest).body).toBe(binary);
  const empty = outcomeOf(factsOf({ body: '' })) as SipRequest;
  expect(empty.body).toBe('');
  expect(empty.headers.hasNamed('Content-Type')).toBe(false);
});

test('RFC 3262 §5: without an offer, reliable responses are asked for only when the endpoint can acknowledge them', () => {
  const node = { supported: ['100rel', 'replaces'] };
  const supported = (call: CallOptions) =>
    (outcomeOf(factsOf({ node, ...call })) as SipRequest).headers.fieldValuesNamed('Supported');
  expect(supported({})).toEqual(['100rel, replaces, timer']);
  expect(supported({ body: '' })).toEqual(['replaces, timer']);
  expect(supported({ body: '', headers: ['Supported: timer, 100REL'] })).toEqual(['100rel, replaces, timer']);
  expect(supported({ body: '', headers: ['Require: 100rel'] })).toEqual(['100rel, replaces, timer']);
});

test('a plan can be drafted again, and in any order, with the same result', () => {
  const outboundRules = [{ name: 'w', routes: [{ trunk: 'CallCentric' }, { trunk: 'CallCentric', prepend: '+' }] }];
  const plan = planOutbound(factsOf({ tenants: [{ ...ACME, outboundRules }], trunks: [TRUNK] }));
  const second = draftForRoute(plan, 1);
  const first = draftForRoute(plan, 0);
  expect(draftForRoute(plan, 1)).toEqual(second);
  expect(first.kind === 'draft' && first.calledNumber).toBe('88888888');
  expect(second.kind === 'draft' && second.calledNumber).toBe('+88888888');
});

test('text of settings and endpoints is escaped and quoted where it is written', () => {
  const tenants = [tenantWith({ extensions: [{ number: '101', name: 'Zo\u00eb "Z" \\' }] })];
  const named = outcomeOf(factsOf({ tenants })) as SipRequest;
  expect(named.headers.fieldValuesNamed('From')[0]).toBe(
    '"Zo\u00c3\u00ab \\"Z\\" \\\\" <sip:101@sip.portsip.io>;tag=t',
  );
  const trunks = [trunkWith({ outboundParameters: { from: { user: 'CallerDispName' } } })];
  const user = outcomeOf(factsOf({ trunks, from: '"a@b%0d%0a#" <sip:101@sip.portsip.io>' })) as SipRequest;
  expect(user.requestUri).toContain('88888888');
  expect(user.headers.fieldValuesNamed('From')[0]).toContain('<sip:a%40b%250d%250a%23@sip.portsip.io>');
});

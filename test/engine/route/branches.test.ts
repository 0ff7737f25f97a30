import { expect, test } from 'vitest';
import { HeaderId, type SipMessage, type SipRequest, type SipResponse } from '../../../src/sip/message/index.ts';
import { OTHER, PhoneThere, registeredThere, twoNodes } from '../two-nodes.ts';
import { ENGINE, extension, GATEWAY_PASSWORD, SDP } from '../world.ts';

const GATEWAY = '203.0.113.9';
const NODES = [ENGINE, OTHER].map((address) => `${address}:5060`);
const PUBLIC = { one: '203.0.113.71', two: '203.0.113.77' };

/** Alice is at one node, bob and a gateway that both call are at another. */
async function world(gatewayTrunk: object, relay: object = {}) {
  const { one } = await twoNodes(
    {
      acme: {
        headers: { relay },
        extensions: ['101', '102', '103'].map((number) => extension(number)),
        outboundRules: [{ name: 'site', routes: [{ trunk: 'gateway' }] }],
      },
      trunks: { gateway: gatewayTrunk },
    },
    PUBLIC,
  );
  registeredThere(one, 'gw1', 'gateway.example.com', GATEWAY);
  const gateway = new PhoneThere(one, GATEWAY, 'gw1', { domain: 'gateway.example.com', password: GATEWAY_PASSWORD });
  expect(gateway.register().status).toBe(200);
  const bob = new PhoneThere(one, '203.0.113.2', '101');
  return { one, gateway, alice: one.phone('101', '203.0.113.1'), bob };
}

/** What the gateway sees of it. */
const shown = ({ requestUri, headers }: SipRequest) => ({
  requestUri,
  contact: headers.value(HeaderId.Contact),
  sentBy: headers.value(HeaderId.Via)?.replace(/;.*/, ''),
  named: ['From', 'P-Asserted-Identity', 'Privacy', 'User-Agent', 'Session-Expires', 'Allow', 'Supported', 'Route'].map(
    (name) => headers.valueNamed(name)?.replace(/;tag=.*/, ''),
  ),
});

test.each([
  ['its own address', {}, '<sip:101@203.0.113.77:5060;ob>', '203.0.113.77:5060'],
  ['its private address', { options: { usePrivateIp: true } }, '<sip:101@198.51.100.77:5060;ob>', '198.51.100.77:5060'],
  [
    'its private address, and the public one in Via',
    { options: { usePrivateIp: true, rewriteViaHost: true } },
    '<sip:101@198.51.100.77:5060;ob>',
    '203.0.113.77:5060',
  ],
  [
    "a host of the trunk's own parameters",
    { outboundParameters: { contact: { user: 'CallerNum', host: { custom: 'pbx.example.com' } } } },
    '<sip:101@pbx.example.com;ob>',
    '203.0.113.77:5060',
  ],
  [
    'its own address, which the parameters may put elsewhere in other calls',
    {
      outboundParameters: {
        contact: [
          { when: 'anonymous', user: 'CallerNum', host: { custom: 'pbx.example.com' } },
          { user: 'CallerNum', host: 'ContactUri' },
        ],
      },
    },
    '<sip:101@203.0.113.77:5060;ob>',
    '203.0.113.77:5060',
  ],
])(
  'a gateway that is at another node sees the INVITE that a call placed there is, and in Contact %s',
  async (_what, trunk, contact, sentBy) => {
    const { one, gateway, alice, bob } = await world(trunk);
    alice.call('442079460000');
    const through = gateway.took('INVITE');
    expect(shown(through)).toMatchObject({ contact, sentBy: `SIP/2.0/UDP ${sentBy}` });
    gateway.answer(through, 486, 'Busy Here');
    one.run();
    bob.call('442079460000');
    expect(shown(gateway.took('INVITE', 1))).toEqual(shown(through));
  },
);

/** A call of alice, who is at one node, to a party at the other; what each tells within it, and what the other one sees of that. */
async function relayed(called: '102' | '442079460000', relay: object) {
  const { one, gateway, alice } = await world({}, relay);
  const bob = new PhoneThere(one, '203.0.113.3', '102');
  registeredThere(one, '102', 'acme.example.com', '203.0.113.3');
  expect(bob.register().status).toBe(200);
  const party = called === '102' ? bob : gateway;
  const fields = (value: string) => ({ 'X-Account': value, 'x-other': 'kept', 'X-Tandem-Other': 'kept' });
  const seen: [string, unknown][] = [];
  const note = (what: string, message: SipMessage | undefined) =>
    seen.push([what, ['X-Account', 'X-Other', 'X-Tandem-Other'].map((name) => message?.headers.valueNamed(name))]);
  const invite = alice.call(called, fields('invite'));
  const through = party.took('INVITE');
  note('INVITE', through);
  party.answer(through, 180, 'Ringing', { ...fields('180'), Privacy: 'none' });
  party.answer(through, 200, 'OK', fields('200'), SDP);
  one.run();
  for (const status of [180, 200])
    note(
      String(status),
      alice.responses(invite.callId()).find((each) => each.status === status),
    );
  const final = alice.final(invite) as SipResponse;
  const infos = [
    [alice, alice.within(invite, final, 'INFO', fields('info')), party],
    [party, party.withinOf(through, 'INFO', fields('info')), alice],
  ] as const;
  for (const [from, info, to] of infos) {
    from.send(info);
    one.run();
    note('INFO', to.took('INFO'));
    to.answer(to.took('INFO'), 200, 'OK', fields('answer'));
    one.run();
    note(
      '200 INFO',
      from.responses(info.callId()).find((each) => each.cseq().method === 'INFO'),
    );
  }
  return seen;
}

const crossed = (...values: string[]) => values.map((value) => [value, undefined, undefined]);

test.each([
  ['a phone', '102', 'user'],
  ['a gateway', '442079460000', 'trunk'],
] as const)(
  'fields of the tenant’s own cross either way between nodes, others do not: %s',
  async (_who, called, list) => {
    const seen = await relayed(called, { [list]: ['x-account'] });
    expect(seen.map(([what]) => what)).toEqual(['INVITE', '180', '200', 'INFO', '200 INFO', 'INFO', '200 INFO']);
    expect(seen.map(([, values]) => values)).toEqual(
      crossed('invite', '180', '200', 'info', 'answer', 'info', 'answer'),
    );
  },
);

test('of a party at another node that asks for privacy none crosses (RFC 3323 §4.1)', async () => {
  const { one, alice } = await world({}, { user: ['X-Account'] });
  registeredThere(one, '102', 'acme.example.com', '203.0.113.3');
  const bob = new PhoneThere(one, '203.0.113.3', '102');
  bob.register();
  const invite = alice.call('102');
  const rung = bob.took('INVITE');
  bob.answer(rung, 180, 'Ringing', { Privacy: 'id', 'X-Account': 'bob' });
  bob.answer(rung, 486, 'Busy Here', { 'X-Account': 'bob' });
  one.run();
  const told = alice.responses(invite.callId()).filter(({ status }) => status === 180 || status === 486);
  expect(told.map(({ status, headers }) => [status, headers.valueNamed('X-Account')])).toEqual([
    [180, undefined],
    [486, undefined],
  ]);
});

test('such fields of a private party do not leave the node that its messages come to, whatever version has the call', async () => {
  const { one, alice } = await world({}, { user: ['X-Account'] });
  registeredThere(one, '102', 'acme.example.com', '203.0.113.3');
  const bob = new PhoneThere(one, '203.0.113.3', '102');
  bob.register();
  const invite = alice.call('102', { 'X-Account': 'open' });
  const rung = bob.took('INVITE');
  bob.answer(rung, 180, 'Ringing', { Privacy: 'id', 'X-Account': 'secret' });
  bob.answer(rung, 200, 'OK', { 'X-Account': 'secret' }, SDP);
  one.run();
  alice.final(invite);
  const info = bob.withinOf(rung, 'INFO', { 'X-Account': 'secret' });
  bob.send(info);
  one.run();
  alice.answer(alice.took('INFO'), 200, 'OK', { 'X-Account': 'secret', Privacy: 'id' });
  one.run();
  const own = alice.within(invite, alice.final(invite) as SipResponse, 'INFO', {
    'X-Account': 'secret',
    Privacy: 'id',
  });
  alice.send(own);
  one.run();
  expect(bob.took('INFO').headers.valueNamed('X-Account')).toBeUndefined();
  const between = one.network.packets.filter(({ from, to }) => [from, to].every((place) => NODES.includes(place)));
  expect(between.filter(({ text }) => text.includes('X-Account: open'))).not.toHaveLength(0);
  expect(between.filter(({ text }) => text.includes('SIP/2.0 180') || text.startsWith('INFO')).length).toBeGreaterThan(
    2,
  );
  expect(between.filter(({ text }) => text.includes('secret'))).toEqual([]);
});

test('nor do those of a private party that is connected to somebody at another node later', async () => {
  const { one, alice } = await world({}, { user: ['X-Account'] });
  registeredThere(one, '102', 'acme.example.com', '203.0.113.3');
  const carol = new PhoneThere(one, '203.0.113.3', '102');
  carol.register();
  const bob = one.phone('103', '203.0.113.4');
  bob.register();
  const invite = alice.call('103');
  const rung = bob.took('INVITE');
  bob.answer(rung, 200, 'OK', { Privacy: 'id' }, SDP);
  one.run();
  alice.send(
    alice.within(invite, alice.final(invite) as SipResponse, 'REFER', {
      'Refer-To': '<sip:102@acme.example.com>',
      Contact: `<sip:101@${alice.host}>`,
    }),
  );
  one.run();
  carol.answer(carol.took('INVITE'), 200, 'OK', {}, SDP);
  one.run(300);
  for (const again of bob.requests('INVITE').slice(1)) bob.answer(again, 200, 'OK', {}, SDP);
  one.run(300);
  bob.send(bob.withinOf(rung, 'INFO', { 'X-Account': 'secret', CSeq: '5 INFO' }));
  one.run(300);
  expect(carol.took('INFO').headers.valueNamed('X-Account')).toBeUndefined();
});

test('what the gateway sends within such a call comes home', async () => {
  const { one, gateway, alice } = await world({});
  const invite = alice.call('442079460000');
  const through = gateway.took('INVITE');
  gateway.answer(through, 200, 'OK', {}, SDP);
  one.run();
  expect(alice.final(invite)?.status).toBe(200);
  expect(gateway.ask(gateway.withinOf(through, 'BYE')).status).toBe(200);
  alice.answer(alice.took('BYE'), 200, 'OK');
  one.run(40_000);
  expect(one.held()).toMatchObject({ calls: 0, legs: 0, uncaught: 0 });
});

import { expect, test } from 'vitest';
import { HeaderId, type SipRequest } from '../../../src/sip/message/index.ts';
import { PhoneThere, registeredThere, twoNodes } from '../two-nodes.ts';
import { extension, GATEWAY_PASSWORD, SDP } from '../world.ts';

const GATEWAY = '203.0.113.9';
const PUBLIC = { one: '203.0.113.71', two: '203.0.113.77' };

/** Alice is at one node, bob and a gateway that both call are at another. */
async function world(gatewayTrunk: object) {
  const { one } = await twoNodes(
    {
      acme: {
        extensions: ['101', '102'].map((number) => extension(number)),
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

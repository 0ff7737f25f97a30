import { expect, test } from 'vitest';
import type { AddressScope } from '../../../src/base/address-scope.ts';
import { NO_PEERS, type PeerNodes } from '../../../src/engine/peer-nodes.ts';
import { aorKey } from '../../../src/registrar/index.ts';
import { HeaderId, type SipMessage, type SipRequest, serialize } from '../../../src/sip/message/index.ts';
import { SimulatedNetwork } from '../../kit/simulated-network.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { binding } from '../../store/records.ts';
import { ENGINE, extension, GATEWAY_PASSWORD, Phone, SDP, World } from '../world.ts';

/** Where the node is that the gateway registered at. */
const OTHER = '198.51.100.77';
const GATEWAY = '203.0.113.9';
const SECRET = new Uint8Array(32).fill(7);
const PUBLIC = { one: '203.0.113.71', two: '203.0.113.77' };

/** Whose way leads to the other node. */
class PhoneThere extends Phone {
  override send(message: SipMessage | string): void {
    this.peer.send(typeof message === 'string' ? message : serialize(message), OTHER);
  }
}

function peersAt(name: 'one' | 'two', address: string): PeerNodes {
  return {
    ...NO_PEERS,
    names: () => [name],
    addressOf: (node) => (node === name ? { transport: 'udp', address, port: 5060 } : undefined),
    isPeerAddress: (each) => each === address,
    advertised: (_node, _transport, scope: AddressScope) => ({
      host: scope === 'public' ? PUBLIC[name] : address,
      port: 5060,
    }),
  };
}

/** Alice is at one node, bob and a gateway that both call are at another. */
async function world(gatewayTrunk: object) {
  const scheduler = new VirtualScheduler();
  const after = { scheduler, network: new SimulatedNetwork(scheduler) };
  const shared = {
    after,
    acme: {
      extensions: ['101', '102'].map((number) => extension(number)),
      outboundRules: [{ name: 'site', routes: [{ trunk: 'gateway' }] }],
    },
    trunks: { gateway: gatewayTrunk },
  };
  const one = await World.start({
    ...shared,
    settings: { node: 'one', advertise: { publicHost: PUBLIC.one } },
    engine: { nonceSecret: SECRET, peers: peersAt('two', OTHER) },
  });
  await World.start({
    ...shared,
    settings: {
      node: 'two',
      advertise: { publicHost: PUBLIC.two },
      listen: [{ transport: 'udp', host: OTHER, port: 5060 }],
    },
    engine: {
      nonceSecret: SECRET,
      peers: peersAt('one', ENGINE),
      createTransport: after.network.transportAt(OTHER),
    },
  });
  const aor = aorKey('gw1', 'gateway.example.com');
  const own = { transport: 'udp' as const, address: GATEWAY, port: 5060 };
  one.engine.registrations.registrar.applyRemote(aor, [
    binding(aor, {
      contactUri: `sip:gw1@${GATEWAY}:5060`,
      path: [],
      source: own,
      target: own,
      node: 'two',
      refreshedAtWallMs: scheduler.wallMs(),
      expiresAtWallMs: scheduler.wallMs() + 600_000,
    }),
  ]);
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

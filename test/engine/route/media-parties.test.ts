/** Which calls are relayed, and how their explanation says so, by what is provisioned and by how their signalling comes. */
import { describe, expect, test } from 'vitest';
import { NO_PEERS, type PeerNodes } from '../../../src/engine/peer-nodes.ts';
import { aorKey } from '../../../src/registrar/index.ts';
import { FakeRelays, relayed } from '../../kit/fake-relay.ts';
import { SimulatedNetwork } from '../../kit/simulated-network.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { binding } from '../../store/records.ts';
import { ExplainedWorld } from '../explained-world.ts';
import { CARRIER_A, GATEWAY_ID, type Phone, SDP, World, type WorldOptions } from '../world.ts';

const RELAYS = { mediaRelays: [{ url: 'udp://192.0.2.99:1' }] };

async function started(options: WorldOptions = {}) {
  const scheduler = new VirtualScheduler();
  const fake = new FakeRelays(scheduler);
  const explained = await ExplainedWorld.start({
    settings: RELAYS,
    after: { scheduler, network: new SimulatedNetwork(scheduler) },
    engine: { openDatagrams: fake.open },
    ...options,
  });
  return { fake, explained, world: explained.world };
}

/** What leaves for carrier-a when this phone calls, and what an explanation says of it beforehand. */
async function placed({ explained, world, fake }: Awaited<ReturnType<typeof started>>, phone: Phone, fields = {}) {
  const carrier = explained.peers.find(({ host }) => host === `${CARRIER_A}:5060`);
  const invite = phone.invite('18005550199', fields);
  const { legs } = await explained.explainer.explain({ tenant: 'acme', invite: textOf(invite) });
  const toldBefore = fake.told.length;
  phone.call('18005550199', fields);
  world.run(50);
  return { body: carrier?.requests('INVITE').at(-1)?.body, media: legs?.[0]?.media, toldBefore };
}

const textOf = (invite: ReturnType<Phone['invite']>) => {
  const lines = [`${invite.method} ${invite.requestUri} SIP/2.0`];
  invite.headers.forEach((name, value) => void lines.push(`${name}: ${value}`));
  return `${lines.join('\r\n')}\r\n\r\n${invite.body}`;
};

test.each(['0.0.0.0', '127.0.1.1', '[::1]', '169.254.7.7', '[fe80::1]'])(
  'a phone that says %s, which means only itself, is relayed as one behind a NAT',
  async (host) => {
    const world = await started();
    const phone = world.world.phone('103', '203.0.113.7');
    const { media } = await placed(world, phone, { Contact: `<sip:103@${host}>` });
    expect(media).toEqual({ relay: true, reason: 'nat' });
  },
);

test('a phone that says a private address which it does not send from is behind a NAT: relayed, and explained without asking a relay', async () => {
  const world = await started();
  const phone = world.world.phone('103', '203.0.113.7');
  const hidden = { Contact: '<sip:103@192.168.1.20:5060>' };
  phone.register(hidden);
  const { body, media, toldBefore } = await placed(world, phone, hidden);
  expect(media).toEqual({ relay: true, reason: 'nat' });
  expect(toldBefore).toBe(0);
  expect(body).toBe(relayed(SDP));
});

test('a phone that sends from the address that it says needs no relay, whatever that is', async () => {
  const world = await started();
  const phone = world.world.phone('103', '10.1.1.5');
  phone.register();
  const { body, media } = await placed(world, phone);
  expect(media).toEqual({ relay: false, reason: 'not-needed' });
  expect(body).toBe(SDP);
  expect(world.fake.told).toEqual([]);
});

test('a trunk that talks SRTP is offered SRTP', async () => {
  const world = await started({ trunks: { 'carrier-a': { options: { media: 'srtp' } } } });
  const { media } = await placed(world, world.world.phone('103', '203.0.113.7'));
  expect(media).toEqual({ relay: true, reason: 'profile' });
  expect(world.fake.requests[0]).toMatchObject({ command: 'offer', 'transport-protocol': 'RTP/SAVP', ICE: 'remove' });
});

test("an extension's setting goes before its tenant's", async () => {
  const extensions = [{ number: '103', password: 'c4n4ry-extension', media: 'never' as const }];
  const world = await started({ acme: { media: 'always', extensions } });
  const { body, media } = await placed(world, world.world.phone('103', '203.0.113.7'));
  expect(media).toEqual({ relay: false, reason: 'never' });
  expect(body).toBe(SDP);
});

test('without any relay a trunk that talks SRTP is refused and the next route tried; an emergency call passes', async () => {
  const world = await started({ settings: {}, trunks: { 'carrier-a': { options: { media: 'srtp' } } } });
  const phone = world.world.phone('103', '203.0.113.7');
  const { body, media } = await placed(world, phone);
  expect(body).toBeUndefined();
  expect(media).toBeUndefined();
  expect(world.explained.peers.flatMap((peer) => peer.requests('INVITE'))).toHaveLength(1);
  phone.call('911');
  world.world.run(50);
  expect(world.explained.peers.find(({ host }) => host === `${CARRIER_A}:5060`)?.requests('INVITE')[0]?.body).toBe(SDP);
});

describe('a party that is reached through the node that it registered at', () => {
  const NODE = '198.51.100.2';
  const peers: PeerNodes = {
    ...NO_PEERS,
    addressOf: () => ({ transport: 'udp', address: NODE, port: 5060 }),
    isPeerAddress: (address) => address === NODE,
  };
  const trunks = { gateway: { id: GATEWAY_ID } };
  const acme = { outboundRules: [{ name: 'site', routes: [{ trunk: 'gateway' }] }] };

  test.each([
    ['a phone', '102', 'acme.example.com', '102'],
    ['a gateway', 'gw1', 'gateway.example.com', '14155551234'],
  ])(
    '%s at an IPv6 address is described there, whatever the address of its node; one at an IPv4 address needs no relay',
    async (_what, user, domain, dialled) => {
      for (const [address, host, family] of [
        ['2001:db8::2', '[2001:db8::2]', 'IP6'],
        ['203.0.113.2', '203.0.113.2', undefined],
      ] as const) {
        const scheduler = new VirtualScheduler();
        const fake = new FakeRelays(scheduler);
        const after = { scheduler, network: new SimulatedNetwork(scheduler) };
        const engine = { openDatagrams: fake.open, peers };
        const world = await World.start({ settings: RELAYS, after, engine, trunks, acme });
        const aor = aorKey(user, domain);
        const own = { transport: 'udp' as const, address, port: 5060 };
        const nowMs = world.scheduler.wallMs();
        const [refreshedAtWallMs, expiresAtWallMs] = [nowMs, nowMs + 600_000];
        world.engine.registrations.registrar.applyRemote(aor, [
          binding(aor, {
            ...{ contactUri: `sip:${user}@${host}:5060`, path: [], source: own, target: own, node: 'other' },
            ...{ refreshedAtWallMs, expiresAtWallMs },
          }),
        ]);
        const node = world.agent(NODE);
        const caller = world.phone('103', '203.0.113.7');
        caller.register();
        caller.call(dialled);
        world.run(50);
        expect(node.took('INVITE').body).toBe(family === undefined ? SDP : relayed(SDP));
        expect(fake.requests.map((request) => request['address family'])).toEqual(family === undefined ? [] : [family]);
      }
    },
  );
});

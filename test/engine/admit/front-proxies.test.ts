import { describe, expect, test } from 'vitest';
import { FrontProxies } from '../../../src/engine/admit/front-proxies.ts';
import { NO_PEERS, type PeerNodes } from '../../../src/engine/peer-nodes.ts';
import { parseMessage, type SipRequest } from '../../../src/sip/message/index.ts';
import { type Agent, CARRIER_A, CARRIER_A_ID, ENGINE, Phone, SDP, World } from '../world.ts';

const FRONT = '203.0.113.50';
const OTHER_NODE = '198.51.100.2';
const DID = `sip:14155550100@${ENGINE}`;

const request = (...fields: string[]) =>
  parseMessage(
    ['OPTIONS sip:x SIP/2.0', 'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1', ...fields, '', ''].join('\r\n'),
  ) as SipRequest;
const flow = (remoteAddress: string) => ({
  remoteAddress,
  remotePort: 5060,
  transport: 'tcp' as const,
  tls: undefined,
});

describe('whom a front proxy names as the sender', () => {
  const front = new FrontProxies([FRONT, '10.0.0.0/8']);

  test('is the sender, with its port where that is said', () => {
    expect(front.senderOf(request('X-Auth-IP: 192.0.2.9', 'X-Auth-Port: 5062'), flow(FRONT))).toEqual({
      remoteAddress: '192.0.2.9',
      remotePort: 5062,
      transport: 'udp',
      tls: undefined,
    });
    expect(front.senderOf(request('x-auth-ip: 2001:db8::9'), flow('10.1.2.3'))).toMatchObject({
      remoteAddress: '2001:db8::9',
      remotePort: 0,
    });
  });

  test.each(['99999', '-1', 'x', '5060.5'])('a port that is none (%s) is none', (port) => {
    const named = front.senderOf(request('X-Auth-IP: 192.0.2.9', `X-Auth-Port: ${port}`), flow(FRONT));
    expect(named.remotePort).toBe(0);
  });

  test.each([
    ['nothing', FRONT, []],
    ['what is no address', FRONT, ['X-Auth-IP: carrier.example.com']],
    ['an address, and is no front proxy', '203.0.113.51', ['X-Auth-IP: 192.0.2.9']],
  ])('who names %s is the sender itself', (_what, address, fields) => {
    const from = flow(address);
    expect(front.senderOf(request(...fields), from)).toBe(from);
  });
});

/** Whom the engine takes the sender of an INVITE for. */
function taken(world: World, agent: Agent, fields: Record<string, string>) {
  agent.ask(agent.request('INVITE', DID, fields, SDP));
  return { status: agent.responses().at(-1)?.status, trunkId: world.observed.ended.at(-1)?.facts.trunkId };
}

describe('an engine behind a proxy', () => {
  test('a carrier is known by the address that the proxy names, and by no address of its own choice', async () => {
    const world = await World.start({ settings: { frontProxies: [FRONT] } });
    expect(taken(world, world.agent('203.0.113.77'), { 'X-Auth-IP': CARRIER_A })).toMatchObject({ status: 407 });
    expect(taken(world, world.agent(FRONT), { 'X-Auth-IP': '203.0.113.77' })).toMatchObject({ status: 407 });
    expect(taken(world, world.agent(FRONT), { 'X-Auth-IP': CARRIER_A })).toEqual({
      status: 480,
      trunkId: CARRIER_A_ID,
    });
  });

  test('a nonce is good for the address that the proxy names', async () => {
    const world = await World.start({ settings: { frontProxies: [FRONT] } });
    const phone = new Phone(world, FRONT, '101');
    expect(phone.register({ 'X-Auth-IP': '203.0.113.77' }).status).toBe(200);
  });

  test('Path of the proxy is taken from a phone that knows nothing of it, from nobody else, and leads there from every node', async () => {
    const peers: PeerNodes = {
      ...NO_PEERS,
      addressOf: (name) => (name === 'other' ? { transport: 'udp', address: OTHER_NODE, port: 5060 } : undefined),
    };
    const world = await World.start({ settings: { frontProxies: [FRONT] }, engine: { peers } });
    const path = { Path: `<sip:${FRONT};lr>`, Contact: '<sip:102@192.168.1.2:5060>' };
    expect(new Phone(world, '203.0.113.60', '102').register(path).status).toBe(420);
    const front = new Phone(world, FRONT, '102');
    expect(front.register(path).status).toBe(200);
    const { registrar } = world.engine.registrations;
    const [binding] = [...registrar.all()];
    if (binding === undefined) throw new Error('not registered');
    const alice = world.phone('101', '203.0.113.1');
    alice.call('102');
    expect(front.took('INVITE').headers.valueNamed('Route')).toBe(`<sip:${FRONT};lr>`);
    const { flow: _, ...stored } = binding;
    registrar.applyRemote(binding.aor, [
      {
        ...stored,
        node: 'other',
        refreshedAtWallMs: world.scheduler.wallMs(),
        expiresAtWallMs: world.scheduler.wallMs() + 600_000,
      },
    ]);
    alice.call('102');
    expect(front.requests('INVITE')).toHaveLength(2);
    expect(front.took('INVITE', 1).headers.valueNamed('X-Tandem-Peer')).toBeUndefined();
  });
});

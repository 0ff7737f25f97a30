import { beforeEach, describe, expect, test } from 'vitest';
import { NO_PEERS, type PeerNodes } from '../../../src/engine/peer-nodes.ts';
import { explain } from '../../../src/outbound/index.ts';
import { HeaderId, type SipMessage, type SipRequest, serialize } from '../../../src/sip/message/index.ts';
import { SimulatedNetwork } from '../../kit/simulated-network.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { Agent, CARRIER_A, CARRIER_A_ID, CARRIER_B, CARRIER_PASSWORD, ENGINE, type Phone, World } from '../world.ts';

/** Where the node is that registers. */
const HOLDER = '198.51.100.77';
const SECRET = new Uint8Array(32).fill(7);

/** What answers the node that registers. */
class Provider extends Agent {
  override send(message: SipMessage | string): void {
    this.peer.send(typeof message === 'string' ? message : serialize(message), HOLDER);
  }
}

let one: World;
let holder: World;
let alice: Phone;
let provider: Provider;
let carrierB: Agent;
let silent: string[];
let running: { process: string; silent: (string | undefined)[] };
let hasNews: boolean;

async function nodes(options: object = {}, routes = ['carrier-a', 'carrier-b']): Promise<void> {
  silent = [];
  running = { process: '1-1', silent: [] };
  hasNews = true;
  const scheduler = new VirtualScheduler();
  const after = { scheduler, network: new SimulatedNetwork(scheduler) };
  const trunk = {
    type: 'register' as const,
    credentials: { authName: 'acme', password: CARRIER_PASSWORD, registerSeconds: 600 },
    limits: { concurrentCalls: 1 },
    options: { registeredNodeOnly: true, ...options },
  };
  const shared = {
    after,
    trunks: { 'carrier-a': trunk },
    acme: { outboundRules: [{ name: 'world', routes: routes.map((name) => ({ trunk: name })) }] },
  };
  const ofOne: PeerNodes = {
    ...NO_PEERS,
    names: () => ['two'],
    addressOf: (name) =>
      name === 'two' && !silent.includes(name) ? { transport: 'udp', address: HOLDER, port: 5060 } : undefined,
    isPeerAddress: (address) => address === HOLDER,
    advertised: () => ({ host: HOLDER, port: 5060 }),
    registeredAt: (id) => (hasNews && holder.engine.registered.registered().includes(id) ? 'two' : undefined),
    processOf: () => running.process,
    noteSilent: (name, process) => {
      silent.push(name);
      running.silent.push(process);
    },
  };
  const lease = (isGranted: boolean) => ({
    acquire: async () => isGranted,
    release: () => {},
  });
  one = await World.start({
    ...shared,
    settings: { node: 'one' },
    engine: { nonceSecret: SECRET, peers: ofOne, lease: lease(false) },
  });
  holder = await World.start({
    ...shared,
    settings: { node: 'two', listen: [{ transport: 'udp', host: HOLDER, port: 5060 }] },
    engine: {
      nonceSecret: SECRET,
      peers: { ...NO_PEERS, isPeerAddress: (address) => address === ENGINE },
      lease: lease(true),
      createTransport: after.network.transportAt(HOLDER),
    },
  });
  provider = new Provider(one, one.network.peer(CARRIER_A, 5060));
  carrierB = one.agent(CARRIER_B);
  for (let passed = 0; provider.requests('REGISTER').length === 0 && passed < 20_000; passed += 100) {
    one.run();
    await one.turn();
  }
  const register = provider.took('REGISTER');
  provider.answer(register, 200, 'OK', { Contact: `${register.headers.value(HeaderId.Contact)};expires=600` });
  await one.turn();
  alice = one.phone('101', '203.0.113.1');
}

/** What the called side and third parties see of it. */
const shown = ({ requestUri, headers }: SipRequest) => ({
  requestUri,
  contact: headers.value(HeaderId.Contact),
  named: ['From', 'P-Asserted-Identity', 'Privacy', 'User-Agent', 'Session-Expires', 'Allow', 'Supported', 'Route'].map(
    (name) => headers.valueNamed(name)?.replace(/;tag=.*/, ''),
  ),
});
const places = (world: World) => world.engine.trunks.capacity.inProgress(`trunk ${CARRIER_A_ID}`);

describe('a call over a trunk that another node has registered, with registeredNodeOnly', () => {
  beforeEach(() => nodes());

  test('leaves from that node, as that one would send it, and the challenge is answered there', () => {
    const invite = alice.call('18005550199', { 'X-Tandem-Peer': 'forged' });
    const sent = provider.took('INVITE');
    expect(sent.topVia().host).toBe(HOLDER);
    expect(sent.headers.value(HeaderId.Contact)).toContain(`@${HOLDER}:5060`);
    expect(serialize(sent)).not.toMatch(/X-Tandem-Peer/i);
    expect(serialize(sent)).not.toContain(ENGINE);
    provider.answer(sent, 407, 'Proxy Authentication Required', {
      'Proxy-Authenticate': 'Digest realm="provider", nonce="n1", algorithm=MD5, qop="auth"',
    });
    one.run();
    const again = provider.took('INVITE', 1);
    expect(again.headers.valueNamed('Proxy-Authorization')).toContain('username="acme"');
    provider.answer(again, 200, 'OK', {}, 'v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nt=0 0\r\n');
    one.run();
    const final = alice.final(invite);
    expect(final?.status).toBe(200);
    // The place is taken once, where the caller is.
    expect([places(one), places(holder)]).toEqual([1, 0]);
    if (final === undefined) throw new Error('not answered');
    expect(alice.ask(alice.within(invite, final, 'BYE')).status).toBe(200);
    provider.answer(provider.took('BYE'), 200, 'OK');
    one.run(40_000);
    expect([places(one), places(holder)]).toEqual([0, 0]);
    const [record] = one.observed.ended;
    expect(record?.attempts).toMatchObject([{ label: 'carrier-a', trunkId: CARRIER_A_ID, node: 'two', status: 200 }]);
    expect(provider.requests('INVITE').every((each) => each.topVia().host === HOLDER)).toBe(true);
    expect([one.held(), holder.held()]).toMatchObject([{ calls: 0 }, { calls: 0 }]);
  });

  test('shows the phone whom it is connected to, as the provider says', () => {
    const invite = alice.call('18005550199');
    const said = { 'P-Asserted-Identity': '"Desk, the one" <sip:+442079460001@provider.example>' };
    provider.answer(provider.took('INVITE'), 200, 'OK', said, 'v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nt=0 0\r\n');
    one.run();
    expect(alice.final(invite)?.headers.valueNamed('P-Asserted-Identity')).toMatch(
      /^"Desk, the one" <sip:\+442079460001@/,
    );
  });

  test('is the very INVITE that a call placed at the node itself is', async () => {
    alice.call('18005550199');
    const through = shown(provider.took('INVITE'));
    provider.answer(provider.took('INVITE'), 486, 'Busy Here');
    one.run();
    const bob = new Provider(one, one.network.peer('203.0.113.2'));
    const ask = async (request: SipRequest) => {
      bob.send(request);
      one.run();
      await one.turn();
      return bob.responses(request.callId()).at(-1);
    };
    const invite = bob.request(
      'INVITE',
      'sip:18005550199@acme.example.com',
      { From: `${alice.address};tag=b1`, Contact: '<sip:101@203.0.113.2:5060>' },
      'v=0\r\n',
    );
    const challenge = await ask(invite);
    if (challenge === undefined) throw new Error('not challenged');
    bob.ack(invite, challenge);
    await ask(bob.authorized(invite, challenge, alice.client));
    const direct = provider.took('INVITE', 1);
    expect(shown(direct)).toEqual(through);
    expect(direct.topVia().host).toBe(HOLDER);
    expect(holder.observed.attempts).toEqual([]);
  });

  test('explain says so', () => {
    alice.call('18005550199');
    const plan = one.observed.plans[0];
    if (plan === undefined) throw new Error('no plan');
    provider.answer(provider.took('INVITE'), 486, 'Busy Here');
    one.run();
    expect(explain(plan.facts).steps.map(({ reason }) => reason)).toContain(
      'route 1: trunk "carrier-a", leaves through node two, which is registered',
    );
  });

  test('an answer of the provider counts as over any trunk: 486 ends it, 503 leads to the next route', () => {
    const busy = alice.call('18005550199');
    provider.answer(provider.took('INVITE'), 486, 'Busy Here');
    one.run();
    expect(alice.final(busy)?.status).toBe(486);
    expect(carrierB.requests('INVITE')).toEqual([]);
    alice.call('18005550198');
    provider.answer(provider.took('INVITE', 1), 503, 'Service Unavailable');
    one.run();
    expect(carrierB.took('INVITE').topVia().host).toBe(ENGINE);
  });

  test('the limit of the trunk is one for both nodes', () => {
    alice.call('18005550199');
    provider.answer(provider.took('INVITE'), 180, 'Ringing');
    one.run();
    alice.call('18005550198');
    expect(provider.requests('INVITE')).toHaveLength(1);
    expect(carrierB.requests('INVITE')).toHaveLength(1);
  });

  test('that node is silent: the next route after 0.8 s, and it is not asked again', async () => {
    await holder.engine.endpoint.transport.close();
    alice.call('18005550199');
    expect(carrierB.requests('INVITE')).toEqual([]);
    // Another one under its name is not the one that was asked.
    running.process = '1-2';
    one.run(900);
    expect(carrierB.requests('INVITE')).toHaveLength(1);
    expect([silent, running.silent]).toEqual([['two'], ['1-1']]);
    expect(provider.requests('INVITE')).toEqual([]);
  });

  test('no node has registered it: the next route at once', () => {
    hasNews = false;
    alice.call('18005550199');
    expect(carrierB.requests('INVITE')).toHaveLength(1);
    expect(provider.requests('INVITE')).toEqual([]);
  });
});

describe('where there is no other route', () => {
  test('and no node has registered it: 503, as for a trunk that is offline, and nothing leaves from here', async () => {
    await nodes({}, ['carrier-a']);
    hasNews = false;
    const invite = alice.call('18005550199');
    expect(alice.final(invite)?.status).toBe(503);
    expect(provider.requests('INVITE')).toEqual([]);
    const { facts } = one.observed.plans[0] ?? {};
    expect(facts?.trunkState(CARRIER_A_ID, facts.tenant)).toMatchObject({
      up: false,
      reason: 'no node that can be reached has registered it',
    });
  });

  test('and the node has lost the registration meanwhile: 503, and it hands the call to nobody', async () => {
    await nodes({}, ['carrier-a']);
    holder.engine.trunks.handOver();
    one.run(1_000);
    await one.turn();
    provider.answer(provider.took('REGISTER', 1), 200, 'OK');
    const before = holder.engine.registered.registered;
    holder.engine.registered.registered = () => [CARRIER_A_ID];
    const invite = alice.call('18005550199');
    one.run(2_000);
    expect(alice.final(invite)?.status).toBe(503);
    expect(provider.requests('INVITE')).toEqual([]);
    holder.engine.registered.registered = before;
  });
});

test('the provider is silent toward that node: the next route, whatever the trunk’s failoverCodes', async () => {
  await nodes({ failoverCodes: [] });
  const invite = alice.call('18005550199');
  for (let passed = 0; carrierB.requests('INVITE').length === 0 && passed < 40_000; passed += 100) one.run();
  expect(provider.requests('INVITE').length).toBeGreaterThan(0);
  expect(carrierB.requests('INVITE')).toHaveLength(1);
  expect(silent).toEqual([]);
  expect(one.engine.trunks.status(CARRIER_A_ID)?.state).not.toBe('offline');
  carrierB.answer(carrierB.took('INVITE'), 486, 'Busy Here');
  one.run();
  expect(alice.final(invite)?.status).toBe(486);
});

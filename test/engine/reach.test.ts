import { describe, expect, test } from 'vitest';
import { NO_PEERS, type PeerNodes } from '../../src/engine/peer-nodes.ts';
import { aorKey } from '../../src/registrar/index.ts';
import { HeaderId } from '../../src/sip/message/index.ts';
import { binding } from '../store/records.ts';
import { GATEWAY_ID, Phone, SDP, World } from './world.ts';

const NODE = '198.51.100.2';
const BOB = '203.0.113.2';

/** An engine whose other node has taken the registrations of phone 102 and of the gateway. */
async function world({ isAlive = true, target = true } = {}) {
  const silent: string[] = [];
  const running = { process: '1-1', silent: [] as (string | undefined)[] };
  const peers: PeerNodes = {
    ...NO_PEERS,
    addressOf: (name) =>
      isAlive && name === 'other' && !silent.includes(name)
        ? { transport: 'udp', address: NODE, port: 5060 }
        : undefined,
    isPeerAddress: (address) => address === NODE,
    processOf: () => running.process,
    noteSilent: (name, process) => {
      silent.push(name);
      running.silent.push(process);
    },
  };
  const made = await World.start({ engine: { peers } });
  const { registrar } = made.engine.registrations;
  const own = (address: string) => ({ transport: 'udp' as const, address, port: 5060 });
  for (const [user, domain, address] of [
    ['102', 'acme.example.com', BOB],
    ['gw1', 'gateway.example.com', '203.0.113.9'],
  ] as const) {
    const aor = aorKey(user, domain);
    registrar.applyRemote(aor, [
      binding(aor, {
        contactUri: `sip:${user}@${address}:5060`,
        path: [],
        source: own(address),
        target: target ? own(address) : undefined,
        node: 'other',
        refreshedAtWallMs: made.scheduler.wallMs(),
        expiresAtWallMs: made.scheduler.wallMs() + 600_000,
      }),
    ]);
  }
  return {
    world: made,
    silent,
    running,
    node: made.agent(NODE),
    bob: made.agent(BOB),
    gateway: made.agent('203.0.113.9'),
    alice: made.phone('101', '203.0.113.1'),
  };
}

/** The same, when 102 has been called and its node has been silent for so long that it counts as such: `late` is what it got. */
async function silentNode() {
  const made = await world();
  made.alice.call('102');
  made.world.run(900);
  return { ...made, late: made.node.took('INVITE') };
}

describe('a phone that registered at another node', () => {
  test('is called through that node, with a pass, and is not sent to by itself', async () => {
    const { node, bob, alice, world: made } = await world();
    alice.call('102');
    const invite = node.took('INVITE');
    expect(invite.headers.valueNamed('X-Tandem-Peer')).toBeDefined();
    node.answer(invite, 180, 'Ringing');
    made.run(20_000);
    expect(bob.requests('INVITE')).toEqual([]);
    node.answer(invite, 486, 'Busy Here');
    expect(alice.responses().at(-1)?.status).toBe(486);
  });

  test('whose node is silent is called at its own address within a second, and the next call goes there at once', async () => {
    const { bob, alice, silent, node, world: made } = await world();
    alice.call('102');
    made.run(900);
    const invite = bob.took('INVITE');
    expect(invite.headers.valueNamed('X-Tandem-Peer')).toBeUndefined();
    expect(silent).toEqual(['other']);
    bob.answer(invite, 200, 'OK', {}, SDP);
    expect(alice.responses().at(-1)?.status).toBe(200);
    const before = node.requests('INVITE').length;
    alice.call('102');
    expect(bob.requests('INVITE')).toHaveLength(2);
    expect(node.requests('INVITE')).toHaveLength(before);
  });

  test.each([401, 407])(
    'whose node does not know this one and asks for credentials (%d) is called at its own address at once',
    async (status) => {
      const { bob, alice, node } = await world();
      alice.call('102');
      node.answer(node.took('INVITE'), status, 'Challenged', { 'WWW-Authenticate': 'Digest realm="x", nonce="n"' });
      bob.answer(bob.took('INVITE'), 200, 'OK', {}, SDP);
      expect(alice.responses().at(-1)?.status).toBe(200);
    },
  );

  test('whose node does not know this one is as good as not registered where it has no other way: nobody hears of credentials', async () => {
    const { alice, node } = await world({ target: false });
    alice.call('102');
    node.answer(node.took('INVITE'), 407, 'Proxy Authentication Required');
    const refusal = alice.responses().at(-1);
    expect([refusal?.status, refusal?.headers.value(HeaderId.Reason)]).toEqual([480, undefined]);
  });

  test.each([100, 180])(
    'whose node was silent, and answers %d after all, is cancelled there: it rings once',
    async (status) => {
      const { bob, alice, node, world: made, late } = await silentNode();
      bob.answer(bob.took('INVITE'), 180, 'Ringing');
      node.answer(late, status, 'Late');
      made.run(100);
      const cancel = node.took('CANCEL');
      expect([cancel.topVia().branch, cancel.requestUri]).toEqual([late.topVia().branch, late.requestUri]);
      node.answer(cancel, 200, 'OK');
      // It may say more before it has heard that.
      node.answer(late, 183, 'Session Progress');
      node.answer(late, 487, 'Request Terminated');
      made.run(1_000);
      expect(node.requests('CANCEL')).toHaveLength(1);
      expect(node.took('ACK').topVia().branch).toBe(late.topVia().branch);
      bob.answer(bob.took('INVITE'), 200, 'OK', {}, SDP);
      expect(alice.responses().at(-1)?.status).toBe(200);
    },
  );

  test('whose node was silent, and refuses late, is acknowledged there, so that it does not say so for half a minute', async () => {
    const { bob, alice, node, world: made, late } = await silentNode();
    for (const _copy of [1, 2]) node.answer(late, 480, 'Temporarily Unavailable');
    made.run(100);
    expect(node.peer.received.filter((message) => String(message).startsWith('ACK'))).toHaveLength(2);
    expect(node.took('ACK').topVia().branch).toBe(late.topVia().branch);
    bob.answer(bob.took('INVITE'), 200, 'OK', {}, SDP);
    expect(alice.responses().at(-1)?.status).toBe(200);
  });

  test('whose node was silent, and answers 200 as it is cancelled, is left there with ACK and BYE', async () => {
    const { bob, alice, node, world: made, late } = await silentNode();
    node.answer(late, 180, 'Ringing');
    made.run(100);
    node.answer(node.took('CANCEL'), 200, 'OK');
    node.answer(late, 200, 'OK', {}, SDP);
    made.run(100);
    expect([node.requests('ACK').length, node.requests('BYE').length]).toEqual([1, 1]);
    bob.answer(bob.took('INVITE'), 200, 'OK', {}, SDP);
    expect(alice.responses().at(-1)?.status).toBe(200);
  });

  test('whose node was silent, and never answers what is cancelled there, hears CANCEL once, however often it says that it rings', async () => {
    const { bob, node, world: made, late } = await silentNode();
    bob.answer(bob.took('INVITE'), 486, 'Busy Here');
    node.answer(late, 180, 'Ringing');
    made.run(100);
    node.answer(node.took('CANCEL'), 200, 'OK');
    // §13.3.1.1: it repeats that each minute.
    for (let minutes = 0; minutes < 5; minutes++) {
      made.run(60_000);
      node.answer(late, 180, 'Ringing');
    }
    made.run(10_000);
    // Copies of it have its branch, and it was answered before there was one.
    expect(node.peer.received.filter((message) => String(message).startsWith('CANCEL'))).toHaveLength(1);
  });

  test('whose node was silent, and is cancelled there while nothing reaches it, is cancelled once more when it says again that it rings', async () => {
    const { bob, node, world: made, late } = await silentNode();
    bob.answer(bob.took('INVITE'), 486, 'Busy Here');
    node.answer(late, 180, 'Ringing');
    const cancels = () => node.peer.received.filter((message) => String(message).startsWith('CANCEL')).length;
    // CANCEL is sent again for 64*T1 (§17.1.2.2); none of it has come.
    made.run(40_000);
    const lost = cancels();
    expect(lost).toBeGreaterThan(0);
    node.answer(late, 180, 'Ringing');
    made.run(100);
    expect(cancels()).toBe(lost + 1);
    node.answer(node.took('CANCEL'), 200, 'OK');
    node.answer(late, 487, 'Request Terminated');
    made.run(100);
    expect(node.took('ACK').topVia().branch).toBe(late.topVia().branch);
    made.run(60_000);
    node.answer(late, 180, 'Ringing');
    made.run(1_000);
    expect(cancels()).toBe(lost + 1);
  });

  test('whose node was silent, and answers 200 when its CANCEL is over, is left there with ACK and BYE', async () => {
    const { bob, node, world: made, late } = await silentNode();
    bob.answer(bob.took('INVITE'), 486, 'Busy Here');
    node.answer(late, 180, 'Ringing');
    made.run(100);
    node.answer(node.took('CANCEL'), 200, 'OK');
    made.run(60_000);
    node.answer(late, 200, 'OK', {}, SDP);
    made.run(100);
    expect([node.requests('CANCEL').length, node.requests('ACK').length, node.took('BYE').callId()]).toEqual([
      1,
      1,
      late.callId(),
    ]);
  });

  test('whose node was silent, and is another process by then: it is the one before that was silent', async () => {
    const { alice, running, world: made } = await world();
    alice.call('102');
    running.process = '1-2';
    made.run(900);
    expect(running.silent).toEqual(['1-1']);
  });

  test.each([
    ['silent, and the phone too', true, true],
    ['silent, and the phone has no other way', true, false],
    ['forgotten, and the phone is silent', false, true],
  ])('whose node is %s is as good as not registered within 2 s', async (_what, isAlive, target) => {
    const { alice, world: made } = await world({ isAlive, target });
    alice.call('102');
    made.run(2_000);
    expect(alice.responses().at(-1)?.status).toBe(480);
  });
});

test.each([
  ['a phone', '102'],
  ['a gateway', '14155551234'],
])('a call to %s that is at another node is a half, whose other one is there', async (_what, dialled) => {
  const { node, world: made, alice } = await world();
  await made.provision({
    acme: { outboundRules: [{ name: 'site', routes: [{ trunk: 'gateway' }] }] },
    trunks: { gateway: { id: GATEWAY_ID } },
  });
  alice.call(dialled);
  const invite = node.took('INVITE');
  node.answer(invite, 200, 'OK', {}, SDP);
  const call = made.engine.calls.ofTag(invite.fromTag() ?? '');
  expect(call?.parties.callee?.options).toMatchObject({ isBetweenNodes: true, peerNode: 'other' });
});

test('a gateway whose node is silent takes its call at its own address', async () => {
  const { node, gateway, world: made, alice } = await world();
  await made.provision({
    acme: { outboundRules: [{ name: 'site', routes: [{ trunk: 'gateway' }] }] },
    trunks: { gateway: { id: GATEWAY_ID } },
  });
  alice.call('14155551234');
  expect(node.took('INVITE').headers.valueNamed('X-Tandem-Peer')).toBeDefined();
  made.run(900);
  const invite = gateway.took('INVITE');
  expect(invite.headers.valueNamed('X-Tandem-Peer')).toBeUndefined();
  gateway.answer(invite, 200, 'OK', {}, SDP);
  expect(alice.responses().at(-1)?.status).toBe(200);
});

describe('a phone that keeps several flows (RFC 5626 §7) is called over one at a time', () => {
  const INSTANCE = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000000000102>"';

  /** Phone 102 has registered over flow 1 and then over flow 2; what its flows are sent. */
  async function twoFlows() {
    const made = await World.start();
    const flows = [1, 2].map((regId) => {
      const flow = new Phone(made, `203.0.113.${20 + regId}`, '102');
      const contact = `<sip:102@${flow.host};ob>;reg-id=${regId};${INSTANCE}`;
      expect(flow.register({ Supported: 'path, outbound', Contact: contact }).status).toBe(200);
      made.run(1_000);
      return flow;
    });
    const [one, two] = flows as [Phone, Phone];
    return { world: made, one, two, alice: made.phone('101', '203.0.113.1') };
  }

  test('the one that registered last; the other hears nothing', async () => {
    const { one, two, alice } = await twoFlows();
    alice.call('102');
    two.answer(two.took('INVITE'), 180, 'Ringing');
    two.answer(two.took('INVITE'), 486, 'Busy Here');
    expect([one.requests('INVITE'), alice.responses().at(-1)?.status]).toEqual([[], 486]);
  });

  test.each([
    ['is silent for two seconds', undefined],
    ['has failed, as its edge proxy says', 430],
  ])('where that one %s the other, with its own Contact, and it rings once', async (_what, status) => {
    const { one, two, alice, world: made } = await twoFlows();
    alice.call('102');
    const invite = two.took('INVITE');
    if (status === undefined) made.run(2_000);
    else two.answer(invite, status, 'Flow Failed');
    const again = one.took('INVITE');
    expect(again.requestUri).toBe(`sip:102@${one.host};ob`);
    one.answer(again, 200, 'OK', {}, SDP);
    expect(alice.responses().at(-1)?.status).toBe(200);
    if (status === undefined) {
      two.answer(invite, 180, 'Ringing');
      made.run(100);
      expect(two.requests('CANCEL')).toHaveLength(1);
    }
  });

  test('one that is silent over all of them is waited for as long over the last as any phone', async () => {
    const { one, two, alice, world: made } = await twoFlows();
    alice.call('102');
    made.run(10_000);
    expect(two.requests('INVITE')).toHaveLength(1);
    one.answer(one.took('INVITE'), 200, 'OK', {}, SDP);
    expect(alice.responses().at(-1)?.status).toBe(200);
  });

  test('one that rings and then refuses, whatever it says: the other is not asked', async () => {
    const { one, two, alice } = await twoFlows();
    alice.call('102');
    two.answer(two.took('INVITE'), 503, 'Service Unavailable');
    expect([one.requests('INVITE'), alice.responses().at(-1)?.status]).toEqual([[], 503]);
  });

  test('and of a caller none is told that a flow has failed', async () => {
    const { one, two, alice } = await twoFlows();
    alice.call('102');
    for (const flow of [two, one]) flow.answer(flow.took('INVITE'), 430, 'Flow Failed');
    expect(alice.responses().at(-1)?.status).toBe(480);
  });

  test('by way of one proxy: each has its own Route', async () => {
    const made = await World.start();
    const proxy = new Phone(made, '203.0.113.30', '102');
    for (const regId of [1, 2]) {
      const Contact = `<sip:102@10.0.0.5;ob>;reg-id=${regId};${INSTANCE}`;
      const Path = `<sip:flow${regId}@${proxy.host};lr;ob>`;
      expect(proxy.register({ Supported: 'path, outbound', Contact, Path }).status).toBe(200);
      made.run(1_000);
    }
    made.phone('101', '203.0.113.1').call('102');
    proxy.answer(proxy.took('INVITE'), 430, 'Flow Failed');
    const routes = proxy.requests('INVITE').map(({ headers }) => headers.value(HeaderId.Route));
    expect(routes).toEqual([2, 1].map((regId) => `<sip:flow${regId}@${proxy.host};lr;ob>`));
  });
});

test('a dead contact beside the one that answered makes the call no longer: over when it is hung up, for lists, metrics and the record', async () => {
  const made = await World.start();
  const alice = made.phone('101', '203.0.113.1');
  const dead = made.phone('102', '203.0.113.3');
  const bob = made.phone('102', BOB);
  expect(dead.requests('INVITE')).toEqual([]);
  const invite = alice.call('102');
  bob.answer(bob.took('INVITE'), 200, 'OK', {}, SDP);
  const answer = alice.responses().at(-1);
  if (answer === undefined) throw new Error('no answer');
  alice.ack(invite, answer);
  made.run(5_000);
  alice.send(alice.within(invite, answer, 'BYE'));
  made.run(100);
  bob.answer(bob.took('BYE'), 200);
  const { calls } = made.engine;
  expect([...calls.list()].map(({ state }) => state)).toEqual(['ending']);
  expect(calls.inProgress(() => true)).toBe(0);
  made.run(40_000);
  expect(calls.counters.live).toBe(0);
  const [record] = made.observed.ended;
  expect(Math.round((record?.talkMs ?? 0) / 1000)).toBe(5);
});

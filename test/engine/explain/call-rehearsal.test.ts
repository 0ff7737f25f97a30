/** Each of these is a difference between `explain` and the live call that random configurations have found. */
import { expect, test } from 'vitest';
import type { Explanation } from '../../../src/outbound/index.ts';
import type { DnsPort } from '../../../src/sip/locate/index.ts';
import { ExplainedWorld, type Live, octetsOf, type Reply, steady } from '../explained-world.ts';
import { CARRIER_PASSWORD, SDP, type WorldOptions } from '../world.ts';

const LARGE = `${SDP}a=x-pad:${'p'.repeat(1_400)}\r\n`;
const REGISTERED = {
  type: 'register',
  credentials: { authName: 'acme', password: CARRIER_PASSWORD },
  options: { registration: 'off' },
} as const;

/** What is explained of a call of alice's, and what is sent. */
async function both(
  options: WorldOptions,
  dialled: string,
  replies: readonly Reply[],
  { body = SDP, answers = replies.map(String) }: { body?: string; answers?: readonly string[] } = {},
): Promise<{ explained: string[]; live: Live; sent: string[]; told: number | undefined }> {
  const world = await ExplainedWorld.start(options);
  const invite = world.alice.invite(dialled, {}, body);
  const explanations: Explanation[] = [];
  const ask = async () => {
    const text = invite.receivedText ?? '';
    explanations.push(await world.explainer.explain({ tenant: 'acme', invite: text, answers }));
  };
  const live = await world.place(invite, replies, ask);
  const [before] = explanations;
  world.close();
  return {
    explained: (before?.legs ?? []).map((leg) => steady(octetsOf(leg))),
    live,
    sent: live.sent.map(({ text }) => steady(text)),
    told: before?.answer?.status,
  };
}

test('a large request that meets silence over TCP goes over UDP, on the next route to that carrier at once', async () => {
  const routes = [{ trunk: 'carrier-b' }, { trunk: 'carrier-a' }, { trunk: 'carrier-b', prepend: '0' }];
  const acme = { outboundRules: [{ name: 'world', routes }] };
  const { explained, sent } = await both({ acme }, '18005550199', ['silence', 503, 503, 486], { body: LARGE });
  expect(explained).toEqual(sent);
  const via = explained.map((text) => /Via: SIP\/2\.0\/(\w+)/.exec(text)?.[1]);
  expect(via).toEqual(['TCP', 'UDP', 'TCP', 'UDP']);
});

test('a challenge is answered, and what it taught goes along on the next route to that carrier', async () => {
  const routes = [{ trunk: 'carrier-b' }, { trunk: 'carrier-b', prepend: '0' }];
  const options = { acme: { outboundRules: [{ name: 'world', routes }] }, trunks: { 'carrier-b': REGISTERED } };
  const { explained, sent } = await both(options, '18005550199', ['challenge', 503, 486], {
    answers: ['407', '503', '486'],
  });
  expect(explained).toEqual(sent);
  expect(explained.map((text) => text.includes('Proxy-Authorization'))).toEqual([false, true, true]);
});

test('a call ends with its ring time, whatever routes are left: an emergency call over silent trunks', async () => {
  const routes = ['carrier-a', 'carrier-b', 'carrier-a', 'carrier-b'].map((trunk, index) => ({
    trunk,
    prepend: '0'.repeat(index),
  }));
  const options = { acme: { emergency: { routes } }, settings: { timers: { ringMs: 15_000 } } };
  const { explained, sent, live, told } = await both(options, '911', ['silence', 'silence', 'silence', 'silence']);
  expect(explained).toEqual(sent);
  expect(explained).toHaveLength(3);
  expect([told, live.status]).toEqual([480, 480]);
});

test('every target of a trunk is tried, each with an INVITE of its own', async () => {
  const name = 'sip.carrier.example';
  const records = ['192.0.2.10', '192.0.2.20'].map(
    (address) => ({ type: 'A', name, address, ttlSeconds: 60 }) as const,
  );
  const dns: DnsPort = {
    query: async (asked, type) => ({ status: 'answered', records: asked === name && type === 'A' ? records : [] }),
  };
  const options: WorldOptions = {
    dns,
    acme: { outboundRules: [{ name: 'world', routes: [{ trunk: 'named' }] }] },
    moreTrunks: [
      {
        id: '100000009',
        name: 'named',
        type: 'ip',
        host: name,
        tenants: [{ tenant: 'acme', didPool: '14155550160' }],
      },
    ],
  };
  const world = await ExplainedWorld.start(options);
  const asked = await world.explainer.explain({ tenant: 'acme', from: '101', to: '18005550199' });
  const targets = asked.legs?.map(({ target }) => target).toSorted();
  expect(targets).toEqual(['udp:192.0.2.10:5060', 'udp:192.0.2.20:5060']);
  const live = await world.place(world.alice.invite('18005550199'), [503, 486]);
  expect(live.sent).toHaveLength(2);
  world.close();
});

test('a redirected call is dialled by the rules, and what the carrier says then is what the caller gets', async () => {
  const options = { trunks: { 'carrier-a': { options: { redirects: 'follow' } } } } as const;
  const { explained, sent, told, live } = await both(options, '18005550199', ['redirect', 404], {
    answers: ['302 +18005550177', '404'],
  });
  expect(explained).toEqual(sent);
  expect(explained[1]).toMatch(/^INVITE sip:\+18005550177@/);
  expect([told, live.status]).toEqual([404, 404]);
});

test('a rule that names a trunk twice: each route shows its own INVITE, before and after', async () => {
  const routes = [{ trunk: 'carrier-b' }, { trunk: 'carrier-b', prepend: '0' }];
  const world = await ExplainedWorld.start({ acme: { outboundRules: [{ name: 'world', routes }] } });
  const question = { tenant: 'acme', from: '101', to: '18005550199', answers: ['503'] };
  const called = (explanation: Explanation | undefined) =>
    explanation?.routes.map(({ invite }) => /^INVITE sip:(\d+)@/.exec(invite)?.[1]);
  expect(called(await world.explainer.explain(question))).toEqual(['18005550199', '018005550199']);
  const invite = world.alice.invite('18005550199');
  await world.place(invite, [503, 486]);
  expect(called(world.explainer.explainCall(invite.callId()))).toEqual(['18005550199', '018005550199']);
  world.close();
});

test('a phone that registered over a connection is not sent to by a question', async () => {
  const world = await ExplainedWorld.start();
  const counts = () => world.peers.map((peer) => peer.peer.received.length);
  const before = counts();
  const asked = await world.explainer.explain({ tenant: 'acme', from: '101', to: '102', answers: ['486'] });
  expect(asked.legs?.map(({ to, answer }) => [to, answer])).toEqual([['102', '486 Busy Here']]);
  world.world.run(200_000);
  expect(counts()).toEqual(before);
  expect(world.world.held()).toMatchObject({ calls: 0, legs: 0, servers: 0, clients: 0 });
  world.close();
});

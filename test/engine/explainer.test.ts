import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { serialize } from '../../src/sip/message/index.ts';
import { ExplainedWorld, octetsOf, steady, unreasonable } from './explained-world.ts';
import { PASSWORD, SDP, type WorldOptions } from './world.ts';

/** Calls of the differential test; the long form sets more. */
const RUNS = Number(process.env['TANDEM_EXPLAIN_RUNS'] ?? 60);
const CALLS = 6;

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const user = fc.constantFrom('CalledNum', 'CallerNum', 'OutboundCallerId', 'OriginatorCallerID', 'Anonymous');
const mapping = fc.record(
  {
    when: fc.constantFrom('anonymous', 'not-anonymous', 'forwarded'),
    user,
    host: fc.constantFrom('TrunkHostPort', 'SipDomain', 'ContactUri'),
  },
  { requiredKeys: [] },
);
const trunk = fc.record({
  options: fc.record(
    {
      removePlus: fc.boolean(),
      telUriRequestLine: fc.boolean(),
      telUriTo: fc.boolean(),
      internalHeaders: fc.boolean(),
      trusted: fc.boolean(),
      diversion: fc.constantFrom('none', 'diversion', 'history-info', 'both'),
      callerIdOutsidePool: fc.constantFrom('pass', 'reject'),
      sessionTimer: fc.record({
        mode: fc.constantFrom('off', 'request', 'require', 'accept'),
        refresher: fc.constantFrom('auto', 'uac', 'uas'),
        expiresSeconds: fc.constantFrom(90, 300, 1800),
      }),
    },
    { requiredKeys: [] },
  ),
  outboundParameters: fc.record(
    {
      from: mapping,
      to: mapping,
      pAssertedIdentity: mapping,
      remotePartyIdCalling: mapping,
      remotePartyIdCalled: mapping,
      pPreferredIdentity: mapping,
      privacy: fc.subarray(['id', 'user', 'header']),
      removeHeaders: fc.subarray(['P-Asserted-Identity', 'P-Preferred-Identity']),
    },
    { requiredKeys: [] },
  ),
  addHeaders: fc.constantFrom([], [{ name: 'X-Site', value: 'hq 101' }]),
});
const forward = fc.constantFrom({}, { always: '1-800 5550111' }, { always: '101' }, { notRegistered: '18005550112' });
const tenant = fc.record({
  outboundCallerId: maybe(fc.constantFrom('+1 (415) 555-0100', '14155550101', '19995550000')),
  stopOutbound: fc.constantFrom(false, false, false, true),
  limits: fc.constantFrom({}, {}, { callsPerMinute: 3 }, { barred: { prefixes: ['1900'] } }),
  numberProcessing: maybe(fc.constantFrom({ countryCode: '1' }, { countryCode: '44', prefix: '9' })),
  headers: fc.constantFrom(
    {},
    { relay: { trunk: ['X-Order', 'Subject'] }, add: [{ name: 'X-Tenant', value: 'acme' }] },
  ),
  forward102: forward,
  anonymousCalls: fc.boolean(),
  routing: fc.constantFrom('prioritized'),
});
const call = fc.record({
  dialled: fc.constantFrom(
    '18005550199',
    '+442079460123',
    '1-900-555-1234',
    '911',
    '9-1-1',
    '102',
    '103',
    '999',
    '600',
    '*6718005550199',
    '*31',
    'alice',
    '1'.repeat(40),
  ),
  name: fc.constantFrom('', '"Alice \\"A\\"" ', 'Zo\u00c3\u00ab '),
  privacy: fc.constantFrom(undefined, undefined, 'id', 'none', 'user;critical', 'header'),
  cli: fc.constantFrom(
    undefined,
    undefined,
    'rewrite-from=14155550102',
    'rewrite-pai="+1 415 555 0103"; rewrite-rpi=7',
  ),
  identity: fc.constantFrom(undefined, '<sip:+1-415-555-0104@acme.example.com>', '<sip:101@acme.example.com>'),
  order: fc.constantFrom(undefined, ['4711', '14155550100']),
  subject: fc.constantFrom(undefined, 'Hello 101'),
  maxForwards: fc.constantFrom('70', '20', '1', '0'),
  supported: fc.constantFrom(undefined, '100rel', 'timer', 'nothing'),
  require: fc.constantFrom(undefined, undefined, undefined, 'no-such-thing'),
  expires: fc.constantFrom(undefined, undefined, '1800', '30'),
  body: fc.constantFrom(SDP, ''),
});

function worldOf(chosen: typeof tenant extends fc.Arbitrary<infer T> ? T : never, a: object, b: object): WorldOptions {
  const { forward102, anonymousCalls, routing, ...acme } = chosen;
  return {
    acme: {
      ...acme,
      extensions: [
        { number: '101', name: 'Alice', password: PASSWORD, anonymousCalls },
        { number: '102', name: 'Bob', password: PASSWORD, forward: forward102 },
        { number: '103', name: 'Carol', password: PASSWORD, forward: { notRegistered: '18005550113' } },
      ],
      services: [{ kind: 'queue', number: '600', name: 'Desk', overflow: '+1 800 555-0114' }],
      outboundRules: [
        { name: 'world', routing, routes: [{ trunk: 'carrier-a' }, { trunk: 'carrier-b', prepend: '00' }] },
      ],
    },
    trunks: { 'carrier-a': a, 'carrier-b': b },
  } as WorldOptions;
}

function inviteOf(world: ExplainedWorld, asked: typeof call extends fc.Arbitrary<infer T> ? T : never) {
  const { alice } = world;
  return alice.invite(
    asked.dialled,
    {
      From: `${asked.name}${alice.address};tag=c${world.world.next()}`,
      Privacy: asked.privacy,
      'X-Outbound-Cli': asked.cli,
      'P-Preferred-Identity': asked.identity,
      'X-Order': asked.order,
      Subject: asked.subject,
      'Max-Forwards': asked.maxForwards,
      Supported: asked.supported,
      Require: asked.require,
      'Session-Expires': asked.expires,
    },
    asked.body,
  );
}

test(`explain says what the engine sends, before and after, over random configurations (${RUNS} of ${CALLS} calls)`, async () => {
  await fc.assert(
    fc.asyncProperty(
      tenant,
      trunk,
      trunk,
      fc.array(call, { minLength: CALLS, maxLength: CALLS }),
      async (acme, a, b, calls) => {
        const world = await ExplainedWorld.start(worldOf(acme, a, b));
        for (const asked of calls) {
          const invite = inviteOf(world, asked);
          const text = Buffer.from(serialize(invite), 'latin1').toString('utf8');
          const before = await world.explainer.explain({ tenant: 'acme', invite: text });
          const live = await world.place(invite);
          expect(unreasonable(before)).toEqual([]);
          if (live.sent.length === 0) {
            expect({ ...before.refusal }, JSON.stringify(asked)).toMatchObject({ status: live.status });
          } else {
            const first = before.legs?.slice(0, live.sent.length).map((leg) => steady(octetsOf(leg)));
            expect(first).toEqual(live.sent.map(steady));
          }
          const after = world.explainer.explainCall(invite.callId());
          if (after === undefined) continue;
          expect(after.legs?.slice(0, live.sent.length).map((leg) => steady(octetsOf(leg)))).toEqual(
            live.sent.map(steady),
          );
          if (live.sent.length === 0) expect(after.refusal).toMatchObject({ status: live.status });
          if (live.status !== undefined && after.answer !== undefined) expect(after.answer.status).toBe(live.status);
        }
        world.close();
        expect(world.world.held().uncaught).toBe(0);
      },
    ),
    { numRuns: RUNS, endOnFailure: true },
  );
}, 600_000);

describe('questions', () => {
  test('a call in: the DID, its rule and the INVITE to the phone', async () => {
    const world = await ExplainedWorld.start();
    const invite = { trunk: 'carrier-a', from: '+442079460001', to: '+1 (415) 555-0102' };
    const asked = await world.explainer.explain(invite);
    expect(asked).toMatchObject({ tenant: 'acme', refusal: undefined });
    expect(asked.steps.map(({ reason }) => reason)).toContain('inbound rule "second" matches');
    expect(asked.legs?.map(({ to, target }) => [to, target])).toEqual([['102', 'udp:203.0.113.2:5060']]);
    expect(asked.legs?.[0]?.invite).toContain('From: <sip:+442079460001@acme.example.com>');
    const live = world.ring('14155550102');
    expect(live.sent).toHaveLength(1);
    const unknown = await world.explainer.explain({ trunk: 'carrier-a', from: '1', to: '14155550777' });
    expect(unknown.refusal).toMatchObject({ status: 404 });
    world.close();
  });

  test.each([
    [{ tenant: 'acme', from: '199', to: '9' }, 'unknown', 'from'],
    [{ tenant: 'nobody', from: '101', to: '9' }, 'unknown', 'tenant'],
    [{ trunk: 'nowhere', to: '9' }, 'unknown', 'trunk'],
    [{ tenant: 'acme', invite: 'hello' }, 'invalid', 'invite'],
    [{ tenant: 'acme', invite: 'BYE sip:a@b SIP/2.0\n\n' }, 'invalid', 'invite'],
    [{ tenant: 'acme', from: '101', to: 'sip:' }, 'invalid', 'to'],
    [{ tenant: 'acme', from: '101', to: '9', headers: [{ name: 'From', value: '<<<' }] }, 'invalid', 'headers'],
  ])('%j is %s: %s', async (question, kind, path) => {
    const world = await ExplainedWorld.start();
    await expect(world.explainer.explain(question)).rejects.toMatchObject({ name: 'QuestionError', kind, path });
    world.close();
  });

  test('asked header fields that every INVITE has are not ignored', async () => {
    const world = await ExplainedWorld.start();
    const headers = [
      { name: 'max-forwards', value: '20' },
      { name: 'f', value: '"Sales" <sip:101@acme.example.com>' },
    ];
    const asked = await world.explainer.explain({ tenant: 'acme', from: '101', to: '18005550199', headers });
    expect(asked.routes[0]?.invite).toContain('Max-Forwards: 19\r\n');
    expect(asked.routes[0]?.invite).toContain('From: "Sales" <');
    world.close();
  });

  test('nothing is taken, counted or sent by a question', async () => {
    const world = await ExplainedWorld.start({ acme: { limits: { callsPerMinute: 1, concurrentCalls: 1 } } });
    const question = { tenant: 'acme', from: '101', to: '18005550199' };
    for (let turn = 0; turn < 5; turn++) expect((await world.explainer.explain(question)).refusal).toBeUndefined();
    expect((await world.place(world.alice.invite('18005550199'))).sent).toHaveLength(1);
    expect((await world.explainer.explain(question)).refusal).toMatchObject({
      status: 403,
      reason: 'Too Many Calls Per Minute',
    });
    expect(world.world.engine.calls.counters.started).toBe(1);
    world.close();
  });
});

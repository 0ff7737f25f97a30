import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Explanation, FieldReason } from '../../../src/outbound/index.ts';
import { HeaderId, serialize } from '../../../src/sip/message/index.ts';
import { type Chosen, callIn, callOut, chosen, worldOf } from '../explained-calls.ts';
import {
  ExplainedWorld,
  type Live,
  octetsOf,
  type Reply,
  sayReply,
  steady,
  unreasonable,
  viaUdp,
} from '../explained-world.ts';
import { PASSWORD, SDP } from '../world.ts';

/**
 * Configurations of the differential test. The long form: `TANDEM_EXPLAIN_RUNS=300 npx vitest run test/engine/explain/explainer.test.ts`;
 * `TANDEM_EXPLAIN_SEED` repeats a run, and `TANDEM_EXPLAIN_PATH` one configuration of it, by the seed and the path that a failure names.
 */
const RUNS = Number(process.env['TANDEM_EXPLAIN_RUNS'] ?? 40);
/** The short form is the same each time. */
const SEED = process.env['TANDEM_EXPLAIN_SEED'] ?? (process.env['TANDEM_EXPLAIN_RUNS'] === undefined ? '1' : undefined);
const PATH = process.env['TANDEM_EXPLAIN_PATH'];
const CALLS = 6;

async function asExplained(chosen: Chosen): Promise<void> {
  const { calls, carriersTakeTcp } = chosen;
  // Which of its routes a `random` rule tries first is drawn for each call: here the same for the question and for the call.
  const random = () => chosen.seed / 0x80000000;
  const world = await ExplainedWorld.start(
    { ...worldOf(chosen), random },
    [carriersTakeTcp || chosen.a.transport === 'tcp', carriersTakeTcp || chosen.b.transport === 'tcp'],
    chosen.tenant.bobHasTwoPhones,
  );
  for (const asked of calls) {
    const invite = 'did' in asked ? callIn(world, asked) : callOut(world, asked);
    const text = Buffer.from(serialize(invite), 'latin1').toString('utf8');
    const replies = repliesOf(asked, chosen);
    if ('did' in asked && !chosen.a.enabled) {
      // What comes from it is a stranger's.
      const question = { trunk: 'carrier-a', invite: text };
      await expect(world.explainer.explain(question)).rejects.toMatchObject({ kind: 'invalid', path: 'trunk' });
      expect((await world.bring(invite)).sent).toEqual([]);
      continue;
    }
    const caller = 'did' in asked ? { trunk: 'carrier-a' } : { tenant: 'acme', from: '101' };
    const answers = answersOf(replies);
    const asking: Promise<Explanation>[] = [];
    const ask = async () => {
      asking.push(world.explainer.explain({ ...caller, invite: text, answers }));
      await asking[0];
    };
    const live = await world['did' in asked ? 'bring' : 'place'](invite, replies, ask);
    const before = (await asking[0]) as Explanation;
    const isSentOn = replies.some((reply) => reply === 'redirect' || reply === 'redirect-inside');
    const said = JSON.stringify({ ...asked, body: asked.body.length });
    expect(unreasonable(before, isSentOn), said).toEqual([]);
    checkBefore(before, live, chosen, `before: ${said}`);
    checkAfter(world.explainer.explainCall(invite.callId()), live, isSentOn, `after: ${said}`);
  }
  world.close();
  expect(world.world.held().uncaught).toBe(0);
}

/**
 * What cannot be told beforehand is left out: that a connection is refused, of which silence becomes something else; and which of two
 * phones is asked again first, after a wait that is drawn (RFC 3261 §14.1).
 */
function repliesOf({ replies, body }: Chosen['calls'][number], { carriersTakeTcp, tenant }: Chosen): Reply[] {
  const mayBeLarge = !carriersTakeTcp && body.length > 400;
  const ringsSeveral = tenant.bobHasTwoPhones || tenant.strategy === 'simultaneous';
  return replies.map((reply) => {
    if (reply === 'silence' && mayBeLarge) return 408;
    return reply === 491 && ringsSeveral ? 486 : reply;
  });
}

/** The same, as the question says it; whoever is called beyond them is busy in the world. */
function answersOf(replies: readonly Reply[]): string[] {
  return [...replies.map(sayReply), ...Array.from({ length: 40 }, () => '486')];
}

/** Every INVITE, the repeated and the redirected ones too, and what the caller is told. */
function checkBefore(before: Explanation, live: Live, { carriersTakeTcp }: Chosen, asked: string): void {
  const settled = (text: string) => steady(carriersTakeTcp ? text : viaUdp(text));
  const explained = (before.legs ?? []).map((leg) => octetsOf(leg));
  expect(explained.map(settled), asked).toEqual(live.sent.map(({ text }) => settled(text)));
  if (live.sent.length === 0) expect(before.refusal?.status, asked).toBe(live.status);
  expect(before.answer?.status, asked).toBe(live.status);
}

function checkAfter(after: Explanation | undefined, live: Live, isSentOn: boolean, asked: string): void {
  // A setting was stored, or the INVITE was refused before there was a call.
  if (after === undefined) {
    expect(live.sent, asked).toEqual([]);
    return;
  }
  expect(unreasonable(after, isSentOn), asked).toEqual([]);
  expect(
    after.legs?.map((leg) => steady(octetsOf(leg))),
    asked,
  ).toEqual(live.sent.map(({ text }) => steady(text)));
  if (live.sent.length === 0) expect(after.refusal, asked).toMatchObject({ status: live.status });
  expect(after.answer?.status, asked).toBe(live.status);
}

test(`explain says what the engine sends, before and after, over random configurations (${RUNS} of ${CALLS} calls)`, async () => {
  await fc.assert(fc.asyncProperty(chosen(CALLS), asExplained), {
    numRuns: RUNS,
    endOnFailure: true,
    ...(SEED !== undefined && { seed: Number(SEED) }),
    ...(PATH !== undefined && { path: PATH }),
  });
}, 3_600_000);

test('an explanation that shows a route as the call did not leave on it is found at fault', async () => {
  const world = await ExplainedWorld.start();
  const invite = world.alice.call('18005550199');
  const explanation = world.explainer.explainCall(invite.callId()) as Explanation;
  expect(unreasonable(explanation)).toEqual([]);
  const wrong = explanation.routes.map((route) => {
    const octets = octetsOf(route).replace('INVITE sip:18005550199@', 'INVITE sip:18005550198@');
    return { ...route, inviteBase64: Buffer.from(octets, 'latin1').toString('base64') };
  });
  expect(unreasonable({ ...explanation, routes: wrong })).toContain('the INVITE of carrier-a leaves on no leg');
  world.close();
});

describe('placed calls', () => {
  test('a call between two phones has no routes, and the INVITE that the phone got; while it rings, too', async () => {
    const world = await ExplainedWorld.start();
    const invite = world.alice.call('102');
    const ringing = world.explainer.explainCall(invite.callId());
    expect(ringing).toMatchObject({ tenant: 'acme', routes: [], answer: undefined, refusal: undefined });
    expect(ringing?.legs?.map(({ to, target }) => [to, target])).toEqual([['102', 'udp:203.0.113.2:5060']]);
    const [, , bob] = world.peers;
    bob?.answer(bob.took('INVITE'), 486, 'Busy Here');
    const over = world.explainer.explainCall(invite.callId());
    expect(over).toMatchObject({ caller: { kind: 'extension', number: '101' }, dialled: '102', routes: [] });
    expect(over?.legs).toHaveLength(1);
    expect(over?.answer).toEqual({ status: 486, reason: 'Busy Here' });
    expect(over?.steps.map(({ reason }) => reason)).toEqual(['extension 101 of acme', 'extension 102']);
    world.close();
  });

  test('a ringing leg to a trunk has its name', async () => {
    const world = await ExplainedWorld.start();
    const invite = world.alice.call('18005550199');
    expect(world.explainer.explainCall(invite.callId())?.legs?.map(({ to }) => to)).toEqual(['carrier-a']);
    world.close();
  });

  test('a call in: its trunk, its rule, its extension', async () => {
    const world = await ExplainedWorld.start();
    await world.ring('14155550102');
    const callId = world.peers[2]?.took('INVITE').callId() ?? '';
    const placed = world.explainer.explainCall(callId);
    expect(placed?.steps.map(({ step, reason }) => [step, reason])).toEqual([
      ['trunk', expect.stringMatching(/^"carrier-a" \(ip, id \d+\) of the system; it came from udp:\S+$/)],
      ['called-number', expect.stringMatching(/^to\.user: \+?14155550102/)],
      ['caller-number', expect.stringMatching(/^from\.user: /)],
      ['pool', expect.stringMatching(/^14155550102 is in the DID pool of acme on this trunk \(\d+-\d+\)$/)],
      ['rule-terms', expect.stringMatching(/^DIDs 14155550102; any caller/)],
      ['caller', 'trunk "carrier-a"'],
      ['called', '14155550102'],
      ['rule', 'inbound rule "second" matches'],
      ['destination', 'extension 102'],
    ]);
    const fields = new Map(placed?.legs?.[0]?.fields?.map(({ field, reason }) => [field, reason]));
    expect(fields.get('Request-URI')).toBe('the Contact that the phone registered');
    expect(fields.get('From.user')).toBe("the caller's number, as it was read");
    expect(fields.get('Call-ID')).toBe('this leg is a dialog of its own');
    // Over SIP it is read again; of the record it tells the same.
    expect(placed?.legs?.[0]?.fields?.every(({ reason }) => reason !== '')).toBe(true);
    expect(placed?.answer).toEqual({ status: 486, reason: 'Busy Here' });
    world.close();
  });

  test('a route that was not reached shows what it would have sent, not what the call sent before it was sent on', async () => {
    const routes = [
      { trunk: 'carrier-b', prepend: '1' },
      { trunk: 'carrier-b', prepend: '2' },
    ];
    const world = await ExplainedWorld.start({
      acme: { outboundRules: [{ name: 'world', routes }] },
      trunks: { 'carrier-b': { options: { redirects: 'follow' } } },
    });
    const invite = world.alice.invite('18005550199');
    // The first route's answer sends the call on, to another number; there, the first route is the end of it.
    await world.place(invite, ['redirect', 600]);
    const after = world.explainer.explainCall(invite.callId());
    const called = (text: string) => /^INVITE sip:([^@]*)@/.exec(text)?.[1];
    expect(after?.legs?.map(({ invite: sent }) => called(sent))).toEqual(['118005550199', '1+18005550177']);
    expect(after?.routes.map(({ invite: sent }) => called(sent))).toEqual(['1+18005550177', '2+18005550177']);
    world.close();
  });

  const TOKENS = { continuity: { contactToken: true } };
  const QUESTION = { tenant: 'acme', from: '101', to: '18005550199' };
  /** What an explanation says of the call that a Contact carries. */
  const carrying = (fields: readonly FieldReason[] | undefined) =>
    fields?.filter(({ source }) => source === 'contactToken').map(({ value, reason }) => [value, reason]);
  const sealedIn = (invite: string | undefined) => /;tdm=[^;>]*/.exec(invite ?? '')?.[0] ?? '';

  test.each(['18005550199', '102'])(
    'the Contact of a call to %s carries it: how long, and why; before, while it rings and after',
    async (to) => {
      const world = await ExplainedWorld.start({ settings: TOKENS });
      const { counters } = world.world.engine.contacts;
      const told = (explanation: Explanation | undefined) =>
        carrying((to === '102' ? explanation?.legs : explanation?.routes)?.[0]?.fields);
      const invite = world.alice.invite(to);
      const asked: Explanation[] = [];
      const live = await world.place(invite, [], async () => {
        const question = { tenant: 'acme', invite: invite.receivedText ?? serialize(invite), answers: ['486'] };
        asked.push(await world.explainer.explain(question), await world.explainer.explain(question));
        expect(counters.sealed).toBe(0);
      });
      expect(live.sent.map(({ text }) => steady(text))).toEqual(asked[0]?.legs?.map((leg) => steady(octetsOf(leg))));
      const sent = sealedIn(live.sent[0]?.text);
      const reason = `${sent.length} octets of the Contact carry the call, sealed, so that it goes on when its node and the store are lost (continuity.contactToken)`;
      expect(sent.length).toBeGreaterThan(100);
      // Nobody could send what is shown of a call that was only thought through.
      const shown = `;tdm=${'0'.repeat(sent.length - 5)}`;
      expect(asked.map(told)).toEqual([[[shown, reason]], [[shown, reason]]]);
      expect(asked[0]?.legs).toEqual(asked[1]?.legs);
      expect(told(world.explainer.explainCall(invite.callId()))).toEqual([[sent, reason]]);
      expect(counters.sealed).toBe(1);
      world.close();
    },
  );

  test('a Contact that does not carry its call: the trunk does not want it', async () => {
    const trunks = { 'carrier-a': { options: { contactToken: false } } };
    const world = await ExplainedWorld.start({ settings: TOKENS, trunks });
    const [before] = (await world.explainer.explain(QUESTION)).routes;
    const invite = world.alice.call('18005550199');
    const [after] = world.explainer.explainCall(invite.callId())?.routes ?? [];
    for (const route of [before, after]) {
      expect(sealedIn(route?.invite)).toBe('');
      const contact = /^Contact: ([^\r]*)/m.exec(route?.invite ?? '')?.[1];
      expect(carrying(route?.fields)).toEqual([
        [contact, "it carries no call: the trunk's options.contactToken is false"],
      ]);
    }
    world.close();
  });

  test.each([
    [
      'the datagram',
      { body: `${SDP}a=x-pad:${'p'.repeat(500)}\r\n` },
      /, for the INVITE would have more than the 1300 octets that go over UDP$/,
    ],
    [
      'the parameter',
      { contact: `<sip:${'a'.repeat(120)}@203.0.113.1>` },
      /, for it would have more than 200 octets, or the URI more than 250$/,
    ],
  ])(
    'a Contact that does not carry its call: %s would be too long',
    async (_what, { body = SDP, contact }: { body?: string; contact?: string }, why) => {
      const world = await ExplainedWorld.start({ settings: TOKENS });
      const { counters } = world.world.engine.contacts;
      const invite = world.alice.invite('18005550199', contact === undefined ? {} : { Contact: contact }, body);
      const asked: Explanation[] = [];
      const live = await world.place(invite, [], async () => {
        asked.push(await world.explainer.explain({ tenant: 'acme', invite: serialize(invite), answers: ['486'] }));
        expect(counters).toMatchObject({ tooLong: 0, tooLarge: 0 });
      });
      const after = world.explainer.explainCall(invite.callId());
      expect(live.sent.map(({ text }) => steady(text))).toEqual(asked[0]?.legs?.map((leg) => steady(octetsOf(leg))));
      for (const explanation of [asked[0], after]) {
        const [route] = explanation?.routes ?? [];
        expect(sealedIn(route?.invite)).toBe('');
        expect(carrying(route?.fields)).toEqual([[expect.stringMatching(/^<sip:/), expect.stringMatching(why)]]);
      }
      expect(counters.tooLong + counters.tooLarge).toBe(1);
      world.close();
    },
  );

  test('a refused call shows why', async () => {
    const world = await ExplainedWorld.start({ acme: { stopOutbound: true } });
    const invite = world.alice.invite('18005550199');
    expect((await world.place(invite)).status).toBe(403);
    expect(world.explainer.explainCall(invite.callId())).toMatchObject({
      refusal: { status: 403, code: 'outbound-stopped' },
      answer: { status: 403 },
      legs: [],
    });
    expect(world.explainer.explainCall('nothing')).toBeUndefined();
    world.close();
  });
});

describe('questions', () => {
  test('a call in: the DID, its rule and the INVITE to the phone', async () => {
    const world = await ExplainedWorld.start();
    const invite = { trunk: 'carrier-a', from: '+442079460001', to: '+1 (415) 555-0102' };
    const asked = await world.explainer.explain(invite);
    expect(asked).toMatchObject({ tenant: 'acme', refusal: undefined });
    expect(asked.steps.map(({ reason }) => reason)).toContain('inbound rule "second" matches');
    expect(asked.legs?.map(({ to, target }) => [to, target])).toEqual([['102', 'udp:203.0.113.2:5060']]);
    expect(asked.legs?.[0]?.invite).toContain('From: <sip:+442079460001@acme.example.com>');
    const live = await world.ring('14155550102');
    expect(live.sent).toHaveLength(1);
    const unknown = await world.explainer.explain({ trunk: 'carrier-a', from: '1', to: '14155550777' });
    expect(unknown.refusal).toMatchObject({ status: 404 });
    world.close();
  });

  test.each([
    ['4155550102', '4155550102, read as 14155550102 (numberFormat: national 1)'],
    ['04155550102', '04155550102, read as 14155550102 (numberFormat: national 1)'],
    ['+14155550102', '+14155550102, read as 14155550102 (numberFormat: national 1)'],
    ['14155550102', '14155550102'],
  ])('a call in from a carrier that writes nationally: %s', async (to, destination) => {
    const world = await ExplainedWorld.start({ trunks: { 'carrier-a': { numberFormat: 'national 1' } } });
    const asked = await world.explainer.explain({ trunk: 'carrier-a', from: '02079460001', to });
    expect(asked).toMatchObject({ tenant: 'acme', refusal: undefined, caller: { number: '+12079460001' } });
    const reasonOf = (name: string) => asked.steps.find(({ step }) => step === name)?.reason;
    expect([reasonOf('called'), reasonOf('destination')]).toEqual([destination, 'extension 102']);
    expect(asked.legs?.map((leg) => leg.to)).toEqual(['102']);
    expect(asked.legs?.[0]?.invite).toContain('From: <sip:+12079460001@acme.example.com>');
    world.close();
  });

  test('a code that stores a setting is not read from an INVITE that is refused for what it is', async () => {
    const world = await ExplainedWorld.start();
    const invite = world.alice.invite('*77');
    invite.headers.set(HeaderId.MaxForwards, '0');
    const explanation = await world.explainer.explain({ tenant: 'acme', from: '101', invite: serialize(invite) });
    const live = await world.place(invite);
    expect([live.status, explanation.answer?.status, explanation.refusal?.status]).toEqual([483, 483, 483]);
    expect(explanation.storedSetting).toBeUndefined();
    world.close();
  });

  test('what is disabled places no call, and the error says so', async () => {
    const extensions = [{ number: '101', name: 'Alice', password: PASSWORD, enabled: false }];
    const world = await ExplainedWorld.start({ acme: { extensions }, trunks: { 'carrier-a': { enabled: false } } });
    const asking = (question: object) => world.explainer.explain(question);
    await expect(asking({ tenant: 'acme', from: '101', to: '9' })).rejects.toThrow('101 of acme is disabled');
    await expect(asking({ trunk: 'carrier-a', to: '14155550100' })).rejects.toThrow('trunk carrier-a is disabled');
    world.close();
  });

  test.each([
    [{ tenant: 'acme', from: '101', to: '9', answers: ['busy'] }, 'invalid', 'answers'],
    [{ tenant: 'acme', from: '199', to: '9' }, 'unknown', 'from'],
    [{ tenant: 'nobody', from: '101', to: '9' }, 'unknown', 'tenant'],
    [{ trunk: 'nowhere', to: '9' }, 'unknown', 'trunk'],
    [{ tenant: 'acme', invite: 'hello' }, 'invalid', 'invite'],
    [{ tenant: 'acme', invite: 'BYE sip:a@b SIP/2.0\n\n' }, 'invalid', 'invite'],
    [{ tenant: 'acme', from: '101', to: 'sip:' }, 'invalid', 'to'],
    [{ tenant: 'acme', from: '101', to: '9', headers: [{ name: 'To', value: '<<<' }] }, 'invalid', 'headers'],
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

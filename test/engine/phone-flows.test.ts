import { describe, expect, test } from 'vitest';
import { NODE_SILENT_MS, ORPHAN_SILENT_MS } from '../../src/engine/reach.ts';
import { aorKey, type StoredBinding } from '../../src/registrar/index.ts';
import { HeaderId } from '../../src/sip/message/index.ts';
import { OTHER, PhoneThere, twoNodes } from './two-nodes.ts';
import { type Agent, expectNothingHeld, extension, Phone, SDP, World, type WorldOptions } from './world.ts';

const BOB = aorKey('102', 'acme.example.com');
const WIFI = '203.0.113.2';
const MOBILE = '203.0.113.22';
/** `timers.attemptMs`. */
const ATTEMPT_MS = 6_000;

/** Registers a flow of the one phone of 102 (RFC 5626 §4.2). `contact` is the same for all flows of some phones. */
function registerFlow(flow: Phone, regId: number, contact = `sip:102@${flow.host}`): void {
  const instance = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"';
  const fields = { Contact: `<${contact}>;reg-id=${regId};${instance}`, Supported: 'path, outbound' };
  expect(flow.register(fields).status).toBe(200);
  flow.world.run(1_000);
}

/** One engine. The phone's flow over Wi-Fi is the fresher one, so the first. */
async function oneNode() {
  const world = await World.start();
  const alice = world.phone('101', '203.0.113.1');
  const mobile = new Phone(world, MOBILE, '102');
  const wifi = new Phone(world, WIFI, '102');
  registerFlow(mobile, 2);
  registerFlow(wifi, 1);
  return { world, alice, wifi, mobile };
}

const invites = (...flows: Agent[]) => flows.map((flow) => flow.requests('INVITE').length);
const messages = (...flows: Agent[]) => flows.map((flow) => flow.requests('MESSAGE').length);
const tags = (...flows: Agent[]) => flows.map((flow) => flow.took('MESSAGE').fromTag());

/** Alice writes to 102. */
function writes(alice: Phone) {
  const message = alice.request('MESSAGE', 'sip:102@acme.example.com', {
    From: `${alice.address};tag=m${alice.world.next()}`,
    'Content-Type': 'text/plain',
  });
  const challenge = alice.ask(message);
  const again = challenge.status === 407 ? alice.authorized(message, challenge, alice.client) : message;
  if (again !== message) alice.send(again);
  alice.world.run();
  return {
    callId: message.callId(),
    statuses: () =>
      alice
        .responses(message.callId())
        .map(({ status }) => status)
        .filter((status) => status >= 200 && status !== 407),
  };
}

describe('a call to a phone with two flows to one node (RFC 5626 §7)', () => {
  test('goes over one of them, and rings once', async () => {
    const { world, alice, wifi, mobile } = await oneNode();
    alice.call('102');
    wifi.answer(wifi.took('INVITE'), 180, 'Ringing');
    world.run(60_000);
    expect(invites(wifi, mobile)).toEqual([1, 0]);
    wifi.answer(wifi.took('INVITE'), 200, 'OK', {}, SDP);
    expect(alice.responses().at(-1)?.status).toBe(200);
  });

  test.each([430, 408])('goes over the other one when the first says %d', async (status) => {
    const { world, alice, wifi, mobile } = await oneNode();
    const invite = alice.call('102');
    wifi.answer(wifi.took('INVITE'), status);
    expect(invites(wifi, mobile)).toEqual([1, 1]);
    mobile.answer(mobile.took('INVITE'), 486, 'Busy Here');
    expect(alice.final(invite)?.status).toBe(486);
    world.run(ATTEMPT_MS * 2);
    expect(invites(wifi, mobile)).toEqual([1, 1]);
    expectNothingHeld(world);
  });

  test('goes over the other one when the first is silent; what rings late there is cancelled', async () => {
    const { world, alice, wifi, mobile } = await oneNode();
    alice.call('102');
    world.run(ATTEMPT_MS - 500);
    expect(invites(wifi, mobile)).toEqual([1, 0]);
    world.run(500);
    expect(invites(wifi, mobile)).toEqual([1, 1]);
    wifi.answer(wifi.took('INVITE'), 180, 'Ringing');
    world.run();
    wifi.answer(wifi.took('CANCEL'), 200, 'OK');
    wifi.answer(wifi.took('INVITE'), 487, 'Request Terminated');
    mobile.answer(mobile.took('INVITE'), 200, 'OK', {}, SDP);
    expect(alice.responses().at(-1)?.status).toBe(200);
  });

  test('goes over the other one when no connection can be made for the first', async () => {
    const { world, alice, wifi, mobile } = await oneNode();
    registerFlow(wifi, 1, `sip:102@${wifi.host};transport=tcp`);
    alice.call('102');
    world.run();
    expect(invites(wifi, mobile)).toEqual([0, 1]);
  });

  test('is over when the phone has rung and then said 408: nobody was there', async () => {
    const { alice, wifi, mobile } = await oneNode();
    const invite = alice.call('102');
    wifi.answer(wifi.took('INVITE'), 180, 'Ringing');
    wifi.answer(wifi.took('INVITE'), 408);
    expect(alice.final(invite)?.status).toBe(408);
    expect(invites(wifi, mobile)).toEqual([1, 0]);
  });

  test.each([486, 503, 480, 404, 603])('is over when the phone has said %d: it has answered', async (status) => {
    const { world, alice, wifi, mobile } = await oneNode();
    const invite = alice.call('102');
    wifi.answer(wifi.took('INVITE'), status);
    expect(alice.final(invite)?.status).toBe(status);
    world.run(ATTEMPT_MS * 2);
    expect(invites(wifi, mobile)).toEqual([1, 0]);
  });

  test('ends with 480 when no flow leads to the phone', async () => {
    const { alice, wifi, mobile } = await oneNode();
    const invite = alice.call('102');
    for (const flow of [wifi, mobile]) flow.answer(flow.took('INVITE'), 430, 'Flow Failed');
    expect(alice.final(invite)?.status).toBe(480);
  });

  test('is sent on by the phone over whichever flow it says so', async () => {
    const { world, alice, wifi, mobile } = await oneNode();
    const carol = world.phone('103', '203.0.113.3');
    alice.call('102');
    wifi.answer(wifi.took('INVITE'), 430, 'Flow Failed');
    mobile.answer(mobile.took('INVITE'), 302, 'Moved', { Contact: '<sip:103@acme.example.com>' });
    expect(invites(carol)).toEqual([1]);
  });

  test('given up by the caller is cancelled over the flow that it went over last', async () => {
    const { world, alice, wifi, mobile } = await oneNode();
    const invite = alice.call('102');
    wifi.answer(wifi.took('INVITE'), 430, 'Flow Failed');
    mobile.answer(mobile.took('INVITE'), 180, 'Ringing');
    alice.send(
      alice.request('CANCEL', invite.requestUri, {
        Via: invite.headers.value(HeaderId.Via),
        From: invite.headers.value(HeaderId.From),
        To: invite.headers.value(HeaderId.To),
        'Call-ID': invite.callId(),
        CSeq: `${invite.cseq().sequence} CANCEL`,
      }),
    );
    world.run();
    expect([wifi.requests('CANCEL').length, mobile.requests('CANCEL').length]).toEqual([0, 1]);
  });
});

describe('a MESSAGE to a phone with two flows', () => {
  test('goes over one of them; over the other one when that says 430, under the same Call-ID and tag', async () => {
    const { world, alice, wifi, mobile } = await oneNode();
    const { callId, statuses } = writes(alice);
    expect(messages(wifi, mobile)).toEqual([1, 0]);
    wifi.answer(wifi.took('MESSAGE'), 430, 'Flow Failed');
    expect(messages(wifi, mobile)).toEqual([1, 1]);
    expect(mobile.took('MESSAGE').callId()).toBe(callId);
    expect(tags(mobile)).toEqual(tags(wifi));
    mobile.answer(mobile.took('MESSAGE'), 200, 'OK');
    expect(statuses()).toEqual([200]);
    expectNothingHeld(world);
  });

  test('goes over the other one when the first is silent, and has its answer', async () => {
    const { world, alice, wifi, mobile } = await oneNode();
    const { statuses } = writes(alice);
    world.run(ATTEMPT_MS);
    expect(messages(wifi, mobile)).toEqual([1, 1]);
    mobile.answer(mobile.took('MESSAGE'), 488);
    expect(statuses()).toEqual([488]);
  });

  test('that the phone has answered goes no second way', async () => {
    const { world, alice, wifi, mobile } = await oneNode();
    const { statuses } = writes(alice);
    wifi.answer(wifi.took('MESSAGE'), 503);
    expect(statuses()).toEqual([503]);
    world.run(ATTEMPT_MS * 2);
    expect(messages(wifi, mobile)).toEqual([1, 0]);
  });

  test('that no flow takes is 480', async () => {
    const { alice, wifi, mobile } = await oneNode();
    const { statuses } = writes(alice);
    for (const flow of [wifi, mobile]) flow.answer(flow.took('MESSAGE'), 430, 'Flow Failed');
    expect(statuses()).toEqual([480]);
  });
});

/** What a node has of 102 itself, as the store tells it to the other one. */
function told(from: World, node: string, isBehindNat: boolean): StoredBinding[] {
  const own = [...from.engine.registrations.registrar.all()].filter((one) => one.aor === BOB && one.node === node);
  return own.map((binding) => (isBehindNat ? { ...binding, target: undefined } : binding));
}

/** The phone's flows are at the nodes that are said, the first one first; alice is at `one`. */
async function atNodes(
  first: 'one' | 'two',
  second: 'one' | 'two',
  contact?: string,
  isBehindNat = true,
  options: Pick<WorldOptions, 'acme'> = {},
) {
  const { one, two } = await twoNodes(options);
  const alice = one.phone('101', '203.0.113.1');
  const at = { one: Phone, two: PhoneThere };
  const mobile = new at[second](one, MOBILE, '102');
  const wifi = new at[first](one, WIFI, '102');
  registerFlow(mobile, 2, contact);
  registerFlow(wifi, 1, contact);
  one.engine.registrations.registrar.applyRemote(BOB, told(two, 'two', isBehindNat));
  two.engine.registrations.registrar.applyRemote(BOB, told(one, 'one', isBehindNat));
  return { one, two, alice, wifi, mobile };
}

describe('a phone with flows to two nodes', () => {
  test('is rung once', async () => {
    const { one, alice, wifi, mobile } = await atNodes('one', 'two');
    alice.call('102');
    wifi.answer(wifi.took('INVITE'), 180, 'Ringing');
    one.run(60_000);
    expect(invites(wifi, mobile)).toEqual([1, 0]);
  });

  test.each([['430', 430, 0] as const, ['nothing', undefined, ATTEMPT_MS] as const])(
    'is called through the other node when its flow here says %s',
    async (_what, status, afterMs) => {
      const { one, two, alice, wifi, mobile } = await atNodes('one', 'two');
      const invite = alice.call('102');
      if (status !== undefined) wifi.answer(wifi.took('INVITE'), status);
      one.run(afterMs);
      expect(invites(wifi, mobile)).toEqual([1, 1]);
      mobile.answer(mobile.took('INVITE'), 486, 'Busy Here');
      expect(alice.final(invite)?.status).toBe(486);
      expectNothingHeld(one);
      expectNothingHeld(two);
    },
  );

  test.each([['430', 430, 0] as const, ['nothing', undefined, ATTEMPT_MS] as const])(
    'is called over its flow here when the one through the other node says %s',
    async (_what, status, afterMs) => {
      const { one, alice, wifi, mobile } = await atNodes('two', 'one', undefined, false);
      const invite = alice.call('102');
      expect(invites(wifi, mobile)).toEqual([1, 0]);
      if (status !== undefined) wifi.answer(wifi.took('INVITE'), status);
      one.run(afterMs);
      expect(invites(wifi, mobile)).toEqual([1, 1]);
      mobile.answer(mobile.took('INVITE'), 486, 'Busy Here');
      expect(alice.final(invite)?.status).toBe(486);
    },
  );

  test('is called over its flow here when the other node is silent, and its own address too', async () => {
    const { one, alice, wifi, mobile } = await atNodes('two', 'one', undefined, false);
    one.network.detach('udp', OTHER, 5060);
    alice.call('102');
    one.run(NODE_SILENT_MS);
    expect(invites(wifi, mobile)).toEqual([1, 0]);
    one.run(ORPHAN_SILENT_MS);
    expect(invites(wifi, mobile)).toEqual([1, 1]);
  });

  test('is called over its flow here when the other node has nothing of the other one', async () => {
    const { one, two, alice, wifi, mobile } = await atNodes('two', 'one', undefined, false);
    two.engine.registrations.registrar.applyRemote(BOB, []);
    two.engine.registrations.registrar.remove(BOB);
    alice.call('102');
    one.run();
    expect(invites(wifi, mobile)).toEqual([0, 1]);
  });

  test('has a MESSAGE once, through the other node when its flow here fails', async () => {
    const { one, alice, wifi, mobile } = await atNodes('one', 'two');
    const { statuses } = writes(alice);
    one.run(1_000);
    expect(messages(wifi, mobile)).toEqual([1, 0]);
    wifi.answer(wifi.took('MESSAGE'), 430);
    one.run();
    expect(messages(wifi, mobile)).toEqual([1, 1]);
    mobile.answer(mobile.took('MESSAGE'), 200, 'OK');
    one.run();
    expect(statuses()).toEqual([200]);
  });
});

describe('a phone with both flows to another node', () => {
  test.each([undefined, 'sip:102@192.168.0.2'])(
    'is called through it once, which takes the other flow when the first fails (Contact %s)',
    async (contact) => {
      const { one, two, alice, wifi, mobile } = await atNodes('two', 'two', contact);
      const invite = alice.call('102');
      expect(invites(wifi, mobile)).toEqual([1, 0]);
      wifi.answer(wifi.took('INVITE'), 430);
      one.run();
      expect(invites(wifi, mobile)).toEqual([1, 1]);
      expect(mobile.took('INVITE').requestUri).toBe(contact ?? `sip:102@${mobile.host}`);
      mobile.answer(mobile.took('INVITE'), 486, 'Busy Here');
      expect(alice.final(invite)?.status).toBe(486);
      expectNothingHeld(one);
      expectNothingHeld(two);
    },
  );

  test('has a MESSAGE through it once, over the other flow when the first fails', async () => {
    const { one, alice, wifi, mobile } = await atNodes('two', 'two', 'sip:102@192.168.0.2');
    const { statuses } = writes(alice);
    one.run();
    expect(messages(wifi, mobile)).toEqual([1, 0]);
    wifi.answer(wifi.took('MESSAGE'), 430);
    one.run();
    mobile.answer(mobile.took('MESSAGE'), 200, 'OK');
    one.run();
    expect(statuses()).toEqual([200]);
  });

  test('is 480 when none of them leads to it any more', async () => {
    const { one, two, alice } = await atNodes('two', 'two');
    two.engine.registrations.registrar.remove(BOB);
    const invite = alice.call('102');
    const { statuses } = writes(alice);
    one.run();
    expect([alice.final(invite)?.status, statuses()]).toEqual([480, [480]]);
  });

  test('is not registered for its callers when none of them leads to it any more', async () => {
    const forwarded = extension('102', { forward: { notRegistered: '103' } });
    const extensions = [extension('101'), forwarded, extension('103')];
    const { one, two, alice } = await atNodes('two', 'two', undefined, true, { acme: { extensions } });
    const carol = one.phone('103', '203.0.113.3');
    two.engine.registrations.registrar.remove(BOB);
    alice.call('102');
    expect(invites(carol)).toEqual([1]);
  });
});

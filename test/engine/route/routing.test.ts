import { afterEach, describe, expect, test } from 'vitest';
import { HeaderId, type SipRequest, type SipResponse } from '../../../src/sip/message/index.ts';
import {
  type Agent,
  CARRIER_A,
  CARRIER_A_ID,
  CARRIER_B,
  ENGINE,
  expectNothingHeld,
  extension,
  PASSWORD,
  type Phone,
  SDP,
  World,
  type WorldOptions,
} from '../world.ts';

let world: World;
let alice: Phone;
let carrier: Agent;

async function begin(options: WorldOptions = {}): Promise<void> {
  world = await World.start(options);
  alice = world.phone('101', '203.0.113.1');
  carrier = world.agent(CARRIER_A);
}

afterEach(() => expectNothingHeld(world));

const forwarding = (forward: Record<string, string>) => ({
  acme: { extensions: [extension('101'), extension('102', { forward }), extension('103')] },
});

/** Calls from the carrier; refuses what the engine sends back with an ACK. */
function inbound(
  did: string,
  fields: Record<string, string> = {},
): { status: () => number | undefined; reason: () => string | undefined } {
  const invite = carrier.request('INVITE', `sip:${did}@${ENGINE}`, fields, SDP);
  carrier.sends(invite);
  const final = () => carrier.responses(invite.callId()).find(({ status }) => status >= 200);
  const acknowledged = () => {
    const response = final();
    if (response !== undefined) carrier.ack(invite, response);
    return response;
  };
  return { status: () => acknowledged()?.status, reason: () => acknowledged()?.reason };
}

const numberIn = (request: SipRequest) => {
  const { uri } = request.to();
  return 'user' in uri ? uri.user : undefined;
};

describe('calls between extensions', () => {
  test('ring every phone of the extension, with the caller as the tenant knows it', async () => {
    await begin();
    const phones = [world.phone('102', '203.0.113.2'), world.phone('102', '203.0.113.3')];
    const call = alice.call('102');
    for (const phone of phones) {
      const invite = phone.took('INVITE');
      expect(invite.from()).toMatchObject({ displayName: 'Phone 101', uri: { user: '101', host: 'acme.example.com' } });
      expect(invite.body).toBe(SDP);
    }
    phones[1]?.answer(phones[1].took('INVITE'), 486, 'Busy Here');
    phones[0]?.answer(phones[0].took('INVITE'), 486, 'Busy Here');
    world.run();
    expect(alice.final(call)?.status).toBe(486);
  });

  test.each([
    ['nobody registered', '103', 480],
    ['a disabled extension', '104', 404],
  ])('%s: %s gets %i', async (_what, number, status) => {
    await begin({ acme: { extensions: [extension('101'), extension('103'), extension('104', { enabled: false })] } });
    expect(alice.final(alice.call(number))?.status).toBe(status);
  });

  test('an extension that refuses anonymous callers answers 433 to them (RFC 5079), and rings for others', async () => {
    await begin({ acme: { extensions: [extension('101'), extension('102', { rejectAnonymousCallers: true })] } });
    const bob = world.phone('102', '203.0.113.2');
    expect(alice.final(alice.call('102', { Privacy: 'id' }))?.status).toBe(433);
    expect(alice.final(alice.call('*67102'))?.status).toBe(433);
    expect(bob.requests('INVITE')).toEqual([]);
    const call = alice.call('102');
    bob.answer(bob.took('INVITE'), 486, 'Busy Here');
    expect(alice.final(call)?.status).toBe(486);
  });

  test('a dial code in front of an extension presents the call as it says', async () => {
    await begin();
    const bob = world.phone('102', '203.0.113.2');
    const call = alice.call('*67102');
    const invite = bob.took('INVITE');
    expect(invite.from().uri).toMatchObject({ host: 'anonymous.invalid' });
    expect(bob.peer.received.join('')).not.toContain('Phone 101');
    bob.answer(invite, 486, 'Busy Here');
    alice.final(call);
    expect(world.observed.ended.at(-1)?.facts).toMatchObject({ direction: 'internal', called: '102' });
  });
});

describe('call forwarding (RFC 5806 tells the carrier why)', () => {
  test('always: the phone does not ring', async () => {
    await begin(forwarding({ always: '103' }));
    const [bob, carol] = [world.phone('102', '203.0.113.2'), world.phone('103', '203.0.113.3')];
    const call = alice.call('102');
    expect(bob.requests('INVITE')).toEqual([]);
    carol.answer(carol.took('INVITE'), 486, 'Busy Here');
    expect(alice.final(call)?.status).toBe(486);
  });

  test('busy: after 486', async () => {
    await begin(forwarding({ busy: '103' }));
    const [bob, carol] = [world.phone('102', '203.0.113.2'), world.phone('103', '203.0.113.3')];
    const call = alice.call('102');
    bob.answers(bob.took('INVITE'), 486, 'Busy Here');
    carol.answer(carol.took('INVITE'), 480, 'No');
    expect(alice.final(call)?.status).toBe(480);
  });

  test('noAnswer: after its seconds, with a CANCEL to the phone', async () => {
    await begin(forwarding({ noAnswer: '103' }));
    const [bob, carol] = [world.phone('102', '203.0.113.2'), world.phone('103', '203.0.113.3')];
    const call = alice.call('102');
    bob.answer(bob.took('INVITE'), 180, 'Ringing');
    world.run(21_000);
    expect(bob.requests('CANCEL')).toHaveLength(1);
    bob.answer(bob.took('CANCEL'), 200, 'OK', { Contact: undefined });
    bob.answer(bob.took('INVITE'), 487, 'Request Terminated');
    carol.answer(carol.took('INVITE'), 486, 'Busy Here');
    expect(alice.final(call)?.status).toBe(486);
  });

  test('notRegistered: to an outside number under the rules of who forwards', async () => {
    await begin({
      acme: {
        extensions: [
          extension('101'),
          extension('102', { forward: { notRegistered: '18005550199' }, outboundCallerId: '14155550102' }),
        ],
      },
    });
    const call = alice.call('102');
    const sent = carrier.took('INVITE');
    expect(numberIn(sent)).toBe('18005550199');
    expect(sent.from().uri).toMatchObject({ user: '14155550102' });
    carrier.answers(sent, 486, 'Busy Here');
    expect(alice.final(call)?.status).toBe(486);
  });

  test('which fields of the tenant’s own the caller gets goes by who answers: a trunk, or a phone', async () => {
    const headers = { relay: { trunk: ['X-Out'], user: ['X-In'] } };
    const told = { 'X-Out': 'o', 'X-In': 'i' };
    const { acme } = forwarding({ busy: '18005550199' });
    await begin({ acme: { ...acme, headers } });
    const [bob, carrier] = [world.phone('102', '203.0.113.2'), world.agent(CARRIER_A)];
    const toldBy = (call: SipRequest, status: number) => {
      const found = alice.responses(call.callId()).find((response) => response.status === status);
      return ['X-Out', 'X-In'].map((name) => found?.headers.valueNamed(name));
    };
    const call = alice.call('102', told);
    bob.answer(bob.took('INVITE'), 180, 'Ringing', told);
    bob.answers(bob.took('INVITE'), 486, 'Busy Here');
    const sent = carrier.took('INVITE');
    expect([sent.headers.valueNamed('X-Out'), sent.headers.valueNamed('X-In')]).toEqual(['o', undefined]);
    carrier.answer(sent, 183, 'Session Progress', told);
    carrier.answers(sent, 486, 'Busy Here', told);
    expect(toldBy(call, 180)).toEqual([undefined, 'i']);
    expect(toldBy(call, 183)).toEqual(['o', undefined]);
    expect(toldBy(call, 486)).toEqual(['o', undefined]);
    alice.final(call);
  });

  test.each([
    [{}, 'Alice', undefined],
    [{ Privacy: 'id' }, undefined, undefined],
    [{ Privacy: 'id' }, undefined, 'of-its-proxy'],
  ])('RFC 3323: who rings with %o is told of in its refusal as in its ringing: %s; tag %s', async (wish, told, tag) => {
    await begin({ acme: { headers: { relay: { trunk: ['X-Account'] } } } });
    const invite = carrier.request('INVITE', `sip:14155550100@${ENGINE}`, {}, SDP);
    carrier.sends(invite);
    const rung = alice.took('INVITE');
    alice.answer(rung, 180, 'Ringing', { ...wish, 'X-Account': 'Alice' });
    if (tag !== undefined) rung.headers.set(HeaderId.To, `${rung.headers.value(HeaderId.To)};tag=${tag}`);
    alice.answers(rung, 486, 'Busy Here', { 'X-Account': 'Alice' });
    const relayed = carrier.responses(invite.callId()).filter(({ status }) => status > 100);
    expect(relayed.map(({ status, headers }) => [status, headers.valueNamed('X-Account')])).toEqual([
      [180, told],
      [486, told],
    ]);
    carrier.ack(invite, relayed[1] as SipResponse);
  });

  test('two extensions that forward to each other: 482', async () => {
    await begin({
      acme: {
        extensions: [
          extension('101'),
          extension('102', { forward: { always: '103' } }),
          extension('103', { forward: { always: '102' } }),
        ],
      },
    });
    expect(alice.final(alice.call('102'))?.status).toBe(482);
  });

  test('other refusals are not forwarded', async () => {
    await begin(forwarding({ busy: '103', noAnswer: '103' }));
    const [bob, carol] = [world.phone('102', '203.0.113.2'), world.phone('103', '203.0.113.3')];
    const call = alice.call('102');
    bob.answer(bob.took('INVITE'), 603, 'Decline');
    expect(alice.final(call)?.status).toBe(603);
    expect(carol.requests('INVITE')).toEqual([]);
  });

  test('of a call from outside: Diversion names the DID that was called', async () => {
    await begin({
      acme: { extensions: [extension('101', { forward: { always: '18005550199' } })] },
      trunks: { 'carrier-a': { options: { diversion: 'diversion' } } },
    });
    const call = inbound('14155550100', { From: '<sip:12125550111@carrier.example.net>;tag=1' });
    const sent = carrier.took('INVITE');
    expect(sent.headers.valueNamed('Diversion')).toMatch(/^<sip:14155550100@[^>]*>;reason=unconditional/);
    carrier.answers(sent, 486, 'Busy Here');
    expect(call.status()).toBe(486);
  });
});

describe('ring groups', () => {
  const group = (more: Record<string, unknown>) => ({
    acme: {
      services: [
        { kind: 'ring-group' as const, number: '600', name: 'Desk', members: ['102', '103'], ringSeconds: 10, ...more },
      ],
    },
  });

  test('simultaneous: all at once; the first to answer wins, the others are cancelled', async () => {
    await begin(group({}));
    const [bob, carol] = [world.phone('102', '203.0.113.2'), world.phone('103', '203.0.113.3')];
    const call = alice.call('600');
    carol.answer(carol.took('INVITE'), 180, 'Ringing');
    bob.answer(bob.took('INVITE'), 180, 'Ringing');
    bob.answers(bob.took('INVITE'), 200, 'OK', {}, SDP);
    expect(carol.took('CANCEL').headers.value(HeaderId.Reason)).toContain('cause=200');
    carol.answer(carol.took('CANCEL'), 200, 'OK', { Contact: undefined });
    carol.answer(carol.took('INVITE'), 487, 'Request Terminated');
    expect(alice.final(call)?.status).toBe(200);
    bob.sends(bob.withinOf(bob.took('INVITE'), 'BYE'));
    alice.answer(alice.took('BYE'), 200, 'OK', { Contact: undefined });
  });

  test('RFC 3261 §16.7 step 5, simultaneous: who declines (6xx) does so at all its phones, and for no other member', async () => {
    await begin(group({}));
    const bobs = [world.phone('102', '203.0.113.2'), world.phone('102', '203.0.113.4')] as const;
    const carol = world.phone('103', '203.0.113.3');
    const call = alice.call('600');
    for (const phone of [...bobs, carol]) phone.answer(phone.took('INVITE'), 180, 'Ringing');
    bobs[0].answer(bobs[0].took('INVITE'), 603, 'Decline');
    world.run();
    bobs[1].answer(bobs[1].took('CANCEL'), 200, 'OK', { Contact: undefined });
    bobs[1].answer(bobs[1].took('INVITE'), 487, 'Request Terminated');
    world.run(1000);
    expect(carol.requests('CANCEL')).toEqual([]);
    expect(alice.final(call)).toBeUndefined();
    carol.answers(carol.took('INVITE'), 603, 'Decline');
    expect(alice.final(call)?.status).toBe(480);
  });

  test('in order: one after another, each for its seconds', async () => {
    await begin(group({ strategy: 'in-order' }));
    const [bob, carol] = [world.phone('102', '203.0.113.2'), world.phone('103', '203.0.113.3')];
    const call = alice.call('600');
    bob.answer(bob.took('INVITE'), 180, 'Ringing');
    expect(carol.requests('INVITE')).toEqual([]);
    world.run(10_000);
    bob.answer(bob.took('CANCEL'), 200, 'OK', { Contact: undefined });
    bob.answer(bob.took('INVITE'), 487, 'Request Terminated');
    carol.answers(carol.took('INVITE'), 486, 'Busy Here');
    expect(alice.final(call)?.status).toBe(486);
  });

  test('nobody there: 480', async () => {
    await begin(group({}));
    expect(alice.final(alice.call('600'))?.status).toBe(480);
  });

  test("overflow to an outside number shows the group's own caller ID", async () => {
    await begin(group({ overflow: '18005550199', outboundCallerId: '14155550130' }));
    const bob = world.phone('102', '203.0.113.2');
    const call = alice.call('600');
    bob.answers(bob.took('INVITE'), 486, 'Busy Here');
    const sent = carrier.took('INVITE');
    expect(sent.from().uri).toMatchObject({ user: '14155550130' });
    carrier.answers(sent, 486, 'Busy Here');
    expect(alice.final(call)?.status).toBe(486);
  });

  test('members that are disabled or refuse anonymous callers are left out', async () => {
    await begin({
      acme: {
        ...group({}).acme,
        extensions: [
          extension('101'),
          extension('102', { rejectAnonymousCallers: true }),
          extension('103', { enabled: false }),
        ],
      },
    });
    const bob = world.phone('102', '203.0.113.2');
    expect(alice.final(alice.call('600', { Privacy: 'id' }))?.status).toBe(480);
    expect(bob.requests('INVITE')).toEqual([]);
  });
});

describe('services', () => {
  const menu = (more: Record<string, unknown> = {}) => ({
    acme: {
      services: [{ kind: 'virtual-receptionist' as const, number: '700', name: 'Menu', password: PASSWORD, ...more }],
    },
  });

  test('a call rings the application server that signed in', async () => {
    await begin(menu());
    const server = world.phone('700', '203.0.113.70');
    const call = alice.call('700');
    server.answer(server.took('INVITE'), 486, 'Busy Here');
    expect(alice.final(call)?.status).toBe(486);
  });

  test('none there: its overflow, else 480; a disabled one is 404', async () => {
    await begin(menu({ overflow: '102' }));
    const bob = world.phone('102', '203.0.113.2');
    const call = alice.call('700');
    bob.answer(bob.took('INVITE'), 603, 'Decline');
    expect(alice.final(call)?.status).toBe(603);
    await begin(menu());
    expect(alice.final(alice.call('700'))?.status).toBe(480);
    await begin(menu({ enabled: false }));
    expect(alice.final(alice.call('700'))?.status).toBe(404);
  });
});

describe('calls from trunks', () => {
  test('go where the rule of the DID says, and the phone is told which number was called', async () => {
    await begin();
    const call = inbound('14155550100', { From: '"Eve" <sip:12125550111@carrier.example.net>;tag=1' });
    const invite = alice.took('INVITE');
    expect(invite.from()).toMatchObject({ displayName: 'Eve', uri: { user: '12125550111', host: 'acme.example.com' } });
    expect(invite.headers.value(HeaderId.PCalledPartyId)).toContain('14155550100');
    alice.answer(invite, 486, 'Busy Here');
    expect(call.status()).toBe(486);
    expect(world.observed.ended.at(-1)?.facts).toMatchObject({
      direction: 'inbound',
      tenant: 'acme',
      caller: '12125550111',
      callerName: 'Eve',
      called: '14155550100',
      trunkId: CARRIER_A_ID,
      inboundRule: 'main',
    });
  });

  test("a DID without a rule, and a number in nobody's pool: 404", async () => {
    await begin();
    expect(inbound('14155550177').status()).toBe(404);
    expect(inbound('19995550177').status()).toBe(404);
  });

  test("one tenant's DID never rings another tenant's phone", async () => {
    await begin();
    expect(inbound('14155550200').status()).toBe(480);
    expect(alice.requests('INVITE')).toEqual([]);
  });

  test('hangUp is 603; an outside number is called with the DID or the company number as caller', async () => {
    const rule = (destination: Record<string, unknown>) => ({
      acme: { inboundRules: [{ name: 'r', trunk: 'carrier-a', dids: '14155550105', destination }] },
    });
    await begin(rule({ hangUp: true }) as WorldOptions);
    expect(inbound('14155550105').status()).toBe(603);
    await begin(rule({ number: '18005550199' }) as WorldOptions);
    const call = inbound('14155550105', { From: '<sip:12125550111@carrier.example.net>;tag=1' });
    const sent = carrier.took('INVITE');
    expect(numberIn(sent)).toBe('18005550199');
    expect(sent.from().uri).toMatchObject({ user: '14155550100' });
    carrier.answers(sent, 486, 'Busy Here');
    expect(call.status()).toBe(486);
  });

  test('a trunk at its limit of calls in progress answers 503 (behaviour 16)', async () => {
    await begin({ trunks: { 'carrier-a': { limits: { concurrentCalls: 1 } } } });
    const first = inbound('14155550100');
    alice.answer(alice.took('INVITE'), 180, 'Ringing');
    expect(inbound('14155550100').status()).toBe(503);
    alice.answer(alice.took('INVITE'), 486, 'Busy Here');
    expect(first.status()).toBe(486);
  });

  test('loops end: Max-Forwards counts down through the engine, 0 is 483 (RFC 3261 §16.3)', async () => {
    await begin({ acme: { extensions: [extension('101', { forward: { always: '14155550100' } })] } });
    const call = inbound('14155550100', { 'Max-Forwards': '5' });
    const sent = carrier.requests('INVITE')[0];
    if (sent !== undefined) {
      expect(sent.maxForwards()).toBe(4);
      carrier.answers(sent, 483, 'Too Many Hops');
    }
    expect(call.status()).toBeGreaterThanOrEqual(400);
    expect(inbound('14155550100', { 'Max-Forwards': '0' }).status()).toBe(483);
  });
});

describe('dial codes that store a setting (behaviour 12)', () => {
  test.each([
    ['*31', { anonymousCalls: true }, 'Caller ID is blocked from now on'],
    ['*32', { anonymousCalls: false }, 'Caller ID is delivered from now on'],
    ['*76', { anonymousCalls: true }, 'Calls are anonymous from now on'],
    ['*86', { anonymousCalls: false }, 'Calls are not anonymous from now on'],
    ['*77', { rejectAnonymousCallers: true }, 'Anonymous callers are refused from now on'],
    ['*87', { rejectAnonymousCallers: false }, 'Anonymous callers are accepted from now on'],
    ['*6414155550142', { outboundCallerId: '14155550142' }, 'Outbound caller ID is 14155550142 from now on'],
  ])('%s is answered, once it is stored, with what was set', async (code, set, reason) => {
    await begin();
    const call = alice.call(code);
    await world.turn();
    world.run();
    expect(alice.final(call)).toMatchObject({ status: 480, reason });
    expect(world.settings).toEqual([{ tenant: 'acme', setting: { extension: '101', set } }]);
    expect(carrier.requests('INVITE')).toEqual([]);
  });

  test('a store that refuses: 500 says so', async () => {
    await begin({ storeSetting: () => Promise.reject(new Error('the store is away')) });
    const call = alice.call('*31');
    await world.turn();
    world.run();
    expect(alice.final(call)).toMatchObject({ status: 500, reason: 'Setting Not Stored' });
    expect(world.log.lines.filter(({ event }) => event === 'setting-not-stored')).toHaveLength(1);
  });
});

describe('a number written with separators is the same number wherever it stands (RFC 3966 §5.1.1)', () => {
  const barred = { limits: { barred: { prefixes: ['1900'] } } };
  const extensions = [extension('101'), extension('102', { forward: { always: '1-900 (555).1234' } })];

  test.each(['1-900-555-1234', '1%2D900%2D5551234', '1(900)5551234;phone-context=+1'])(
    'dialled: %s',
    async (dialled) => {
      await begin({ acme: barred });
      expect(alice.final(alice.call(dialled))?.status).toBe(403);
    },
  );

  test('tel: URIs, in the Request-URI', async () => {
    await begin({ acme: barred });
    for (const [uri, status] of [
      ['tel:1-900-555-1234', 403],
      ['tel:+1-900-555-1234', 486],
    ] as const) {
      const invite = alice.request('INVITE', uri, { From: `${alice.address};tag=t`, To: `<${uri}>` }, SDP);
      const challenge = alice.ask(invite);
      alice.ack(invite, challenge);
      const again = alice.authorized(invite, challenge, alice.client);
      alice.sends(again);
      const sent = carrier.requests('INVITE').at(-1);
      if (sent !== undefined) carrier.answer(sent, 486, 'Busy Here');
      expect(alice.final(again)?.status).toBe(status);
    }
    expect(carrier.requests('INVITE').map(numberIn)).toEqual(['+19005551234']);
  });

  test('inside numbers', async () => {
    await begin();
    const bob = world.phone('102', '203.0.113.2');
    const invite = alice.call('1-0.2');
    bob.answer(bob.took('INVITE'), 486, 'Busy Here');
    expect(alice.final(invite)?.status).toBe(486);
  });

  test('forwarding, of a call from inside and from a trunk', async () => {
    await begin({ acme: { ...barred, extensions } });
    expect(alice.final(alice.call('102'))?.status).toBe(403);
    expect(inbound('14155550102').status()).toBe(403);
    expect(carrier.requests('INVITE')).toEqual([]);
  });

  test('overflow of a service, and the number of an inbound rule', async () => {
    const services = [{ kind: 'queue' as const, number: '600', name: 'Desk', overflow: '1 (900) 555-1234' }];
    const inboundRules = [
      { name: 'out', trunk: 'carrier-a', dids: '14155550103', destination: { number: '1-900-5551234' } },
      { name: 'in', trunk: 'carrier-a', dids: '14155550104', destination: { number: '(600)' } },
    ];
    await begin({ acme: { ...barred, services, inboundRules } });
    expect(alice.final(alice.call('600'))?.status).toBe(403);
    expect(inbound('14155550103').status()).toBe(403);
    expect(inbound('14155550104').status()).toBe(403);
  });

  test('an emergency number reaches the outside though an extension has it, and over a carrier that refuses first', async () => {
    await begin({ acme: { stopOutbound: true, extensions: [extension('101'), extension('911')] } });
    const second = world.agent(CARRIER_B);
    const invite = alice.call('9-1-1');
    carrier.answers(carrier.took('INVITE'), 404, 'Not Found');
    const sent = second.took('INVITE');
    expect(numberIn(sent)).toBe('911');
    second.answer(sent, 486, 'Busy Here');
    expect(alice.final(invite)?.status).toBe(486);
  });

  test('an emergency call passes the capacity of the trunk and of the tenant', async () => {
    const limits = { concurrentCalls: 1 };
    await begin({ acme: { limits }, trunks: { 'carrier-a': { limits }, 'carrier-b': { limits } } });
    const first = alice.call('18005550199');
    const second = alice.call('112');
    expect(carrier.requests('INVITE').map(numberIn)).toEqual(['18005550199', '112']);
    for (const sent of carrier.requests('INVITE')) carrier.answer(sent, 486, 'Busy Here');
    expect([alice.final(first)?.status, alice.final(second)?.status]).toEqual([486, 486]);
  });

  test('caller IDs leave without separators, wherever they are set', async () => {
    const groups = [{ name: 'sales', members: ['101'], outboundCallerId: '+1 (415) 555-0111' }];
    const world1 = (outboundRules: object) =>
      begin({ acme: { outboundCallerId: '(415) 555-0100', groups, ...outboundRules } });
    const shown = (fields: Record<string, string> = {}) => {
      const invite = alice.call('18005550199', fields);
      const sent = carrier.requests('INVITE').at(-1) as SipRequest;
      carrier.answer(sent, 486, 'Busy Here');
      alice.final(invite);
      return sent.headers.value(HeaderId.From)?.split(';')[0];
    };
    const route = { trunk: 'carrier-a' };
    await world1({ outboundRules: [{ name: 'w', match: { groups: ['sales'] }, routes: [route] }] });
    expect(shown()).toContain('<sip:+14155550111@');
    expect(shown({ 'X-Outbound-Cli': 'rewrite-from="+1 415 555-0112"' })).toContain('<sip:+14155550112@');
    expect(shown({ 'P-Preferred-Identity': '<sip:+1-415-555-0113@acme.example.com>' })).toContain('<sip:+14155550113@');
    expect(shown({ 'P-Preferred-Identity': '<tel:+1-(415)-555.0113>' })).toContain('<sip:+14155550113@');
    await world.provision({
      acme: { outboundRules: [{ name: 'w', outboundCallerId: '1 415 555 0114', routes: [route] }] },
    });
    expect(shown()).toContain('<sip:14155550114@');
    await world.provision({
      acme: {
        extensions: [extension('101', { outboundCallerIds: [{ trunk: 'carrier-a', callerId: '1-415-555-0115' }] })],
      },
    });
    expect(shown()).toContain('<sip:14155550115@');
  });
});

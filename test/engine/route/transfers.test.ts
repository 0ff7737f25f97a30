import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RoutedCall, RoutedLeg } from '../../../src/call/index.ts';
import { NO_PEERS } from '../../../src/engine/peer-nodes.ts';
import { Transfers } from '../../../src/engine/route/transfers.ts';
import { Served } from '../../../src/engine/served.ts';
import { dialledNumber } from '../../../src/outbound/index.ts';
import { nodeSchema } from '../../../src/settings/node-schema.ts';
import { HeaderId, type SipRequest, type SipResponse } from '../../../src/sip/message/index.ts';
import { NO_LIMIT } from '../../../src/trunks/admitted-call.ts';
import { NODE } from '../../outbound/world.ts';
import {
  type Agent,
  CARRIER_A,
  CARRIER_A_ID,
  ENGINE,
  expectNothingHeld,
  extension,
  type Phone,
  SDP,
  World,
  type WorldOptions,
} from '../world.ts';

let world: World;
let alice: Phone;
let bob: Phone;
let carrier: Agent;
let invite: SipRequest;
let final: SipResponse;

/** Alice talks to the carrier. */
beforeEach(async () => {
  world = await World.start();
  alice = world.phone('101', '203.0.113.1');
  bob = world.phone('102', '203.0.113.2');
  carrier = world.agent(CARRIER_A);
  invite = alice.call('18005550199');
  carrier.answers(carrier.took('INVITE'), 200, 'OK', {}, SDP);
  const answered = alice.final(invite);
  if (answered === undefined) throw new Error('not answered');
  final = answered;
});

afterEach(() => {
  for (const call of [...world.engine.calls.list()]) world.engine.calls.end(call.id);
  expectNothingHeld(world);
});

const refer = (referTo: string, fields: Record<string, string> = {}) =>
  alice.ask(
    alice.within(invite, final, 'REFER', { 'Refer-To': referTo, Contact: `<sip:${alice.host}>`, ...fields }),
    50,
  );

/** What the transferor is told of it (RFC 3515 §2.4.5). */
const progress = () => alice.requests('NOTIFY').map(({ body }) => body.split('\r\n')[0]);

describe('REFER within a call (RFC 3515)', () => {
  test("to an extension: its phone rings under the transferor's rules and is shown who is moved", () => {
    expect(refer('<sip:102@acme.example.com>').status).toBe(202);
    const sent = bob.took('INVITE');
    expect(sent.from().uri).toMatchObject({ user: '18005550199', host: 'acme.example.com' });
    alice.answer(alice.took('NOTIFY'), 200, 'OK');
    bob.answers(sent, 486, 'Busy Here');
    expect(progress().at(-1)).toContain('486');
    expect(carrier.requests('BYE')).toEqual([]);
  });

  test('RFC 3892 §2.2: Referred-By goes to the phones that are called for it, octet for octet, and to no trunk', () => {
    const referredBy = '"Al\u00efce" <sip:101@acme.example.com>;x=y';
    expect(refer('<sip:102@acme.example.com>', { 'Referred-By': referredBy }).status).toBe(202);
    expect(bob.took('INVITE').headers.fieldValues(HeaderId.ReferredBy)).toEqual([referredBy]);
    bob.answers(bob.took('INVITE'), 486, 'Busy Here');
    const outside = { 'Referred-By': referredBy, CSeq: '9 REFER' };
    expect(refer('<sip:18005550111@acme.example.com>', outside).status).toBe(202);
    const sent = carrier.took('INVITE', 1);
    expect(sent.requestUri).toContain('18005550111');
    expect(sent.headers.has(HeaderId.ReferredBy)).toBe(false);
    carrier.answer(sent, 486, 'Busy Here');
  });

  test('RFC 3323 §4.1: nor is one who withholds itself in its REFER', () => {
    const referred = { 'Referred-By': '<sip:101@acme.example.com>', Privacy: 'id' };
    expect(refer('<sip:102@acme.example.com>', referred).status).toBe(202);
    expect(bob.took('INVITE').headers.has(HeaderId.ReferredBy)).toBe(false);
    bob.answer(bob.took('INVITE'), 486, 'Busy Here');
  });

  test('RFC 3892 §2.2: a transferor who withholds itself is named to nobody', async () => {
    invite = alice.call('18005550199', { Privacy: 'id' });
    carrier.answers(carrier.took('INVITE', 1), 200, 'OK', {}, SDP);
    final = alice.final(invite) as SipResponse;
    const referred = refer('<sip:102@acme.example.com>', { 'Referred-By': '<sip:101@acme.example.com>' });
    expect(referred.status).toBe(202);
    expect(bob.took('INVITE').headers.has(HeaderId.ReferredBy)).toBe(false);
    bob.answer(bob.took('INVITE'), 486, 'Busy Here');
  });

  test('a caller keeps the octets of its name, ISO-8859-1 too', () => {
    const call = carrier.request(
      'INVITE',
      `sip:14155550100@${ENGINE}`,
      { From: '"Zo\u00eb" <sip:+442079460001@carrier.example>;tag=x' },
      SDP,
    );
    carrier.sends(call);
    const rung = alice.took('INVITE');
    alice.answers(rung, 200, 'OK', {}, SDP);
    const answer = carrier.responses(call.callId()).find(({ status }) => status === 200);
    if (answer !== undefined) carrier.ack(call, answer);
    alice.ask(alice.withinOf(rung, 'REFER', { 'Refer-To': '<sip:102@acme.example.com>' }), 50);
    expect(bob.took('INVITE').from().displayName).toBe('Zo\u00eb');
    bob.answer(bob.took('INVITE'), 486, 'Busy Here');
  });

  test('a caller who is anonymous is still anonymous to whoever it is transferred to', () => {
    const call = carrier.request(
      'INVITE',
      `sip:14155550100@${ENGINE}`,
      { From: '<sip:+442079460001@carrier.example>;tag=x', Privacy: 'id' },
      SDP,
    );
    carrier.sends(call);
    const rung = alice.took('INVITE');
    alice.answers(rung, 200, 'OK', {}, SDP);
    const answer = carrier.responses(call.callId()).find(({ status }) => status === 200);
    if (answer !== undefined) carrier.ack(call, answer);
    const referred = alice.ask(alice.withinOf(rung, 'REFER', { 'Refer-To': '<sip:102@acme.example.com>' }), 50);
    expect(referred.status).toBe(202);
    expect(bob.took('INVITE').from().uri).toMatchObject({ user: 'anonymous', host: 'anonymous.invalid' });
    expect(bob.peer.received.join('')).not.toContain('2079460001');
    bob.answer(bob.took('INVITE'), 486, 'Busy Here');
  });

  test.each([
    '102',
    '102@acme.example.com',
    '<sip:102>',
    '"Bob" <102@acme.example.com>',
    '<sip:102@acme.example.com.>',
    `sip:102@${ENGINE};user=phone`,
  ])('as phones write the number that somebody has typed: %s', (referTo) => {
    expect(refer(referTo).status).toBe(202);
    bob.answer(bob.took('INVITE'), 486, 'Busy Here');
  });

  test("to an outside number: over the tenant's rule, with the transferor's caller ID", () => {
    expect(refer('<sip:18005550111@acme.example.com>').status).toBe(202);
    const sent = carrier.took('INVITE', 1);
    expect(sent.to().uri).toMatchObject({ user: '18005550111' });
    expect(sent.from().uri).toMatchObject({ user: '14155550100' });
    carrier.answer(sent, 486, 'Busy Here');
  });

  test.each([
    ['link-local', '<sip:102@169.254.1.1>'],
    ['the metadata service', '<sip:latest@169.254.169.254>'],
    ['loopback', '<sip:102@127.0.0.1:22>'],
    ['a carrier', `<sip:102@${CARRIER_A}>`],
    ["another tenant's domain", '<sip:101@globex.example.com>'],
    ['a foreign name', '<sip:102@evil.example.net>'],
    ['no SIP', '<http://169.254.169.254/latest>'],
    ['nobody', '<sip:acme.example.com>'],
    ['an empty address', '<>'],
    ['what is no address', 'x y z'],
  ])('to %s: refused or reported as failed, nobody is called, nothing is looked up', (_what, referTo) => {
    const before = world.network.packets.length;
    const response = refer(referTo);
    world.run();
    const heard = response.status >= 400 || /[456]\d\d/.test(progress().at(-1) ?? '');
    expect(heard).toBe(true);
    const sent = world.network.packets.slice(before).filter(({ from }) => from === `${ENGINE}:5060`);
    expect(sent.every(({ to }) => to === `${alice.host}`)).toBe(true);
  });

  test('from a carrier: 403, its calls are not placed at the cost of a tenant', () => {
    const request = carrier.withinOf(carrier.took('INVITE'), 'REFER', {
      'Refer-To': '<sip:102@acme.example.com>',
      Contact: `<sip:${carrier.host}>`,
    });
    expect(carrier.ask(request, 50).status).toBe(403);
    expect(bob.requests('INVITE')).toEqual([]);
  });
});

describe('INVITE with Replaces (RFC 3891)', () => {
  const replaces = () => `${invite.callId()};to-tag=${final.toTag()};from-tag=${invite.fromTag()}`;

  test('by a phone of the same tenant: it takes the place, the one that had it gets a BYE', () => {
    const taken = bob.call('101', { Replaces: replaces() });
    world.run();
    const reinvite = carrier.requests('INVITE')[1];
    expect(reinvite).toBeDefined();
    carrier.answers(carrier.took('INVITE', 1), 200, 'OK', {}, SDP);
    const answer = bob.responses(taken.callId()).filter(({ status }) => status >= 200 && status !== 407);
    expect(answer.map(({ status }) => status)).toEqual([200]);
    expect(alice.requests('BYE')).toHaveLength(1);
  });

  test('of a dialog that is not there: 481', () => {
    expect(bob.final(bob.call('101', { Replaces: 'nothing;to-tag=a;from-tag=b' }))?.status).toBe(481);
  });

  test('by a phone of another tenant: refused, the call goes on', () => {
    const hank = world.phone('101', '203.0.113.50', { domain: 'globex.example.com', password: 'c4n4ry-globex' });
    const refusal = hank.final(hank.call('101', { Replaces: replaces() }));
    expect(refusal?.status).toBeGreaterThanOrEqual(400);
    expect(refusal?.headers.has(HeaderId.Contact)).toBe(false);
    expect(alice.requests('BYE')).toEqual([]);
    expect(world.held().calls).toBe(1);
  });
});

describe('REFER is refused, before it is looked at,', () => {
  /** What a leg of such a party is answered. */
  function referred(options: RoutedLeg['options']) {
    const { routing, branches, directory } = world.engine;
    const settings = nodeSchema.parse({ listen: [{ transport: 'udp', host: ENGINE, port: 5060 }] });
    const transfers = new Transfers({
      ...{ routing, branches, facts: NODE, peers: NO_PEERS, observer: world.observed },
      served: new Served(settings, directory),
      grants: { admit: () => NO_LIMIT, joined() {}, release() {} },
      ...{ guards: world.engine.guards, trunks: world.engine.trunks, scheduler: world.scheduler },
    });
    const leg = { options, isCallerSide: true } as RoutedLeg;
    return transfers.referred({} as RoutedCall, leg, '<sip:102@acme.example.com>', undefined);
  }

  test("of a trunk, since its carrier would place calls at the tenant's cost", () => {
    expect(referred({ contact: '', trunkId: CARRIER_A_ID })).toMatchObject({ status: 403 });
  });

  test('of an extension that is not provisioned any more', () => {
    expect(referred({ contact: '', owner: { tenant: 'acme', number: '199' } })).toMatchObject({ status: 403 });
  });
});

describe('REFER to who still rings (RFC 5589 §7.6)', () => {
  /** Bob has called Alice and they talk; Alice rings at another phone or outside, and refers Bob there. */
  async function consulting(number: string, options: WorldOptions) {
    const own = await World.start(options);
    const alice = own.phone('101', '203.0.113.1');
    const bob = own.phone('102', '203.0.113.2');
    const [carol, dave] = [own.phone('103', '203.0.113.3'), own.phone('104', '203.0.113.4')];
    const target = number === '103' ? carol : own.agent(CARRIER_A);
    bob.call('101');
    const rung = alice.took('INVITE');
    alice.answer(rung, 200, 'OK', {}, SDP);
    own.run();
    const consultation = alice.call(number);
    const first = target.took('INVITE');
    target.answer(first, 180, 'Ringing');
    own.run();
    const ringing = alice.responses(consultation.callId()).find(({ status }) => status === 180);
    const name = `${consultation.callId()};to-tag=${ringing?.toTag()};from-tag=${consultation.fromTag()}`;
    const referTo = `<sip:${number}@acme.example.com?Replaces=${encodeURIComponent(name)}>`;
    const refer = () => alice.ask(alice.withinOf(rung, 'REFER', { 'Refer-To': referTo }), 20).status;
    const finalOf = () => alice.responses(consultation.callId()).find(({ status }) => status >= 200 && status !== 407);
    const toldLast = () => {
      for (const notify of alice.requests('NOTIFY')) alice.answer(notify, 200, 'OK');
      own.run(20);
      return alice.requests('NOTIFY').at(-1)?.body.split('\r\n')[0];
    };
    /** The target is cancelled, says so, and its line is free from then on. */
    const isCancelled = () => {
      expect(target.requests('INVITE')).toHaveLength(1);
      target.answer(target.took('CANCEL'), 200, 'OK');
      target.answer(first, 487, 'Request Terminated');
      own.run(20);
      expect(target.requests('INVITE')).toHaveLength(1);
      own.run(250);
    };
    const endsAll = () => {
      for (const call of [...own.engine.calls.list()]) own.engine.calls.end(call.id);
      expectNothingHeld(own);
    };
    return { own, target, dave, refer, finalOf, toldLast, isCancelled, endsAll };
  }

  const OUTSIDE = '18005550199';
  const limited = (limits: object) => ({
    acme: { extensions: [extension('101', { limits }), ...['102', '103', '104'].map((number) => extension(number))] },
  });

  test.each([
    ['an extension that may have one call', OUTSIDE, limited({ concurrentCalls: 1 })],
    ['a tenant that may have one', OUTSIDE, { acme: { limits: { concurrentCalls: 1 } } }],
    [
      'a trunk with one place',
      OUTSIDE,
      {
        acme: { outboundRules: [{ name: 'world', routes: [{ trunk: 'carrier-a' }] }] },
        trunks: { 'carrier-a': { limits: { concurrentCalls: 1 } } },
      },
    ],
    [
      'a phone with one line, whose calls go elsewhere when it is busy',
      '103',
      {
        acme: {
          extensions: [
            ...['101', '102', '104'].map((number) => extension(number)),
            extension('103', { forward: { busy: '104' } }),
          ],
        },
      },
    ],
  ] as const)('%s: the ringing call makes way, and the transferee rings there', async (_what, number, options) => {
    const { own, target, dave, refer, toldLast, isCancelled, endsAll } = await consulting(
      number,
      options as WorldOptions,
    );
    expect(refer()).toBe(202);
    expect(toldLast()).toBe('SIP/2.0 100 Trying');
    isCancelled();
    const second = target.took('INVITE', 1);
    target.answer(second, 180, 'Ringing');
    own.run();
    expect(toldLast()).toBe('SIP/2.0 180 Ringing');
    expect(dave.requests('INVITE')).toEqual([]);
    expect(own.observed.fraud).toEqual([]);
    target.answer(second, 486, 'Busy Here');
    own.run();
    endsAll();
  });

  const TRUNK_OF_ONE = {
    acme: { outboundRules: [{ name: 'world', routes: [{ trunk: 'carrier-a' }] }] },
    trunks: { 'carrier-a': { limits: { concurrentCalls: 1 } } },
  };

  test.each([
    ['a tenant that may have one call', { acme: { limits: { concurrentCalls: 1 } } }],
    ['a trunk with one place', TRUNK_OF_ONE],
  ] as const)(
    '%s: nobody else gets it before the transferee rings, nor where the one who rings answers no CANCEL',
    async (_what, options) => {
      for (const isSilent of [true, false]) {
        const { own, target, dave, refer, toldLast, endsAll } = await consulting(OUTSIDE, options as WorldOptions);
        const refused = () => dave.final(dave.call('18005550177'))?.status;
        expect(refer()).toBe(202);
        expect(refused()).toBeGreaterThanOrEqual(400);
        if (!isSilent) {
          target.answer(target.took('CANCEL'), 200, 'OK');
          target.answer(target.took('INVITE'), 487, 'Request Terminated');
          own.run(20);
          expect(refused()).toBeGreaterThanOrEqual(400);
        }
        own.run(isSilent ? 3_000 : 250);
        expect(target.requests('INVITE').map((invite) => dialledNumber(invite.uri()))).toEqual([OUTSIDE, OUTSIDE]);
        target.answer(target.took('INVITE', 1), 180, 'Ringing');
        own.run();
        expect(toldLast()).toBe('SIP/2.0 180 Ringing');
        target.answer(target.took('INVITE', 1), 486, 'Busy Here');
        own.run();
        endsAll();
      }
    },
  );

  test.each([
    ['a rule that is there no more', {}, { outboundRules: [] }, ['plan']],
    ['a stop of outbound calls', {}, { stopOutbound: true }, ['plan', 'outbound-stopped']],
    [
      'a limit of calls per minute',
      { acme: { limits: { callsPerMinute: 1 } } },
      undefined,
      ['calls-per-minute-exceeded'],
    ],
  ] as const)(
    '%s keeps the transferee from there: it is told, and nothing is given up',
    async (_what, options, later, events) => {
      const { own, target, refer, finalOf, toldLast, endsAll } = await consulting(OUTSIDE, options as WorldOptions);
      if (later !== undefined) await own.provision({ acme: later as object });
      expect(refer()).toBe(202);
      own.run(500);
      expect(toldLast()).toMatch(/^SIP\/2\.0 40[34] /);
      // Whoever watches is told once.
      const refused = own.observed.plans.filter(({ refusal }) => refusal !== undefined).map(() => 'plan');
      expect([...refused, ...own.observed.fraud.map(({ code }) => code)]).toEqual(events);
      expect(finalOf()).toBeUndefined();
      expect(target.requests('CANCEL')).toEqual([]);
      expect(target.requests('INVITE')).toHaveLength(1);
      target.answer(target.took('INVITE'), 200, 'OK', {}, SDP);
      own.run();
      expect(finalOf()?.status).toBe(200);
      endsAll();
    },
  );
});

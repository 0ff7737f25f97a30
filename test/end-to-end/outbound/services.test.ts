import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TenantInput } from '../../outbound/world.ts';
import { acme, COMPANY, DOMAIN, localTrunk } from './local-trunk.ts';
import { dialogOfCallee, dialogOfCaller, Phone, SDP } from './phone.ts';
import { fieldOf, methodOf, once, valuesOf, type WireMessage } from './wire-message.ts';
import { startWorld, type World } from './wire-world.ts';

let world: World;
let alice: Phone;
let bob: Phone;
beforeAll(async () => {
  world = await startWorld();
  alice = world.phone;
  bob = await Phone.open(world.sip);
});
beforeEach(() => {
  [alice.answer, bob.answer] = [['486 Busy Here'], ['486 Busy Here']];
  world.carrier.answer = () => ({ statuses: ['100 Trying', '486 Busy Here'] });
});
afterAll(async () => {
  await world.stop();
  bob.close();
});

const OUTSIDE = '88888888';
const DIVERSION = { options: { diversion: 'diversion' as const } };
type Service = NonNullable<TenantInput['services']>[number];
const ringGroup = (changes: object): Service =>
  ({
    kind: 'ring-group',
    number: '600',
    name: 'Sales',
    members: ['101', '102'],
    overflow: OUTSIDE,
    ...changes,
  }) as Service;
const toService = [{ name: 'main', trunk: 'CallCentric', dids: '14155550110', destination: { service: '600' } }];
const tagless = (value: string) => value.replace(/;tag=[^;]+/, '');

async function registerBoth(): Promise<void> {
  expect((await alice.register('101', DOMAIN)).status).toBe(200);
  expect((await bob.register('102', DOMAIN)).status).toBe(200);
}

/** A call from outside to the main number, ended by the carrier's refusal of the INVITE that goes out again. */
async function callIn() {
  world.carrier.take();
  alice.party.received.length = 0;
  bob.party.received.length = 0;
  const zoe = new Phone(world.carrier.party, world.sip);
  const from = '"Zoe" <sip:+4930123456@carrier.example>';
  const placed = await zoe.call({ user: 'zoe', domain: '127.0.0.1', dialled: '14155550110', from });
  return { placed, invite: world.carrier.take()[0] as WireMessage };
}

const rang = (phone: Phone) => once(phone.party.received).filter((message) => methodOf(message) === 'INVITE');

describe('a ring group that nobody answers', () => {
  test.each([
    ['its own', { outboundCallerId: '14155550130' }, '14155550130'],
    ["the company's", {}, COMPANY],
  ])('simultaneous: all members ring, then it overflows outside with %s caller ID', async (_, changes, callerId) => {
    await world.hold(
      [acme({ services: [ringGroup(changes)], inboundRules: toService })],
      [localTrunk(world, DIVERSION)],
    );
    await registerBoth();
    const { placed, invite } = await callIn();
    expect([rang(alice).length, rang(bob).length]).toEqual([1, 1]);
    expect(placed.status).toBe(486);
    expect(invite.startLine).toContain(`INVITE sip:${OUTSIDE}@`);
    expect(tagless(fieldOf(invite, 'From'))).toBe(`"Zoe" <sip:${callerId}@${DOMAIN}>`);
    expect(valuesOf(invite, 'Diversion')).toEqual([`<sip:14155550110@${DOMAIN}>;reason=no-answer;counter=1`]);
  });

  test('in order: one member after another, then the same', async () => {
    const services = [ringGroup({ strategy: 'in-order', outboundCallerId: '14155550130' })];
    await world.hold([acme({ services, inboundRules: toService })], [localTrunk(world)]);
    await registerBoth();
    const order: string[] = [];
    const busy = (name: string) => () => {
      order.push(name);
      return ['180 Ringing', '486 Busy Here'];
    };
    [alice.answer, bob.answer] = [busy('alice'), busy('bob')];
    world.carrier.answer = () => {
      order.push('carrier');
      return { statuses: ['486 Busy Here'] };
    };
    const { invite } = await callIn();
    expect(order).toEqual(['alice', 'bob', 'carrier']);
    expect(tagless(fieldOf(invite, 'From'))).toBe(`"Zoe" <sip:14155550130@${DOMAIN}>`);
  });

  test('a colleague who calls the group is shown with the group when it overflows', async () => {
    await world.hold([acme({ services: [ringGroup({ outboundCallerId: '14155550130' })] })], [localTrunk(world)]);
    world.carrier.take();
    const placed = await alice.call({
      user: '103',
      domain: DOMAIN,
      dialled: '600',
      from: `"Carol" <sip:103@${DOMAIN}>`,
    });
    const [invite] = world.carrier.take();
    expect(placed.status).toBe(486);
    expect(tagless(fieldOf(invite as WireMessage, 'From'))).toBe(`"Sales" <sip:14155550130@${DOMAIN}>`);
  });

  test('nobody registered: it overflows at once; without an overflow the caller gets 480', async () => {
    const domain = 'empty.portsip.io';
    await world.hold([acme({ domain, services: [ringGroup({})], inboundRules: toService })], [localTrunk(world)]);
    expect((await callIn()).invite.startLine).toContain(`INVITE sip:${OUTSIDE}@`);
    const services = [ringGroup({ overflow: undefined })];
    await world.hold([acme({ domain, services, inboundRules: toService })], [localTrunk(world)]);
    const { placed, invite } = await callIn();
    expect([placed.status, invite]).toEqual([480, undefined]);
  });
});

describe.each(['virtual-receptionist', 'queue', 'meeting'] as const)('an application server as %s', (kind) => {
  const service = (changes: object = {}): Service =>
    ({ kind, number: '600', name: 'Desk', outboundCallerId: '14155550140', ...changes }) as Service;

  test('signs in as the service, takes the calls that are sent to it and places calls under its caller ID', async () => {
    await world.hold([acme({ services: [service()], inboundRules: toService })], [localTrunk(world)]);
    const server = await Phone.open(world.sip);
    expect((await server.register('600', DOMAIN, 'wrong')).status).toBe(401);
    expect((await server.register('600', DOMAIN)).status).toBe(200);
    const { placed } = await callIn();
    expect([placed.status, rang(server).length]).toEqual([486, 1]);
    await server.call({ user: '600', domain: DOMAIN, dialled: OUTSIDE });
    const [invite] = world.carrier.take();
    expect(tagless(fieldOf(invite as WireMessage, 'From'))).toBe(`"Desk" <sip:14155550140@${DOMAIN}>`);
    server.close();
  });

  test('when it does not answer, the call overflows outside under its caller ID, else the company’s', async () => {
    for (const [changes, callerId] of [
      [{}, '14155550140'],
      [{ outboundCallerId: undefined }, COMPANY],
    ] as const) {
      const domain = 'empty.portsip.io';
      const services = [service({ overflow: OUTSIDE, ...changes })];
      await world.hold([acme({ domain, services, inboundRules: toService })], [localTrunk(world)]);
      const { invite } = await callIn();
      expect(tagless(fieldOf(invite, 'From'))).toBe(`"Zoe" <sip:${callerId}@${domain}>`);
    }
  });
});

type Ask = (method: string, sequence: number, more?: readonly string[]) => Promise<WireMessage>;

/** Alice talks to the carrier, having called it; what she asks within the call. */
async function talkOut(): Promise<Ask> {
  const call = await alice.call({ user: '101', domain: DOMAIN, dialled: OUTSIDE });
  expect(call.status).toBe(200);
  return (...request) => alice.inDialog(dialogOfCaller(call), ...request);
}

/** The same, the carrier having called. */
async function talkIn(): Promise<Ask> {
  alice.answer = ['180 Ringing', '200 OK'];
  const acknowledged = alice.party.next((message) => methodOf(message) === 'ACK', 'the ACK');
  const { placed } = await callIn();
  expect(placed.status).toBe(200);
  await acknowledged;
  const invite = rang(alice).at(-1) as WireMessage;
  return (...request) => alice.inDialog(dialogOfCallee(invite), ...request);
}

describe('a transfer to an outside number (RFC 3515)', () => {
  test.each([
    ['of a call that the transferor placed', 'out'],
    ['of a call that came in', 'in'],
  ] as const)('%s goes by the rules and the caller ID of the transferor', async (_, direction) => {
    const rule = { name: 'only 101', match: { extensions: ['101'] }, routes: [{ trunk: 'CallCentric' }] };
    await world.hold([acme({ outboundRules: [rule] })], [localTrunk(world)]);
    await registerBoth();
    world.carrier.answer = (invite) =>
      invite.startLine.includes('99999999') ? { statuses: ['486 Busy Here'] } : { statuses: ['200 OK'], sdp: SDP };
    const referTo = [`Refer-To: <sip:99999999@${DOMAIN}>`];
    const notified = alice.party.next(
      (message) => methodOf(message) === 'NOTIFY' && message.body.includes('486'),
      'the NOTIFY with the outcome',
    );
    const ask = direction === 'out' ? await talkOut() : await talkIn();
    world.carrier.take();
    expect((await ask('REFER', 2, referTo)).startLine).toContain('202');
    await notified;
    const [invite] = world.carrier.take();
    expect(invite?.startLine).toContain('INVITE sip:99999999@');
    expect(fieldOf(invite as WireMessage, 'From')).toContain(`<sip:14155550101@${DOMAIN}>`);
    expect((await ask('BYE', 3)).startLine).toContain('200');
  });
});

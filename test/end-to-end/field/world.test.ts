import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../kit/eventually.ts';
import {
  ackOf,
  ask,
  call,
  carrierInvite,
  type FieldWorld,
  inDialog,
  type Party,
  phoneInvite,
  register,
  requestOf,
  responseTo,
  serveQuietly,
  startField,
  statusOf,
} from './world.ts';

/** `limits.contactsPerExtension` where nobody sets it. */
const LIMIT = 5;

describe('calls over raw sockets', () => {
  let world: FieldWorld;
  beforeAll(async () => {
    world = await startField();
  });
  afterAll(() => world.stop());

  test('a phone calls the carrier, the carrier hangs up', async () => {
    const { phone, carrier } = world;
    const { callee } = await call(phone, phoneInvite(phone), carrier);
    carrier.send(inDialog(carrier, callee, 'BYE', 1));
    phone.send(responseTo(await phone.nextRequest('BYE'), '200 OK', ''));
    expect(statusOf(await carrier.nextAnswer())).toBe(200);
  });

  test('a phone registers over TCP and is called by the carrier', async () => {
    const { carrier } = world;
    const desk = await world.party('tcp');
    const register = requestOf(desk, 'REGISTER sip:acme.test SIP/2.0', {
      From: '<sip:102@acme.test>;tag=a',
      To: '<sip:102@acme.test>',
      Contact: `<sip:102@${desk.hostPort};transport=tcp>`,
    });
    expect(statusOf(await ask(desk, register, 'secret-102', '102'))).toBe(200);
    const { caller } = await call(carrier, carrierInvite(carrier, {}, '14155550102'), desk);
    carrier.send(inDialog(carrier, caller, 'BYE', 2));
    desk.send(responseTo(await desk.nextRequest('BYE'), '200 OK', ''));
    expect(statusOf(await carrier.nextAnswer())).toBe(200);
  });

  test('a phone on TCP that connects again and again stays registered, as often as it likes', async () => {
    const { carrier } = world;
    const connections: Party[] = [];
    for (let round = 0; round <= LIMIT; round++) {
      const desk = await world.party('tcp');
      await register(desk, '103');
      connections.push(desk);
      if (round < LIMIT) desk.close();
    }
    const { caller } = await call(carrier, carrierInvite(carrier, {}, '14155550103'), connections[LIMIT] as Party);
    carrier.send(inDialog(carrier, caller, 'BYE', 2));
    (connections[LIMIT] as Party).serves = serveQuietly;
    expect(statusOf(await carrier.nextAnswer())).toBe(200);
  });

  test('what comes again over UDP, since it was not answered at once, is given once', async () => {
    const { phone, carrier } = world;
    const text = phoneInvite(phone);
    phone.send(text);
    const invite = await carrier.nextRequest('INVITE');
    await eventually('a copy', () => carrier.received.filter(({ text: each }) => each === invite.text).length > 1);
    await expect(carrier.nextRequest('INVITE', 50)).rejects.toThrow('the INVITE did not come');
    carrier.send(responseTo(invite, '486 Busy Here', 'b'));
    phone.send(ackOf(phone, text, await phone.nextAnswer(486)));
    await carrier.nextRequest('ACK');
  });
});

test('a carrier that is reached over TCP', async () => {
  const world = await startField({ carrier: 'tcp' });
  try {
    const { phone, carrier } = world;
    const { caller, invite } = await call(phone, phoneInvite(phone), carrier);
    expect(invite.text).toMatch(/^Via: SIP\/2\.0\/TCP /m);
    phone.send(inDialog(phone, caller, 'BYE', 2));
    expect(statusOf(await phone.nextAnswer())).toBe(200);
  } finally {
    await world.stop();
  }
});

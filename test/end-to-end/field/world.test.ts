import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ask,
  call,
  carrierInvite,
  type FieldWorld,
  inDialog,
  phoneInvite,
  requestOf,
  responseTo,
  startField,
  statusOf,
} from './world.ts';

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

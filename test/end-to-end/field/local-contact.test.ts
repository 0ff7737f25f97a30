import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fieldOf } from '../outbound/wire-message.ts';
import {
  ackOf,
  ask,
  call,
  type FieldWorld,
  inDialog,
  Party,
  phoneInvite,
  requestOf,
  responseTo,
  startField,
  statusOf,
  token,
  WAYS,
} from './world.ts';

/** The kernel takes this for the machine itself, so somebody can listen at what the phone writes. */
describe.each(WAYS)('a phone whose Contact is the unspecified address, over %s at %s', (transport, host) => {
  let world: FieldWorld;
  /** Who listens there, over UDP and TCP. */
  let listeners: readonly Party[];

  beforeAll(async () => {
    world = await startField({ phones: transport, carrier: transport, host });
    listeners = [await Party.udp({ address: host, port: 9 }, host), await Party.listen(host)];
  });
  afterAll(async () => {
    for (const each of listeners) each.close();
    await world.stop();
  });

  /** Registers extension 102 with a Contact at the listener. */
  async function registered({ port }: Party): Promise<Party> {
    const desk = await world.party();
    const text = requestOf(desk, 'REGISTER sip:acme.test SIP/2.0', {
      Via: `SIP/2.0/${transport.toUpperCase()} ${desk.hostPort};branch=z9hG4bK${token()}`,
      From: `<sip:102@acme.test>;tag=${token()}`,
      To: '<sip:102@acme.test>',
      Contact: `<sip:102@${contactAt(port)}>;expires=600;+sip.instance="<urn:uuid:0102>"`,
    });
    expect(statusOf(await ask(desk, text, 'secret-102', '102'))).toBe(200);
    return desk;
  }

  const contactAt = (port: number) => `${host === '::1' ? '[::]' : '0.0.0.0'}:${port}`;

  test('registers, is called, and talks at its source; nothing leaves for the Contact', async () => {
    for (const listener of listeners) {
      const { phone } = world;
      const desk = await registered(listener);
      const standing = await call(phone, phoneInvite(phone, {}, '102'), desk, [
        `Contact: <sip:102@${contactAt(listener.port)}>`,
      ]);
      phone.send(inDialog(phone, standing.caller, 'BYE', 2));
      const bye = await desk.nextRequest('BYE');
      desk.send(responseTo(bye, '200 OK', ''));
      expect(fieldOf(await phone.nextAnswer(200), 'CSeq')).toBe('2 BYE');
    }
    expect(listeners.flatMap(({ received }) => received)).toEqual([]);
  });

  test.runIf(transport !== 'udp')('is not there any more when its connection has ended', async () => {
    for (const listener of listeners) {
      const { phone } = world;
      (await registered(listener)).close();
      const invite = phoneInvite(phone, {}, '102');
      phone.send(invite);
      const answer = await phone.nextAnswer();
      phone.send(ackOf(phone, invite, answer));
      expect(statusOf(answer)).toBe(480);
    }
    expect(listeners.flatMap(({ received }) => received)).toEqual([]);
  });
});

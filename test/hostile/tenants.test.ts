/** A tenant's phone against the calls of another tenant's, of which it knows whatever there is to know: Call-ID and tags of both legs. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Dialog, dialogOfCallee, dialogOfCaller, Phone } from '../end-to-end/outbound/phone.ts';
import {
  fieldOf,
  methodOf,
  responseTo,
  statusOf,
  tagOf,
  type WireMessage,
} from '../end-to-end/outbound/wire-message.ts';
import { startEngine, type TestEngine } from '../kit/engine.ts';
import { eventually } from '../kit/eventually.ts';

const tenant = (name: string, ...numbers: string[]) => ({
  name,
  domain: `${name}.test`,
  extensions: numbers.map((number) => ({ number, password: Phone.PASSWORD })),
});

describe('another tenant’s phone, which knows the dialogs of a call', () => {
  let engine: TestEngine;
  let caller: Phone;
  let callee: Phone;
  let other: Phone;
  let others: Phone;
  let own: Dialog;
  let sequence = 100;

  beforeAll(async () => {
    engine = await startEngine({
      provisioning: { tenants: [tenant('acme', '101', '102'), tenant('globex', '101', '201', '202')] },
    });
    const phone = async (address: string, user: string, domain: string) => {
      const at = { address: '127.0.0.1', port: engine.port(), registeredEverywhere: engine.registeredEverywhere };
      const opened = await Phone.open(at, address);
      expect((await opened.register(user, domain)).status).toBe(200);
      return opened;
    };
    caller = await phone('127.0.0.2', '101', 'acme.test');
    callee = await phone('127.0.0.3', '102', 'acme.test');
    other = await phone('127.0.0.4', '201', 'globex.test');
    others = await phone('127.0.0.5', '202', 'globex.test');
    others.answer = ['200 OK'];
    own = dialogOfCaller(await other.call({ user: '201', domain: 'globex.test', dialled: '202' }));
  });
  afterAll(async () => {
    await other.inDialog(own, 'BYE', ++sequence);
    await eventually('its BYE', () => asked(others).includes('BYE'));
    for (const each of [caller, callee, other, others]) each.close();
    await engine.stop();
  });
  beforeEach(() => {
    for (const { party } of [caller, callee, other, others]) party.received.length = 0;
  });

  const asked = ({ party }: Phone) => party.received.filter((message) => statusOf(message) === 0).map(methodOf);
  const rung = () => eventually('the INVITE', () => callee.party.received.find((each) => methodOf(each) === 'INVITE'));
  /** The dialog as its party names it to others (RFC 3891 §3). */
  const replaces = ({ callId, remote, local }: Dialog) => `${callId};to-tag=${tagOf(remote)};from-tag=${tagOf(local)}`;
  const takeOver = async (value: string) => {
    const headers = [`Replaces: ${value}`, 'Require: replaces'];
    return (await other.call({ user: '201', domain: 'globex.test', dialled: '102', headers })).status;
  };
  /** What a REFER comes to: its final response, or what the last NOTIFY says. */
  const refer = async (to: string, ...more: string[]) => {
    const before = other.party.received.length;
    const lines = [`Refer-To: <${to}>`, 'Referred-By: <sip:101@acme.test>', ...more];
    const accepted = statusOf(await other.inDialog(own, 'REFER', ++sequence, lines));
    if (accepted >= 300) return accepted;
    const isFinal = (message: WireMessage) => fieldOf(message, 'Subscription-State').startsWith('terminated');
    const last = await eventually('the last NOTIFY', () => other.party.received.slice(before).find(isFinal));
    return Number(last.body.split(' ')[1]);
  };

  test('takes no leg of it, by Replaces or by REFER', async () => {
    callee.answer = ['200 OK'];
    const call = dialogOfCaller(await caller.call({ user: '101', domain: 'acme.test', dialled: '102' }));
    for (const leg of [call, dialogOfCallee(await rung())]) {
      const value = replaces(leg);
      expect(await takeOver(value)).toBeGreaterThanOrEqual(400);
      for (const uri of ['sip:202@globex.test', 'sip:102@acme.test'])
        expect(await refer(`${uri}?Replaces=${encodeURIComponent(value)}`)).toBeGreaterThanOrEqual(400);
      for (const method of ['INVITE', 'UPDATE', 'INFO', 'REFER'])
        expect(statusOf(await other.inDialog(leg, method, 900, ['Refer-To: <sip:201@globex.test>']))).toBe(481);
    }
    expect([asked(caller), asked(callee)]).toEqual([[], ['INVITE', 'ACK']]);
    expect(statusOf(await caller.inDialog(call, 'BYE', 950))).toBe(200);
    await eventually('its BYE', () => asked(callee).includes('BYE'));
  });

  test.each(['', ';early-only'])('picks up no phone that rings%s', async (more) => {
    callee.answer = ['180 Ringing'];
    const call = caller.call({ user: '101', domain: 'acme.test', dialled: '102' });
    const invite = await rung();
    const value = replaces(dialogOfCallee(invite));
    expect(await takeOver(`${value}${more}`)).toBeGreaterThanOrEqual(400);
    expect(await refer(`sip:102@acme.test?Replaces=${encodeURIComponent(value)}`)).toBeGreaterThanOrEqual(400);
    for (const code of ['*8102', '**102']) {
      const { status } = await other.call({ user: '201', domain: 'globex.test', dialled: code });
      expect(status).toBe(404);
    }
    expect(asked(callee)).toEqual(['INVITE']);
    callee.party.send(responseTo(invite, '486 Busy Here', tagOf(dialogOfCallee(invite).local)), {
      address: '127.0.0.1',
      port: engine.port(),
    });
    expect((await call).status).toBe(486);
  });

  test.each([
    'sip:102@acme.test',
    'sip:102@ACME.test.',
    'sip:102@127.0.0.1',
    'sip:102%40acme.test@globex.test',
    'sip:102@globex.test;maddr=127.0.0.3',
    'tel:102',
  ])('sends nobody to %s', async (uri) => {
    expect(await refer(uri)).toBe(404);
    expect([asked(caller), asked(callee)]).toEqual([[], []]);
  });
});

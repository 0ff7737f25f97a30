import { beforeEach, describe, expect, test } from 'vitest';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import { HeaderId, type SipResponse, serialize } from '../../src/sip/message/index.ts';
import { CARRIER_A, ENGINE, type Phone, provisioningOf, World } from './world.ts';

let world: World;
let phone: Phone;

beforeEach(async () => {
  world = await World.start();
  phone = world.phone('101', '203.0.113.1');
});

function ask(method: string, fields: Record<string, string> = {}, uri = 'sip:102@acme.example.com'): SipResponse {
  return phone.askAuthenticated(
    phone.request(method, uri, { From: '<sip:101@acme.example.com>;tag=1', ...fields }),
    phone.client,
  );
}

const ALLOWED = ['INVITE', 'ACK', 'CANCEL', 'BYE', 'OPTIONS', 'REGISTER'];

describe('methods outside of dialogs', () => {
  test('OPTIONS: 200 with Allow, Accept and Supported, the same for everybody (RFC 3261 §11.2)', () => {
    const stranger = world.agent('198.51.100.66');
    // As long as those of user agents are: the answer to a short one leaves out what is optional.
    const fields = { 'User-Agent': 'LabPhone/1.0'.padEnd(120, '.') };
    const told = [
      stranger.ask(stranger.request('OPTIONS', `sip:${ENGINE}`, fields)),
      stranger.ask(stranger.request('OPTIONS', 'sip:101@acme.example.com', fields)),
      stranger.ask(stranger.request('OPTIONS', 'sip:999@acme.example.com', fields)),
      phone.ask(phone.request('OPTIONS', 'sip:101@acme.example.com', fields)),
    ];
    for (const response of told) {
      expect(response.status).toBe(200);
      expect(response.headers.listValues(HeaderId.Allow)).toEqual(expect.arrayContaining(ALLOWED));
      expect(response.headers.value(HeaderId.Accept)).toBe('application/sdp');
      expect(response.headers.listValues(HeaderId.Supported)).toEqual(
        expect.arrayContaining(['timer', '100rel', 'replaces']),
      );
      expect(response.toTag()).not.toBe(undefined);
    }
  });

  test('REFER: 405 with Allow, for who has signed in (§8.2.1)', () => {
    const response = ask('REFER', { 'Refer-To': '<sip:103@acme.example.com>', Contact: '<sip:101@203.0.113.1>' });
    expect(response.status).toBe(405);
    expect(response.headers.listValues(HeaderId.Allow)).toEqual(expect.arrayContaining(ALLOWED));
  });

  test.each(['SUBSCRIBE', 'PUBLISH'])('%s: 489, for who has signed in (RFC 6665 §4.2.1.1)', (method) => {
    const response = ask(method, { Event: 'presence', Contact: '<sip:101@203.0.113.1>' });
    expect(response.status).toBe(489);
    // RFC 3265 §7.2 table 1: mandatory there.
    expect(response.headers.value(HeaderId.AllowEvents)).toBe('refer');
  });

  test.each(['BYE', 'PRACK', 'UPDATE', 'INFO', 'NOTIFY'])('%s without a dialog: 481', (method) => {
    expect(
      phone.ask(
        phone.request(method, `sip:${ENGINE}`, {
          Event: 'x',
          RAck: '1 1 INVITE',
          Contact: '<sip:x@203.0.113.1>',
          'Subscription-State': 'active',
        }),
      ).status,
    ).toBe(481);
  });

  test('a method that nobody knows: 501', () => {
    expect(phone.ask(phone.request('BREW', `sip:${ENGINE}`)).status).toBe(501);
  });

  test('CANCEL without its INVITE: 481 (§9.2)', () => {
    expect(phone.ask(phone.request('CANCEL', `sip:${ENGINE}`)).status).toBe(481);
  });

  test('Require of an extension that is not there: 420 with Unsupported (§8.2.2.3)', () => {
    const response = phone.ask(phone.request('INVITE', 'sip:102@acme.example.com', { Require: 'precondition' }));
    expect(response.status).toBe(420);
    expect(response.headers.value(HeaderId.Unsupported)).toBe('precondition');
  });

  test('MESSAGE from a trunk: 405', () => {
    const carrier = world.agent(CARRIER_A);
    expect(carrier.ask(carrier.request('MESSAGE', `sip:14155550100@${ENGINE}`, {}, 'hi')).status).toBe(405);
  });
});

test('RFC 3261 §17.2.2: a copy of a REGISTER that was answered gets the same answer, and registers nobody', () => {
  const message = phone.request('REGISTER', 'sip:acme.example.com', {
    From: '<sip:101@acme.example.com>;tag=1',
    To: '<sip:101@acme.example.com>',
    Contact: '<sip:101@203.0.113.1>',
  });
  const known = world.observed.registered.length;
  const again = phone.authorized(message, phone.ask(message), phone.client);
  for (let copy = 0; copy < 3; copy++) phone.send(again);
  world.run();
  const [refused, ...accepted] = phone.responses(again.callId()).map((response) => serialize(response));
  expect(refused).toMatch(/^SIP\/2\.0 401 /);
  expect(accepted[0]).toMatch(/^SIP\/2\.0 200 /);
  expect(accepted).toEqual([accepted[0], accepted[0], accepted[0]]);
  expect(world.observed.registered).toHaveLength(known + 1);
});

describe('MESSAGE between extensions (RFC 3428)', () => {
  const text = { 'Content-Type': 'text/plain' };
  const send = (called: string, fields: Record<string, string> = {}, body = 'hello') => {
    const message = phone.request(
      'MESSAGE',
      `sip:${called}@acme.example.com`,
      { From: '<sip:101@acme.example.com>;tag=1', ...text, ...fields },
      body,
    );
    const challenge = phone.ask(message);
    const again = phone.authorized(message, challenge, phone.client);
    phone.sends(again);
    return () => phone.responses(again.callId()).find(({ status }) => status >= 200 && status !== 407);
  };

  test('nobody of that number: 404; nobody registered: 480', () => {
    expect(send('999')()?.status).toBe(404);
    expect(send('102')()?.status).toBe(480);
  });

  test('a defect behind one to the outside costs it a 500', async () => {
    world.engine.messaging.outside = {
      ...{ isForOutside: () => true, send: () => Promise.reject(new Error('a defect')) },
      ...{ checkToken: () => Promise.resolve(undefined), phoneRegistered() {} },
    };
    const answer = send('999');
    await world.turn();
    world.run();
    const { counters } = world.engine.endpoint;
    expect([answer()?.status, counters.uncaughtErrors]).toEqual([500, 1]);
  });

  test('RFC 3323: a sender who asks for privacy is named nowhere', () => {
    const bob = world.phone('102', '203.0.113.2');
    const answer = send('102', { Privacy: 'id' });
    const message = bob.took('MESSAGE');
    expect(message.from().uri).toMatchObject({ user: 'anonymous', host: 'anonymous.invalid' });
    // A tag or branch, which is drawn, may have the digits within.
    expect(bob.peer.received.at(-1)).not.toMatch(/\b101\b/);
    bob.answer(message, 200, 'OK', { Contact: undefined });
    expect(answer()?.status).toBe(200);
  });

  test('RFC 3261 §20.15: one of no octets keeps its type', () => {
    const bob = world.phone('102', '203.0.113.2');
    const answer = send('102', { 'Content-Type': 'message/imdn+xml' }, '');
    const message = bob.took('MESSAGE');
    expect([message.body, message.headers.value(HeaderId.ContentType)]).toEqual(['', 'message/imdn+xml']);
    bob.answer(message, 200, 'OK', { Contact: undefined });
    expect(answer()?.status).toBe(200);
  });

  test('every phone of the called extension gets it, in the name of the sender; the first 2xx answers for all', () => {
    const [first, second] = [world.phone('102', '203.0.113.2'), world.phone('102', '203.0.113.3')];
    const answer = send('102');
    for (const callee of [first, second]) {
      const message = callee.took('MESSAGE');
      expect(message.body).toBe('hello');
      expect(message.from().uri).toMatchObject({ user: '101', host: 'acme.example.com' });
      expect(message.headers.value(HeaderId.ContentType)).toBe('text/plain');
      expect(message.headers.has(HeaderId.ProxyAuthorization)).toBe(false);
    }
    first.answer(first.took('MESSAGE'), 486, 'Busy Here', { Contact: undefined });
    expect(answer()).toBe(undefined);
    second.answer(second.took('MESSAGE'), 202, 'Accepted', { Contact: undefined });
    expect(answer()?.status).toBe(202);
  });

  test('goes over the path that the phone registered (RFC 3327 §5.2)', () => {
    const callee = world.phone('102', '203.0.113.2');
    callee.register({ Path: '<sip:203.0.113.2;lr>', Supported: 'path' });
    send('102');
    expect(callee.took('MESSAGE').headers.fieldValues(HeaderId.Route)).toEqual(['<sip:203.0.113.2;lr>']);
    callee.answer(callee.took('MESSAGE'), 200, 'OK', { Contact: undefined });
  });

  test('the answer brings the fields that the tenant relays between extensions, once each, and none that nodes say to each other', async () => {
    const { provisioning } = provisioningOf();
    // As a store may hold it from before such names were refused.
    const relay = { all: ['X-Account', 'X-Tandem-Via'], user: ['x-account'], trunk: ['X-Outside'] };
    const tenants = provisioning.tenants.map((tenant) => ({ ...tenant, headers: { relay, add: [] } }));
    world.engine.apply(new Directory({ ...provisioning, tenants }));
    await world.turn();
    const callee = world.phone('102', '203.0.113.2');
    const answer = send('102');
    const fields = { Contact: undefined, 'X-Account': ['1', '2'], 'X-Outside': '3', 'X-Tandem-Via': '4' };
    callee.answers(callee.took('MESSAGE'), 200, 'OK', fields);
    const final = answer();
    expect(['X-Account', 'X-Outside', 'X-Tandem-Via'].map((name) => final?.headers.fieldValuesNamed(name))).toEqual([
      ['1', '2'],
      [],
      [],
    ]);
  });

  test('all refuse: the best refusal; a challenge of the callee is not passed on', () => {
    const callee = world.phone('102', '203.0.113.2');
    const answer = send('102');
    callee.answers(callee.took('MESSAGE'), 401, 'Unauthorized', { 'WWW-Authenticate': 'Digest realm="x", nonce="y"' });
    expect(answer()?.status).toBeGreaterThanOrEqual(400);
    expect(answer()?.status).not.toBe(401);
    expect(answer()?.headers.has(HeaderId.WwwAuthenticate)).toBe(false);
  });

  test('silence is not answered with 408 (RFC 4320 §4.2)', () => {
    world.phone('102', '203.0.113.2');
    const answer = send('102');
    world.run(33_000);
    expect(answer()).toBe(undefined);
    world.scheduler.runUntilIdle(3600_000);
    expect(world.held()).toMatchObject({ servers: 0, clients: 0, uncaught: 0 });
  });
});

import { afterEach, describe, expect, test } from 'vitest';
import { HeaderId } from '../../../src/sip/message/index.ts';
import {
  type Agent,
  CARRIER_A,
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
let carrier: Agent;

async function begin(options: WorldOptions = {}): Promise<void> {
  world = await World.start(options);
  alice = world.phone('101', '203.0.113.1');
  carrier = world.agent(CARRIER_A);
}

afterEach(() => expectNothingHeld(world));

/** Contacts of a redirection that a phone's calls do not follow. */
const NOBODY_HERE = [
  '<sip:103@elsewhere.example.com>',
  '<103@elsewhere.example.com>',
  '<sip:103@invalid.example.com>',
  '<sip:103.example.com>',
  '<103.104>',
  '<sip:103:5060>',
  '<103 104>',
  [],
];

function moved(phone: Phone, contacts: string | readonly string[], status = 302, index = 0): void {
  phone.answers(phone.took('INVITE', index), status, 'Moved', { Contact: contacts });
}

describe('a phone that forwards by itself (3xx, RFC 3261 §8.1.3.4)', () => {
  test.each([
    [302, '<sip:103@acme.example.com>'],
    [301, '<sip:103@acme.example.com:5060;transport=udp>;q=0.5'],
    [300, `<sip:103@${ENGINE}>`],
    [305, 'sip:103@192.168.1.20'],
    [302, '<tel:103;phone-context=acme.example.com>'],
    [302, '<sip:103@acme.example.com.>'],
    [302, '<sip:103@localhost:5062>'],
    [302, '<sip:103@df7jal23ls0d.invalid;transport=ws>'],
    [302, '"Carol" <103@acme.example.com>;q=0.5'],
    [302, '<sip:103>;reason=unconditional'],
    [302, '103'],
    [302, '<sip:103@>'],
    [302, 'sip:103;user=phone'],
    [302, '<sip:192.0.2.77>, <sip:192.0.2.77;x=1>;q=0.9, <103>;q=0.1'],
  ])('%i with %s: the call goes to 103, and 103 answers it', async (status, contact) => {
    await begin();
    const [bob, carol] = [world.phone('102', '203.0.113.2'), world.phone('103', '203.0.113.3')];
    const call = alice.call('102');
    moved(bob, contact, status);
    const invite = carol.took('INVITE');
    expect(invite.from().uri).toMatchObject({ user: '101' });
    carol.answers(invite, 200, 'OK', {}, SDP);
    const answer = alice.final(call);
    expect(answer?.status).toBe(200);
    if (answer !== undefined) alice.ask(alice.within(call, answer, 'BYE'));
  });

  test('each Contact in order of q, until one answers; what is nobody here is passed over', async () => {
    await begin({
      acme: { extensions: [extension('101'), extension('102'), extension('103'), extension('104')] },
    });
    const [bob, carol, dave] = ['102', '103', '104'].map((number) =>
      world.phone(number, `203.0.113.${Number(number) - 100}`),
    ) as [Phone, Phone, Phone];
    const call = alice.call('102');
    moved(bob, [
      '<sip:104@acme.example.com>;q=0.3, <mailto:x@acme.example.com>;q=0.9',
      '<sip:103@acme.example.com>;q=0.8',
      '<sip:103@globex.example.com>;q=1.0',
    ]);
    expect(dave.requests('INVITE')).toEqual([]);
    carol.answers(carol.took('INVITE'), 486, 'Busy Here');
    dave.answers(dave.took('INVITE'), 480, 'Nobody');
    expect(alice.final(call)?.status).toBe(480);
    expect(carol.requests('INVITE')).toHaveLength(1);
  });

  test.each([
    ['itself', '<sip:102@acme.example.com>'],
    ['its own address', '<sip:102@192.168.1.9:5060>'],
  ])('a phone that names %s is a loop, and ends', async (_what, contact) => {
    await begin();
    const bob = world.phone('102', '203.0.113.2');
    const call = alice.call('102');
    moved(bob, contact);
    expect(alice.final(call)?.status).toBe(482);
    expect(bob.requests('INVITE')).toHaveLength(1);
  });

  test('two phones that forward to each other end as a loop', async () => {
    await begin();
    const [bob, carol] = [world.phone('102', '203.0.113.2'), world.phone('103', '203.0.113.3')];
    const call = alice.call('102');
    moved(bob, '<sip:103@acme.example.com>');
    moved(carol, '<sip:102@acme.example.com>');
    expect(alice.final(call)?.status).toBe(482);
    expect([bob.requests('INVITE').length, carol.requests('INVITE').length]).toEqual([1, 1]);
  });

  test('nobody of this system, or no Contact: the 3xx is a refusal that nobody is sent round by', async () => {
    await begin();
    const bob = world.phone('102', '203.0.113.2');
    for (const [index, contact] of NOBODY_HERE.entries()) {
      const call = alice.call('102');
      moved(bob, contact, 302, index);
      expect(alice.final(call)?.status).toBe(480);
      expect(alice.final(call)?.contacts()).toEqual([]);
    }
  });

  test.each([
    '<sip:+442079460001@acme.example.com;user=phone>',
    // Of any domain a telephone number is one, also with its plus escaped.
    '<sip:%2B442079460001@gateway.example.net>',
    '<sip:(%2b44)2079460001@gateway.example.net>',
  ])('outside, to %s, by the called extension’s own rules and caller ID: its access code', async (contact) => {
    await begin({
      acme: {
        extensions: [extension('101'), extension('102', { outboundCallerId: '14155550107' })],
        outboundRules: [
          {
            name: 'bob',
            match: { prefixes: ['9'], extensions: ['102'] },
            routes: [{ trunk: 'carrier-a', strip: 1, prepend: '00' }],
          },
        ],
      },
    });
    const bob = world.phone('102', '203.0.113.2');
    const call = alice.call('102');
    moved(bob, contact);
    const invite = carrier.took('INVITE');
    expect(invite.requestUri).toContain('sip:+442079460001@');
    expect(invite.from().uri).toMatchObject({ user: '14155550107' });
    carrier.answers(invite, 486, 'Busy Here');
    expect(alice.final(call)?.status).toBe(486);
  });

  test('of several phones the others ring on; whoever answers first has the call', async () => {
    await begin();
    const desk = world.phone('102', '203.0.113.2');
    const soft = world.phone('102', '203.0.113.4');
    const carol = world.phone('103', '203.0.113.3');
    const call = alice.call('102');
    moved(desk, '<sip:103@acme.example.com>');
    const elsewhere = carol.took('INVITE');
    carol.answer(elsewhere, 180, 'Ringing');
    soft.answers(soft.took('INVITE'), 200, 'OK', {}, SDP);
    carol.answer(elsewhere, 487, 'Request Terminated');
    expect(carol.requests('CANCEL')).toHaveLength(1);
    const answer = alice.final(call);
    expect(answer?.status).toBe(200);
    if (answer !== undefined) alice.ask(alice.within(call, answer, 'BYE'));
  });

  test('the caller gives up: whoever rings by a redirection is cancelled', async () => {
    await begin();
    const [bob, carol] = [world.phone('102', '203.0.113.2'), world.phone('103', '203.0.113.3')];
    const call = alice.call('102');
    moved(bob, '<sip:103@acme.example.com>');
    carol.answer(carol.took('INVITE'), 180, 'Ringing');
    const [via, from, to] = [HeaderId.Via, HeaderId.From, HeaderId.To].map((id) => call.headers.value(id));
    const fields = { Via: via, From: from, To: to, 'Call-ID': call.callId(), CSeq: `${call.cseq().sequence} CANCEL` };
    alice.sends(alice.request('CANCEL', call.requestUri, fields));
    expect(carol.requests('CANCEL')).toHaveLength(1);
    carol.answer(carol.took('INVITE'), 487, 'Request Terminated');
    const ended = alice.responses(call.callId()).find(({ status }) => status === 487);
    expect(ended).toBeDefined();
    if (ended !== undefined) alice.ack(call, ended);
  });

  test('its own busy forward is not asked any more, once the call was sent on', async () => {
    await begin({
      acme: {
        extensions: [
          extension('101'),
          extension('102', { forward: { busy: '104' } }),
          extension('103'),
          extension('104'),
        ],
      },
    });
    const [bob, carol, dave] = ['102', '103', '104'].map((number) =>
      world.phone(number, `203.0.113.${Number(number) - 100}`),
    ) as [Phone, Phone, Phone];
    const call = alice.call('102');
    moved(bob, '<sip:103@acme.example.com>');
    carol.answers(carol.took('INVITE'), 486, 'Busy Here');
    expect(dave.requests('INVITE')).toEqual([]);
    expect(alice.final(call)?.status).toBe(486);
  });

  test('a member of a ring group does not take the group’s calls elsewhere', async () => {
    await begin({
      acme: {
        services: [{ kind: 'ring-group', number: '600', name: 'All', members: ['102', '103'] }],
      },
    });
    const [bob, carol] = [world.phone('102', '203.0.113.2'), world.phone('103', '203.0.113.3')];
    const dave = world.phone('104', '203.0.113.4');
    const call = alice.call('600');
    moved(bob, '<sip:104@acme.example.com>');
    expect(dave.requests('INVITE')).toEqual([]);
    carol.answers(carol.took('INVITE'), 486, 'Busy Here');
    expect(alice.final(call)?.status).toBeGreaterThanOrEqual(480);
  });
});

describe('3xx of a trunk behind an access code (options.redirects: follow)', () => {
  const behind = (more: Record<string, unknown> = {}, match: Record<string, unknown> = { prefixes: ['9'] }) => ({
    trunks: { 'carrier-a': { options: { redirects: 'follow' as const } } },
    acme: { outboundRules: [{ name: 'world', match, routes: [{ trunk: 'carrier-a', strip: 1 }] }], ...more },
  });

  test.each([
    ['<sip:+442079460001@192.0.2.10>', '+442079460001'],
    ['<tel:+44-20-7946-0001>', '+442079460001'],
    ['<sip:442079460001@192.0.2.10>', '442079460001'],
    ['<sip:00442079460001@192.0.2.10>', '00442079460001'],
    ['<sip:+919812345678@192.0.2.10>', '+919812345678'],
    ['<sip:9442079460001@192.0.2.10>', '442079460001'],
  ])('%s is called as %s', async (contact, called) => {
    await begin(behind());
    const call = alice.call('914155550199');
    carrier.answers(carrier.took('INVITE'), 302, 'Moved Temporarily', { Contact: contact });
    const invite = carrier.took('INVITE', 1);
    expect(invite.requestUri).toContain(`sip:${called}@`);
    carrier.answers(invite, 486, 'Busy Here');
    expect(alice.final(call)?.status).toBe(486);
  });

  test('rules that go on with an international code take it too, each its own numbers', async () => {
    await begin(behind({}, { prefixes: ['91', '9011'] }));
    for (const [index, contact] of ['<sip:+442079460001@x>', '<sip:+14155550188@x>'].entries()) {
      const call = alice.call('914155550199');
      carrier.answers(carrier.took('INVITE', 2 * index), 302, 'Moved Temporarily', { Contact: contact });
      const invite = carrier.took('INVITE', 2 * index + 1);
      expect(invite.requestUri).toContain(contact.slice(1, -3));
      carrier.answers(invite, 486, 'Busy Here');
      expect(alice.final(call)?.status).toBe(486);
    }
  });

  test.each([
    ['+', '<sip:442079460001@192.0.2.10>', '+442079460001'],
    ['44', '<sip:+442079460001@192.0.2.10>', '442079460001'],
    ['00', '<tel:+442079460001>', '00442079460001'],
    ['011', '<sip:442079460001@192.0.2.10;user=phone>', '011442079460001'],
    ['44', '<sip:00442079460001@192.0.2.10>', '442079460001'],
  ])('a plan without access code, whose users dial %s: %s is called as %s', async (prefix, contact, called) => {
    const rule = { name: 'world', match: { prefixes: [prefix] }, routes: [{ trunk: 'carrier-a' }] };
    const first = { name: 'first', match: { prefixes: ['7'] }, routes: [{ trunk: 'carrier-a' }] };
    await begin(behind({ outboundRules: [first, rule] }));
    const call = alice.call('74155550199');
    carrier.answers(carrier.took('INVITE'), 302, 'Moved Temporarily', { Contact: contact });
    const invite = carrier.took('INVITE', 1);
    expect(invite.requestUri).toContain(`sip:${called}@`);
    carrier.answers(invite, 486, 'Busy Here');
    expect(alice.final(call)?.status).toBe(486);
  });

  test('bars hold, written with the access code or without it', async () => {
    for (const prefix of ['91900', '+1900']) {
      await begin(behind({ limits: { barred: { prefixes: [prefix] } } }));
      const call = alice.call('914155550199');
      carrier.answers(carrier.took('INVITE'), 302, 'Moved Temporarily', { Contact: '<sip:+19005551234@192.0.2.10>' });
      expect(carrier.requests('INVITE')).toHaveLength(1);
      expect(alice.final(call)?.status).toBe(480);
    }
  });

  test('what a phone dials still needs the access code', async () => {
    await begin(behind());
    expect(alice.final(alice.call('+442079460001'))?.status).toBe(404);
    expect(carrier.requests('INVITE')).toEqual([]);
  });
});

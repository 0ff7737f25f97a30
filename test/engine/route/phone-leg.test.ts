import { describe, expect, test } from 'vitest';
import { HeaderId } from '../../../src/sip/message/index.ts';
import { ACME, CARRIER_A, ENGINE, SDP, World, type WorldOptions } from '../world.ts';

async function rung(
  fields: Record<string, string> = {},
  options: WorldOptions = {},
  register: Record<string, string> = {},
) {
  const world = await World.start(options);
  const alice = world.phone('101', '203.0.113.1');
  const bob = world.phone('102', '203.0.113.2');
  if (Object.keys(register).length > 0) bob.register(register);
  alice.call('102', fields);
  const invite = bob.took('INVITE');
  bob.answer(invite, 486, 'Busy Here');
  return { world, invite, text: bob.peer.received.find((text) => text.startsWith('INVITE ')) ?? '' };
}

describe('the INVITE that a registered phone gets', () => {
  test('goes to its Contact as it registered it, over the path it registered', async () => {
    const path = '<sip:203.0.113.2;lr>';
    const { invite } = await rung({}, {}, { Contact: '<sip:102@203.0.113.2:5060;ob>', Path: path, Supported: 'path' });
    expect(invite.requestUri).toBe('sip:102@203.0.113.2:5060;ob');
    expect(invite.headers.fieldValues(HeaderId.Route)).toEqual([path]);
  });

  test('carries the description octet for octet, and this engine as Contact', async () => {
    const { invite } = await rung();
    expect(invite.body).toBe(SDP);
    expect(invite.headers.value(HeaderId.ContentType)).toBe('application/sdp');
    expect(invite.contact()?.uri).toMatchObject({ user: '101', host: ENGINE, port: 5060 });
    expect(invite.vias()).toHaveLength(1);
    expect(invite.maxForwards()).toBe(69);
  });

  test('of an anonymous caller names nobody (RFC 3323 §4.1.1.3)', async () => {
    const { invite, text } = await rung({ Privacy: 'id', 'P-Preferred-Identity': '<sip:101@acme.example.com>' });
    expect(invite.from()).toMatchObject({
      displayName: 'Anonymous',
      uri: { user: 'anonymous', host: 'anonymous.invalid' },
    });
    expect(text).not.toContain('Phone 101');
    expect(text).not.toContain('101@');
  });

  test("holds none of the caller's credentials, routes, identities or unknown fields", async () => {
    const secrets = [
      'Authorization',
      'Proxy-Authorization',
      'Route:',
      'X-Outbound-Cli',
      'X-Custom',
      'P-Asserted',
      'P-Preferred',
      '203.0.113.1:',
    ];
    const { text } = await rung({
      'X-Outbound-Cli': 'rewrite-from=14155550123',
      'X-Custom': 'mine',
      'P-Asserted-Identity': '<sip:999@evil.example.net>',
      'P-Preferred-Identity': '<sip:14155550100@acme.example.com>',
      Route: '<sip:192.0.2.99;lr>',
    });
    for (const secret of secrets) expect(text).not.toContain(secret);
  });

  test('RFC 6086: holds what INFO the caller takes, an empty list too; of an anonymous one nothing', async () => {
    expect((await rung({ 'Recv-Info': 'dtmf, x' })).text).toContain('\r\nRecv-Info: dtmf, x\r\n');
    expect((await rung({ 'Recv-Info': '' })).text).toMatch(/\r\nRecv-Info: ?\r\n/);
    expect((await rung({ 'Recv-Info': 'dtmf', Privacy: 'id' })).text).not.toContain('Recv-Info');
  });

  test('holds the header fields that the tenant relays to users, and those it adds (behaviour 22)', async () => {
    const headers = {
      relay: { user: ['X-Account'] },
      add: [
        { name: 'X-Site', value: 'Zürich', on: 'user' as const },
        { name: 'X-Out', value: 'no', on: 'trunk' as const },
      ],
    };
    const { invite } = await rung({ 'X-Account': '42' }, { acme: { headers } });
    expect(invite.headers.valueNamed('X-Account')).toBe('42');
    expect(Buffer.from(invite.headers.valueNamed('X-Site') ?? '', 'latin1').toString('utf8')).toBe('Zürich');
    expect(invite.headers.hasNamed('X-Out')).toBe(false);
  });

  test.each([
    ['<sip:unavailable@unknown.invalid>', 'Unavailable'],
    ['"Private line" <sip:unknown@carrier.example.com>', 'Private line'],
  ])(
    'of a caller whose number nobody knows is of nobody, also where anonymous callers are refused: %s',
    async (from, name) => {
      const extensions = (ACME.extensions ?? []).map((each) => ({ ...each, rejectAnonymousCallers: true }));
      const world = await World.start({ acme: { ...ACME, extensions } });
      const alice = world.phone('101', '203.0.113.1');
      const carrier = world.agent(CARRIER_A);
      carrier.sends(carrier.request('INVITE', `sip:14155550100@${ENGINE}`, { From: `${from};tag=9` }, SDP));
      expect(alice.took('INVITE').from()).toMatchObject({
        displayName: name,
        uri: { user: 'unavailable', host: 'unknown.invalid' },
      });
    },
  );

  test('from outside says which number was called (RFC 7315 §4.2)', async () => {
    const world = await World.start({ acme: ACME });
    const alice = world.phone('101', '203.0.113.1');
    const carrier = world.agent(CARRIER_A);
    carrier.sends(carrier.request('INVITE', `sip:14155550100@${ENGINE}`, {}, SDP));
    expect(alice.took('INVITE').headers.value(HeaderId.PCalledPartyId)).toBe('<sip:14155550100@acme.example.com>');
  });
});

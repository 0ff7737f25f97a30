import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { version } from '../../../src/node/version.ts';
import type { NodeFacts } from '../../../src/outbound/index.ts';
import { eventually } from '../../kit/eventually.ts';
import { TEST_WORKERS } from '../../kit/test-workers.ts';
import { PROSE_ROWS } from '../../outbound/guide-table.ts';
import { checkFields, place } from './guide-calls.ts';
import { acme, DOMAIN, localTrunk } from './local-trunk.ts';
import { dialogOfCaller, SDP } from './phone.ts';
import { fieldOf, type WireMessage } from './wire-message.ts';
import { startWorld, type World } from './wire-world.ts';

describe('guide "Structuring the INVITE Message"', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world.stop());

  test('the default INVITE has the structure and the order of the sample', async () => {
    const trunk = localTrunk(world, { host: 'pstn.twillio.com', options: { internalHeaders: true } });
    await world.hold([acme({ outboundCallerId: undefined, extensions: [{ number: '101' }] })], [trunk]);
    await world.phone.call({ user: '101', domain: DOMAIN, dialled: '88888888', callId: 'QERh8-brREchTYRqTSTALQ..' });
    const [invite] = world.carrier.take();
    const host = `pstn.twillio.com:${world.carrier.port}`;
    const token = '[A-Za-z0-9_.-]+';
    const lines = [
      `INVITE sip:88888888@${host} SIP/2.0`,
      `Via: SIP/2.0/UDP 192.168.0.11:5060;rport;branch=z9hG4bK${token}`,
      'Max-Forwards: 19',
      'Contact: <sip:101@192.168.0.11:5060;ob>',
      `To: <sip:88888888@${host}>`,
      `From: <sip:101@${DOMAIN}>;tag=${token}`,
      `Call-ID: ${token}`,
      'CSeq: 1 INVITE',
      'Session-Expires: 300',
      'Min-SE: 90',
      'Accept-Language: en',
      'Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, MESSAGE, REGISTER',
      'Content-Type: application/sdp',
      'Supported: 100rel, replaces, norefersub, timer',
      `User-Agent: tandem/${version}`,
      'X-CID: QERh8-brREchTYRqTSTALQ..',
      `X-Session-Id: ${token}`,
      'X-Trunk-Name: CallCentric',
      `Content-Length: ${SDP.length}`,
    ];
    const literal = (line: string) =>
      line
        .split(token)
        .map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
        .join(token);
    for (const [index, line] of world
      .asPublic((invite as WireMessage).text)
      .split('\r\n\r\n')[0]
      ?.split('\r\n')
      .entries() ?? []) {
      expect(line).toMatch(new RegExp(`^${literal(lines[index] ?? 'no more lines')}$`));
    }
    expect(invite?.fields.length).toBe(lines.length - 1);
    expect(invite?.body).toBe(SDP);
  });

  test('a second leg has a Call-ID, a tag and a branch of its own; the phone’s Via and tags never reach the carrier', async () => {
    await world.hold([acme()], [localTrunk(world)]);
    const placed = await world.phone.call({ user: '101', domain: DOMAIN, dialled: '88888888' });
    const text = world.carrier.take()[0]?.text ?? '';
    for (const secret of [placed.callId, world.phone.contact, '127.0.0.2', 'Proxy-Authorization']) {
      expect(text).not.toContain(secret);
    }
  });

  test('no trunk has room: 503 with Retry-After, and nothing is sent', async () => {
    await world.hold([acme()], [localTrunk(world, { limits: { concurrentCalls: 1 } })]);
    world.carrier.answer = () => ({ statuses: ['200 OK'], sdp: SDP });
    const first = await world.phone.call({ user: '101', domain: DOMAIN, dialled: '88888888' });
    expect(first.status).toBe(200);
    world.carrier.take();
    const second = await world.phone.call({ user: '102', domain: DOMAIN, dialled: '88888888' });
    expect([second.status, world.carrier.take()]).toEqual([503, []]);
    expect(Number(fieldOf(second.answer, 'Retry-After'))).toBeGreaterThan(0);
    await world.phone.inDialog(dialogOfCaller(first), 'BYE', 2);
    world.carrier.answer = () => ({ statuses: ['486 Busy Here'] });
    await eventually('room again', async () => (await world.counted('tandem_calls_live')) === 0);
    expect((await world.phone.call({ user: '102', domain: DOMAIN, dialled: '88888888' })).status).toBe(486);
  });

  test('the next route is tried after 503, with the INVITE that its own trunk wants', async () => {
    world.carrier.take();
    const spare = await world.spareCarrier();
    const second = localTrunk(world, {
      id: '2',
      name: 'spare',
      port: spare.port,
      options: { removePlus: true },
      outboundParameters: { pAssertedIdentity: { user: 'OutboundCallerId', host: 'TrunkHostPort' } },
    });
    const routes = [{ trunk: 'CallCentric' }, { trunk: 'spare' }];
    await world.hold([acme({ outboundRules: [{ name: 'w', routes }] })], [localTrunk(world), second]);
    world.carrier.answer = () => ({ statuses: ['503 Service Unavailable'] });
    const placed = await world.phone.call({ user: '101', domain: DOMAIN, dialled: '+4930123456' });
    world.carrier.answer = () => ({ statuses: ['486 Busy Here'] });
    expect(placed.status).toBe(486);
    expect(world.carrier.take()[0]?.startLine).toBe(`INVITE sip:+4930123456@127.0.0.1:${world.carrier.port} SIP/2.0`);
    const [invite] = spare.take();
    expect(invite?.startLine).toBe(`INVITE sip:4930123456@127.0.0.1:${spare.port} SIP/2.0`);
    expect(fieldOf(invite as WireMessage, 'P-Asserted-Identity')).toBe(`<sip:14155550101@127.0.0.1:${spare.port}>`);
    spare.close();
  });
});

describe('guide rows about addresses', () => {
  const rows = PROSE_ROWS.filter(({ call }) => call.node !== undefined);

  test('there are rows', () => expect(rows.length).toBe(4));

  test.each(rows.map((row) => [row.name, row] as const))('%s', async (_, row) => {
    const { addresses, privateAddresses } = row.call.node as NodeFacts;
    const advertise = { publicHost: addresses.udp.host, privateHost: privateAddresses.udp.host };
    const listen = [{ transport: 'udp' as const, host: '127.0.0.1', port: 0, publicPort: 5060 }];
    const world = await startWorld({ settings: { advertise, listen } });
    try {
      const placed = await place(world, row.call);
      expect(placed.status, placed.answer.text).toBe(486);
      // Inside, the listener's own port is the one that is reached.
      const expected = Object.entries(row.expect).map(([name, value]) => [
        name,
        String(value).replace('10.0.0.5:5060', `10.0.0.5:${TEST_WORKERS === 1 ? world.sip.port : 5060}`),
      ]);
      checkFields(world, world.carrier.take()[0] as WireMessage, { ...row, expect: Object.fromEntries(expected) });
    } finally {
      await world.stop();
    }
  });
});

describe('over IPv6', () => {
  test('Via, Contact and the trunk’s host stand in brackets', async () => {
    const world = await startWorld({ host: '::1' });
    try {
      await world.hold([acme()], [localTrunk(world, { host: '::1' })]);
      const placed = await world.phone.call({ user: '101', domain: DOMAIN, dialled: '88888888' });
      expect(placed.status, placed.answer.text).toBe(486);
      const [invite] = world.carrier.take();
      expect(invite?.startLine).toBe(`INVITE sip:88888888@[::1]:${world.carrier.port} SIP/2.0`);
      const via = world.ownPorts().map((port) => `SIP/2.0/UDP [::1]:${port};rport`);
      expect(via).toContain(fieldOf(invite as WireMessage, 'Via').replace(/;branch=.*/, ''));
      expect(world.ownPorts().map((port) => `<sip:101@[::1]:${port};ob>`)).toContain(
        fieldOf(invite as WireMessage, 'Contact'),
      );
    } finally {
      await world.stop();
    }
  });
});

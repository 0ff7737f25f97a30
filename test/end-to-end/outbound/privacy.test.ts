import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { acme, DOMAIN, localTrunk } from './local-trunk.ts';
import { dialogOfCallee, Phone, SDP } from './phone.ts';
import { fieldOf, methodOf, once, statusOf, valuesOf, type WireMessage } from './wire-message.ts';
import { startWorld, type World } from './wire-world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

/** Everything that a trunk can be told of a caller is mapped, relayed or added. */
const parameters = {
  pAssertedIdentity: { displayName: 'CallerDispName', user: 'OutboundCallerId' },
  pPreferredIdentity: { displayName: 'CallerDispName', user: 'CallerNum' },
  remotePartyIdCalling: { displayName: 'CallerDispName', user: 'OriginatorCallerID' },
  remotePartyIdCalled: { user: 'CallerNum' },
  pCalledPartyId: { displayName: 'CallerDispName' },
  contact: { user: 'CallerNum' },
  to: { displayName: 'CallerDispName' },
} as const;
const relayed = ['Subject', 'Call-Info', 'Organization', 'Reply-To', 'In-Reply-To', 'X-Account'];
const told = [
  'Subject: from Alice',
  'Call-Info: <http://example.com/101>',
  'Organization: Alice and sons',
  `Reply-To: <sip:101@${DOMAIN}>`,
  'In-Reply-To: 14155550101@example.com',
  'X-Account: 14155550101',
];

async function placed(privacy: string, options: object, types: readonly ('user' | 'header' | 'id')[]) {
  const headers = { relay: { trunk: relayed } };
  const trunk = localTrunk(world, {
    options: { diversion: 'both', internalHeaders: true, ...options },
    outboundParameters: { ...parameters, privacy: [...types] },
  });
  await world.hold([acme({ headers })], [trunk]);
  world.carrier.take();
  const from = `"Alice" <sip:101@${DOMAIN}>`;
  // The body is the phone's own and never touched.
  await world.phone.call({
    user: '101',
    domain: DOMAIN,
    dialled: '88888888',
    from,
    headers: [privacy, ...told],
    body: '',
  });
  const [invite] = world.carrier.take();
  return invite as WireMessage;
}

/** The octets without the identity that a trusted trunk may have. */
const others = (invite: WireMessage) => invite.text.replace(/^P-Asserted-Identity: .*\r\n/m, '');
const CALLER = /Alice|14155550101|\b101\b/;

describe('the octets of an anonymous call', () => {
  test('say nothing of the caller but in the P-Asserted-Identity of a trusted trunk', async () => {
    const invite = await placed('Privacy: id;user;header', {}, ['user', 'header', 'id']);
    expect(others(invite)).not.toMatch(CALLER);
    expect(valuesOf(invite, 'P-Asserted-Identity')).toEqual([expect.stringContaining('<sip:14155550101@')]);
    expect(fieldOf(invite, 'Privacy')).toBe('user;header;id');
    expect(world.asPublic(fieldOf(invite, 'Contact'))).toBe('<sip:anonymous@192.168.0.11:5060;ob>');
  });

  test('hidden by type header, the caller is still reached by what the carrier sends within the call', async () => {
    const trunk = localTrunk(world, { outboundParameters: { privacy: ['header', 'user'] } });
    await world.hold([acme()], [trunk]);
    world.carrier.take();
    const refuses = world.carrier.answer;
    world.carrier.answer = () => ({ statuses: ['200 OK'], sdp: SDP });
    world.phone.answer = ['200 OK'];
    const call = { user: '101', domain: DOMAIN, dialled: '88888888', headers: ['Privacy: header'] };
    const placed = await world.phone.call(call);
    world.carrier.answer = refuses;
    expect(placed.status, placed.answer.text).toBe(200);
    const [invite] = world.carrier.take() as [WireMessage];
    expect(fieldOf(invite, 'Contact')).toContain('<sip:anonymous@');
    // The carrier speaks to the Contact that it was given, at the address that the request came from.
    const carrier = new Phone(world.carrier.party, world.sip);
    const dialog = { ...dialogOfCallee(invite), local: `${fieldOf(invite, 'To')};tag=carrier` };
    const heard = (method: string) =>
      once(world.phone.party.received).filter(
        (message) => methodOf(message) === method && fieldOf(message, 'Call-ID') === placed.callId,
      );
    const type = ['Content-Type: application/sdp'];
    expect(statusOf(await carrier.inDialog(dialog, 'INVITE', 50, type, SDP))).toBe(200);
    expect(heard('INVITE')).toHaveLength(1);
    expect(statusOf(await carrier.inDialog(dialog, 'BYE', 51))).toBe(200);
    await expect.poll(() => heard('BYE').length, { timeout: 10_000 }).toBe(1);
  });

  test('say nothing at all of the caller to a trunk that is not trusted', async () => {
    const invite = await placed('Privacy: id;user;header', { trusted: false }, ['user', 'header', 'id']);
    expect(invite.text).not.toMatch(CALLER);
  });

  test('the search finds the caller on a call that is not anonymous', async () => {
    const invite = await placed('Privacy: none', {}, ['user', 'header', 'id']);
    for (const text of ['Alice', '14155550101', 'sip:101@']) expect(others(invite)).toContain(text);
  });
});

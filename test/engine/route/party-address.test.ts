import { afterEach, expect, test } from 'vitest';
import { ownParty } from '../../../src/engine/route/party-address.ts';
import { Directory } from '../../../src/provisioning/directory/directory.ts';
import { provisioningSchema } from '../../../src/provisioning/trunk-settings/schema.ts';
import { HeaderId, type SipMessage } from '../../../src/sip/message/index.ts';
import {
  type Agent,
  CARRIER_A,
  ENGINE,
  expectNothingHeld,
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

const asserted = (message: SipMessage | undefined) => message?.headers.value(HeaderId.PAssertedIdentity);

/** A call out that the carrier answers with these fields; what the phone was told of the connected party. */
function answeredWith(fields: Record<string, string>): string | undefined {
  const call = alice.call('18005550199');
  carrier.answers(carrier.took('INVITE', carrier.requests('INVITE').length - 1), 200, 'OK', fields, SDP);
  const answer = alice.final(call);
  if (answer !== undefined) alice.ask(alice.within(call, answer, 'BYE'));
  return asserted(answer);
}

test('RFC 3325: the connected number of a trusted trunk is shown in the tenant’s domain, without what else its URI says', async () => {
  await begin();
  expect(
    answeredWith({ 'P-Asserted-Identity': '"Desk" <sip:+44-20-7946-0001;cpc=x@192.0.2.10:5070;user=phone>' }),
  ).toBe('"Desk" <sip:+442079460001@acme.example.com>');
  expect(answeredWith({ 'P-Asserted-Identity': '<tel:+442079460001>' })).toBe('<sip:+442079460001@acme.example.com>');
  // RFC 3966 §5.1.5.
  expect(answeredWith({ 'P-Asserted-Identity': '<tel:2079460001;phone-context=+44>' })).toBe(
    '<sip:+442079460001@acme.example.com>',
  );
});

test('RFC 3325 §9.1: of two identities the one that has a number; where a gateway knows no number it names nobody', async () => {
  await begin();
  for (const [value, expected] of [
    ['<mailto:desk@h>, "Desk" <tel:+442079460001>', '"Desk" <sip:+442079460001@acme.example.com>'],
    ['<sip:h>, <sip:+442079460001@h>', '<sip:+442079460001@acme.example.com>'],
    ['<sip:14155550200@h>, <sip:+442079460001@h>', '<sip:+442079460001@acme.example.com>'],
    ['<sip:anonymous@anonymous.invalid>, <tel:+442079460001>', undefined],
    ['"Unavailable" <sip:Unavailable@unknown.invalid>', undefined],
    ['<sip:unknown@192.0.2.10>', undefined],
  ] as const)
    expect(answeredWith({ 'P-Asserted-Identity': value }), value).toBe(expected);
  const remoteParty = { 'P-Asserted-Identity': '<sip:h>', 'Remote-Party-ID': '<sip:+4420@h>;party=called' };
  expect(answeredWith(remoteParty)).toBe('<sip:+4420@acme.example.com>');
});

test('never another tenant’s number (behaviour 7), none of an untrusted trunk, none that is withheld', async () => {
  await begin();
  for (const number of ['14155550200', '+14155550200', '001-415-555-0200'])
    expect(answeredWith({ 'P-Asserted-Identity': `<sip:${number}@192.0.2.10>` })).toBeUndefined();
  expect(answeredWith({ 'P-Asserted-Identity': '"14155550200" <sip:+442079460001@192.0.2.10>' })).toBeUndefined();
  expect(answeredWith({ 'P-Asserted-Identity': '<sip:+4420@192.0.2.10>', Privacy: 'id' })).toBeUndefined();
  await begin({ trunks: { 'carrier-a': { options: { trusted: false } } } });
  expect(answeredWith({ 'P-Asserted-Identity': '<sip:+442079460001@192.0.2.10>' })).toBeUndefined();
});

test('between phones the one that answers is shown, also behind a forward; a phone that asks for privacy is not', async () => {
  await begin();
  const bob = world.phone('102', '203.0.113.2');
  for (const [fields, expected] of [
    [{}, '"Phone 102" <sip:102@acme.example.com>'],
    [{ Privacy: 'id' }, undefined],
  ] as const) {
    const call = alice.call('102');
    bob.answers(bob.took('INVITE', bob.requests('INVITE').length - 1), 200, 'OK', fields, SDP);
    const answer = alice.final(call);
    expect(asserted(answer)).toBe(expected);
    if (answer !== undefined) alice.ask(alice.within(call, answer, 'BYE'));
  }
});

test('a carrier that calls in is told nothing of who answers', async () => {
  await begin();
  const invite = carrier.request('INVITE', `sip:14155550100@${ENGINE}`, {}, SDP);
  carrier.sends(invite);
  alice.answers(alice.took('INVITE'), 200, 'OK', { 'P-Asserted-Identity': '<sip:101@acme.example.com>' }, SDP);
  const answer = carrier.responses(invite.callId()).find(({ status }) => status === 200);
  expect(answer).toBeDefined();
  expect(asserted(answer)).toBeUndefined();
  if (answer === undefined) return;
  carrier.ack(invite, answer);
  carrier.ask(carrier.within(invite, answer, 'BYE'));
});

test('an extension is who it is in the snapshot that is asked: renamed, or in another domain, it is shown so at once', async () => {
  await begin();
  const shown = (domain: string, name: string): readonly string[] => {
    const extensions = [{ number: '101', name, password: 'secret-101' }];
    const directory = new Directory(
      provisioningSchema.parse({ tenants: [{ name: 'acme', domain, extensions }], trunks: [] }),
    );
    const tenant = directory.tenantByName('acme');
    if (tenant === undefined) throw new Error('no tenant');
    return ['101', '101', '199'].map((number) => ownParty(directory, tenant, number));
  };
  const stranger = '<sip:199@acme.example.com>';
  expect(shown('acme.example.com', 'Zoë')).toEqual([
    '"Zo\u00c3\u00ab" <sip:101@acme.example.com>',
    '"Zo\u00c3\u00ab" <sip:101@acme.example.com>',
    stranger,
  ]);
  expect(shown('acme.example.com', 'Ann')).toEqual([
    '"Ann" <sip:101@acme.example.com>',
    '"Ann" <sip:101@acme.example.com>',
    stranger,
  ]);
  expect(shown('other.example.com', 'Ann')[1]).toBe('"Ann" <sip:101@other.example.com>');
});

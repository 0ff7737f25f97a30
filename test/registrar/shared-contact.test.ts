import { describe, expect, test } from 'vitest';
import { stored } from '../../src/registrar/binding.ts';
import { contactOf, nameOf, Registrar } from '../../src/registrar/index.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { ACCOUNT, BOB, flowFrom, MemoryBindingStore, register, registrarWorld } from './kit.ts';

const CONTACT = '<sip:bob@192.168.1.10:5060;transport=udp>';
const HOME = flowFrom('203.0.113.20', 40_001);
const OFFICE = flowFrom('198.51.100.30', 50_002);

/** Two phones, at home and in the office, which their routers give one address. */
function two(contacts = [CONTACT, CONTACT]) {
  const world = registrarWorld();
  const at = (contact: string | undefined, callId: string, flow: typeof HOME, fields = {}) =>
    world.send({ contacts: contact === undefined ? [] : [contact], callId, ...fields }, flow);
  at(contacts[0], 'home', HOME);
  const answer = at(contacts[1], 'office', OFFICE);
  const sources = () => world.registrar.bindings(BOB).map(({ source }) => source.address);
  return { ...world, at, answer, sources };
}

describe('phones that write one Contact at two addresses', () => {
  test('are two bindings, asked for by the URI that they wrote, and told it', () => {
    const { registrar, answer, sources } = two();
    const bindings = registrar.bindings(BOB);
    expect(sources().sort()).toEqual(['198.51.100.30', '203.0.113.20']);
    expect(new Set(bindings.map(({ requestUri }) => requestUri))).toEqual(new Set([CONTACT.slice(1, -1)]));
    expect(bindings.map(contactOf)).toEqual(bindings.map(({ requestUri }) => requestUri));
    expect(answer.contacts).toEqual(Array(2).fill(`${CONTACT};expires=3600`));
    expect(new Set(bindings.map(nameOf)).size).toBe(2);
  });

  test.each([
    ['by its Call-ID', 'office', OFFICE],
    ['by its Call-ID, wherever it is now', 'office', flowFrom('203.0.113.99', 6000)],
    ['by its address, started again', 'fresh', flowFrom('198.51.100.30', 50_999)],
  ])('each refreshes its own, %s', (_, callId, flow) => {
    const { at, sources } = two();
    expect(at(CONTACT, callId, flow).status).toBe(200);
    expect(sources().sort()).toEqual([flow.remoteAddress, '203.0.113.20'].sort());
  });

  test('each takes away its own', () => {
    for (const [callId, flow, left] of [
      ['home', HOME, '198.51.100.30'],
      ['office', OFFICE, '203.0.113.20'],
    ] as const) {
      const { at, sources } = two();
      at(CONTACT, callId, flow, { expires: 0 });
      expect(sources()).toEqual([left]);
    }
  });

  test('the only one of a URI is taken away from anywhere (RFC 3261 §10.2.2)', () => {
    const { at, sources } = two();
    at(CONTACT, 'home', HOME, { expires: 0 });
    at(CONTACT, 'else', flowFrom('203.0.113.99', 6000), { expires: 0 });
    expect(sources()).toEqual([]);
  });

  test('are told apart by their instances where they say them, at one address too', () => {
    const [home, office] = ['a', 'b'].map((id) => `${CONTACT};+sip.instance="<urn:uuid:${id}>"`) as [string, string];
    const { at, registrar, sources } = two([home, office]);
    expect(registrar.bindings(BOB)).toHaveLength(2);
    at(office, 'restarted', flowFrom('203.0.113.20', 7000));
    expect(sources()).toEqual(['203.0.113.20', '203.0.113.20']);
  });
});

test.each([
  ['one that moves keeps its Call-ID', CONTACT, 'home', OFFICE],
  ['one that is started again behind the same NAT', CONTACT, 'fresh', flowFrom('203.0.113.20', 40_777)],
  ['one that is where its Contact says', '<sip:bob@198.51.100.30:5060>', 'fresh', OFFICE],
])('one phone is one binding: %s', (_, contact, callId, flow) => {
  const { send, registrar } = registrarWorld();
  send({ contacts: [contact], callId: 'home' }, HOME);
  send({ contacts: [contact], callId }, flow);
  expect(registrar.bindings(BOB).map(({ source }) => source)).toMatchObject([{ address: flow.remoteAddress }]);
});

test('a phone that is elsewhere each time is not too many contacts: the one of longest ago gives way', () => {
  const { send, registrar, clock } = registrarWorld({ maxContactsPerAor: 2 });
  for (const last of [20, 21, 22]) {
    clock.advance(1000);
    expect(send({ contacts: [CONTACT], callId: `c${last}` }, flowFrom(`203.0.113.${last}`, 4000)).status).toBe(200);
  }
  expect(registrar.bindings(BOB).map(({ source }) => source.address)).toEqual(['203.0.113.22', '203.0.113.21']);
});

test('a Contact with a mark of its phone is kept as long as it was written, however often it is refreshed', () => {
  const { send, registrar } = registrarWorld();
  const written = `sip:bob@192.168.1.10:5060;tandem-from=${'x'.repeat(500)}`;
  for (const index of [1, 2, 3]) {
    expect(send({ contacts: [`<${written}>;a=${index}`], callId: 'home', cseq: index }, HOME).status).toBe(200);
    expect(registrar.bindings(BOB).map(({ contactUri }) => contactUri)).toEqual([written]);
  }
});

test('both are there after a restart, and each refreshes its own', async () => {
  const store = new MemoryBindingStore();
  const options = { scheduler: new VirtualScheduler(), store, isOwn: () => false };
  const before = new Registrar(options);
  for (const [callId, flow] of [
    ['home', HOME],
    ['office', OFFICE],
  ] as const)
    before.process(register({ contacts: [CONTACT], callId }), flow, ACCOUNT);
  await before.flush();
  const after = new Registrar(options);
  await after.restore();
  const bindings = after.bindings(BOB);
  expect(bindings.map(({ requestUri }) => requestUri)).toEqual(Array(2).fill(CONTACT.slice(1, -1)));
  after.process(register({ contacts: [CONTACT], callId: 'office', cseq: 2 }), OFFICE, ACCOUNT);
  expect(new Set(after.bindings(BOB).map(nameOf))).toEqual(new Set(bindings.map(nameOf)));
});

test('a phone that another node knows twice, as that one did not know of its binding here, is one with its next refresh', () => {
  const { send, registrar } = registrarWorld({ store: new MemoryBindingStore(), node: 'a' });
  send({ contacts: [CONTACT], callId: 'home' }, HOME);
  const [here] = registrar.bindings(BOB).map(stored);
  if (here === undefined) throw new Error('not registered');
  const contactUri = `${here.contactUri};tandem-from=198.51.100.30:50002`;
  const there = { ...here, node: 'b', contactUri, source: { ...here.source, address: OFFICE.remoteAddress } };
  registrar.applyRemote(BOB, [here, there]);
  expect(registrar.bindings(BOB)).toHaveLength(2);
  send({ contacts: [CONTACT], callId: 'home', cseq: 2 }, HOME);
  expect(registrar.bindings(BOB).map(({ contactUri }) => contactUri)).toEqual([here.contactUri]);
});

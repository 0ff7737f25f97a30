/** Contacts that only mean something on the phone's own machine or link, or name the tenant's domain: it is reached where it comes from, and nothing leaves for what it wrote. */
import { describe, expect, test } from 'vitest';
import type { BindingChange, StoredBinding } from '../../src/registrar/index.ts';
import { CARRIER_A, ENGINE, Phone, SDP, World, type WorldOptions } from '../engine/world.ts';

const BOB = '203.0.113.2';

const LOCAL = [
  '0.0.0.0',
  '0.0.0.0:5060',
  '[::]',
  '127.0.1.1',
  '127.0.0.1:5060',
  '[::1]',
  '[::ffff:127.0.0.1]',
  'localhost:5060',
  '169.254.7.7:5062',
  '[fe80::1]',
  '[fe80::1%25eth0]:5060',
  'acme.example.com',
  'ACME.example.com:5060',
];

/** A store in memory, for one process after the other. */
class Store {
  readonly #data = new Map<string, readonly StoredBinding[]>();

  load = async () => Array.from(this.#data, ([aor, bindings]) => ({ aor, bindings }));

  write = async (changes: readonly BindingChange[]) => {
    for (const { aor, bindings } of changes) this.#data.set(aor, bindings);
  };
}

/** Phone 102 has registered with this contact. */
async function registered(contact: string, options: WorldOptions = {}) {
  const world = await World.start(options);
  const bob = new Phone(world, BOB, '102');
  const answer = bob.register({ Contact: `<sip:102@${contact}>` });
  return { world, bob, answer };
}

/** Where the INVITE of phone 101 to 102 goes, and whatever else is sent until that call is over. */
function called(world: World): Set<string> {
  const alice = world.phone('101', '203.0.113.1');
  const from = world.network.packets.length;
  const call = alice.call('102');
  world.run(40_000);
  alice.final(call);
  world.run(40_000);
  return new Set(
    world.network.packets
      .slice(from)
      .filter(({ from: sender }) => sender === `${ENGINE}:5060`)
      .map(({ to }) => to),
  );
}

const PARTIES = [`${BOB}:5060`, '203.0.113.1:5060', `${CARRIER_A}:5060`, '192.0.2.20:5060'];
const others = (world: World) =>
  strangers(new Set(world.network.packets.map(({ to }) => to))).filter((to) => to !== `${ENGINE}:5060`);
const strangers = (reached: Iterable<string>) => [...reached].filter((to) => !PARTIES.includes(to));

describe.each(LOCAL)('%s as Contact, from elsewhere', (contact) => {
  test('with a Path nobody is registered: its proxy would send to itself', async () => {
    const world = await World.start();
    const bob = new Phone(world, BOB, '102');
    const path = { Supported: 'path', Path: `<sip:${BOB};lr>` };
    expect(bob.register({ ...path, Contact: `<sip:102@${contact}>` }).status).toBe(403);
    expect(called(world)).not.toContain(`${BOB}:5060`);
    expect(bob.register({ ...path, Contact: '<sip:102@10.0.0.5>' }).status).toBe(200);
  });

  test('the phone is registered, and called where it came from', async () => {
    const { world, answer } = await registered(contact);
    expect(answer.status).toBe(200);
    const reached = called(world);
    expect(reached).toContain(`${BOB}:5060`);
    expect(strangers(reached)).toEqual([]);
  });

  test.each(['node-1', 'second'])('the same by the store, after a restart as %s', async (node) => {
    const engine = { bindingStore: new Store() };
    const { world } = await registered(contact, { engine, settings: { node: 'node-1' } });
    const closing = world.engine.close();
    for (let turn = 0; turn < 20; turn++) {
      await world.turn();
      world.run(100);
    }
    await closing;
    const after = await World.start({ engine, settings: { node } });
    after.agent(BOB);
    const reached = called(after);
    expect(reached).toContain(`${BOB}:5060`);
    expect(strangers(reached)).toEqual([]);
  });

  test('a phone that calls with it hears the BYE where it called from', async () => {
    const { world, bob } = await registered(contact);
    const carrier = world.agent(CARRIER_A);
    const call = bob.call('18005550199', { Contact: `<sip:102@${contact}>` });
    const invite = carrier.took('INVITE');
    carrier.answer(invite, 200, 'OK', {}, SDP);
    expect(bob.final(call)?.status).toBe(200);
    carrier.sends(carrier.withinOf(invite, 'BYE'));
    bob.answer(bob.took('BYE'), 200);
    expect(others(world)).toEqual([]);
  });

  test('a phone that answers with it hears ACK and BYE where it was called', async () => {
    const { world, bob } = await registered(contact);
    const alice = world.phone('101', '203.0.113.1');
    const call = alice.call('102');
    bob.answer(bob.took('INVITE'), 200, 'OK', { Contact: `<sip:102@${contact}>` }, SDP);
    const answer = alice.final(call);
    if (answer === undefined) throw new Error('no answer');
    bob.took('ACK');
    alice.sends(alice.within(call, answer, 'BYE', { CSeq: '9 BYE' }));
    bob.answer(bob.took('BYE'), 200);
    expect(others(world)).toEqual([]);
  });
});

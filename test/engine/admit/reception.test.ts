import { expect, test } from 'vitest';
import { Reception } from '../../../src/engine/admit/reception.ts';
import { NO_PEERS, PeerPass } from '../../../src/engine/peer-nodes.ts';
import { Served } from '../../../src/engine/served.ts';
import { type NodeSettingsInput, nodeSchema } from '../../../src/settings/node-schema.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { RecordingLog } from '../../sip/transport/recorder.ts';
import { Observed, Phone, provisioningOf, World } from '../world.ts';

const OFFICE = '203.0.113.5';
const HOTEL = '203.0.113.77';
const WRONG = { password: 'a wrong one' };

/** Tries a wrong password so many times from an address, by REGISTER. */
function guess(world: World, address: string, times: number): void {
  const guesser = new Phone(world, address, '101', WRONG);
  for (let attempt = 0; attempt < times; attempt++) expect(guesser.register().status).toBe(401);
}

test('a guess at a password is one wherever it is made: who has none left for REGISTER has none for INVITE, others have theirs', async () => {
  const world = await World.start();
  guess(world, HOTEL, 30);
  const [owner, elsewhere] = [new Phone(world, HOTEL, '101'), new Phone(world, OFFICE, '101')];
  expect(owner.final(owner.call('102'))?.status).toBe(407);
  expect(elsewhere.final(elsewhere.call('102'))?.status).toBe(480);
});

test('whoever signed in from an address in an earlier life of the process is let in there, however many guess', async () => {
  const told: string[][] = [];
  const signInStore = {
    load: async () => told.flat(),
    add: async (pairs: readonly string[]) => void told.push([...pairs]),
  };
  const before = await World.start({ engine: { signInStore } });
  expect(before.phone('101', OFFICE).register().status).toBe(200);
  await before.engine.close();
  expect(told.flat()).toHaveLength(1);

  const world = await World.start({ engine: { signInStore } });
  for (let host = 1; host <= 12; host++) guess(world, `198.18.0.${host}`, 10);
  // One wrong password of its own, as a phone has that still knows the old one.
  const after = (address: string) => {
    guess(world, address, 1);
    return new Phone(world, address, '101').register().status;
  };
  expect([after(OFFICE), after(HOTEL)]).toEqual([200, 401]);
});

test('an address is known from a sign-in on, for limits.knownAfterSignInSeconds, without a registration', async () => {
  const world = await World.start({ settings: { limits: { knownAfterSignInSeconds: 60 } } });
  const { sources } = world.engine;
  const phone = new Phone(world, HOTEL, '101');
  expect(phone.ask(phone.invite('102')).status).toBe(407);
  expect(sources.knows(HOTEL)).toBe(false);
  expect(phone.final(phone.call('102'))?.status).toBe(480);
  expect(sources.knows(HOTEL)).toBe(true);
  world.run(60_000);
  expect(sources.knows(HOTEL)).toBe(false);
});

test('a refusal is told with its code, and with where and over what the request came', async () => {
  const world = await World.start({ settings: { limits: { callsPerSecond: 1000 } } });
  const trunks = ['carrier-a', 'carrier-b'];
  await world.provision({ trunks: Object.fromEntries(trunks.map((name) => [name, { host: '192.0.2.10' }])) });
  const carrier = world.agent('192.0.2.10');
  expect(carrier.ask(carrier.request('INVITE', 'sip:14155550120@198.51.100.1')).status).toBe(403);
  expect(world.observed.refused).toMatchObject([
    { code: 'ambiguous-trunk', detail: { source: '192.0.2.10:5060', transport: 'udp' } },
  ]);
});

function reception(settings: Partial<NodeSettingsInput> = {}, more: object = {}) {
  const [scheduler, directory] = [new VirtualScheduler(), provisioningOf()];
  const parsed = nodeSchema.parse({ listen: [{ transport: 'udp', host: '127.0.0.1', port: 5060 }], ...settings });
  const options = {
    ...{ settings: parsed, scheduler, directory, log: new RecordingLog(), observer: new Observed(), version: 'test' },
    dns: { query: async () => ({ status: 'answered' as const, records: [] }) },
    storeSetting: async () => {},
    ...more,
  };
  const pass = new PeerPass({ node: 'test', secret: new Uint8Array(32), clock: scheduler, peers: NO_PEERS });
  return {
    scheduler,
    made: new Reception({
      ...options,
      served: new Served(parsed, directory),
      peers: NO_PEERS,
      storeTime: scheduler,
      pass,
    }),
  };
}

test('a machine without time is looked for where load is guarded, and nothing of it is left at the end', () => {
  const unguarded = reception();
  expect(unguarded.scheduler.armedCount).toBe(0);
  const { scheduler, made } = reception({}, { guardsLoad: true });
  expect(scheduler.armedCount).toBe(1);
  made.stop();
  expect(scheduler.armedCount).toBe(0);
});

test('datagrams are dealt where there are workers to deal to, and there alone', () => {
  const workers = { index: 0, count: 2, allPorts: () => [], ownPort: () => 0, give: () => false, has: () => true };
  expect(reception().made.dealing).toBeUndefined();
  expect(reception({}, { workers }).made.dealing).toBeDefined();
});

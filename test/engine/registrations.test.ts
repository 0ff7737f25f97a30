import { describe, expect, test } from 'vitest';
import { aorKey, type BindingChange, type KeptBindings, type StoredBinding } from '../../src/registrar/index.ts';
import { extension, World, type WorldOptions } from './world.ts';

const BOB = aorKey('102', 'acme.example.com');
const CAROL = aorKey('103', 'acme.example.com');
const ADDRESS = '203.0.113.102';

/** A store that may be away, or not answer; `data` is what is in it. */
class Store {
  readonly data = new Map<string, readonly StoredBinding[]>();
  state: 'there' | 'away' | 'silent' = 'there';

  async load(): Promise<KeptBindings[]> {
    if (this.state === 'away') throw new Error('unreachable');
    if (this.state === 'silent') await new Promise(() => {});
    return Array.from(this.data, ([aor, bindings]) => ({ aor, bindings }));
  }

  async write(changes: readonly BindingChange[]): Promise<void> {
    if (this.state !== 'there') throw new Error('unreachable');
    for (const { aor, bindings } of changes) this.data.set(aor, bindings);
  }
}

/** What is in the store is of an earlier run: a phone of 102, and one of 103. */
async function registered(options: WorldOptions = {}) {
  const store = new Store();
  const before = await World.start({ ...options, engine: { bindingStore: store } });
  before.phone('102', ADDRESS);
  before.phone('103', '203.0.113.103');
  await close(before);
  expect([store.data.get(BOB)?.length, store.data.get(CAROL)?.length]).toEqual([1, 1]);
  const start = () => World.start({ ...options, engine: { bindingStore: store } });
  return { store, start };
}

/** Resolves with how long it took; ms of virtual time. */
async function close(world: World): Promise<number> {
  const beganMs = world.scheduler.nowMs();
  let isClosed = false;
  const closed = world.engine.close().then(() => {
    isClosed = true;
  });
  for (let turn = 0; turn < 100 && !isClosed; turn++) {
    await world.turn();
    world.run(100);
  }
  expect(isClosed).toBe(true);
  await closed;
  return world.scheduler.nowMs() - beganMs;
}

/** Lets the store be read again, and what is pending be written. */
async function retry(world: World): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    world.run(1_000);
    await world.turn();
  }
}

const without = (number: string) => ({
  acme: { extensions: ['101', '102', '103', '104'].filter((each) => each !== number).map((each) => extension(each)) },
});
const unread = (bindings: readonly StoredBinding[] = []) =>
  bindings.map((one) => ({ ...one, source: null })) as unknown as StoredBinding[];

describe('an extension that is deleted', () => {
  test('is not bound when the store is read after that, and gone from there', async () => {
    const { store, start } = await registered();
    store.state = 'away';
    const world = await start();
    await world.provision(without('102'));
    store.state = 'there';
    await retry(world);
    const { registrar } = world.engine.registrations;
    expect([registrar.bindings(BOB), registrar.bindings(CAROL).length]).toEqual([[], 1]);
    expect([store.data.get(BOB), store.data.get(CAROL)?.length]).toEqual([[], 1]);
  });

  test('is gone from the store where its bindings there cannot be read, or can be reached from no node', async () => {
    for (const kept of [
      unread,
      (all: readonly StoredBinding[] = []) => all.map((one) => ({ ...one, node: 'another' })),
    ]) {
      const { store, start } = await registered();
      store.data.set(BOB, kept(store.data.get(BOB)));
      const world = await start();
      await world.provision(without('102'));
      await retry(world);
      expect([store.data.get(BOB), store.data.get(CAROL)?.length]).toEqual([[], 1]);
    }
  });

  test('takes away nothing of one without a password that is known by its address, also where that cannot be read', async () => {
    const trusted = extension('102', { password: undefined, trustedAddresses: [ADDRESS] });
    const all = { extensions: [extension('101'), trusted, extension('103')] };
    const { store, start } = await registered({ acme: all });
    const [bob, carol] = [unread(store.data.get(BOB)), store.data.get(CAROL)];
    store.data.set(BOB, bob);
    const world = await start();
    await world.provision({ acme: { extensions: [extension('101'), trusted], outboundCallerId: '14155550101' } });
    await retry(world);
    expect(carol).toHaveLength(1);
    expect([store.data.get(BOB), store.data.get(CAROL)]).toEqual([bob, []]);
  });
});

describe('a node that ends', () => {
  test('writes what has registered, and says nothing', async () => {
    const { store, start } = await registered();
    const world = await start();
    world.phone('104', '203.0.113.104');
    await close(world);
    expect(store.data.get(aorKey('104', 'acme.example.com'))).toHaveLength(1);
    expect(world.log.lines.map(({ event }) => event)).not.toContain('registrations-not-written');
  });

  test.each(['away', 'silent'] as const)(
    'ends though the store is %s, and tells what is not written',
    async (state) => {
      const { store, start } = await registered();
      store.state = 'away';
      const world = await start();
      world.phone('104', '203.0.113.104');
      store.state = state;
      await retry(world);
      expect(await close(world)).toBeLessThan(5_000);
      const told = world.log.lines.filter(({ event }) => event === 'registrations-not-written');
      expect(told.map(({ fields }) => fields)).toEqual([{ pending: 1 }]);
    },
  );
});

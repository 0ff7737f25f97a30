import { expect, test } from 'vitest';
import { Egress } from '../../src/base/egress.ts';
import { MessageService } from '../../src/messages/index.ts';
import { heardKey } from '../../src/messages/keeper.ts';
import { MediaLinks } from '../../src/messages/media-links.ts';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import { provisioningSchema } from '../../src/provisioning/trunk-settings/schema.ts';
import { whatsappWorld } from '../end-to-end/messages/world.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { directoryOf, MemoryStore, silentLog, turn } from './world.ts';

class AskedStore extends MemoryStore {
  claims = 0;

  override claim(...asked: Parameters<MemoryStore['claim']>) {
    this.claims++;
    if (this.isBroken) return Promise.reject(new Error('the store is away'));
    return super.claim(...asked);
  }
}

function world() {
  const scheduler = new VirtualScheduler();
  const store = new AskedStore();
  const none = new Directory(provisioningSchema.parse({}));
  const state = { directory: none, asked: [] as string[] };
  const service = new MessageService({
    ...{ store, scheduler, log: silentLog, node: 'n1', egress: new Egress(), bytesPerTenant: 1_000_000, keepDays: 30 },
    directory: () => state.directory,
    // Nobody answers.
    addressesOf: (host) => {
      state.asked.push(host);
      return new Promise(() => {});
    },
    phones: {} as never,
    watcher: { onMessage: () => {} } as never,
    onHealth: () => {},
    secret: new Uint8Array(32),
    publicUrl: () => undefined,
  });
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 500) {
      scheduler.advance(500);
      await turn();
    }
  };
  return { scheduler, store, none, state, service, pass };
}

test('without a number the store is asked once what a process before left, and then nobody wakes for messages', async () => {
  const { scheduler, store, service, pass } = world();
  service.start();
  await pass(10_000);
  // What is old is looked for each hour.
  expect([store.claims, scheduler.armedCount]).toEqual([1, 1]);
});

test('with one it is asked each second what is due, from when that is provisioned until it is not', async () => {
  const { scheduler, store, none, state, service, pass } = world();
  service.apply();
  service.start();
  await pass(10_000);
  state.directory = directoryOf();
  service.apply();
  service.apply();
  await pass(10_000);
  expect(store.claims).toBe(1 + 11);
  state.directory = none;
  service.apply();
  await pass(10_000);
  expect([store.claims, scheduler.armedCount]).toEqual([1 + 11, 1]);
});

test('a store that is away at the start is asked until it is there', async () => {
  const { store, service, pass } = world();
  store.isBroken = true;
  service.start();
  await pass(5_000);
  store.isBroken = false;
  await pass(10_000);
  expect(store.claims).toBe(1 + 5 + 1);
});

/** Of acme trunk 7, of globex trunk 8, each at a server of its own. */
function twoTenants(): Directory {
  const [acme, globex] = ['https://acme.example/v23.0', 'https://globex.example/v23.0'].map((base) =>
    whatsappWorld(base),
  );
  const [trunk] = globex?.trunks ?? [];
  if (trunk?.whatsapp === undefined || acme === undefined) throw new Error('no trunk');
  const whatsapp = { ...trunk.whatsapp, number: '+14155550170', phoneNumberId: '1002' };
  const other = { ...trunk, id: '8', owner: 'globex', didPool: '14155550170', whatsapp };
  return new Directory(
    provisioningSchema.parse({
      tenants: [...(acme.tenants ?? []), { name: 'globex', domain: 'globex.test' }],
      trunks: [...(acme.trunks ?? []), other],
    }),
  );
}

test("files of one tenant's server that is silent leave others a place", () => {
  const { scheduler, state, service } = world();
  state.directory = twoTenants();
  const links = new MediaLinks(new Uint8Array(32), scheduler, () => 'https://node.example');
  const fetch = (trunkId: string) => {
    const { searchParams } = new URL(links.linkTo(trunkId, '5') ?? '');
    const [until, signature] = [Number(searchParams.get('until')), searchParams.get('signature') ?? ''];
    void service.media(trunkId, '5', until, signature).catch(() => {});
  };
  for (let times = 0; times < 20; times++) fetch('7');
  const ofAcme = state.asked.length;
  fetch('8');
  expect([ofAcme, state.asked.at(-1)]).toEqual([6, 'globex.example']);
});

test("messages of one tenant's phones to a server that is silent are not all under work at once", async () => {
  const { scheduler, store, state, service } = world();
  state.directory = twoTenants();
  service.start();
  const [tenant] = state.directory.tenants;
  if (tenant === undefined) throw new Error('no tenant');
  const peer = '12015550123';
  await store.add([], [{ key: heardKey('7', peer), atMs: scheduler.wallMs() }]);
  const answers: number[] = [];
  for (let index = 0; index < 400; index++)
    void service
      .sendFromPhone({
        ...{ tenant, sender: '101', dialled: `+${peer}`, callId: `c${index}`, cseq: 1 },
        ...{ contentType: 'text/plain', body: 'Hi' },
      })
      .then(({ status }) => answers.push(status));
  await turn();
  const rows = [...store.rows.values()];
  expect([rows.length, rows.filter(({ holder }) => holder !== '').length]).toEqual([400, 150]);
  expect(answers).toEqual(Array(250).fill(202));
});

test("messages to one tenant's server that is silent leave others a place, however many are due", async () => {
  const { store, state, service } = world();
  state.directory = twoTenants();
  const send = (tenant: string) =>
    service.send({
      ...{ tenant, trunk: undefined, to: '12015550123', contextId: undefined, key: undefined },
      content: { type: 'template', name: 'hello', language: 'en', parameters: [] },
    });
  service.start();
  for (let times = 0; times < 400; times++) void send('acme');
  await turn();
  const heldOf = (tenant: string) =>
    [...store.rows.values()].filter((row) => row.tenant === tenant && row.holder !== '').length;
  expect([heldOf('acme'), state.asked.at(-1)]).toEqual([150, 'acme.example']);
  void send('globex');
  await turn();
  expect([heldOf('acme'), heldOf('globex'), state.asked.at(-1)]).toEqual([150, 1, 'globex.example']);
});

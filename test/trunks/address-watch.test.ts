import { expect, test } from 'vitest';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import type { LocatedTarget, LocateQuery } from '../../src/sip/locate/index.ts';
import { AddressWatch, addressesInTime } from '../../src/trunks/address-watch.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { provision } from './kit.ts';

const at = (address: string): LocatedTarget[] => [{ transport: 'udp', address, port: 5060 }];
const trunksAt = (...hosts: string[]) => [
  ...new Directory(
    provision({
      trunks: hosts.map((host, index) => ({
        id: `${index + 1}`,
        name: `t${index}`,
        type: 'ip' as const,
        host,
        tenants: [],
      })),
    }),
  ).trunks,
];

test('names are asked for together; one that fails, or takes over a second, keeps nobody', async () => {
  const scheduler = new VirtualScheduler();
  const asked: string[] = [];
  const locator = {
    locate({ host }: LocateQuery) {
      asked.push(host);
      if (host === 'slow.test') return new Promise<LocatedTarget[]>(() => {});
      if (host === 'none.test') return Promise.reject(new Error('no such name'));
      return Promise.resolve(at('192.0.2.7'));
    },
  };
  const found = addressesInTime(locator, scheduler, trunksAt('quick.test', 'none.test', 'slow.test'));
  await Promise.resolve();
  expect(asked).toEqual(['quick.test', 'none.test', 'slow.test']);
  // The answers come before the second is over.
  await new Promise((resolve) => setImmediate(resolve));
  scheduler.advance(1_000);
  expect([...(await found)]).toEqual([['1', ['192.0.2.7']]]);
  expect(scheduler.armedCount).toBe(0);
});

test('no more than 64 trunks are asked for', async () => {
  const hosts = Array.from({ length: 70 }, (_, index) => `h${index}.test`);
  const locator = { locate: async () => at('192.0.2.7') };
  expect((await addressesInTime(locator, new VirtualScheduler(), trunksAt(...hosts))).size).toBe(64);
});

test("a tenant's names without an answer keep nobody else's from being asked for", () => {
  const asked: string[] = [];
  const owners = new Set<string | undefined>();
  const watch = new AddressWatch({
    scheduler: new VirtualScheduler(),
    locator: {
      locate({ host, owner }: LocateQuery) {
        asked.push(host);
        owners.add(owner);
        return new Promise<LocatedTarget[]>(() => {});
      },
    },
    onAddresses: () => {},
    onProblem: (_trunk, reason) => expect.unreachable(reason),
  });
  const hosts = Array.from({ length: 101 }, (_, index) => `h${index}.test`);
  for (const [index, trunk] of trunksAt(...hosts).entries())
    watch.watch({ ...trunk, owner: index < 100 ? 'acme' : 'globex' });
  // Three quarters of 64, and the one of the other tenant.
  expect([asked.length, asked.at(-1)]).toEqual([49, 'h100.test']);
  // Nor do its calls wait for the places in which they are asked.
  expect([...owners]).toEqual(['acme|names', 'globex|names']);
  watch.end();
});

test('a trunk that is changed while its names are asked for has its addresses when the answer comes', async () => {
  const scheduler = new VirtualScheduler();
  const waiting: ((targets: LocatedTarget[]) => void)[] = [];
  const told: unknown[] = [];
  const watch = new AddressWatch({
    scheduler,
    locator: { locate: () => new Promise<LocatedTarget[]>((resolve) => waiting.push(resolve)) },
    onAddresses: ({ name }, addresses, areNew) => told.push([name, addresses.map(({ address }) => address), areNew]),
    onProblem: (_trunk, reason) => expect.unreachable(reason),
  });
  const [trunk] = trunksAt('carrier.test');
  if (trunk === undefined) throw new Error('no trunk');
  watch.watch(trunk);
  watch.watch({ ...trunk, name: 'renamed' });
  for (const answer of waiting) answer(at('192.0.2.7'));
  await new Promise((resolve) => setImmediate(resolve));
  watch.end();
  expect(told).toEqual([
    ['t0', [], true],
    ['renamed', [], false],
    ['renamed', ['192.0.2.7'], true],
  ]);
});

test('a name is looked up again every 30 s, an address never: it leads nowhere else later', () => {
  const scheduler = new VirtualScheduler();
  const asked: string[] = [];
  const watch = new AddressWatch({
    scheduler,
    locator: {
      locate({ host }) {
        asked.push(host);
        return at('192.0.2.7');
      },
    },
    onAddresses: () => {},
    onProblem: (_trunk, reason) => expect.unreachable(reason),
  });
  const [address, name] = trunksAt('192.0.2.7', 'carrier.test');
  if (address === undefined || name === undefined) throw new Error('no trunks');
  for (const trunk of [address, name]) watch.watch(trunk);
  scheduler.advance(90_000);
  expect(asked.filter((host) => host === 'carrier.test').length).toBeGreaterThanOrEqual(4);
  expect(asked.filter((host) => host === '192.0.2.7')).toHaveLength(1);
  // Nor one that had a name before, once that is over.
  watch.watch({ ...name, host: '192.0.2.8' });
  scheduler.advance(90_000);
  watch.end();
  expect(asked.filter((host) => host === '192.0.2.8')).toHaveLength(1);
});

test('addresses are told as each name answers, and whether all of them have', async () => {
  const slow = Promise.withResolvers<LocatedTarget[]>();
  const told: [readonly string[], boolean][] = [];
  const watch = new AddressWatch({
    scheduler: new VirtualScheduler(),
    locator: { locate: ({ host }: LocateQuery) => (host === 'slow.test' ? slow.promise : at('192.0.2.7')) },
    onAddresses: (_trunk, addresses, _areNew, isWhole) => told.push([addresses.map(({ address }) => address), isWhole]),
    onProblem: () => {},
  });
  const [trunk] = trunksAt('quick.test');
  watch.watch({ ...trunk, outboundProxy: { host: 'slow.test' } } as never);
  slow.resolve(at('192.0.2.8'));
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toEqual([
    [[], false],
    [['192.0.2.7'], false],
    [['192.0.2.7', '192.0.2.8'], true],
  ]);
  watch.end();
});

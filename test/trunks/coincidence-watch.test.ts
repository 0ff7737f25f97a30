import { describe, expect, test } from 'vitest';
import { networksIn } from '../../src/base/network.ts';
import { allAtOnce } from '../../src/base/steps.ts';
import { type Contest, coincidenceSteps } from '../../src/provisioning/directory/coincidences.ts';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import type { Trunk, TrunkInput } from '../../src/provisioning/trunk-settings/schema.ts';
import { CoincidenceWatch } from '../../src/trunks/coincidence-watch.ts';
import { isCollected } from '../kit/collected.ts';
import { provision } from './kit.ts';
import { idOf, TrunkWorld } from './provider.ts';

const CARRIER = '203.0.113.9';
const NUMBER = '14155550101';
const tenants = ['acme', 'globex', 'third'].map((name) => ({ name, domain: `${name}.example` }));

function own(name: string, owner: string, changes: Partial<TrunkInput> = {}): TrunkInput {
  return {
    id: String(idOf(name)),
    name,
    type: 'register',
    owner,
    host: `${name}.example`,
    options: { registration: 'off' },
    credentials: { authName: name, password: 'p' },
    didPool: NUMBER,
    ...changes,
  };
}

function start(trunks: readonly TrunkInput[], resolved: Readonly<Record<string, string>>) {
  const contests: string[] = [];
  const world = new TrunkWorld([], {
    listener: {
      onTrunkState: () => {},
      onContest: ({ trunk, numbers, other, otherNumbers }, state) =>
        contests.push(`${state}: ${[`${trunk.name} ${numbers}`, `${other.name} ${otherNumbers}`].sort().join(', ')}`),
    },
  });
  const resolve = (name: string, address: string) =>
    world.locator.answers.set(`${name}.example`, [{ transport: 'udp', address, port: 5060 }]);
  for (const [name, address] of Object.entries(resolved)) resolve(name, address);
  world.run(0);
  const serve = (served: readonly TrunkInput[]) => {
    const directory = new Directory(provision({ tenants, trunks: [...served] }));
    world.service.apply(directory);
    return directory;
  };
  const directory = serve(trunks);
  const isAnothers = (name: string, tenant: string, number = NUMBER) =>
    directory.numberOwnedByAnother(String(idOf(name)), tenant, number);
  return {
    world,
    contests,
    resolve,
    serve,
    isAnothers,
    seconds: (count: number) => world.scheduler.advance(count * 1000),
  };
}

const trunks = [own('late', 'globex'), own('early', 'acme', { didPool: '14155550100-14155550199' })];
const CONTEST = `early 14155550100-14155550199, late ${NUMBER}`;

describe('a host that the DNS moves to another tenant’s carrier', () => {
  test('raises an alarm at both trunks that names nobody, and tells whose they are; it ends when it moves away', () => {
    const { world, contests, resolve, seconds } = start(trunks, { early: CARRIER, late: '198.51.100.7' });
    seconds(40);
    expect([contests, world.status('early').alarms, world.status('late').alarms]).toEqual([[], undefined, undefined]);
    resolve('late', CARRIER);
    seconds(40);
    expect(contests).toEqual([`began: ${CONTEST}`]);
    for (const [name, numbers] of [
      ['early', '14155550100-14155550199'],
      ['late', NUMBER],
    ] as const) {
      const { alarms = [] } = world.status(name);
      expect(alarms).toMatchObject([{ code: 'sources-coincide', message: expect.stringContaining(numbers) }]);
      expect(alarms[0]?.message).not.toMatch(/acme|globex|"early"|"late"/);
    }
    resolve('late', '198.51.100.7');
    seconds(40);
    expect(contests).toEqual([`began: ${CONTEST}`, `ended: ${CONTEST}`]);
    expect(world.status('late').alarms).toBeUndefined();
  });

  test('tells a tenant nothing of the numbers that others have on a trunk of several', () => {
    const shared: TrunkInput = {
      ...{ id: String(idOf('shared')), name: 'shared', type: 'ip', host: 'shared.example' },
      tenants: [
        { tenant: 'acme', didPool: '14155550100-14155550199' },
        { tenant: 'globex', didPool: '14155550200-14155550299' },
      ],
    };
    const late = own('late', 'third', { didPool: '14155550201' });
    const { world, contests, seconds, serve } = start([shared], { shared: CARRIER, late: CARRIER });
    serve([shared, late]);
    seconds(40);
    expect(contests).toEqual(['began: late 14155550201, shared 14155550200-14155550299']);
    const [alarm] = world.status('shared').alarms ?? [];
    expect(alarm?.message).toContain('holds numbers of a pool of this one');
    expect(alarm?.message).not.toMatch(/[0-9]{5}/);
    expect(world.status('late').alarms).toMatchObject([{ message: expect.stringContaining('14155550201') }]);
  });

  test('presents none of the numbers there; the earlier owner still presents its own', () => {
    const { isAnothers, resolve, seconds } = start(trunks, { early: CARRIER, late: '198.51.100.7' });
    seconds(40);
    expect(isAnothers('late', 'globex')).toBe(false);
    resolve('late', CARRIER);
    seconds(40);
    expect(isAnothers('late', 'globex')).toBe(true);
    expect(isAnothers('late', 'globex', '14155550150')).toBe(true);
    expect(isAnothers('late', 'globex', '14155559999')).toBe(false);
    expect(isAnothers('early', 'acme')).toBe(false);
    resolve('late', '198.51.100.7');
    seconds(40);
    expect(isAnothers('late', 'globex', '14155550150')).toBe(false);
  });

  test('a trunk with an address that is claimed while a name resolves to it', () => {
    const system: TrunkInput = {
      id: '1',
      name: 'system',
      type: 'ip',
      host: 'carrier.example',
      associatedIps: ['203.0.113.0/24'],
      tenants: [{ tenant: 'acme', didPool: NUMBER }],
    };
    const { contests, serve, seconds } = start([own('late', 'globex')], { late: CARRIER });
    seconds(1);
    expect(contests).toEqual([]);
    serve([own('late', 'globex'), system]);
    expect(contests).toEqual([`began: late ${NUMBER}, system ${NUMBER}`]);
    serve([own('late', 'globex', { didPool: '1' }), system]);
    expect(contests.at(-1)).toBe(`ended: late ${NUMBER}, system ${NUMBER}`);
  });

  test('without a number in common nothing is told, but numbers are guarded', () => {
    const { contests, world, isAnothers, seconds } = start(
      [own('late', 'globex', { didPool: '1' }), own('early', 'acme')],
      {
        early: CARRIER,
        late: CARRIER,
      },
    );
    seconds(1);
    expect([contests, world.status('late').alarms]).toEqual([[], undefined]);
    expect(isAnothers('late', 'globex')).toBe(true);
    expect(isAnothers('early', 'acme', '1')).toBe(true);
    expect(isAnothers('late', 'globex', '1')).toBe(false);
  });

  test('is told while addresses change without a break, among many trunks', () => {
    const many = Array.from({ length: 600 }, (_each, index) =>
      own(`t${index}`, 'acme', { host: `10.0.${index >> 8}.${index & 255}`, didPool: String(30_000_000_000 + index) }),
    );
    const all = [...trunks, ...many];
    const { world } = start(all, { early: CARRIER, late: CARRIER });
    const directory = new Directory(provision({ tenants, trunks: all }));
    const told: string[] = [];
    const { scheduler } = world;
    const { identification } = world.service;
    const onContest = (_contest: Contest, state: string) => told.push(state);
    const watch = new CoincidenceWatch(directory, { scheduler, identification, onContest });
    watch.look(directory);
    const [trunk] = directory.trunks as [Trunk];
    for (let turn = 0; turn < 2_000 && told.length === 0; turn++) {
      watch.located(trunk);
      scheduler.advance(1);
    }
    watch.end();
    expect(told).toEqual(['began']);
  });

  test('numbers that change twice in the time of one look are told as they are at the end', () => {
    const others = Array.from({ length: 300 }, (_each, index) =>
      own(`t${index}`, 'acme', { host: `10.0.${index >> 8}.${index & 255}`, didPool: String(30_000_000_000 + index) }),
    );
    const { contests, world, serve, seconds } = start([...trunks, ...others], { early: CARRIER, late: CARRIER });
    seconds(1);
    const lateHas = (didPool: string) => serve([own('late', 'globex', { didPool }), ...trunks.slice(1), ...others]);
    for (const didPool of ['1', '14155550102']) {
      lateHas('2');
      lateHas(didPool);
      seconds(1);
      const clashes = didPool !== '1';
      expect([didPool, world.status('late').alarms?.length ?? 0]).toEqual([didPool, clashes ? 1 : 0]);
    }
    lateHas('14155550103');
    seconds(1);
    expect(world.status('late').alarms).toMatchObject([{ message: expect.stringContaining('14155550103') }]);
    expect(contests.map((told) => told.split(':')[0])).toEqual(['began', 'ended', 'began']);
  });
});

test('a snapshot that was replaced is held by none that came after it', async () => {
  const { serve } = start(trunks, { early: CARRIER, late: '198.51.100.7' });
  const replaced = Array.from({ length: 3 }, () => new WeakRef(serve(trunks)));
  // Of the last one it is known for a while what has changed since.
  for (const [at, later] of [trunks.slice(1), trunks, trunks].entries())
    serve(later.map((trunk) => ({ ...trunk, didPool: `1415555030${at}` })));
  for (const snapshot of replaced) expect(await isCollected(snapshot)).toBe(true);
});

test('however many names lead to one address, what coincides there is listed once', () => {
  const many = Array.from({ length: 50 }, (_, at) => own(`t${at}`, 'globex', { didPool: String(1000 + at) }));
  const directory = new Directory(provision({ tenants, trunks: many }));
  const { linked } = allAtOnce(coincidenceSteps(directory, () => networksIn([CARRIER])));
  expect(linked.size).toBe(50);
  expect(new Set(linked.values()).size).toBe(1);
});

import { expect, test } from 'vitest';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import {
  extensionKey,
  holderKeys,
  inboundHolders,
  limitsOf,
  tenantKey,
  trunkHolders,
} from '../../src/trunks/holders.ts';
import { isCollected } from '../kit/collected.ts';
import { provision } from './kit.ts';

const directory = new Directory(
  provision({
    tenants: [
      {
        name: 'acme',
        domain: 'acme.example.com',
        limits: { concurrentCalls: 7, dailyMinutes: 60 },
        extensions: [{ number: '101', name: 'Alice', password: 'p', limits: { callsPerMinute: 3 } }],
      },
    ],
    trunks: [
      {
        id: '42',
        name: 'carrier',
        type: 'ip',
        host: '192.0.2.1',
        limits: { concurrentCalls: 30, callsPerSecond: 5 },
        tenants: [{ tenant: 'acme', didPool: '1', concurrentCalls: 4 }],
      },
    ],
  }),
);
const [tenant] = directory.tenants;
const [trunk] = directory.trunks;
const [extension] = tenant?.extensions ?? [];

test('whom a call has places of is named by its trunks and its tenant alone', () => {
  if (tenant === undefined || trunk === undefined) throw new Error('not provisioned');
  const keys = inboundHolders(trunk, tenant, directory).map(({ key }) => key);
  expect(holderKeys([trunk.id], tenant.name).sort()).toEqual(keys.sort());
  expect(holderKeys([trunk.id], undefined)).toEqual(['trunk 42']);
  expect(holderKeys([], tenant.name)).toEqual(['tenant acme']);
});

test('what is set for a holder is found by the key under which it is counted, in any snapshot', () => {
  if (tenant === undefined || trunk === undefined || extension === undefined) throw new Error('not provisioned');
  const keys = [...inboundHolders(trunk, tenant, directory).map(({ key }) => key), extensionKey(tenant, extension)];
  expect(keys).toEqual(['trunk 42', 'trunk 42 tenant acme', 'tenant acme', 'extension acme/101']);
  expect(tenantKey(tenant)).toBe('tenant acme');
  expect(keys.map((key) => limitsOf(key, directory))).toEqual([
    { concurrentCalls: 30, callsPerSecond: 5 },
    expect.objectContaining({ concurrentCalls: 4 }),
    { concurrentCalls: 7, dailyMinutes: 60 },
    { callsPerMinute: 3 },
  ]);
  const empty = new Directory(provision({}));
  expect(keys.map((key) => limitsOf(key, empty))).toEqual([{}, {}, {}, {}]);
});

/** A tenant and a trunk that are replaced once they were counted; what is in them stays. */
function countedOnce(name: string): WeakRef<object>[] {
  if (tenant === undefined || trunk === undefined || extension === undefined) throw new Error('not provisioned');
  const [ofTenant, ofTrunk] = [{ ...tenant }, { ...trunk, name }];
  extensionKey(ofTenant, extension);
  inboundHolders(ofTrunk, ofTenant, directory);
  return [new WeakRef(ofTenant), new WeakRef(ofTrunk)];
}

test('what a change leaves as it was holds no tenant and no trunk of before the change', async () => {
  const replaced = ['a', 'b', 'c'].flatMap(countedOnce);
  for (const snapshot of replaced) expect(await isCollected(snapshot)).toBe(true);
});

test("the tenant's share of a trunk is as large as the directory that is asked says", () => {
  if (tenant === undefined || trunk === undefined) throw new Error('not provisioned');
  const sharesOf = (concurrentCalls: number | undefined) => {
    const assignments = trunk.assignments.map((assignment) => ({ ...assignment, concurrentCalls }));
    const { provisioning } = directory;
    const trunks = provisioning.trunks.map((settings) => ({ ...settings, tenants: assignments }));
    const later = new Directory({ ...provisioning, trunks });
    return trunkHolders(trunk, tenant, later).map((holder) => holder.concurrentCalls);
  };
  expect([4, 2, undefined, 4].map(sharesOf)).toEqual([[30, 4], [30, 2], [30], [30, 4]]);
});

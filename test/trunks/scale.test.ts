import { expect, test } from 'vitest';
import { checkProvisioning } from '../../src/provisioning/check/provisioning.ts';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import { threadCpuMs } from '../kit/thread-cpu.ts';
import { provision } from './kit.ts';

const TENANTS = 100;
const TRUNKS = 10_000;
const SHARED_DIDS = 1_000_000;
const BASE = 10_000_000_000;

/** 10,000 trunks with a range each, and one provider whose 1,000,000 single DIDs belong to 100 tenants in turn. */
function large() {
  const perTenant = SHARED_DIDS / TENANTS;
  return provision({
    tenants: Array.from({ length: TENANTS }, (_, index) => ({ name: `t${index}`, domain: `t${index}.example.com` })),
    trunks: [
      ...Array.from({ length: TRUNKS }, (_, index) => ({
        id: String(index + 1),
        name: `trunk-${index}`,
        type: 'ip' as const,
        host: `10.1.${index >> 8}.${index & 255}`,
        tenants: [{ tenant: `t${index % TENANTS}`, didPool: `${100_000 + index * 100}-${100_099 + index * 100}` }],
      })),
      {
        id: '999999',
        name: 'shared',
        type: 'ip' as const,
        host: 'shared.example.com',
        tenants: Array.from({ length: TENANTS }, (_, tenant) => ({
          tenant: `t${tenant}`,
          didPool: Array.from({ length: perTenant }, (_, index) => BASE + (index * TENANTS + tenant) * 2).join(';'),
        })),
      },
    ],
  });
}

test('10,000 trunks and 1,000,000 DIDs are checked and indexed in seconds, and the last of them is found like the first', () => {
  const state = large();
  const beganMs = threadCpuMs();
  expect(checkProvisioning(state)).toEqual([]);
  const directory = new Directory(state);
  expect(threadCpuMs() - beganMs).toBeLessThan(10_000);

  for (const index of [0, 1, SHARED_DIDS / 2, SHARED_DIDS - 1]) {
    expect(directory.didOwner('999999', `+${BASE + index * 2}`)).toBe(`t${index % TENANTS}`);
    expect(directory.didOwner('999999', BASE + index * 2 + 1)).toBeUndefined();
    expect(directory.numberOwnedByAnother('999999', `t${index % TENANTS}`, BASE + index * 2)).toBe(false);
    expect(directory.numberOwnedByAnother('999999', 'nobody', BASE + index * 2)).toBe(true);
  }
  expect(directory.didOwner(String(TRUNKS), String(100_099 + (TRUNKS - 1) * 100))).toBe(`t${(TRUNKS - 1) % TENANTS}`);

  // A snapshot after a change of one trunk reuses what did not change.
  const [first, ...rest] = state.trunks;
  if (first === undefined) expect.unreachable();
  const next = new Directory({
    tenants: state.tenants,
    trunks: [{ ...first, name: 'renamed' }, ...rest],
    certificates: [],
  });
  expect(next.trunk('1')?.name).toBe('renamed');
  expect(next.trunk('999999')).toBe(directory.trunk('999999'));
}, 60_000);

import { expect, test } from 'vitest';
import { allAtOnce } from '../../../src/base/steps.ts';
import { diffOf, diffSteps } from '../../../src/provisioning/directory/difference.ts';
import { Directory } from '../../../src/provisioning/directory/directory.ts';
import type { Provisioning } from '../../../src/provisioning/trunk-settings/schema.ts';
import { isCollected } from '../../kit/collected.ts';
import { provision } from '../../trunks/kit.ts';

const first = provision({ tenants: [{ name: 'acme', domain: 'acme.example.com', extensions: [{ number: '101' }] }] });

/** The same, of which each tenant is another object. */
function replaced(state: Provisioning): Provisioning {
  return { ...state, tenants: state.tenants.map((tenant) => ({ ...tenant })) };
}

/** The newest state of a chain in which each is compared with the one before, and the oldest but one. */
function chained(take: (before: Provisioning, after: Provisioning) => void): [Provisioning, WeakRef<object>[]] {
  const second = replaced(first);
  take(first, second);
  const oldest = [new WeakRef<object>(second), new WeakRef<object>(second.tenants[0] ?? second)];
  let newest = second;
  for (let n = 0; n < 5; n++) {
    const next = replaced(newest);
    take(newest, next);
    newest = next;
  }
  return [newest, oldest];
}

test('a state that was compared is not held by those that came after it', async () => {
  const [newest, oldest] = chained(diffOf);
  for (const ref of oldest) expect(await isCollected(ref)).toBe(true);
  expect(newest.tenants).toHaveLength(1);
});

test('nor by the snapshots that were made of them', async () => {
  let directory = new Directory(first);
  const [newest, oldest] = chained((_, after) => {
    directory = allAtOnce(Directory.after(directory, after));
  });
  for (const ref of oldest) expect(await isCollected(ref)).toBe(true);
  expect(directory.provisioning).toBe(newest);
});

test('of a state that is compared with two, each is there at once for who asks next', () => {
  const [second, third] = [replaced(first), replaced(first)];
  const [near, far] = [diffOf(second, third), diffOf(first, third)];
  expect(diffOf(second, third)).toBe(near);
  expect(diffSteps(first, third).next()).toEqual({ done: true, value: far });
});

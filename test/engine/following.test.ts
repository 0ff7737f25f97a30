import { expect, test } from 'vitest';
import type { Steps } from '../../src/base/steps.ts';
import { Following, type FollowingOptions } from '../../src/engine/following.ts';
import type { ProvisioningDiff } from '../../src/provisioning/directory/difference.ts';
import { RecordingLog } from '../sip/transport/recorder.ts';

function world(failing = false) {
  const done: string[] = [];
  const log = new RecordingLog();
  function* noted(what: string): Steps<void> {
    yield;
    done.push(what);
  }
  const options = {
    log,
    served: { directory: {} },
    trusted: { follow: () => noted('trusted') },
    registrations: {
      *forgetUnprovisioned() {
        yield* noted('registrations');
        if (failing) throw new Error('store gone');
      },
    },
    guards: { follow: () => noted('guards') },
    capacity: { follow: () => noted('capacity') },
  };
  return { done, log, following: new Following(options as unknown as FollowingOptions) };
}

const CHANGE = { before: undefined, after: undefined };
const TENANT = { tenants: [CHANGE], trunks: [], certificates: [] } as unknown as ProvisioningDiff;
const TRUNK = { tenants: [], trunks: [CHANGE], certificates: [] } as unknown as ProvisioningDiff;
const ALL = ['trusted', 'registrations', 'guards', 'capacity'];

test('snapshots are followed one after the other; limits of tenants only where tenants changed', async () => {
  const { done, following } = world();
  following.follow(TENANT);
  following.follow(TRUNK);
  await expect.poll(() => done).toEqual([...ALL, 'trusted', 'registrations', 'capacity']);
  following.follow(TENANT);
  await expect.poll(() => done.length).toBe(7 + 4);
});

test('registrations that cannot be checked keep nobody from the new limits, nor from the next snapshot', async () => {
  const { done, log, following } = world(true);
  following.follow(TENANT);
  following.follow(TENANT);
  await expect.poll(() => done).toEqual([...ALL, ...ALL]);
  expect(log.lines.map(({ event }) => event)).toEqual(['registrations-not-checked', 'registrations-not-checked']);
});

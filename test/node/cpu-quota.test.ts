import { expect, test } from 'vitest';
import { CpuQuota, cpuShare } from '../../src/node/cpu-quota.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

const reading = (files: Record<string, string>) => (path: string) => {
  const text = files[path];
  return text === undefined ? Promise.reject(new Error('ENOENT')) : Promise.resolve(text);
};

test.each<[string, Record<string, string>, number]>([
  ['no control groups', {}, 1],
  ['no quota', { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': 'max 100000\n' }, 1],
  [
    'half a core for a service',
    {
      '/proc/self/cgroup': '0::/system.slice/x.service\n',
      '/sys/fs/cgroup/system.slice/x.service/cpu.max': '50000 100000\n',
    },
    0.5,
  ],
  [
    'less for what is around it',
    {
      '/proc/self/cgroup': '0::/a/b\n',
      '/sys/fs/cgroup/a/cpu.max': '20000 100000\n',
      '/sys/fs/cgroup/a/b/cpu.max': '50000 100000\n',
    },
    0.2,
  ],
  ['two cores', { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '200000 100000\n' }, 1],
  [
    'a container that sees the path on its host',
    { '/proc/self/cgroup': '0::/kubepods/pod1\n', '/sys/fs/cgroup/cpu.max': '25000 100000\n' },
    0.25,
  ],
  [
    'the first version',
    {
      '/proc/self/cgroup': '9:memory:/m\n4:cpu,cpuacct:/docker/1\n0::/\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '-1\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
      '/sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_quota_us': '10000\n',
      '/sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_period_us': '20000\n',
    },
    0.5,
  ],
  ['what cannot be read', { '/proc/self/cgroup': '0::/\nnonsense\n', '/sys/fs/cgroup/cpu.max': 'x y z\n' }, 1],
])('the share of a core with %s', async (_case, files, share) => {
  expect(await cpuShare(reading(files))).toBe(share);
});

test('this process has one, whatever its groups', async () => {
  const share = await cpuShare();
  expect(share).toBeGreaterThan(0);
  expect(share).toBeLessThanOrEqual(1);
});

test('a quota that changes is noticed when it is asked for, and told once', async () => {
  const scheduler = new VirtualScheduler();
  const files: Record<string, string> = { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': 'max 100000\n' };
  const told: number[] = [];
  const quota = new CpuQuota(scheduler, (share) => told.push(share), reading(files));
  await quota.refresh();
  files['/sys/fs/cgroup/cpu.max'] = '50000 100000';
  expect(quota.share()).toBe(1);
  scheduler.advance(5_000);
  expect(quota.share()).toBe(1);
  await new Promise((resolve) => setImmediate(resolve));
  expect([quota.share(), told]).toEqual([0.5, [0.5]]);
});

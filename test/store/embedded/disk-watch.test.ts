import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { DiskWatch } from '../../../src/store/embedded/disk-watch.ts';
import { eventually } from '../../kit/eventually.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { RecordingLog } from '../../sip/transport/recorder.ts';
import { temporaryFolder } from '../kit.ts';

function watch(folder: string, probe: () => Promise<void> = async () => {}) {
  const scheduler = new VirtualScheduler();
  const log = new RecordingLog();
  const disk = new DiskWatch({ folder, log, scheduler, probe });
  onTestFinished(() => disk.close());
  return { scheduler, log, disk };
}

test('a refused write is an alarm until a write, or one of nothing every second, is taken', async () => {
  let broken = true;
  let probes = 0;
  const { scheduler, log, disk } = watch(temporaryFolder(), async () => {
    probes++;
    if (broken) throw new Error('disk I/O error');
  });
  await expect(disk.watched(Promise.reject(new Error('database or disk is full')))).rejects.toThrow('full');
  expect(disk.problems()).toEqual(['store-not-writable']);
  expect(await log.line('store-not-writable')).toMatchObject({ error: 'Error: database or disk is full' });
  for (let second = 1; second <= 3; second++) {
    scheduler.advance(1000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect([probes, disk.problems()]).toEqual([3, ['store-not-writable']]);
  broken = false;
  scheduler.advance(1000);
  await eventually('the alarm to end', () => disk.problems().length === 0);
  await log.line('store-writable');
  scheduler.advance(10_000);
  expect(probes).toBe(4);
});

const canMount = (() => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-mount-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]).status === 0;
  if (mounted) execFileSync('umount', ['-l', folder]);
  rmSync(folder, { recursive: true });
  return mounted;
})();

test.skipIf(!canMount)('a disk with less than a megabyte left is an alarm before anything is refused', async () => {
  const folder = temporaryFolder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]);
  onTestFinished(() => {
    execFileSync('umount', ['-l', folder]);
  });
  const { scheduler, log, disk } = watch(folder);
  scheduler.advance(1);
  await eventually('a look', () => scheduler.armedCount === 1);
  expect(disk.problems()).toEqual([]);
  writeFileSync(join(folder, 'filler'), Buffer.alloc(3_500_000));
  scheduler.advance(5000);
  await eventually('the alarm', () => disk.problems().includes('disk-full'));
  await log.line('disk-full');
  writeFileSync(join(folder, 'filler'), '');
  await eventually('the next look', () => scheduler.armedCount === 1);
  scheduler.advance(5000);
  await eventually('the alarm to end', () => disk.problems().length === 0);
});

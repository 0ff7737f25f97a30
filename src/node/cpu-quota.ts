/** The CPU quota that control groups set for this process (Kubernetes limits, `docker --cpus`, systemd's CPUQuota). */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/scheduler.ts';

const GROUPS = '/sys/fs/cgroup';
/** Where the CPU controller's groups of the first version are mounted. */
const FIRST_VERSION = ['cpu', 'cpu,cpuacct'];
/** A quota may be changed while the process runs. */
const READ_AGAIN_MS = 5_000;

/** Text of a file; rejects when there is none. */
export type ReadText = (path: string) => Promise<string>;

/**
 * What share of one core a process may use: the least that any of its groups and of the groups around them allows, 1 at most, since calls
 * are served by one thread. 1 where there are no control groups, or no quota.
 */
export async function cpuShare(read: ReadText = readLatin1): Promise<number> {
  const memberships = await read('/proc/self/cgroup').catch(() => '');
  const shares = memberships.split('\n').flatMap((line) => {
    const [id = '', controllers = '', path = '/'] = line.split(':');
    if (id === '0' && controllers === '') return foldersOf(GROUPS, path).map((folder) => ofSecondVersion(folder, read));
    if (!controllers.split(',').includes('cpu')) return [];
    return FIRST_VERSION.flatMap((mount) => foldersOf(join(GROUPS, mount), path)).map((folder) =>
      ofFirstVersion(folder, read),
    );
  });
  return Math.min(1, ...(await Promise.all(shares)));
}

/** The share, read again when it is asked for after a while. */
export class CpuQuota {
  readonly #clock: Clock;
  readonly #read: ReadText;
  readonly #onChange: (share: number) => void;
  #share = 1;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, onChange: (share: number) => void = () => {}, read: ReadText = readLatin1) {
    this.#clock = clock;
    this.#read = read;
    this.#onChange = onChange;
  }

  /** What it was when it was read last; asks for it anew, for the next time, when that is long ago. */
  readonly share = (): number => {
    if (this.#clock.nowMs() - this.#readAtMs >= READ_AGAIN_MS) void this.refresh();
    return this.#share;
  };

  async refresh(): Promise<void> {
    this.#readAtMs = this.#clock.nowMs();
    const share = await cpuShare(this.#read);
    if (share === this.#share) return;
    this.#share = share;
    this.#onChange(share);
  }
}

/** A group's folder and those around it. In a container the path is the host's, and only the root is there. */
function foldersOf(root: string, path: string): string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '..');
  return [root, ...names.map((_name, index) => join(root, ...names.slice(0, index + 1)))];
}

async function ofSecondVersion(folder: string, read: ReadText): Promise<number> {
  const [quota = 'max', period = ''] = (await read(join(folder, 'cpu.max')).catch(() => '')).trim().split(' ');
  return shareOf(quota, period);
}

async function ofFirstVersion(folder: string, read: ReadText): Promise<number> {
  const [quota, period] = await Promise.all(
    ['cpu.cfs_quota_us', 'cpu.cfs_period_us'].map((file) => read(join(folder, file)).catch(() => '')),
  );
  return shareOf(quota ?? '', period ?? '');
}

/** 1 for what is no quota: `max`, -1, nothing. */
function shareOf(quota: string, period: string): number {
  const share = Number(quota) / Number(period);
  return share > 0 && share < 1 ? share : 1;
}

function readLatin1(path: string): Promise<string> {
  return readFile(path, 'latin1');
}

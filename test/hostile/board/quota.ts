import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';

/** A process gets so much of a core in each of these periods, µs: as Docker, Kubernetes and systemd set it. */
const PERIOD_US = 100_000;
/** The same where it is stopped and continued, which no process can spread its work against. */
const STOPS_US = 20_000;

export interface Quota {
  /** How it is enforced. */
  readonly how: string;
  release(): void;
}

/** Gives a process a share of one core: by the kernel where this process may make a control group, else by stopping it again and again. */
export function holdTo(pid: number, share: number): Quota {
  return byControlGroup(pid, share) ?? bySignals(pid, share);
}

function byControlGroup(pid: number, share: number): Quota | undefined {
  const name = `tandem-board-${pid}`;
  const quotaUs = Math.round(share * PERIOD_US);
  // A group competes with others as one: it has the weight that the process had (sched(7): a quarter more for each step of niceness).
  const weight = 1.25 ** -getPriority(pid);
  const variants = [
    {
      root: '/sys/fs/cgroup',
      needs: 'cgroup.controllers',
      files: { 'cpu.max': `${quotaUs} ${PERIOD_US}`, 'cpu.weight': `${Math.ceil(weight * 100)}` },
    },
    {
      root: '/sys/fs/cgroup/cpu',
      needs: 'cpu.cfs_quota_us',
      files: {
        'cpu.cfs_period_us': `${PERIOD_US}`,
        'cpu.cfs_quota_us': `${quotaUs}`,
        'cpu.shares': `${Math.ceil(weight * 1024)}`,
      },
    },
  ];
  for (const { root, needs, files } of variants) {
    if (!existsSync(join(root, needs))) continue;
    const before = ownGroup(pid, root);
    // Within the group that the process is in: whoever runs the board in a group of its own, at a priority, keeps that.
    const group = join(before, name);
    try {
      mkdirSync(group);
      for (const [file, value] of Object.entries(files)) writeFileSync(join(group, file), value);
      writeFileSync(join(group, 'cgroup.procs'), `${pid}`);
    } catch {
      if (existsSync(group)) rmdirSync(group);
      continue;
    }
    return {
      how: 'CPU quota of the kernel',
      release() {
        if (existsSync(`/proc/${pid}`)) writeFileSync(join(before, 'cgroup.procs'), `${pid}`);
        rmdirSync(group);
      },
    };
  }
  return undefined;
}

/** The group of a process in the hierarchy at `root`. */
function ownGroup(pid: number, root: string): string {
  const isFirstVersion = root.endsWith('/cpu');
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n');
  const line = lines.find((text) => (isFirstVersion ? /^\d+:(?:.*,)?cpu(?:,.*)?:/ : /^0::/).test(text));
  return join(root, line?.slice(line.lastIndexOf(':') + 1) ?? '');
}

/** What every machine allows; the whole process stands still, as under a quota of the kernel. */
export function bySignals(pid: number, share: number): Quota {
  const runMs = (share * STOPS_US) / 1000;
  const stopMs = STOPS_US / 1000 - runMs;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  const turn = () => {
    isStopped = !isStopped;
    process.kill(pid, isStopped ? 'SIGSTOP' : 'SIGCONT');
    timer = setTimeout(turn, isStopped ? stopMs : runMs);
  };
  turn();
  return {
    how: 'SIGSTOP and SIGCONT',
    release() {
      clearTimeout(timer);
      process.kill(pid, 'SIGCONT');
    },
  };
}

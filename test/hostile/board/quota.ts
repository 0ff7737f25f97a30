import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import type { Child } from '../../kit/child.ts';

/** A process gets so much of a core in each of these periods, µs: as Docker, Kubernetes and systemd set it. */
const PERIOD_US = 100_000;
/** The same where it is stopped and continued, which no process can spread its work against. */
const STOPS_US = 20_000;
let groups = 0;

export interface Quota {
  /** How it is enforced. */
  readonly how: string;
  /** So that the process can read it. */
  readonly isOfKernel: boolean;
  /** Once the process has ended, if it was started within the quota; at any time else. */
  release(): void;
}

/** A file and what it is given. */
export type CommandLine = [string, ...string[]];

/**
 * Starts a process within a share of one core, as a container does: by the kernel where this process may make a control group, else by
 * stopping it again and again.
 *
 * @param start is given the command line that runs the one wanted, and becomes it
 */
export function startWithin(
  share: number,
  commandLine: CommandLine,
  start: (commandLine: CommandLine) => Child,
): { readonly child: Child; readonly quota: Quota } {
  const group = makeGroup(share);
  if (group !== undefined) {
    const quota = { how: 'CPU quota of the kernel', isOfKernel: true, release: () => rmdirSync(group) };
    return { child: start(joining(group, commandLine)), quota };
  }
  const child = start(commandLine);
  return { child, quota: bySignals(child.pid, share) };
}

/** The folder of a control group with the share of one core; undefined where there can be none. */
function makeGroup(share: number): string | undefined {
  const name = `tandem-board-${process.pid}-${++groups}`;
  const quotaUs = Math.round(share * PERIOD_US);
  // A group competes with others as one: it has the weight that the process has (sched(7): a quarter more for each step of niceness).
  const weight = 1.25 ** -getPriority();
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
    // Within the group that this process is in: whoever runs the board in a group of its own, at a priority, keeps that.
    const group = join(ownGroup(root), name);
    try {
      mkdirSync(group);
      for (const [file, value] of Object.entries(files)) writeFileSync(join(group, file), value);
      const [shell, ...args] = joining(group, ['true']);
      execFileSync(shell, args);
      return group;
    } catch {
      if (existsSync(group)) rmdirSync(group);
    }
  }
  return undefined;
}

/** A shell that joins the group and becomes the command. */
function joining(group: string, commandLine: CommandLine): CommandLine {
  return ['sh', '-c', 'echo $$ > "$0" && exec "$@"', join(group, 'cgroup.procs'), ...commandLine];
}

/** The group of this process in the hierarchy at `root`. */
function ownGroup(root: string): string {
  const isFirstVersion = root.endsWith('/cpu');
  const lines = readFileSync('/proc/self/cgroup', 'utf8').split('\n');
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
    signal(pid, isStopped ? 'SIGSTOP' : 'SIGCONT');
    timer = setTimeout(turn, isStopped ? stopMs : runMs);
  };
  turn();
  return {
    how: 'SIGSTOP and SIGCONT',
    isOfKernel: false,
    release() {
      clearTimeout(timer);
      signal(pid, 'SIGCONT');
    },
  };
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}

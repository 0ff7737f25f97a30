import { type ChildProcess, spawn, spawnSync } from 'node:child_process';

const STOP_GRACE_MS = 3000;

/** A real peer's process, with what it printed kept for the failure message. */
export interface Child {
  readonly pid: number;
  /** Everything printed so far, both streams. */
  output(): string;
  /** Resolves with the exit code (a signal counts as -1). */
  readonly exited: Promise<number>;
  /** Resolves once the output matches; rejects with the output when the process ends or the time passes first. */
  waitFor(pattern: RegExp, timeoutMs?: number): Promise<void>;
  write(text: string): void;
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM to the process, whose children are its own affair (Kamailio's take 3 s to end by themselves); SIGKILL to the rest of its group. */
  stop(): Promise<void>;
}

const running = new Map<ChildProcess, Child>();

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}

const killAll = () => {
  for (const child of running.keys()) killGroup(child, 'SIGKILL');
};
process.on('exit', killAll);
// A signal ends this process without an exit event, and its children are in groups of their own.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.once(signal, () => {
    killAll();
    process.kill(process.pid, signal);
  });
}

export interface ChildOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** True where the kernel can be asked to end a process with its parent, which a SIGKILL gives no time for (setpriv(1), Linux). */
const hasParentWatch = spawnSync('setpriv', ['--pdeathsig', 'TERM', 'true']).status === 0;

/** Starts a process in a group of its own, so that whatever it forks ends with it; it ends with this process, whatever ends that. */
export function startChild(command: string, args: readonly string[], options: ChildOptions = {}): Child {
  const [file, fileArgs] = hasParentWatch
    ? ['setpriv', ['--pdeathsig', 'TERM', '--', command, ...args]]
    : [command, [...args]];
  const child = spawn(file, fileArgs, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  let printed = '';
  const watchers = new Set<() => void>();
  const onData = (chunk: Buffer) => {
    printed += chunk.toString('latin1');
    for (const watch of watchers) watch();
  };
  child.stdout.on('data', onData);
  child.stderr.on('data', onData);
  child.stdin.on('error', () => {});
  let ended = false;
  const exited = new Promise<number>((resolve) => {
    child.once('error', (error) => {
      printed += `\n${error.message}\n`;
      ended = true;
      running.delete(child);
      resolve(-1);
      for (const watch of watchers) watch();
    });
    child.once('close', (code) => {
      ended = true;
      running.delete(child);
      resolve(code ?? -1);
      for (const watch of watchers) watch();
    });
  });

  const started: Child = {
    pid: child.pid ?? -1,
    output: () => printed,
    exited,
    waitFor(pattern, timeoutMs = 45_000) {
      return new Promise((resolve, reject) => {
        const finish = (error?: Error) => {
          clearTimeout(timeout);
          watchers.delete(watch);
          if (error === undefined) resolve();
          else reject(error);
        };
        const watch = () => {
          if (pattern.test(printed)) finish();
          else if (ended) finish(new Error(`${command} ended before ${pattern}:\n${printed.slice(-4000)}`));
        };
        const timeout = setTimeout(
          () => finish(new Error(`${command} did not print ${pattern} in ${timeoutMs} ms:\n${printed.slice(-4000)}`)),
          timeoutMs,
        );
        watchers.add(watch);
        watch();
      });
    },
    write: (text) => {
      child.stdin.write(text);
    },
    signal: (signal) => {
      child.kill(signal);
    },
    async stop() {
      if (ended) return;
      child.kill('SIGTERM');
      const timeout = setTimeout(() => killGroup(child, 'SIGKILL'), STOP_GRACE_MS);
      await exited;
      clearTimeout(timeout);
      killGroup(child, 'SIGKILL');
    },
  };
  running.set(child, started);
  return started;
}

/** Stops whatever runs: those that a test which failed has not stopped are nobody's. */
export async function stopAllChildren(): Promise<void> {
  await Promise.all([...running.values()].map((child) => child.stop()));
}

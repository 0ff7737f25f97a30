import { AsyncLocalStorage } from 'node:async_hooks';
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

interface Children {
  readonly running: Map<ChildProcess, Child>;
  /** Tests may run side by side: whose each child is. */
  readonly owners: AsyncLocalStorage<object>;
  readonly ownerOf: WeakMap<Child, object>;
}

/** One of them in a process: vitest loads this file for its runner, which stops children, and again for the tests, which start them. */
const { running, owners, ownerOf } = childrenOfProcess();

function childrenOfProcess(): Children {
  const holder = process as typeof process & { tandemTestChildren?: Children };
  if (holder.tandemTestChildren !== undefined) return holder.tandemTestChildren;
  const children: Children = { running: new Map(), owners: new AsyncLocalStorage(), ownerOf: new WeakMap() };
  holder.tandemTestChildren = children;
  const killAll = () => {
    for (const child of children.running.keys()) killGroup(child, 'SIGKILL');
  };
  process.on('exit', killAll);
  // A signal ends this process without an exit event, and its children are in groups of their own.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.once(signal, () => {
      killAll();
      process.kill(process.pid, signal);
    });
  }
  return children;
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
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
  const owner = owners.getStore();
  if (owner !== undefined) ownerOf.set(started, owner);
  return started;
}

/** What is started within `work`, however late, is the owner's. */
export function ownChildren<Result>(owner: object, work: () => Result): Result {
  return owners.run(owner, work);
}

/** Stops what an owner has started, and nobody else's. */
export async function stopChildrenOf(owner: object): Promise<void> {
  await stopEach([...running.values()].filter((child) => ownerOf.get(child) === owner));
}

/** Stops whatever runs: those that a test which failed has not stopped are nobody's. */
export async function stopAllChildren(): Promise<void> {
  await stopEach([...running.values()]);
}

async function stopEach(children: readonly Child[]): Promise<void> {
  await Promise.all(children.map((child) => child.stop()));
}

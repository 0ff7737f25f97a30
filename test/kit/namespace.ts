/** Networks of a test's own. Needs root. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';

export function runCommand([command = '', ...args]: readonly string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

const START_MS = 5_000;

/** A network of its own, without a name: it lasts as long as the process in it, which ends with this one, whatever ends it. */
export class Namespace {
  readonly #holder: ChildProcess;

  constructor() {
    this.#holder = spawn('unshare', ['--net', 'cat'], { stdio: ['pipe', 'ignore', 'ignore'] });
    const deadline = performance.now() + START_MS;
    const own = readlinkSync('/proc/self/ns/net');
    while (readlinkSync(`/proc/${this.pid}/ns/net`) === own) {
      if (performance.now() > deadline) throw new Error('no network namespace could be made: this needs root');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }

  get pid(): string {
    return String(this.#holder.pid);
  }

  /** Before a command that is to run in it. */
  get wrapper(): readonly string[] {
    return ['nsenter', `--net=/proc/${this.pid}/ns/net`, '--'];
  }

  run(...command: string[]): void {
    runCommand([...this.wrapper, ...command]);
  }

  end(): void {
    this.#holder.kill('SIGKILL');
  }
}

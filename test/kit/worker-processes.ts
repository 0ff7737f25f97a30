/** The processes of an engine's workers, by their numbers. */
import { readFileSync } from 'node:fs';
import type { EngineProcess } from './engine-process.ts';
import { eventually } from './eventually.ts';

export class WorkerProcesses {
  readonly #engine: EngineProcess;
  /** Numbers, from 1, in the order of their processes: the supervisor starts them in turn, and one that was started again comes last. */
  readonly #order: number[];

  /** Of an engine that was started just now. */
  constructor(engine: EngineProcess, count: number) {
    this.#engine = engine;
    this.#order = Array.from({ length: count }, (_, index) => index + 1);
  }

  pidOf(worker: number): number {
    const { pid } = this.#engine.child;
    const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').map(Number);
    const place = this.#order.indexOf(worker);
    if (pids.length !== this.#order.length) throw new Error(`${pids.length} workers run`);
    return pids[place] as number;
  }

  /** SIGKILL; resolves when it is there again. */
  async kill(worker: number): Promise<void> {
    const times = () => this.#engine.child.output().split('"event":"worker-back"').length;
    const before = times();
    process.kill(this.pidOf(worker), 'SIGKILL');
    this.#order.push(...this.#order.splice(this.#order.indexOf(worker), 1));
    await eventually('the worker again', () => times() > before, { timeoutMs: 45_000 });
  }
}

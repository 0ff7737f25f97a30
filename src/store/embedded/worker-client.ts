import { Worker } from 'node:worker_threads';
import { type Problem, SettingsError } from '../../base/errors.ts';
import type { EmbeddedFilesOptions, FileOperations } from './files.ts';

export interface WorkerOrder {
  readonly id: number;
  readonly operation: keyof FileOperations | 'open' | 'close';
  readonly argument: unknown;
}

export interface WorkerFault {
  readonly message: string;
  /** Set when an operator can mend it. */
  readonly problems?: readonly Problem[];
}

export interface WorkerAnswer {
  readonly id: number;
  readonly value?: unknown;
  readonly fault?: WorkerFault;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Asks the store's thread. An order is answered or, when the thread has ended, rejected; none waits for ever. */
export class WorkerClient {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #ended: Error | undefined = undefined;

  private constructor(options: EmbeddedFilesOptions) {
    this.#worker = new Worker(
      new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url),
      {
        workerData: options,
        name: 'tandem-store',
      },
    );
    this.#worker.on('message', (answer: WorkerAnswer) => this.#onAnswer(answer));
    this.#worker.on('error', (error) => this.#end(new Error(`the store's thread failed: ${String(error)}`)));
    this.#worker.on('exit', () => this.#end(new Error('the store is closed')));
  }

  /** Opens the files; rejects with a SettingsError when an operator has to mend something first. */
  static async open(options: EmbeddedFilesOptions): Promise<WorkerClient> {
    const client = new WorkerClient(options);
    try {
      await client.#order('open', undefined);
      return client;
    } catch (error) {
      await client.#worker.terminate();
      throw error;
    }
  }

  /** True when the thread has ended although nobody closed it. */
  get isDead(): boolean {
    return this.#ended !== undefined;
  }

  ask<Name extends keyof FileOperations>(
    operation: Name,
    ...[argument]: Parameters<FileOperations[Name]>
  ): Promise<ReturnType<FileOperations[Name]>> {
    return this.#order(operation, argument) as Promise<ReturnType<FileOperations[Name]>>;
  }

  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    const exited = new Promise((resolve) => this.#worker.once('exit', resolve));
    await this.#order('close', undefined);
    await exited;
  }

  #order(operation: WorkerOrder['operation'], argument: unknown): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, operation, argument } satisfies WorkerOrder);
    });
  }

  #onAnswer({ id, value, fault }: WorkerAnswer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (fault === undefined) waiting?.resolve(value);
    else waiting?.reject(fault.problems === undefined ? new Error(fault.message) : new SettingsError(fault.problems));
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }
}

import { Worker } from 'node:worker_threads';
import { type OrderAnswer, PendingOrders } from '../pending-orders.ts';
import type { EmbeddedFilesOptions, FileOperations } from './files.ts';

export interface WorkerOrder {
  readonly id: number;
  readonly operation: keyof FileOperations | 'open' | 'close';
  readonly argument: unknown;
}

/** Asks the store's thread. An order is answered or, when the thread has ended, rejected; none waits for ever. */
export class WorkerClient {
  readonly #worker: Worker;
  readonly #orders = new PendingOrders();

  private constructor(options: EmbeddedFilesOptions) {
    this.#worker = new Worker(
      new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url),
      {
        workerData: options,
        name: 'tandem-store',
      },
    );
    this.#worker.on('message', (answer: OrderAnswer) => this.#orders.answered(answer));
    this.#worker.on('error', (error) => this.#orders.end(new Error(`the store's thread failed: ${String(error)}`)));
    this.#worker.on('exit', () => this.#orders.end(new Error('the store is closed')));
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
    return this.#orders.ended !== undefined;
  }

  ask<Name extends keyof FileOperations>(
    operation: Name,
    ...[argument]: Parameters<FileOperations[Name]>
  ): Promise<ReturnType<FileOperations[Name]>> {
    return this.#order(operation, argument) as Promise<ReturnType<FileOperations[Name]>>;
  }

  async close(): Promise<void> {
    if (this.isDead) return;
    const exited = new Promise((resolve) => this.#worker.once('exit', resolve));
    await this.#order('close', undefined);
    await exited;
  }

  #order(operation: WorkerOrder['operation'], argument: unknown): Promise<unknown> {
    return this.#orders.ask((id) => {
      this.#worker.postMessage({ id, operation, argument } satisfies WorkerOrder);
      return true;
    });
  }
}

import type { KeyObject } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import type { Log } from '../base/log.ts';
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../base/scheduler.ts';
import { type Signatures, signaturesHere } from './signatures.ts';

/** What goes over in one turn of the event loop. */
export interface SignatureBatch {
  /** The keys that were told before are told no more. */
  readonly forgets: boolean;
  readonly keys: readonly (readonly [id: number, key: KeyObject])[];
  /** With a signature it is to be verified, without one to be made. */
  readonly jobs: readonly (readonly [input: string, keyId: number, signature: string | undefined])[];
}

export type SignatureResult = string | boolean | undefined;

interface Job {
  readonly input: string;
  readonly key: KeyObject;
  /** Of a job to verify. */
  readonly signature: string | undefined;
  resolve(result: string | boolean): void;
  reject(error: unknown): void;
}

/** Keys that the thread knows: those of a node's certificates, and of the callers' that are kept. */
const MAX_KEYS = 1000;
/** A batch that is not back when this timer has fired twice never will be. */
const LOOK_MS = 1000;
/** How long after a failure the thread is not started again, ms. */
const REST_MS = 60_000;

/**
 * Computes signatures in a thread of its own. What one turn of the event loop asks for goes over as one batch, so that calls share the
 * cost of going over; and that thread, doing nothing else, keeps OpenSSL's tables in its core's cache, which between the work of calls
 * are read from memory for each signature (docs/performance.md).
 *
 * It starts with the first signature. While there is no thread, because it starts, or because it failed, signatures are computed here: a
 * call never waits for a thread that may not come.
 */
export class SignatureThread implements Signatures, TimerTarget {
  readonly #scheduler: Scheduler;
  readonly #log: Log;
  #worker: Worker | undefined = undefined;
  #isReady = false;
  /** Closed, or resting after a failure. */
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #gathered: Job[] = [];
  /** Batches on their way, in order. */
  readonly #sent: (readonly Job[])[] = [];
  /** The first of those when the timer fired last. */
  #seen: readonly Job[] | undefined = undefined;
  #timer: Timer | undefined = undefined;
  readonly #keys = new Map<KeyObject, number>();

  constructor({ scheduler, log }: { readonly scheduler: Scheduler; readonly log: Log }) {
    this.#scheduler = scheduler;
    this.#log = log;
  }

  /** True when a thread computes; else this one does. */
  get isRunning(): boolean {
    return this.#isReady;
  }

  sign(input: string, key: KeyObject): string | Promise<string> {
    if (!this.#started()) return signaturesHere.sign(input, key);
    return this.#ask(input, key, undefined) as Promise<string>;
  }

  verify(input: string, signature: string, key: KeyObject): boolean | Promise<boolean> {
    if (!this.#started()) return signaturesHere.verify(input, signature, key);
    return this.#ask(input, key, signature) as Promise<boolean>;
  }

  /** Ends the thread; what is asked for afterwards, or was not answered, is computed here. */
  async close(): Promise<void> {
    this.#notBeforeMs = Number.POSITIVE_INFINITY;
    const worker = this.#worker;
    this.#end();
    await worker?.terminate();
  }

  /** Looks whether the thread still answers. A turn that was late itself has not read what came: hence twice. */
  onTimer(): void {
    this.#timer = undefined;
    const [first] = this.#sent;
    if (first !== undefined && first === this.#seen) this.#fail('it does not answer');
    else {
      this.#seen = first;
      this.#watch();
    }
  }

  #started(): boolean {
    if (this.#worker === undefined && this.#scheduler.nowMs() >= this.#notBeforeMs) this.#start();
    return this.#isReady;
  }

  #start(): void {
    const name = import.meta.url.endsWith('.ts') ? './signature-worker.ts' : './signature-worker.js';
    const worker = new Worker(new URL(name, import.meta.url), { name: 'tandem-signatures' });
    this.#worker = worker;
    // Calls keep a process alive, not those who sign them.
    worker.unref();
    const isCurrent = () => this.#worker === worker;
    worker.on('message', (message: 'ready' | readonly SignatureResult[]) => {
      if (!isCurrent()) return;
      if (message === 'ready') this.#isReady = true;
      else this.#answer(message);
    });
    worker.on('error', (error) => isCurrent() && this.#fail(String(error)));
    worker.on('exit', (code) => isCurrent() && this.#fail(`it ended with ${code}`));
  }

  #ask(input: string, key: KeyObject, signature: string | undefined): Promise<string | boolean> {
    if (this.#gathered.length === 0) setImmediate(() => this.#send());
    return new Promise((resolve, reject) => {
      this.#gathered.push({ input, key, signature, resolve, reject });
    });
  }

  /** When all that came in this turn is read. */
  #send(): void {
    const jobs = this.#gathered;
    if (jobs.length === 0) return;
    this.#gathered = [];
    const forgets = this.#keys.size + jobs.length > MAX_KEYS;
    if (forgets) this.#keys.clear();
    const keys: [number, KeyObject][] = [];
    const idOf = (key: KeyObject) => {
      const known = this.#keys.get(key);
      if (known !== undefined) return known;
      const id = this.#keys.size;
      this.#keys.set(key, id);
      keys.push([id, key]);
      return id;
    };
    const asked = jobs.map(({ input, key, signature }) => [input, idOf(key), signature] as const);
    this.#sent.push(jobs);
    this.#worker?.postMessage({ forgets, keys, jobs: asked } satisfies SignatureBatch);
    if (this.#timer === undefined) this.#watch();
  }

  #watch(): void {
    if (this.#sent.length > 0) this.#timer = this.#scheduler.schedule(LOOK_MS, this, 0);
  }

  #answer(results: readonly SignatureResult[]): void {
    const jobs = this.#sent.shift() ?? [];
    for (const [index, job] of jobs.entries()) {
      const result = results[index];
      if (result === undefined) compute(job);
      else job.resolve(result);
    }
  }

  #fail(reason: string): void {
    this.#log.error('signature-thread-ended', { reason, restSeconds: REST_MS / 1000 });
    this.#notBeforeMs = this.#scheduler.nowMs() + REST_MS;
    const worker = this.#worker;
    this.#end();
    void worker?.terminate();
  }

  #end(): void {
    this.#worker = undefined;
    this.#isReady = false;
    this.#timer = cancelTimer(this.#timer);
    this.#seen = undefined;
    this.#keys.clear();
    const left = [...this.#sent.splice(0).flat(), ...this.#gathered];
    this.#gathered = [];
    for (const job of left) compute(job);
  }
}

/** On this thread. */
function compute({ input, key, signature, resolve, reject }: Job): void {
  try {
    resolve(signature === undefined ? signaturesHere.sign(input, key) : signaturesHere.verify(input, signature, key));
  } catch (error) {
    reject(error);
  }
}

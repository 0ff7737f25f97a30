/** The place of one worker under the supervisor, and the process that has it: started, and started again when it ends by itself. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Problem } from '../base/errors.ts';
import { SettingsError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { StoreHub } from '../store/index.ts';
import type { TrunkNews } from '../trunks/sharing.ts';
import type { Beginning, FromWorker, ToWorker } from './protocol.ts';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** A worker that has served so long did not end of what it began with. */
const SETTLED_MS = 30_000;

export interface SlotOptions {
  /** What the worker of this place is told; another process after the first one is told the same. */
  readonly beginning: Beginning;
  /** What the worker is called among the nodes of the store. */
  readonly name: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Folder for what V8 has compiled. */
  readonly storeFolder: string;
  readonly hub: StoreHub | undefined;
  readonly log: Log;
  /** Where it takes what others hand over, or that it is there or not there, has changed; or its process does not know yet where the others are. */
  readonly onChange: () => void;
  /** It has something for its siblings. */
  readonly onNews: (slot: WorkerSlot, news: TrunkNews) => void;
}

export interface Ready {
  readonly welcome: string;
  readonly listening: readonly string[];
}

export class WorkerSlot {
  /** Where it takes what others hand over; undefined while it does not serve. */
  port: number | undefined;
  isServing = false;
  /** How often a process of this place ended that nobody had told to. */
  restarts = 0;
  readonly #options: SlotOptions;
  #child: ChildProcess | undefined;
  #isEnding = false;
  #pauseMs = FIRST_PAUSE_MS;
  #timer: NodeJS.Timeout | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: SlotOptions) {
    this.#options = options;
  }

  get socket(): string {
    return this.#options.beginning.httpSocket;
  }

  /** Resolves when it serves; rejects with a SettingsError when it cannot, and is not tried again then. */
  start(): Promise<Ready> {
    return this.#run(this.#options.beginning);
  }

  send(message: ToWorker): void {
    if (this.#child?.connected === true) this.#child.send(message, () => {});
  }

  /** Tells it to end; resolves when its process has. */
  end(how: 'drain' | 'close'): Promise<void> {
    this.#isEnding = true;
    clearTimeout(this.#timer);
    this.send({ kind: how });
    return this.#ended;
  }

  /** Ends its process at once, and no other one takes the place; resolves when it has ended. */
  kill(): Promise<void> {
    this.#isEnding = true;
    clearTimeout(this.#timer);
    this.#child?.kill('SIGKILL');
    return this.#ended;
  }

  #run(beginning: Beginning): Promise<Ready> {
    const { hub, name, log, environment, storeFolder, onChange } = this.#options;
    const child = fork(fileURLToPath(entry()), [storeFolder], { env: environment, serialization: 'advanced' });
    const beganMs = performance.now();
    this.#child = child;
    const place = hub?.join(name, beginning.worker, (message) => {
      if (child.connected) child.send(message, () => {});
    });
    const { promise, resolve, reject } = Promise.withResolvers<Ready>();
    let why: { message: string; problems: readonly Problem[] } | undefined;
    child.on('message', (message: FromWorker) => {
      switch (message.kind) {
        case 'order':
          place?.receive(message);
          break;
        case 'trunk-news':
          this.#options.onNews(this, message.news);
          break;
        case 'takes':
          this.port = message.port;
          break;
        case 'ready':
          this.isServing = true;
          resolve(message);
          onChange();
          break;
        case 'failed':
          why = message;
          break;
        default:
          message satisfies never;
      }
    });
    const { promise: ended, resolve: hasEnded } = Promise.withResolvers<void>();
    this.#ended = ended;
    const gone = (code: number | null, signal: NodeJS.Signals | null) => {
      const wasServing = this.isServing;
      this.isServing = false;
      this.port = undefined;
      place?.leave();
      onChange();
      hasEnded();
      reject(failure(beginning.worker, why, code, signal));
      // What never served is the start's to tell of.
      if (this.#isEnding || (!wasServing && this.restarts === 0)) return;
      const worker = beginning.worker + 1;
      log.error('worker-ended', { worker, code, signal, ...(why === undefined ? {} : { error: why.message }) });
      this.#again(performance.now() - beganMs);
    };
    child.on('exit', gone);
    child.on('error', (error) => {
      log.error('worker-failed', { worker: beginning.worker + 1, error: error.message });
      // It never was: no exit follows.
      if (child.pid === undefined) gone(null, null);
    });
    child.send(beginning);
    // From its first datagram on it hands over what belongs to the others: an answer to one of them may not come a second time.
    onChange();
    return promise;
  }

  #again(servedMs: number): void {
    this.#pauseMs = servedMs > SETTLED_MS ? FIRST_PAUSE_MS : Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
    this.restarts++;
    this.#timer = setTimeout(() => {
      // Its calls wait for it: it does not take its time.
      this.#run({ ...this.#options.beginning, warmsUp: false }).then(
        () => this.#options.log.info('worker-back', { worker: this.#options.beginning.worker + 1 }),
        () => {},
      );
    }, this.#pauseMs);
  }
}

function entry(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker-process.ts' : './worker-process.js', import.meta.url);
}

function failure(
  worker: number,
  why: { message: string; problems: readonly Problem[] } | undefined,
  code: number | null,
  signal: string | null,
): Error {
  if (why === undefined) return new Error(`worker ${worker + 1} ended before it served (${signal ?? `code ${code}`})`);
  const error = new SettingsError(why.problems);
  error.message = why.message;
  return error;
}

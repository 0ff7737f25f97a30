/**
 * Whether the files can be written. What is refused marks them as failing at once; from then on a write of nothing is tried every second,
 * so that the alarm ends by itself. And a disk with hardly any room left is told before the first write fails.
 */
import { statfs } from 'node:fs/promises';
import type { Log } from '../../base/log.ts';
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../../base/scheduler.ts';

export interface DiskWatchOptions {
  readonly folder: string;
  readonly log: Log;
  readonly scheduler: Scheduler;
  /** Writes to each file what it holds already; rejects when that cannot be written. */
  readonly probe: () => Promise<void>;
}

const PROBE_MS = 1_000;
const ROOM_MS = 5_000;
/** Less room than this is none: a day of call records, or one large provisioning document. */
const LEAST_ROOM_OCTETS = 1024 * 1024;

const TimerKind = { Probe: 1, Room: 2 } as const;

export class DiskWatch implements TimerTarget {
  readonly #options: DiskWatchOptions;
  #isFailing = false;
  #isFull = false;
  #probeTimer: Timer | undefined;
  #roomTimer: Timer | undefined;
  #closed = false;

  constructor(options: DiskWatchOptions) {
    this.#options = options;
    this.#roomTimer = options.scheduler.schedule(0, this, TimerKind.Room);
  }

  /** Codes for `/readyz`. */
  problems(): readonly string[] {
    return [...(this.#isFailing ? ['store-not-writable'] : []), ...(this.#isFull ? ['disk-full'] : [])];
  }

  /** Passes on what a write came to, and notes it. */
  async watched<T>(write: Promise<T>): Promise<T> {
    try {
      const result = await write;
      this.#worked();
      return result;
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  onTimer(kind: number): void {
    if (kind === TimerKind.Room) void this.#look();
    else this.watched(this.#options.probe()).catch(() => {});
  }

  close(): void {
    this.#closed = true;
    this.#probeTimer = cancelTimer(this.#probeTimer);
    this.#roomTimer = cancelTimer(this.#roomTimer);
  }

  #worked(): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    this.#probeTimer = cancelTimer(this.#probeTimer);
    this.#options.log.info('store-writable', { path: this.#options.folder });
  }

  #failed(error: unknown): void {
    if (this.#closed) return;
    const { log, folder, scheduler } = this.#options;
    if (!this.#isFailing) log.error('store-not-writable', { path: folder, error: String(error) });
    this.#isFailing = true;
    cancelTimer(this.#probeTimer);
    this.#probeTimer = scheduler.schedule(PROBE_MS, this, TimerKind.Probe);
  }

  async #look(): Promise<void> {
    const { log, folder, scheduler } = this.#options;
    const { bavail, bsize } = await statfs(folder).catch(() => ({ bavail: Number.POSITIVE_INFINITY, bsize: 1 }));
    if (this.#closed) return;
    const isFull = bavail * bsize < LEAST_ROOM_OCTETS;
    if (isFull && !this.#isFull) log.error('disk-full', { path: folder, octetsLeft: bavail * bsize });
    if (!isFull && this.#isFull) log.info('disk-has-room', { path: folder });
    this.#isFull = isFull;
    this.#roomTimer = scheduler.schedule(ROOM_MS, this, TimerKind.Room);
  }
}

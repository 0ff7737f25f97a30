import type { LeasePort } from '../trunks/lease.ts';

/** Makes one node at a time do what only one may do. */
export interface Leases {
  /** Of each name, whether it is held now: taken where it was free, prolonged where it was held here. Rejects when the store cannot be asked. */
  acquire(names: readonly string[], ttlMs: number): Promise<boolean[]>;
  /** Hands over what is held: another node may acquire it at once. */
  release(name: string): Promise<void>;
}

interface Waiting {
  readonly key: string;
  readonly leaseMs: number;
  resolve(isGranted: boolean): void;
  reject(error: unknown): void;
}

const COLLECT_MS = 50;
const MAX_BATCH = 500;

/** Leases as trunk registrations ask for them: what ten thousand trunks ask for within 50 ms goes to the store as a few commands. */
export class TrunkLeases implements LeasePort {
  readonly #leases: Leases;
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(leases: Leases) {
    this.#leases = leases;
  }

  acquire(key: string, leaseMs: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, leaseMs, resolve, reject });
      this.#timer ??= setTimeout(() => this.#send(), COLLECT_MS);
    });
  }

  release(key: string): void {
    // What cannot be released runs out.
    this.#leases.release(key).catch(() => {});
  }

  #send(): void {
    this.#timer = undefined;
    const byTime = Map.groupBy(this.#waiting, ({ leaseMs }) => leaseMs);
    this.#waiting = [];
    for (const [leaseMs, asked] of byTime) {
      for (let at = 0; at < asked.length; at += MAX_BATCH) void this.#ask(asked.slice(at, at + MAX_BATCH), leaseMs);
    }
  }

  async #ask(asked: readonly Waiting[], leaseMs: number): Promise<void> {
    try {
      const granted = await this.#leases.acquire(
        asked.map(({ key }) => key),
        leaseMs,
      );
      for (const [index, { resolve }] of asked.entries()) resolve(granted[index] === true);
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }
}

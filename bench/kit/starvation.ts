import { readFileSync } from 'node:fs';

const SAMPLE_MS = 200;
/** A load generator that waits longer than this for a CPU offers another load than it was asked for. */
const STARVED = 0.1;

/** Watches how long processes could run and had no CPU (proc(5): `schedstat`), sample by sample, since they end by themselves. */
export class Starvation {
  readonly #first = new Map<number, number>();
  readonly #last = new Map<number, number>();
  readonly #beganMs = performance.now();
  readonly #timer: NodeJS.Timeout;

  constructor(pids: readonly number[]) {
    const sample = () => {
      for (const pid of pids) {
        const waitedMs = waitedFor(pid);
        if (waitedMs === undefined) continue;
        if (!this.#first.has(pid)) this.#first.set(pid, waitedMs);
        this.#last.set(pid, waitedMs);
      }
    };
    sample();
    this.#timer = setInterval(sample, SAMPLE_MS);
  }

  /** Ends the watch. Returns the share of the time that the worst of them waited, 0 to 1. */
  end(): number {
    clearInterval(this.#timer);
    const tookMs = performance.now() - this.#beganMs;
    const waits = [...this.#last].map(([pid, waitedMs]) => (waitedMs - (this.#first.get(pid) ?? 0)) / tookMs);
    return Math.max(0, ...waits);
  }
}

export function isStarved(share: number): boolean {
  return share > STARVED;
}

/** Milliseconds on the run queue since the process began; undefined once it has ended. */
function waitedFor(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[1]) / 1e6;
  } catch {
    return undefined;
  }
}

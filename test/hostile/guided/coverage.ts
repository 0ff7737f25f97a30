import { Session } from 'node:inspector';

/** Which blocks of the sources ran, by V8's precise coverage; one thread, one session at a time. */
export class BlockCoverage {
  readonly #session = new Session();
  readonly #blocks = new Set<string>();
  readonly #paths = new Set<string>();

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  get blocks(): number {
    return this.#blocks.size;
  }

  /** Whether a block ran, since the last time that anything was asked, that never ran before that. */
  reachedNewBlock(): boolean {
    const before = this.#blocks.size;
    this.#take((block) => this.#blocks.add(block));
    return this.#blocks.size > before;
  }

  /**
   * The same for one input, whose counts matter too, in powers of two: a loop that runs a hundred times is another path than one that
   * runs once.
   */
  isNewPath(): boolean {
    const before = this.#paths.size;
    this.#take((block, count) => {
      this.#blocks.add(block);
      this.#paths.add(`${block} ${Math.floor(Math.log2(count))}`);
    });
    return this.#paths.size > before;
  }

  #take(note: (block: string, count: number) => void): void {
    this.#session.post('Profiler.takePreciseCoverage', (error, taken) => {
      if (error !== null) throw error;
      for (const { url, functions } of taken.result) {
        if (!url.includes('/src/')) continue;
        for (const { ranges } of functions) {
          for (const { startOffset, endOffset, count } of ranges) {
            if (count > 0) note(`${url} ${startOffset}-${endOffset}`, count);
          }
        }
      }
    });
  }

  close(): void {
    this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }
}

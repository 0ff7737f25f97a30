import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { seededRandom } from '../../../kit/simulated-link.ts';
import { BlockCoverage } from '../../guided/coverage.ts';
import { foundInputs, keepInputs } from '../../guided/found.ts';
import { slowness } from '../../guided/linear.ts';
import { type Reader, readers } from '../../guided/readers.ts';
import { Mutator } from '../../mutator.ts';
import type { Figure, Item } from '../item.ts';

const MINUTES = 5;
/** Asking what ran costs more than running: so many inputs are judged together first. */
const BATCH = 64;
/** Share of the batches whose inputs are looked at one by one although no new block ran. */
const LOOKED_AT = 0.02;
/** Share of the time that is spent on 64 KB. */
const TIMED_SHARE = 0.3;
const MOST_FAULTS = 10;
const MOST_KEPT = 300;
const MOST_OCTETS_KEPT = 1_500;
const MOST_MS = 5;

function slownessAlone({ name }: Reader, input: string, at: number, length: number): string | undefined {
  const judge = fileURLToPath(new URL('../../guided/judge-process.ts', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [judge], {
    input: JSON.stringify({ name, input, at, length, mostMs: MOST_MS }),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return stdout === '' ? undefined : stdout;
}

/** Mutates what has been kept, and keeps what takes a path that nothing took before. */
class GuidedRun {
  readonly kept: string[];
  readonly faults: string[] = [];
  inputs = 0;
  stretched = 0;
  readonly coverage = new BlockCoverage();
  readonly #reader: Reader;
  readonly #pool: string[];
  readonly #random: () => number;
  readonly #mutator: Mutator;

  constructor(reader: Reader, seed: number) {
    this.#reader = reader;
    this.kept = [...foundInputs(reader.name)];
    this.#pool = [...reader.seeds, ...this.kept];
    this.#random = seededRandom(seed);
    this.#mutator = new Mutator(this.#pool, seed);
    for (const input of this.#pool) {
      this.#read(input);
      this.coverage.isNewPath();
    }
  }

  batch(): void {
    const inputs = Array.from({ length: BATCH }, () => this.#mutator.next());
    this.inputs += BATCH;
    for (const input of inputs) this.#read(input);
    if (!this.coverage.reachedNewBlock() && this.#random() > LOOKED_AT) return;
    for (const input of inputs) {
      this.#read(input);
      if (this.coverage.isNewPath()) this.#keep(input);
    }
  }

  /** What was kept, with a piece of it repeated up to 64 KB: at full speed, since what is counted is not compiled. */
  measureTime(milliseconds: number): void {
    this.coverage.close();
    const until = performance.now() + milliseconds;
    while (performance.now() < until && this.faults.length < MOST_FAULTS) {
      const input = this.#pool[Math.floor(this.#random() * this.#pool.length)] as string;
      const at = Math.floor(this.#random() * input.length);
      this.stretched++;
      const length = 1 + Math.floor(this.#random() * 8);
      // Here V8 has counted blocks for minutes; what is slow is slow in a new process too.
      if (slowness(this.#reader, input, at, length, MOST_MS) !== undefined)
        this.#note(slownessAlone(this.#reader, input, at, length));
    }
  }

  #keep(input: string): void {
    // The mutator draws from the same list.
    this.#pool.push(input);
    if (input.length <= MOST_OCTETS_KEPT && this.kept.length < MOST_KEPT) this.kept.push(input);
  }

  #read(input: string): void {
    try {
      this.#reader.read(input);
    } catch (error) {
      this.#note(`${JSON.stringify(input)}: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }

  #note(fault: string | undefined): void {
    if (fault !== undefined && this.faults.length < MOST_FAULTS) this.faults.push(`${this.#reader.name}: ${fault}`);
  }
}

export const item: Item = {
  title: 'mutations guided by what they reach, for each reader of what others write; the number: minutes in all',
  async *run(minutes = MINUTES) {
    for (const reader of readers) {
      const run = new GuidedRun(reader, Date.now() % 4_294_967_296);
      const milliseconds = (minutes * 60_000) / readers.length;
      const until = performance.now() + milliseconds * (1 - TIMED_SHARE);
      while (performance.now() < until && run.faults.length < MOST_FAULTS) run.batch();
      run.measureTime(milliseconds * TIMED_SHARE);
      keepInputs(reader.name, run.kept);
      for (const fault of run.faults) console.log(`  ${fault}`);
      const what = `${reader.name}: inputs (${run.coverage.blocks} blocks, ${run.kept.length} kept)`;
      yield* [
        { what, value: run.inputs, unit: '', bar: { least: 1 } },
        { what: `${reader.name}: stretched to 64 KB, 5 ms each`, value: run.stretched, unit: '', bar: { least: 1 } },
        { what: `${reader.name}: faults`, value: run.faults.length, unit: '', bar: { most: 0 } },
      ] satisfies Figure[];
    }
  },
};

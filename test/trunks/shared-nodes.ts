/** Nodes of one store on virtual time: each tells the others twice a second what it has of the limits, as the roster in Redis has it done. */
import { type LimitUse, SharedLimits, type ToldUse, type UseOfNodes } from '../../src/trunks/shared-limits.ts';
import type { VirtualScheduler } from '../kit/virtual-scheduler.ts';

const TELL_MS = 500;
const CUT_OFF_AFTER_MS = 2_000;
const GONE_AFTER_MS = 4_500;

export class SharedNodes {
  isStoreAway = false;
  readonly #scheduler: VirtualScheduler;
  readonly #nodes: SharedNode[] = [];

  constructor(scheduler: VirtualScheduler) {
    this.#scheduler = scheduler;
    this.#tick();
  }

  /** A node that joins; it has told nothing yet. */
  join(): SharedNode {
    const node = new SharedNode(this.#scheduler, () => this.#nodes);
    this.#nodes.push(node);
    return node;
  }

  /** Nobody hears of it any more. */
  kill(node: SharedNode): void {
    node.isAlive = false;
  }

  #tick(): void {
    if (!this.isStoreAway) for (const node of this.#nodes) if (node.isAlive) node.tell();
    if (!this.isStoreAway) for (const node of this.#nodes) if (node.isAlive) node.hear();
    this.#scheduler.after(TELL_MS, () => this.#tick());
  }
}

export class SharedNode implements UseOfNodes {
  isAlive = true;
  /** What it has. */
  use: () => LimitUse = () => ({});
  readonly limits: SharedLimits;
  readonly #scheduler: VirtualScheduler;
  readonly #all: () => readonly SharedNode[];
  #told: ToldUse | undefined;
  #others: readonly ToldUse[] = [];

  constructor(scheduler: VirtualScheduler, all: () => readonly SharedNode[]) {
    this.#scheduler = scheduler;
    this.#all = all;
    this.limits = new SharedLimits(scheduler, this);
  }

  tell(): void {
    // As JSON has it.
    this.#told = { ...JSON.parse(JSON.stringify(this.use())), heardAtMs: this.#scheduler.nowMs() };
  }

  hear(): void {
    const nowMs = this.#scheduler.nowMs();
    this.#others = this.#all().flatMap((node) => {
      const told = node === this ? undefined : node.told();
      return told === undefined || nowMs - told.heardAtMs > GONE_AFTER_MS ? [] : [told];
    });
  }

  others(): readonly ToldUse[] {
    return this.#others;
  }

  told(): ToldUse | undefined {
    return this.#told;
  }

  get isCutOff(): boolean {
    return this.#told !== undefined && this.#scheduler.nowMs() - this.#told.heardAtMs > CUT_OFF_AFTER_MS;
  }
}

/**
 * A call between two nodes, or two workers of one, of which both have ended, may have come to two others: neither is told where the other half
 * of it is. Each asks all nodes for it, until one has it: the halves are taken over one after the other.
 */
import { pause, type Scheduler } from '../../base/scheduler.ts';
import type { Calls, OtherHalf } from '../../call/index.ts';
import type { Target } from '../../sip/transport/index.ts';
import type { KnownNodes } from './known-nodes.ts';
import type { PeerQuestions } from './peer-question.ts';

export interface OtherHalvesOptions {
  readonly calls: Pick<Calls, 'refreshTargets'>;
  readonly known: Pick<KnownNodes, 'listedNames' | 'lastAddressOf' | 'signs'>;
  readonly questions: Pick<PeerQuestions, 'knows'>;
  readonly scheduler: Scheduler;
}

const ANSWER_MS = 300;
const AGAIN_MS = 200;
/** All calls of a node that has ended are with others by then. */
const LONGEST_MS = 5_000;
/** It is asked after by its dialog alone: who names no process of his own asks whether it rings. */
const BY_DIALOG = { id: '', process: 'none' };

export class OtherHalves {
  readonly #options: OtherHalvesOptions;

  constructor(options: OtherHalvesOptions) {
    this.#options = options;
  }

  /** Tells the parties of a call that came from another node where it is now, and its other half when that is found. */
  tell(id: string): void {
    const half = this.#options.calls.refreshTargets(id);
    if (half !== undefined) void this.#find(half);
  }

  async #find(half: OtherHalf): Promise<void> {
    const { scheduler } = this.#options;
    const untilMs = scheduler.nowMs() + LONGEST_MS;
    while (half.isSought) {
      const at = await this.#placeOf(half);
      if (at !== undefined) {
        half.found(at);
        return;
      }
      if (scheduler.nowMs() >= untilMs) {
        half.tell();
        return;
      }
      await pause(scheduler, AGAIN_MS);
    }
  }

  /** Undefined: no node that answers has it. */
  async #placeOf({ dialog }: OtherHalf): Promise<Target | undefined> {
    const { known, questions } = this.#options;
    const asked = known.listedNames().map(async (name) => {
      const address = known.lastAddressOf(name);
      const node = address && { name, address, signs: known.signs(name) };
      const knowledge = node && (await questions.knows(node, { ...dialog, ...BY_DIALOG }, ANSWER_MS));
      if (knowledge !== 'has') throw new Error(`node ${name} does not have it`);
      return address;
    });
    return Promise.any(asked).catch(() => undefined);
  }
}

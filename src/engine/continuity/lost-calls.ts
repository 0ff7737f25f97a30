/**
 * A node whose network is back, and whose store does not answer yet, asks the other nodes which of its calls they have gone on with: what is
 * another's by now is forgotten before anything of it is served here.
 */
import type { CallKeeper } from './call-keeper.ts';
import type { KnownNodes } from './known-nodes.ts';
import type { PeerQuestions } from './peer-question.ts';

export interface LostCallsOptions {
  readonly known: Pick<KnownNodes, 'latestNames' | 'isListed' | 'lastAddressOf' | 'signs'>;
  readonly questions: Pick<PeerQuestions, 'taken'>;
  readonly keeper: Pick<CallKeeper, 'lose'>;
}

/** A node that lives answers within milliseconds, and is asked five times meanwhile. */
const ANSWER_MS = 500;

export class LostCalls {
  readonly #options: LostCallsOptions;
  /** They did not answer when they were asked last: they are asked all the same, and nobody waits for them. */
  readonly #silent = new Set<string>();

  constructor(options: LostCallsOptions) {
    this.#options = options;
  }

  /** Whether there is anybody to ask. */
  get hasOthers(): boolean {
    return this.#options.known.latestNames().length > 0;
  }

  /**
   * True: every node that may have taken calls has said which, and they are forgotten.
   * @param sinceMs how long ago the store last heard of this node
   * @param isReached whether anything comes from the network: a node that is silent while nothing does need not have ended
   */
  async ask(sinceMs: number, isReached: () => boolean): Promise<boolean> {
    const { known } = this.#options;
    const awaited: Promise<boolean>[] = [];
    const names = known.latestNames();
    for (const name of this.#silent) if (!names.includes(name)) this.#silent.delete(name);
    for (const name of names) {
      // One that the store had not heard of for long, as this node last read, took none before it was heard of again.
      const isAwaited = known.isListed(name) && !this.#silent.has(name);
      const answer = this.#ask(name, sinceMs, isReached);
      if (isAwaited) awaited.push(answer);
    }
    const answers = await Promise.all(awaited);
    return answers.length > 0 && answers.every(Boolean);
  }

  async #ask(name: string, sinceMs: number, isReached: () => boolean): Promise<boolean> {
    const { known, questions, keeper } = this.#options;
    const address = known.lastAddressOf(name);
    const node = address === undefined ? undefined : { name, address, signs: known.signs(name) };
    const taken = node === undefined ? undefined : await questions.taken(node, sinceMs, ANSWER_MS);
    if (taken !== undefined) this.#silent.delete(name);
    else if (isReached()) this.#silent.add(name);
    if (taken !== undefined && taken.length > 0) keeper.lose(taken);
    return taken !== undefined;
  }
}

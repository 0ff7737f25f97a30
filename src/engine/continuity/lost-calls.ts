/**
 * A node whose network is back, and whose store does not answer yet, asks the other nodes which of its calls they have gone on with: what is
 * another's by now is forgotten before anything of it is served here.
 */
import type { Clock } from '../../base/scheduler.ts';
import type { CallWriter } from './call-writer.ts';
import type { KnownNodes } from './known-nodes.ts';
import type { PeerQuestions } from './peer-question.ts';

export interface LostCallsOptions {
  readonly known: Pick<KnownNodes, 'latestNames' | 'isListed' | 'lastAddressOf' | 'signs'>;
  readonly questions: Pick<PeerQuestions, 'taken'>;
  readonly writer: Pick<CallWriter, 'lose'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

export interface LostCallsQuestion {
  /** When the store last heard of this node. */
  readonly heardAtMs: number;
  /** A node that lives answers within milliseconds, and is asked ten times a second. */
  readonly withinMs: number;
  /**
   * Whether this node is reached: a node that is silent to one that is not need not have ended.
   *
   * @param isAnswered another node has answered
   */
  readonly isReached: (isAnswered: boolean) => boolean;
}

/**
 * - `sure`: every node that may have taken calls has said which, and they are forgotten
 * - `unsure`: not all of them have
 * - `unheard`: nobody has said anything, though somebody should be there: this node itself may be heard by nobody
 */
export type Said = 'sure' | 'unsure' | 'unheard';

export class LostCalls {
  readonly #options: LostCallsOptions;
  /** They did not answer when they were asked last: they are asked all the same, and nobody waits for them. */
  readonly #silent = new Set<string>();
  /** Since the store heard of this node at that time; what they did before says nothing. */
  #silentSinceMs = Number.NEGATIVE_INFINITY;

  constructor(options: LostCallsOptions) {
    this.#options = options;
  }

  /** Whether there is anybody to ask. */
  get hasOthers(): boolean {
    return this.#options.known.latestNames().length > 0;
  }

  async ask(question: LostCallsQuestion): Promise<Said> {
    const { known } = this.#options;
    const heard = new Set<string>();
    if (question.heardAtMs !== this.#silentSinceMs) this.#silent.clear();
    this.#silentSinceMs = question.heardAtMs;
    const awaited: Promise<boolean>[] = [];
    const names = known.latestNames();
    for (const name of this.#silent) if (!names.includes(name)) this.#silent.delete(name);
    for (const name of names) {
      // One that the store had not heard of for long, as this node last read, took none before it was heard of again.
      const isAwaited = known.isListed(name) && !this.#silent.has(name);
      const answer = this.#ask(name, question, heard);
      if (isAwaited) awaited.push(answer);
    }
    const answers = await Promise.all(awaited);
    if (answers.length > 0 && answers.every(Boolean)) return 'sure';
    return answers.length > 0 && heard.size === 0 ? 'unheard' : 'unsure';
  }

  async #ask(
    name: string,
    { heardAtMs, withinMs, isReached }: LostCallsQuestion,
    heard: Set<string>,
  ): Promise<boolean> {
    const { known, questions, writer, clock } = this.#options;
    const sinceMs = clock.nowMs() - heardAtMs;
    const address = known.lastAddressOf(name);
    const node = address === undefined ? undefined : { name, address, signs: known.signs(name) };
    const taken = node === undefined ? undefined : await questions.taken(node, sinceMs, withinMs);
    if (taken !== undefined) heard.add(name);
    if (taken !== undefined) this.#silent.delete(name);
    else if (isReached(heard.size > 0) && heardAtMs === this.#silentSinceMs) this.#silent.add(name);
    if (taken !== undefined && taken.ids.length > 0) writer.lose(taken.ids);
    return taken?.isWhole === true;
  }
}

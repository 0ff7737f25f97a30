/**
 * A call between two nodes, or two workers of one, of which both have ended, may have come to two others: neither is told where the other half
 * of it is. Each asks all nodes for it, until one has it: the halves are taken over one after the other. A node that ends may leave thousands
 * whose other half is nowhere: they are asked after one by one, less often each time, and a node that is silent is left alone for a while.
 */
import { Latest } from '../../base/latest.ts';
import type { Scheduler } from '../../base/scheduler.ts';
import type { Calls, OtherHalf } from '../../call/index.ts';
import { describeDestination } from '../../sip/endpoint/index.ts';
import type { Target } from '../../sip/transport/index.ts';
import type { KnownNodes } from './known-nodes.ts';
import { OneByOne } from './one-by-one.ts';
import type { Knowledge, PeerQuestions } from './peer-question.ts';

export interface OtherHalvesOptions {
  readonly calls: Pick<Calls, 'refreshTargets' | 'end' | 'otherHalf'>;
  readonly known: Pick<KnownNodes, 'listedNames' | 'lastAddressOf' | 'signs' | 'isHeard'>;
  readonly questions: Pick<PeerQuestions, 'knows'>;
  readonly scheduler: Scheduler;
}

/** A half that is looked for. */
interface Search {
  readonly half: OtherHalf;
  readonly untilMs: number;
  pauseMs: number;
}

/** What a node says; silent: it is heard of and has not said anything, or was not asked. */
type Answer = { readonly knowledge: Knowledge; readonly at: Target } | { readonly knowledge: 'silent' | 'none' };

const ANSWER_MS = 300;
/** Before it is asked after again; half as long again each time, up to the longest. */
const AGAIN_MS = 200;
const LONGEST_PAUSE_MS = 1_000;
/** Between two that are asked after again. */
const BETWEEN_MS = 5;
/** All calls of a node that has ended are with others by then. */
const LONGEST_MS = 5_000;
/** Nodes tell of themselves twice a second. */
const HEARD_MS = 1_000;
/** A node that has left a question without an answer is asked no other for so long. */
const SILENT_MS = 1_000;
/** What is known of each is kept of so many: names come and go with each process. */
const MAX_NODES = 200;
/** It is asked after by its dialog alone: who names no process of his own asks whether it rings. */
const BY_DIALOG = { id: '', process: 'none' };

export class OtherHalves {
  readonly #options: OtherHalvesOptions;
  readonly #again: OneByOne<Search>;
  /** Until when nodes are asked nothing, by name. */
  readonly #silentUntilMs = new Latest<string, number>(MAX_NODES);
  #isStopped = false;

  constructor(options: OtherHalvesOptions) {
    this.#options = options;
    this.#again = new OneByOne(options.scheduler, BETWEEN_MS, (search) => this.#lookFor(search));
  }

  /** Tells the parties of a call that came from another node where it is now, and its other half when that is found. To be called for one call after the other. */
  tell(id: string): void {
    this.#begin(this.#options.calls.refreshTargets(id));
  }

  /** Goes on ending a call that was being ended where it comes from; its other half hears of it when it is found. As {@link tell}. */
  end(id: string): void {
    const { calls } = this.#options;
    const half = calls.otherHalf(id);
    calls.end(id);
    this.#begin(half);
  }

  /** Nothing is looked for any more. */
  stop(): void {
    this.#isStopped = true;
    this.#again.stop();
  }

  #begin(half: OtherHalf | undefined): void {
    const untilMs = this.#options.scheduler.nowMs() + LONGEST_MS;
    if (half !== undefined) this.#lookFor({ half, untilMs, pauseMs: AGAIN_MS });
  }

  #lookFor(search: Search): void {
    this.#seek(search).catch((error: unknown) => search.half.onFault(error));
  }

  async #seek(search: Search): Promise<void> {
    const { scheduler } = this.#options;
    const { half, untilMs, pauseMs } = search;
    const isLast = scheduler.nowMs() >= untilMs;
    const found = half.isSought ? await this.#find(half, isLast) : undefined;
    if (this.#isStopped || !half.isSought) return;
    if (found !== undefined) {
      if (found.knowledge === 'has') half.found(found.at);
      else half.ended();
      return;
    }
    if (isLast) {
      half.tell();
      return;
    }
    search.pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS);
    scheduler.schedule(pauseMs, { onTimer: () => this.#isStopped || this.#again.add([search]) }, 0);
  }

  /** The node that has it; or that is ending it, where no other one may have it. Undefined: none of those that answer. */
  async #find(half: OtherHalf, isLast: boolean): Promise<Answer | undefined> {
    const { known } = this.#options;
    const place = describeDestination(half.leg.destination);
    const names = known.listedNames();
    const isThere = (name: string) => {
      const address = known.lastAddressOf(name);
      return address !== undefined && describeDestination(address) === place && known.isHeard(name, HEARD_MS);
    };
    // One of two nodes lives, as a rule.
    const last = names.find(isThere);
    const there = last === undefined ? [] : [await this.#ask(last, half)];
    if (there[0]?.knowledge === 'has') return there[0];
    // It may be ending it since another one goes on with it, which answers late where it has just taken thousands over.
    const asked = names.filter((name) => name !== last).map((name) => this.#ask(name, half));
    const having = await this.#firstThatHas(asked);
    if (having !== undefined) return having;
    const answers = [...there, ...(await Promise.all(asked))];
    const mayBeElsewhere = answers.some(({ knowledge }) => knowledge === 'silent');
    return mayBeElsewhere && !isLast ? undefined : answers.find(({ knowledge }) => knowledge === 'had');
  }

  async #firstThatHas(asked: readonly Promise<Answer>[]): Promise<Answer | undefined> {
    const having = asked.map(async (each) => {
      const answer = await each;
      if (answer.knowledge !== 'has') throw new Error('it does not have it');
      return answer;
    });
    return Promise.any(having).catch(() => undefined);
  }

  async #ask(name: string, { dialog }: OtherHalf): Promise<Answer> {
    const { known, questions, scheduler } = this.#options;
    const at = known.lastAddressOf(name);
    if (at === undefined || scheduler.nowMs() < (this.#silentUntilMs.get(name) ?? 0)) return this.#silent(name);
    const node = { name, address: at, signs: known.signs(name) };
    const knowledge = await questions.knows(node, { ...dialog, ...BY_DIALOG }, ANSWER_MS);
    if (knowledge === undefined) this.#silentUntilMs.set(name, scheduler.nowMs() + SILENT_MS);
    else this.#silentUntilMs.delete(name);
    return knowledge === undefined ? this.#silent(name) : { knowledge, at };
  }

  /** A node that is heard of no more has nothing. */
  #silent(name: string): Answer {
    return { knowledge: this.#options.known.isHeard(name, HEARD_MS) ? 'silent' : 'none' };
  }
}

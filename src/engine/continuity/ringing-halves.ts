/**
 * A call that is set up between two nodes has a half at each. Where the process of one ends before the call was kept, nobody goes on with it,
 * and the other half would ring for as long as it may. So a node of which nothing is heard is asked whether its process still lives: silent
 * three times running, it has lost all that was begun with it. Where another process is at work under its name that is asked of each half
 * what it knows of it, until it has it; three times running nothing, and that half is lost. While all nodes are heard nothing is asked, nor any
 * half looked at.
 */
import type { Log } from '../../base/log.ts';
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../../base/scheduler.ts';
import type { Half, Halves } from '../../call/index.ts';
import type { KnownNodes } from './known-nodes.ts';
import type { AskedNode, PeerQuestions } from './peer-question.ts';

export interface RingingHalvesOptions {
  readonly halves: Pick<Halves, 'nodes' | 'with' | 'onFirst'>;
  readonly known: Pick<KnownNodes, 'note' | 'listedNames' | 'processOf' | 'lastAddressOf' | 'isHeard' | 'signs'>;
  readonly questions: Pick<PeerQuestions, 'knows' | 'isProcess'>;
  readonly scheduler: Scheduler;
  readonly log: Log;
}

/** Another node, and what of the halves with it is uncertain. */
interface Watched {
  /** The process that was heard of last; undefined: it does not say, or was in no roster. */
  process: string | undefined;
  /** Begun with a process that may be over: asked one by one. */
  readonly doubted: Set<Half>;
  /** How often running that node was silent, or knew nothing of it. */
  readonly unknown: Map<Half, number>;
  isAsking: boolean;
}

const ASK_MS = 800;
const ANSWER_MS = 600;
/** Nodes tell of themselves twice a second. */
const HEARD_MS = 1_000;
const MOST_UNKNOWN = 3;
/** Asked after in one round at a node: one that ends may leave thousands. */
const MOST_ASKED = 1_000;
/** In place of a tag or process that is not known: nobody has it. */
const NOBODY = 'none';

export class RingingHalves implements TimerTarget {
  readonly #options: RingingHalvesOptions;
  readonly #nodes = new Map<string, Watched>();
  #timer: Timer | undefined = undefined;

  constructor(options: RingingHalvesOptions) {
    this.#options = options;
  }

  start(): void {
    this.#options.halves.onFirst((name) => this.#begins(name));
    this.#again();
  }

  #again(): void {
    this.#timer = this.#options.scheduler.schedule(ASK_MS, this, 0);
  }

  /** The node may have ended, and be back as another process, before the next look: where it is and as which is noted now. */
  #begins(name: string): void {
    const { known } = this.#options;
    known.note();
    const process = known.processOf(name);
    this.#watched(name, process).process = process;
  }

  stop(): void {
    this.#timer = cancelTimer(this.#timer);
  }

  onTimer(): void {
    this.#again();
    const { halves, known } = this.#options;
    // A worker is in no roster from the moment it ends, and where it was is asked.
    known.note();
    const names = new Set([...known.listedNames(), ...halves.nodes()]);
    for (const name of this.#nodes.keys()) if (!names.has(name)) this.#nodes.delete(name);
    for (const name of names) this.#look(name);
  }

  #look(name: string): void {
    const { halves, known } = this.#options;
    const process = known.processOf(name);
    const node = this.#watched(name, process);
    // With one that did not say which it was they may have been begun as well.
    const isAnother = process !== undefined && process !== node.process;
    node.process = process ?? node.process;
    const isHeard = known.isHeard(name, HEARD_MS);
    // One that has been silent and is heard again is the same process, or says nothing of that.
    if (isAnother || (isHeard && process === undefined && node.unknown.size > 0)) doubt(node, halves.with(name));
    else if (isHeard) certain(node);
    if ((isHeard && node.doubted.size === 0) || halves.with(name).size === 0 || node.isAsking) return;
    const address = known.lastAddressOf(name);
    if (address !== undefined) void this.#ask(node, { name, address, signs: known.signs(name) }, isHeard);
  }

  #watched(name: string, process: string | undefined): Watched {
    const before = this.#nodes.get(name);
    if (before !== undefined) return before;
    const node = { process, doubted: new Set<Half>(), unknown: new Map<Half, number>(), isAsking: false };
    this.#nodes.set(name, node);
    return node;
  }

  async #ask(node: Watched, asked: AskedNode, isHeard: boolean): Promise<void> {
    node.isAsking = true;
    try {
      if (isHeard || (await this.#isThere(node, asked))) await this.#askEach(node, asked);
    } finally {
      node.isAsking = false;
    }
  }

  /** Whether anybody is there. */
  async #isThere(node: Watched, asked: AskedNode): Promise<boolean> {
    const { halves, questions } = this.#options;
    const isSame = await questions.isProcess(asked, node.process ?? NOBODY, ANSWER_MS);
    const those = halves.with(asked.name);
    if (isSame === undefined) for (const half of [...those]) this.#isUnknown(node, half, asked.name);
    else if (isSame) certain(node);
    else doubt(node, those);
    return isSame !== undefined;
  }

  async #askEach(node: Watched, asked: AskedNode): Promise<void> {
    const those = this.#options.halves.with(asked.name);
    const questions: Promise<void>[] = [];
    for (const half of node.doubted) {
      if (questions.length >= MOST_ASKED) break;
      if (those.has(half)) questions.push(this.#askAfter(node, half, asked));
      else settle(node, half);
    }
    await Promise.all(questions);
  }

  async #askAfter(node: Watched, half: Half, asked: AskedNode): Promise<void> {
    const { callId, localTag: theirs, remoteTag: ours = NOBODY } = half;
    // A program of before, which does not name its process, knows of early dialogs alone.
    if (node.process === undefined && half.remoteTag === undefined) {
      settle(node, half);
      return;
    }
    const dialog = { callId, ours, theirs, id: '', process: '' };
    const knowledge = await this.#options.questions.knows(asked, dialog, ANSWER_MS);
    if (knowledge === 'has') settle(node, half);
    else this.#isUnknown(node, half, asked.name);
  }

  #isUnknown(node: Watched, half: Half, name: string): void {
    const { halves, log } = this.#options;
    const times = (node.unknown.get(half) ?? 0) + 1;
    node.unknown.set(half, times);
    const isOver = !halves.with(name).has(half);
    if (!isOver && times < MOST_UNKNOWN) return;
    settle(node, half);
    if (isOver) return;
    log.warn('ringing-half-lost', { from: name, callId: half.callId });
    try {
      half.lost();
    } catch (error) {
      half.onFault(error);
    }
  }
}

function doubt(node: Watched, halves: Iterable<Half>): void {
  for (const half of halves) node.doubted.add(half);
}

/** The process lives with which those were begun that are not doubted. */
function certain({ doubted, unknown }: Watched): void {
  for (const half of unknown.keys()) if (!doubted.has(half)) unknown.delete(half);
}

function settle({ doubted, unknown }: Watched, half: Half): void {
  doubted.delete(half);
  unknown.delete(half);
}

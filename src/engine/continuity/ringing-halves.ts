/**
 * A call that rings between two nodes has a half at each. Where the process of one ends before the call was kept, nobody goes on with it, and
 * the other half would ring for as long as it may. So while nothing is heard of the other node it is asked what it knows of the call, until it
 * has said that it has it; whoever is not there, or knows nothing of it, three times running has lost it.
 */
import type { Log } from '../../base/log.ts';
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../../base/scheduler.ts';
import type { Calls } from '../../call/index.ts';
import type { KnownNodes } from './known-nodes.ts';
import type { AskedNode, PeerQuestions } from './peer-question.ts';

type Half = ReturnType<Calls['ringingHalves']>[number];

export interface RingingHalvesOptions {
  readonly calls: Pick<Calls, 'ringingHalves' | 'halfLost'>;
  readonly known: Pick<KnownNodes, 'latestNames' | 'lastAddressOf' | 'isHeard' | 'signs'>;
  readonly questions: Pick<PeerQuestions, 'knows'>;
  readonly scheduler: Scheduler;
  readonly log: Log;
}

const ASK_MS = 800;
const ANSWER_MS = 600;
/** Nodes tell of themselves twice a second. */
const HEARD_MS = 1_000;
const MOST_UNKNOWN = 3;
/** Asked after in one round: a node that ends may leave thousands. */
const MOST_ASKED = 1_000;

export class RingingHalves implements TimerTarget {
  readonly #options: RingingHalvesOptions;
  /** How often running the other node did not know of it. */
  readonly #unknown = new WeakMap<Half, number>();
  #timer: Timer | undefined = undefined;

  constructor(options: RingingHalvesOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = this.#options.scheduler.schedule(ASK_MS, this, 0);
  }

  stop(): void {
    this.#timer = cancelTimer(this.#timer);
  }

  onTimer(): void {
    this.start();
    let asked = 0;
    for (const half of this.#options.calls.ringingHalves()) {
      const node = this.#nodeOf(half);
      const isDoubted =
        node !== undefined && (this.#unknown.has(half) || !this.#options.known.isHeard(node.name, HEARD_MS));
      if (!isDoubted) continue;
      void this.#ask(half, node);
      if (++asked >= MOST_ASKED) return;
    }
  }

  async #ask(half: Half, node: AskedNode): Promise<void> {
    const { questions, calls, log } = this.#options;
    const { callId, localTag: theirs, remoteTag: ours } = half.dialog;
    const knowledge = await questions.knows(node, { callId, ours, theirs, id: '', process: '' }, ANSWER_MS);
    const unknown = (this.#unknown.get(half) ?? 0) + 1;
    if (knowledge === 'has') this.#unknown.delete(half);
    else this.#unknown.set(half, unknown);
    if (knowledge === 'has' || unknown < MOST_UNKNOWN || half.state !== 'early') return;
    log.warn('ringing-half-lost', { node: node.name, callId });
    calls.halfLost(half);
  }

  /** Undefined: it is none that is known, any more. */
  #nodeOf({ destination }: Half): AskedNode | undefined {
    const { known } = this.#options;
    const [host, port] =
      'remoteAddress' in destination
        ? [destination.remoteAddress, destination.remotePort]
        : [destination.address, destination.port];
    for (const name of known.latestNames()) {
      const address = known.lastAddressOf(name);
      if (address?.address === host && (address.port === port || address.transport !== 'udp'))
        return { name, address, signs: known.signs(name) };
    }
    return undefined;
  }
}

import type { NodeAnswer, NodeQuestion } from '../../api/ports.ts';
import { randomToken } from '../../base/ids.ts';
import type { Log } from '../../base/log.ts';
import type { Sealer } from '../sealer.ts';
import type { NodeQuestions } from '../stores.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';

/** By the clock of Redis. */
const GOOD_FOR_MS = 10_000;
/** Characters of a piece: the nodes' own traffic passes between them. */
const PIECE = 131_072;
/** Of the longest answer: a table of all call records that a node keeps. */
const MAX_CHARACTERS = 16_777_216;
/** Questions of others that are being answered at once; what comes beyond is not answered, and so named as missing. */
const MAX_AT_ONCE = 64;

export interface RedisQuestionsOptions {
  /** For commands that may take their time. */
  readonly link: RedisLink;
  readonly subscriber: RedisLink;
  readonly keys: Keys;
  readonly sealer: Sealer;
  readonly node: string;
  /** Wall clock of Redis, ms. */
  readonly nowMs: () => number;
  readonly log: Log;
}

interface AskedQuestion {
  readonly id: string;
  readonly from: string;
  readonly atMs: number;
  readonly question: NodeQuestion;
}

interface Piece {
  readonly id: string;
  readonly index: number;
  readonly isLast: boolean;
  readonly answer: NodeAnswer;
}

interface Waiting {
  text: string;
  next: number;
  readonly resolve: (answer: NodeAnswer) => void;
}

/**
 * Questions between nodes over channels of Redis: the way that every node has, whoever else can reach it. Both directions are sealed with
 * the key of the store, for one addressee, so that who can only reach Redis neither asks nor reads. A question is good for 10 s by Redis's
 * clock, which nodes whose own is wrong agree on.
 */
export class RedisQuestions implements NodeQuestions {
  readonly #options: RedisQuestionsOptions;
  readonly #waiting = new Map<string, Waiting>();
  #answer: ((question: NodeQuestion) => Promise<NodeAnswer>) | undefined;
  #answering = 0;

  constructor(options: RedisQuestionsOptions) {
    this.#options = options;
    const { subscriber, keys, node } = options;
    subscriber.listen(askChannel(keys, node), (message) => this.#asked(message)).catch(() => {});
    subscriber.listen(answerChannel(keys, node), (message) => this.#answered(message)).catch(() => {});
  }

  answerWith(answer: (question: NodeQuestion) => Promise<NodeAnswer>): void {
    this.#answer = answer;
  }

  async ask(node: string, question: NodeQuestion, timeoutMs: number): Promise<NodeAnswer> {
    const { node: from, keys, nowMs } = this.#options;
    const id = randomToken();
    const { promise, resolve, reject } = Promise.withResolvers<NodeAnswer>();
    const timer = setTimeout(() => reject(new Error(`node ${node} does not answer`)), timeoutMs);
    this.#waiting.set(id, { text: '', next: 0, resolve });
    try {
      const asked: AskedQuestion = { id, from, atMs: nowMs(), question };
      const place = askChannel(keys, node);
      await Promise.race([this.#publish(place, asked), promise]);
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
      promise.catch(() => {});
    }
  }

  #asked(message: Buffer): void {
    const { keys, sealer, node, nowMs, log } = this.#options;
    if (this.#answer === undefined || this.#answering >= MAX_AT_ONCE) return;
    let asked: AskedQuestion;
    try {
      asked = sealer.openJson(askChannel(keys, node), message);
    } catch {
      log.warn('question-not-of-a-node');
      return;
    }
    if (Math.abs(nowMs() - asked.atMs) > GOOD_FOR_MS) return;
    this.#answering++;
    this.#answer(asked.question)
      .then((answer) => this.#reply(asked, answer))
      .catch((error: Error) => log.warn('question-not-answered', { from: asked.from, error: error.message }))
      .finally(() => {
        this.#answering--;
      });
  }

  async #reply({ id, from }: AskedQuestion, answer: NodeAnswer): Promise<void> {
    const { keys } = this.#options;
    const { text } = answer;
    if (text.length > MAX_CHARACTERS) throw new Error(`the answer has ${text.length} characters`);
    for (let index = 0, at = 0; index === 0 || at < text.length; index++, at += PIECE) {
      const piece = { ...answer, text: text.slice(at, at + PIECE) };
      await this.#publish(answerChannel(keys, from), {
        id,
        index,
        isLast: at + PIECE >= text.length,
        answer: piece,
      } satisfies Piece);
    }
  }

  #answered(message: Buffer): void {
    const { keys, sealer, node, log } = this.#options;
    let piece: Piece;
    try {
      piece = sealer.openJson(answerChannel(keys, node), message);
    } catch {
      log.warn('question-not-of-a-node');
      return;
    }
    const waiting = this.#waiting.get(piece.id);
    // One that was lost on the way: whoever waits is told that nothing came.
    if (waiting === undefined || waiting.next !== piece.index) return;
    waiting.next++;
    waiting.text += piece.answer.text;
    if (piece.isLast) waiting.resolve({ ...piece.answer, text: waiting.text });
  }

  async #publish(channel: string, value: AskedQuestion | Piece): Promise<void> {
    const { link, sealer } = this.#options;
    await link.command('PUBLISH', channel, sealer.sealJson(channel, value));
  }
}

/** Names of channels, and the places that what is said there is sealed for. */
function askChannel(keys: Keys, node: string): string {
  return keys.named(`ask:${node}`);
}

function answerChannel(keys: Keys, node: string): string {
  return keys.named(`answer:${node}`);
}

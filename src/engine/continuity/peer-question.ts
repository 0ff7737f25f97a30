/**
 * Questions between the nodes of one store that need no store: whether a node is there, what it knows of a dialog, and which calls of the one
 * that asks it has gone on with. Each is an OPTIONS with the Call-ID and tags of the dialog, or of none, as what goes on within one is served when nothing new is; and with a header field that only nodes of the
 * store can write and answer: an HMAC with the secret that they share, over a number that is used once. Anybody else who answers at a node's
 * address is nobody.
 */
import { timingSafeEqual } from 'node:crypto';
import { randomToken } from '../../base/ids.ts';
import { MessageAuthenticator } from '../../base/message-authenticator.ts';
import { type Clock, cancelTimer, type Scheduler, type Timer } from '../../base/scheduler.ts';
import type { Endpoint, ServerTransaction } from '../../sip/endpoint/index.ts';
import {
  createResponse,
  FIRST_HOPS,
  formatHost,
  HeaderId,
  SipRequest,
  type SipResponse,
} from '../../sip/message/index.ts';
import type { Target } from '../../sip/transport/index.ts';

/** A dialog, as the node sees it that has it: `ours` is its own tag. */
export interface AskedDialog {
  readonly callId: string;
  readonly ours: string;
  readonly theirs: string;
  /** Of the call, and of the process that gave its party a token; both empty where the call rings, and has none. */
  readonly id: string;
  readonly process: string;
}

export interface AskedBy extends AskedDialog {
  readonly node: string;
}

/** It has the dialog; it had it, and the call is over; it knows nothing of it. */
export type Knowledge = 'has' | 'had' | 'none';

export interface AskedNode {
  readonly name: string;
  readonly address: Target;
  /** Whether its answers prove who it is. */
  readonly signs: boolean;
}

export interface PeerQuestionsOptions {
  readonly node: string;
  readonly secret: Uint8Array;
  readonly endpoint: Pick<Endpoint, 'sendRequest' | 'advertised'>;
  readonly scheduler: Pick<Scheduler, 'schedule'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** What a node that is asked knows. */
export interface PeerKnowledge {
  of(question: AskedBy): Knowledge;
  /**
   * So many ids, after the first `from`, of the calls of a node that went on here within the last `sinceMs`. Undefined: that is not certain at the
   * moment.
   */
  taken(node: string, sinceMs: number, from: number, most: number): TakenPage | undefined;
}

/** Calls that a node has gone on with. */
export interface TakenThere {
  readonly ids: readonly string[];
  /** These are all; false: it did not say the rest in time. */
  readonly isWhole: boolean;
}

/** Ids of some of the calls that a node has gone on with, and how many there are. */
export interface TakenPage {
  readonly total: number;
  readonly ids: readonly string[];
}

const QUESTION = 'X-Tandem-Question';
const ANSWER = 'X-Tandem-Answer';
const WORD = '([A-Za-z0-9_-]{0,400})';
const QUESTION_FORM = new RegExp(`^${WORD};once=${WORD};call=${WORD};process=${WORD};mac=${WORD}$`);
const ANSWER_FORM = /^(has|had|none);mac=([A-Za-z0-9_-]{0,64})$/;
const TAKEN_QUESTION_FORM = new RegExp(`^${WORD};once=${WORD};taken=([0-9]{1,10});from=([0-9]{1,6});mac=${WORD}$`);
const TAKEN_ANSWER_FORM = /^taken=([0-9]{1,6});mac=([A-Za-z0-9_-]{0,64})$/;
/** Ids in one answer: it is to go into one packet. */
const PAGE = 30;
/** Questions that are under way at once. */
const PAGES_AT_ONCE = 100;
const LONGEST_MS = 2 ** 32;
/** One packet of five may be lost, each way, and a node that lives is to be heard all the same. */
const AGAIN_MS = 100;
/** Of a dialog that nobody has, and that is not looked for: who asks wants to know whether a node is there. */
const NO_DIALOG = { ours: 'there', theirs: 'here', id: '', process: 'none' };

export class PeerQuestions {
  readonly #options: PeerQuestionsOptions;
  readonly #mac: MessageAuthenticator;

  constructor(options: PeerQuestionsOptions) {
    this.#options = options;
    this.#mac = new MessageAuthenticator(options.secret);
  }

  /** Whether it is there. */
  async lives(node: AskedNode, withinMs: number): Promise<boolean> {
    return (await this.knows(node, { callId: randomToken(), ...NO_DIALOG }, withinMs)) !== undefined;
  }

  /** What it knows of a dialog; undefined: it is not there. One that cannot say may have it. */
  knows(node: AskedNode, dialog: AskedDialog, withinMs: number): Promise<Knowledge | undefined> {
    return this.#asked((leftMs) => this.#ask(node, dialog, leftMs), withinMs);
  }

  /** Whether the process at work under its name is the one of this name; undefined: nobody is there. */
  async isProcess(node: AskedNode, process: string, withinMs: number): Promise<boolean | undefined> {
    const known = await this.knows(node, { callId: randomToken(), ...NO_DIALOG, process }, withinMs);
    // Of a dialog that nobody has only the process that is named says that it may have had it.
    return known === undefined ? undefined : known === 'had';
  }

  /** The calls of this node that it has gone on with within the last `sinceMs`; undefined: it does not say. */
  async taken(node: AskedNode, sinceMs: number, withinMs: number): Promise<TakenThere | undefined> {
    const { clock } = this.#options;
    const beganMs = clock.nowMs();
    const passedMs = () => clock.nowMs() - beganMs;
    const page = (from: number) =>
      // Each time it is asked that is longer ago.
      this.#asked((leftMs) => this.#askTaken(node, sinceMs + passedMs(), from, leftMs), withinMs - passedMs());
    const first = await page(0);
    if (first === undefined) return undefined;
    const ids = [...first.ids];
    const starts = Array.from({ length: Math.ceil(first.total / PAGE) - 1 }, (_, index) => (index + 1) * PAGE);
    while (starts.length > 0) {
      const pages = await Promise.all(starts.splice(0, PAGES_AT_ONCE).map(page));
      for (const each of pages) ids.push(...(each?.ids ?? []));
      if (pages.includes(undefined)) return { ids, isWhole: false };
    }
    return { ids, isWhole: true };
  }

  /** Asked again until there is an answer, or the time has passed. */
  #asked<T>(question: (leftMs: number) => Promise<T | undefined>, withinMs: number): Promise<T | undefined> {
    const { scheduler } = this.#options;
    return new Promise((resolve) => {
      let leftMs = withinMs;
      let timer: Timer | undefined;
      const finish = (answer: T | undefined) => {
        leftMs = 0;
        timer = cancelTimer(timer);
        resolve(answer);
      };
      const ask = () => {
        if (leftMs <= 0) {
          finish(undefined);
          return;
        }
        void question(leftMs).then((answer) => {
          if (answer !== undefined) finish(answer);
        });
        const nextMs = Math.min(AGAIN_MS, leftMs);
        leftMs -= nextMs;
        timer = scheduler.schedule(nextMs, { onTimer: ask }, 0);
      };
      ask();
    });
  }

  /** Answers a question of another node. False: it is none. */
  answer(transaction: ServerTransaction, knowledge: PeerKnowledge): boolean {
    const { request } = transaction;
    const text = request.method === 'OPTIONS' ? request.headers.valueNamed(QUESTION) : undefined;
    if (text === undefined) return false;
    return this.#answerTaken(transaction, text, knowledge) || this.#answerKnown(transaction, text, knowledge);
  }

  #answerKnown(transaction: ServerTransaction, text: string, knowledge: PeerKnowledge): boolean {
    const { request } = transaction;
    const [, node = '', once = '', call = '', process = '', mac = ''] = QUESTION_FORM.exec(text) ?? [];
    const id = Buffer.from(call, 'base64url').toString('latin1');
    const dialog = {
      callId: request.callId(),
      ours: request.toTag() ?? '',
      theirs: request.fromTag() ?? '',
      id,
      process,
    };
    if (!isSame(mac, this.#questionMac(node, once, dialog))) return false;
    const known = knowledge.of({ ...dialog, node });
    const response = createResponse(request, 200);
    response.headers.addNamed(ANSWER, `${known};mac=${this.#answerMac(this.#options.node, once, known)}`);
    transaction.respond(response);
    return true;
  }

  #answerTaken(transaction: ServerTransaction, text: string, knowledge: PeerKnowledge): boolean {
    const { request } = transaction;
    const [, node = '', once = '', since = '', from = '', mac = ''] = TAKEN_QUESTION_FORM.exec(text) ?? [];
    if (once === '' || !isSame(mac, this.#takenMac(node, once, since, from, request.callId()))) return false;
    const page = knowledge.taken(node, Number(since), Number(from), PAGE);
    if (page === undefined) {
      transaction.reply(503);
      return true;
    }
    const total = String(page.total);
    const body = page.ids.join('\n');
    const response = createResponse(request, 200, undefined, { body, contentType: 'text/plain' });
    const answerMac = this.#takenAnswerMac(this.#options.node, once, total, body);
    response.headers.addNamed(ANSWER, `taken=${total};mac=${answerMac}`);
    transaction.respond(response);
    return true;
  }

  async #ask(node: AskedNode, dialog: AskedDialog, withinMs: number): Promise<Knowledge | undefined> {
    const { callId, ours, theirs, id, process } = dialog;
    const once = randomToken();
    const call = Buffer.from(id, 'latin1').toString('base64url');
    const mac = this.#questionMac(this.#options.node, once, dialog);
    const text = `${this.#options.node};once=${once};call=${call};process=${process};mac=${mac}`;
    const response = await this.#send(node.address, { callId, ours, theirs }, text, withinMs);
    return response === undefined ? undefined : this.#read(response, node.name, once, node.signs);
  }

  async #askTaken(node: AskedNode, sinceMs: number, from: number, withinMs: number): Promise<TakenPage | undefined> {
    const once = randomToken();
    const callId = randomToken();
    const since = String(Math.ceil(Math.min(Math.max(sinceMs, 0), LONGEST_MS)));
    const mac = this.#takenMac(this.#options.node, once, since, String(from), callId);
    const text = `${this.#options.node};once=${once};taken=${since};from=${from};mac=${mac}`;
    const response = await this.#send(node.address, { ...NO_DIALOG, callId }, text, withinMs);
    if (response === undefined) return undefined;
    const [, total, answerMac = ''] = TAKEN_ANSWER_FORM.exec(response.headers.valueNamed(ANSWER) ?? '') ?? [];
    if (total === undefined) return undefined;
    if (!isSame(answerMac, this.#takenAnswerMac(node.name, once, total, response.body))) return undefined;
    return { total: Number(total), ids: response.body === '' ? [] : response.body.split('\n') };
  }

  /** The final response to an OPTIONS with this question. */
  #send(
    address: Target,
    { callId, ours, theirs }: Pick<AskedDialog, 'callId' | 'ours' | 'theirs'>,
    question: string,
    withinMs: number,
  ): Promise<SipResponse | undefined> {
    const { endpoint } = this.#options;
    const own = endpoint.advertised(address, 'private');
    if (own === undefined) return Promise.resolve(undefined);
    const there = `${formatHost(address.address)}:${address.port}`;
    const request = new SipRequest('OPTIONS', `sip:${there}`);
    request.headers
      .add(HeaderId.MaxForwards, String(FIRST_HOPS))
      .add(HeaderId.From, `<sip:${formatHost(own.host)}:${own.port}>;tag=${theirs}`)
      .add(HeaderId.To, `<sip:${there}>;tag=${ours}`)
      .add(HeaderId.CallId, callId)
      .add(HeaderId.CSeq, '1 OPTIONS')
      .addNamed(QUESTION, question);
    return new Promise((resolve) => {
      const user = {
        onResponse: (response: SipResponse) => {
          if (response.status >= 200) resolve(response);
        },
        onTimeout: () => resolve(undefined),
        onTransportError: () => resolve(undefined),
      };
      endpoint.sendRequest(request, address, user, { transactionTimeoutMs: withinMs, scope: 'private' });
    });
  }

  /** Undefined: it is not the node's own. */
  #read(response: SipResponse, name: string, once: string, signs: boolean): Knowledge | undefined {
    const [, known, mac = ''] = ANSWER_FORM.exec(response.headers.valueNamed(ANSWER) ?? '') ?? [];
    if (known === undefined) return signs ? undefined : 'has';
    return isSame(mac, this.#answerMac(name, once, known)) ? (known as Knowledge) : undefined;
  }

  #takenMac(node: string, once: string, since: string, from: string, callId: string): string {
    return this.#mac.base64url(['peer-taken-question', node, once, since, from, callId].join('\n'));
  }

  #takenAnswerMac(node: string, once: string, total: string, ids: string): string {
    return this.#mac.base64url(['peer-taken-answer', node, once, total, ids].join('\n'));
  }

  #questionMac(node: string, once: string, { callId, ours, theirs, id, process }: AskedDialog): string {
    return this.#mac.base64url(['peer-question', node, once, id, process, callId, ours, theirs].join('\n'));
  }

  #answerMac(node: string, once: string, known: string): string {
    return this.#mac.base64url(['peer-answer', node, once, known].join('\n'));
  }
}

/** Whether a message answers a question of a node: who holds all others back needs it. */
export function isPeerAnswer(text: string): boolean {
  return text.startsWith('SIP/2.0 ') && text.includes(`\r\n${ANSWER}: `);
}

function isSame(mac: string, expected: string): boolean {
  const [given, due] = [Buffer.from(mac), Buffer.from(expected)];
  return given.length === due.length && timingSafeEqual(given, due);
}

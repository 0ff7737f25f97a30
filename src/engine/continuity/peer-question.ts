/**
 * Questions between the nodes of one store that need no store: whether a node is there, and what it knows of a dialog. Each is an OPTIONS with
 * the Call-ID and tags of the dialog, as what goes on within one is served when nothing new is; and with a header field that only nodes of the
 * store can write and answer: an HMAC with the secret that they share, over a number that is used once. Anybody else who answers at a node's
 * address is nobody.
 */
import { timingSafeEqual } from 'node:crypto';
import { randomToken } from '../../base/ids.ts';
import { MessageAuthenticator } from '../../base/message-authenticator.ts';
import { cancelTimer, type Scheduler, type Timer } from '../../base/scheduler.ts';
import type { Endpoint, ServerTransaction } from '../../sip/endpoint/index.ts';
import {
  createResponse,
  FIRST_HOPS,
  formatHost,
  HeaderId,
  Headers,
  SipRequest,
  type SipResponse,
} from '../../sip/message/index.ts';
import type { Target } from '../../sip/transport/index.ts';

/** A dialog, as the node sees it that has it: `ours` is its own tag. */
export interface AskedDialog {
  readonly callId: string;
  readonly ours: string;
  readonly theirs: string;
  /** Of the call, and of the process that gave its party a token. */
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
  readonly scheduler: Scheduler;
}

const QUESTION = 'X-Tandem-Question';
const ANSWER = 'X-Tandem-Answer';
const WORD = '([A-Za-z0-9_-]{0,400})';
const QUESTION_FORM = new RegExp(`^${WORD};once=${WORD};call=${WORD};process=${WORD};mac=${WORD}$`);
const ANSWER_FORM = /^(has|had|none);mac=([A-Za-z0-9_-]{0,64})$/;
/** One packet of five may be lost, each way, and a node that lives is to be heard all the same. */
const AGAIN_MS = 100;
/** Of a dialog that nobody has: who asks wants to know whether a node is there. */
const NO_DIALOG = { ours: 'there', theirs: 'here', id: '', process: '' };

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
    return new Promise((resolve) => {
      let leftMs = withinMs;
      let unanswered = 0;
      let timer: Timer | undefined;
      const finish = (answer: Knowledge | undefined) => {
        unanswered--;
        if (answer === undefined && (unanswered > 0 || leftMs > 0)) return;
        leftMs = 0;
        timer = cancelTimer(timer);
        resolve(answer);
      };
      const ask = () => {
        unanswered++;
        void this.#ask(node, dialog, leftMs).then(finish);
        leftMs -= AGAIN_MS;
        timer = leftMs > 0 ? this.#options.scheduler.schedule(AGAIN_MS, { onTimer: ask }, 0) : undefined;
      };
      ask();
    });
  }

  /** Answers a question of another node. False: it is none. */
  answer(transaction: ServerTransaction, knowledgeOf: (question: AskedBy) => Knowledge): boolean {
    const { request } = transaction;
    const text = request.method === 'OPTIONS' ? request.headers.valueNamed(QUESTION) : undefined;
    if (text === undefined) return false;
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
    const known = knowledgeOf({ ...dialog, node });
    const response = createResponse(request, 200);
    response.headers.addNamed(ANSWER, `${known};mac=${this.#answerMac(this.#options.node, once, known)}`);
    transaction.respond(response);
    return true;
  }

  #ask({ name, address, signs }: AskedNode, dialog: AskedDialog, withinMs: number): Promise<Knowledge | undefined> {
    const { endpoint, node } = this.#options;
    const own = endpoint.advertised(address, 'private');
    if (own === undefined) return Promise.resolve(undefined);
    const { callId, ours, theirs, id, process } = dialog;
    const once = randomToken();
    const there = `${formatHost(address.address)}:${address.port}`;
    const call = Buffer.from(id, 'latin1').toString('base64url');
    const mac = this.#questionMac(node, once, dialog);
    const headers = new Headers()
      .add(HeaderId.MaxForwards, String(FIRST_HOPS))
      .add(HeaderId.From, `<sip:${formatHost(own.host)}:${own.port}>;tag=${theirs}`)
      .add(HeaderId.To, `<sip:${there}>;tag=${ours}`)
      .add(HeaderId.CallId, callId)
      .add(HeaderId.CSeq, '1 OPTIONS')
      .addNamed(QUESTION, `${node};once=${once};call=${call};process=${process};mac=${mac}`);
    return new Promise((resolve) => {
      const user = {
        onResponse: (response: SipResponse) => {
          if (response.status >= 200) resolve(this.#read(response, name, once, signs));
        },
        onTimeout: () => resolve(undefined),
        onTransportError: () => resolve(undefined),
      };
      const request = new SipRequest('OPTIONS', `sip:${there}`, headers, '');
      endpoint.sendRequest(request, address, user, { transactionTimeoutMs: withinMs, scope: 'private' });
    });
  }

  /** Undefined: it is not the node's own. */
  #read(response: SipResponse, name: string, once: string, signs: boolean): Knowledge | undefined {
    const [, known, mac = ''] = ANSWER_FORM.exec(response.headers.valueNamed(ANSWER) ?? '') ?? [];
    if (known === undefined) return signs ? undefined : 'has';
    return isSame(mac, this.#answerMac(name, once, known)) ? (known as Knowledge) : undefined;
  }

  #questionMac(node: string, once: string, { callId, ours, theirs, id, process }: AskedDialog): string {
    return this.#mac.base64url(['peer-question', node, once, id, process, callId, ours, theirs].join('\n'));
  }

  #answerMac(node: string, once: string, known: string): string {
    return this.#mac.base64url(['peer-answer', node, once, known].join('\n'));
  }
}

function isSame(mac: string, expected: string): boolean {
  const [given, due] = [Buffer.from(mac), Buffer.from(expected)];
  return given.length === due.length && timingSafeEqual(given, due);
}

import { createResponse, HeaderId, type LegDraft, SipRequest, type SipResponse } from '../sip/message/index.ts';
import type { Target } from '../sip/transport/index.ts';
import { isUnheard } from './branch-outcome.ts';
import { sendOptions } from './destination.ts';
import type { LegOptions } from './plan.ts';
import type { ClientTransactionUser, Destination, EndpointPort, ServerTransaction } from './ports.ts';
import { relayBody, relayResponseHeaders } from './relayed-headers.ts';
import { isBetterStatus } from './response-mapping.ts';

/** Where a request outside of a dialog goes, and as what. */
export interface MessagePlan {
  /** One copy for each; the first 2xx answers the sender, else the best refusal. At least one. */
  readonly targets: readonly MessageTarget[];
  readonly options: LegOptions;
  /** The sender is not shown: its Call-ID may tell its host. */
  readonly ownCallId?: boolean;
  /** The sender is another node: 430 tells it that no flow leads there, so that it takes another one. */
  readonly isForNode?: boolean;
}

export interface MessageTarget {
  readonly to: Destination;
  readonly draft: LegDraft;
  readonly pastFlow?: Target;
  /** The same phone over another of its flows (RFC 5626 §7), when it has not answered for so long, ms, or cannot. */
  readonly otherwise?: { readonly target: MessageTarget; readonly afterMs: number };
}

/** What the copies of a MESSAGE came to. */
export interface MessageEnd {
  readonly status: number;
  /** Undefined: nobody answered. */
  readonly response: SipResponse | undefined;
}

export interface SentMessage extends Pick<MessagePlan, 'targets' | 'options'> {
  readonly callId: string;
  readonly cseq: number;
  readonly hops: number;
  readonly newToken: () => string;
  readonly onEnd: (end: MessageEnd) => void;
}

/**
 * Relays a MESSAGE outside of any dialog (RFC 3428). The Call-ID and the number of the CSeq are the sender's: phones name a message by
 * its Call-ID in their reports (RFC 5438), so another one would be a message that the sender does not know. The From tag is the
 * engine's own for each phone: two behind one address would take a second copy for a merged request (RFC 3261 §8.2.2.2), and one phone
 * that has it over two flows shall.
 */
export function relayMessage(
  endpoint: EndpointPort,
  transaction: ServerTransaction,
  plan: MessagePlan,
  newToken: () => string,
): void {
  const { request } = transaction;
  const { targets, options, ownCallId } = plan;
  if (targets.length === 0) {
    transaction.reply(plan.isForNode === true ? 430 : 480);
    return;
  }
  sendMessage(endpoint, {
    targets,
    options,
    callId: ownCallId === true ? newToken() : (request.headers.value(HeaderId.CallId) ?? newToken()),
    cseq: request.cseq().sequence,
    hops: request.hopsAfter(),
    newToken,
    onEnd: (end) => answer(transaction, end, plan),
  });
}

/** Sends a MESSAGE to all its targets. Neither side makes a dialog (RFC 3428 §4), no Contact is sent (§4, §7), and a copy that is on its way cannot be taken back. */
export function sendMessage(endpoint: EndpointPort, message: SentMessage): void {
  const { targets, onEnd } = message;
  const copies = new MessageCopies(targets.length, onEnd);
  for (const target of targets) new MessageCopy(endpoint, message, copies).send(target);
}

/** The copy for one phone, over one of its flows after another. */
class MessageCopy implements ClientTransactionUser {
  readonly #endpoint: EndpointPort;
  readonly #message: SentMessage;
  readonly #copies: MessageCopies;
  readonly #tag: string;
  #otherwise: MessageTarget['otherwise'] = undefined;

  constructor(endpoint: EndpointPort, message: SentMessage, copies: MessageCopies) {
    this.#endpoint = endpoint;
    this.#message = message;
    this.#copies = copies;
    this.#tag = message.newToken();
  }

  send({ to, draft, pastFlow, otherwise }: MessageTarget): void {
    const { options, callId, cseq, hops } = this.#message;
    const { headers, requestUri } = draft;
    const copy = new SipRequest('MESSAGE', requestUri, draft.body);
    const sent = copy.headers;
    for (const route of draft.routes) sent.add(HeaderId.Route, route);
    sent.add(HeaderId.MaxForwards, String(hops));
    sent.add(HeaderId.From, `${draft.from};tag=${this.#tag}`);
    sent.add(HeaderId.To, draft.to);
    sent.add(HeaderId.CallId, callId);
    sent.add(HeaderId.CSeq, `${cseq} MESSAGE`);
    for (const [name, value] of headers) sent.addNamed(name, value);
    this.#otherwise = otherwise;
    this.#endpoint.sendRequest(copy, to, this, {
      ...sendOptions(options, otherwise?.afterMs),
      ...(pastFlow !== undefined && { pastFlow }),
    });
  }

  onResponse(response: SipResponse): void {
    if (response.status >= 200) this.#ended(response.status, response, isUnheard(response.status));
  }

  onTimeout(): void {
    this.#ended(408, undefined, true);
  }

  onTransportError(): void {
    this.#ended(503, undefined, true);
  }

  #ended(status: number, response: SipResponse | undefined, mayGoOtherwise: boolean): void {
    const otherwise = this.#otherwise;
    if (otherwise !== undefined && mayGoOtherwise) this.send(otherwise.target);
    else this.#copies.ended(status, response);
  }
}

/** What all of them come to. */
class MessageCopies {
  readonly #onEnd: (end: MessageEnd) => void;
  #openCount: number;
  #done = false;
  #best: MessageEnd | undefined = undefined;

  constructor(count: number, onEnd: (end: MessageEnd) => void) {
    this.#openCount = count;
    this.#onEnd = onEnd;
  }

  ended(status: number, response: SipResponse | undefined): void {
    this.#openCount--;
    if (this.#done) return;
    const better = this.#best === undefined || status < 300 || isBetterStatus(status, this.#best.status);
    if (better) this.#best = { status, response };
    if (status >= 300 && this.#openCount > 0) return;
    this.#done = true;
    this.#onEnd(this.#best ?? { status: 480, response: undefined });
  }
}

function answer(transaction: ServerTransaction, { status, response }: MessageEnd, plan: MessagePlan): void {
  const { options, isForNode = false } = plan;
  const hasNoFlow = status === 430 || (status === 503 && response === undefined);
  // A challenge, redirect or flow was for this engine, not for the sender.
  const isOurs = status === 401 || status === 407 || (status >= 300 && status < 400) || status === 430;
  const told = isForNode && hasNoFlow ? 430 : isOurs ? 480 : status;
  const answer = createResponse(transaction.request, told, undefined, { toTag: transaction.localTag });
  if (response !== undefined) {
    relayResponseHeaders(response.headers, answer.headers, { options }, undefined);
    relayBody(response, answer);
  }
  transaction.respond(answer);
}

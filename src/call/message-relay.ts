import { createResponse, HeaderId, type LegDraft, SipRequest, type SipResponse } from '../sip/message/index.ts';
import type { Target } from '../sip/transport/index.ts';
import { allowOf } from './capabilities.ts';
import { sendOptions } from './destination.ts';
import type { LegOptions } from './plan.ts';
import type { ClientTransactionUser, Destination, EndpointPort, ServerTransaction } from './ports.ts';
import { relayAccepted, relayAllowed, relayBody, relayResponseHeaders } from './relayed-headers.ts';
import { isBetterStatus } from './response-mapping.ts';

/** Where a request outside of a dialog goes, and as what. */
export interface MessagePlan {
  /** One copy for each; the first 2xx answers the sender, else the best refusal. At least one. */
  readonly targets: readonly {
    readonly to: Destination;
    readonly draft: LegDraft;
    readonly pastFlow?: Target;
  }[];
  readonly options: LegOptions;
  /** The sender is not shown: its Call-ID may tell its host. */
  readonly ownCallId?: boolean;
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
 * engine's own for each copy: two phones behind one address would take a second copy for a merged request (RFC 3261 §8.2.2.2).
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
    transaction.reply(480);
    return;
  }
  sendMessage(endpoint, {
    targets,
    options,
    callId: ownCallId === true ? newToken() : (request.headers.value(HeaderId.CallId) ?? newToken()),
    cseq: request.cseq().sequence,
    hops: request.hopsAfter(),
    newToken,
    onEnd: (end) => answer(transaction, end, options),
  });
}

/** Sends a MESSAGE to all its targets. Neither side makes a dialog (RFC 3428 §4), no Contact is sent (§4, §7), and a copy that is on its way cannot be taken back. */
export function sendMessage(endpoint: EndpointPort, message: SentMessage): void {
  const { targets, options, callId, cseq, hops, newToken, onEnd } = message;
  const copies = new MessageCopies(targets.length, onEnd);
  for (const { to, draft, pastFlow } of targets) {
    const { headers, requestUri } = draft;
    const copy = new SipRequest('MESSAGE', requestUri, draft.body);
    const sent = copy.headers;
    for (const route of draft.routes) sent.add(HeaderId.Route, route);
    sent.add(HeaderId.MaxForwards, String(hops));
    sent.add(HeaderId.From, `${draft.from};tag=${newToken()}`);
    sent.add(HeaderId.To, draft.to);
    sent.add(HeaderId.CallId, callId);
    sent.add(HeaderId.CSeq, `${cseq} MESSAGE`);
    for (const [name, value] of headers) sent.addNamed(name, value);
    endpoint.sendRequest(copy, to, copies, {
      ...sendOptions(options),
      ...(pastFlow !== undefined && { pastFlow }),
    });
  }
}

class MessageCopies implements ClientTransactionUser {
  readonly #onEnd: (end: MessageEnd) => void;
  #openCount: number;
  #done = false;
  #best: MessageEnd | undefined = undefined;

  constructor(count: number, onEnd: (end: MessageEnd) => void) {
    this.#openCount = count;
    this.#onEnd = onEnd;
  }

  onResponse(response: SipResponse): void {
    if (response.status >= 200) this.#ended(response.status, response);
  }

  onTimeout(): void {
    this.#ended(408, undefined);
  }

  onTransportError(): void {
    this.#ended(503, undefined);
  }

  #ended(status: number, response: SipResponse | undefined): void {
    this.#openCount--;
    if (this.#done) return;
    const better = this.#best === undefined || status < 300 || isBetterStatus(status, this.#best.status);
    if (better) this.#best = { status, response };
    if (status >= 300 && this.#openCount > 0) return;
    this.#done = true;
    this.#onEnd(this.#best ?? { status: 480, response: undefined });
  }
}

function answer(transaction: ServerTransaction, { status, response }: MessageEnd, options: LegOptions): void {
  // A challenge or redirect was for this engine, not for the sender.
  const told = status === 401 || status === 407 || (status >= 300 && status < 400) ? 480 : status;
  const answer = createResponse(transaction.request, told, undefined, { toTag: transaction.localTag });
  if (response !== undefined) {
    relayResponseHeaders(response.headers, answer.headers, { options }, undefined);
    if (told === 415) relayAccepted(response, answer);
    if (told === 405) relayAllowed(response, answer, 'MESSAGE', allowOf(undefined));
    relayBody(response, answer);
  }
  transaction.respond(answer);
}

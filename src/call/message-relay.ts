import {
  createResponse,
  HeaderId,
  Headers,
  type LegDraft,
  SipRequest,
  type SipResponse,
} from '../sip/message/index.ts';
import { sendOptions } from './destination.ts';
import type { LegOptions } from './plan.ts';
import type { ClientTransactionUser, Destination, EndpointPort, ServerTransaction } from './ports.ts';
import { relayBody, relayResponseHeaders } from './relayed-headers.ts';
import { isBetterStatus } from './response-mapping.ts';

/** Where a request outside of a dialog goes, and as what. */
export interface MessagePlan {
  /** One copy for each; the first 2xx answers the sender, else the best refusal. At least one. */
  readonly targets: readonly { readonly to: Destination; readonly draft: LegDraft }[];
  readonly options: LegOptions;
}

/**
 * Relays a MESSAGE outside of any dialog (RFC 3428) with a Call-ID and From tag of the engine's own. Neither side makes a dialog
 * (§4), no Contact is sent (§4, §7), and a copy that is on its way cannot be taken back.
 */
export function relayMessage(
  endpoint: EndpointPort,
  transaction: ServerTransaction,
  plan: MessagePlan,
  newToken: () => string,
): void {
  if (plan.targets.length === 0) {
    transaction.reply(480);
    return;
  }
  const relay = new MessageRelay(transaction, plan.targets.length, plan.options);
  const callId = newToken();
  for (const { to, draft } of plan.targets) {
    const { headers, requestUri } = draft;
    const relayed = new Headers();
    for (const route of draft.routes) relayed.add(HeaderId.Route, route);
    relayed.add(HeaderId.MaxForwards, String(transaction.request.hopsAfter()));
    relayed.add(HeaderId.From, `${draft.from};tag=${newToken()}`);
    relayed.add(HeaderId.To, draft.to);
    relayed.add(HeaderId.CallId, plan.targets.length === 1 ? callId : newToken());
    relayed.add(HeaderId.CSeq, '1 MESSAGE');
    for (const [name, value] of headers) relayed.addNamed(name, value);
    endpoint.sendRequest(
      new SipRequest('MESSAGE', requestUri, relayed, draft.body),
      to,
      relay,
      sendOptions(plan.options),
    );
  }
}

class MessageRelay implements ClientTransactionUser {
  readonly #transaction: ServerTransaction;
  readonly #options: LegOptions;
  #openCount: number;
  #done = false;
  #best: { readonly status: number; readonly response: SipResponse | undefined } | undefined = undefined;

  constructor(transaction: ServerTransaction, count: number, options: LegOptions) {
    this.#transaction = transaction;
    this.#openCount = count;
    this.#options = options;
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
    this.#answer();
  }

  #answer(): void {
    const { status = 480, response } = this.#best ?? {};
    // A challenge or redirect was for this engine, not for the sender.
    const told = status === 401 || status === 407 || (status >= 300 && status < 400) ? 480 : status;
    const answer = createResponse(this.#transaction.request, told, undefined, { toTag: this.#transaction.localTag });
    if (response !== undefined) {
      relayResponseHeaders(response.headers, answer.headers, this.#options, undefined);
      relayBody(response, answer);
    }
    this.#transaction.respond(answer);
  }
}

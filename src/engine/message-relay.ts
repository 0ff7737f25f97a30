/** MESSAGE between extensions (RFC 3428): passed to every phone of the called extension; the first that takes it answers for all. */
import { randomToken } from '../base/ids.ts';
import { dialledNumber } from '../outbound/index.ts';
import { aorKey, type Binding } from '../registrar/index.ts';
import type { ClientTransactionUser, Endpoint, ServerTransaction } from '../sip/endpoint/index.ts';
import {
  escapeUser,
  formatHost,
  HeaderId,
  Headers,
  octetsFromText,
  quote,
  SipRequest,
  type SipResponse,
} from '../sip/message/index.ts';
import type { Flow } from '../sip/transport/index.ts';
import type { Directory } from '../trunks/directory.ts';
import type { Source } from './admission.ts';
import { bodyFields } from './phone-leg.ts';

export interface MessageRelayOptions {
  readonly endpoint: Endpoint;
  readonly bindings: (aor: string) => readonly Binding<Flow>[];
  readonly userAgent: string;
}

export class MessageRelay {
  readonly #options: MessageRelayOptions;

  constructor(options: MessageRelayOptions) {
    this.#options = options;
  }

  relay(transaction: ServerTransaction, source: Exclude<Source, { kind: 'trunk' }>, directory: Directory): void {
    const { request } = transaction;
    const { tenant } = source;
    const number = dialledNumber(request.uri());
    const called = directory.extension(tenant.name, number) ?? directory.service(tenant.name, number);
    if (called === undefined || !called.enabled) {
      transaction.reply(404, 'Not Found');
      return;
    }
    const bindings = this.#options.bindings(aorKey(number, tenant.domain));
    if (bindings.length === 0) {
      transaction.reply(480, 'Temporarily Unavailable');
      return;
    }
    const fork = new MessageFork(transaction, bindings.length);
    for (const binding of bindings) {
      const to = binding.flow !== undefined && !binding.flow.closed ? binding.flow : binding.target;
      if (to === undefined) fork.failed(480);
      else this.#options.endpoint.sendRequest(this.#copy(request, source, number, binding), to, fork);
    }
  }

  #copy(
    request: SipRequest,
    source: Exclude<Source, { kind: 'trunk' }>,
    number: string,
    binding: Binding<Flow>,
  ): SipRequest {
    const party = source.kind === 'extension' ? source.extension : source.service;
    const host = formatHost(source.tenant.domain);
    const name = request.from().displayName ?? octetsFromText(party.name ?? '');
    const from = `<sip:${escapeUser(party.number)}@${host}>`;
    const headers = new Headers();
    headers.add(HeaderId.MaxForwards, String((request.maxForwards() ?? 70) - 1));
    for (const uri of binding.path) headers.add(HeaderId.Route, `<${uri}>`);
    headers.add(HeaderId.From, `${name === '' ? from : `${quote(name)} ${from}`};tag=${randomToken()}`);
    headers.add(HeaderId.To, `<sip:${escapeUser(number)}@${host}>`);
    headers.add(HeaderId.CallId, randomToken());
    headers.add(HeaderId.CSeq, '1 MESSAGE');
    headers.add(HeaderId.UserAgent, this.#options.userAgent);
    for (const [field, value] of bodyFields(request)) headers.addNamed(field, value);
    return new SipRequest('MESSAGE', binding.requestUri, headers, request.body);
  }
}

/** Collects the answers of all phones; RFC 3261 §16.7: the first 2xx or 6xx at once, else the lowest final status of all. */
class MessageFork implements ClientTransactionUser {
  readonly #transaction: ServerTransaction;
  #waiting: number;
  #best = 0;
  #answered = false;

  constructor(transaction: ServerTransaction, branches: number) {
    this.#transaction = transaction;
    this.#waiting = branches;
  }

  onResponse(response: SipResponse): void {
    if (response.status < 200) return;
    if (response.status < 300 || response.status >= 600) this.#answer(response.status, response.reason);
    else this.failed(response.status, response.reason);
  }

  onTimeout(): void {
    this.failed(408, 'Request Timeout');
  }

  onTransportError(): void {
    this.failed(480, 'Temporarily Unavailable');
  }

  failed(status: number, reason?: string): void {
    this.#waiting--;
    if (this.#best === 0 || status < this.#best) this.#best = status;
    if (this.#waiting === 0) this.#answer(this.#best, this.#best === status ? reason : undefined);
  }

  #answer(status: number, reason: string | undefined): void {
    if (this.#answered) return;
    this.#answered = true;
    // A challenge of the called phone is none of the caller's business.
    if (status === 401 || status === 407) this.#transaction.reply(480, 'Temporarily Unavailable');
    else this.#transaction.reply(status, reason);
  }
}

/**
 * MESSAGE outside of dialogs (RFC 3428): between extensions it is relayed, to the outside it is handed on, and from the outside it is
 * sent to phones.
 */
import { randomToken } from '../base/ids.ts';
import { relayMessage, SERVED, sendMessage } from '../call/index.ts';
import type { PhoneAnswer, PhoneDraft, PhoneMessage, PhoneOutcome, Phones } from '../messages/index.ts';
import { dialledNumber } from '../outbound/index.ts';
import { memberOf } from '../provisioning/tenants/party.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import type { Endpoint, ServerTransaction } from '../sip/endpoint/index.ts';
import {
  createResponse,
  escapeUser,
  formatHost,
  HeaderId,
  isSipUri,
  quote,
  type SipRequest,
} from '../sip/message/index.ts';
import type { Source } from './admit/admission.ts';
import { type MessageTarget, planMessage, targetOf } from './message-plan.ts';
import type { WantedBinding } from './peer-nodes.ts';
import type { Registrations } from './registrations.ts';
import { draftOf } from './route/drafted-request.ts';
import type { Served } from './served.ts';

/** Whoever brings messages to the outside; without it there is no outside. */
export interface OutsideMessages {
  /** Whether such a host, or (undefined) a number that is nobody's in the tenant's own domain, is outside. */
  isForOutside(tenant: Tenant, host: string | undefined): boolean;
  send(message: PhoneMessage): Promise<PhoneAnswer>;
  /** Asks the trunk's provider about its access token: undefined, or why it does not take it. */
  checkToken(trunkId: string): Promise<string | undefined>;
  /** A phone has come to be registered. */
  phoneRegistered(tenant: string, number: string): void;
}

export interface MessagingOptions {
  readonly endpoint: Endpoint;
  readonly served: Pick<Served, 'directory'>;
  readonly registrations: Registrations;
  readonly userAgent: string;
}

export class Messaging implements Phones {
  /** Set once the engine is there. */
  outside: OutsideMessages | undefined;
  readonly #options: MessagingOptions;

  constructor(options: MessagingOptions) {
    this.#options = options;
  }

  receive(transaction: ServerTransaction, source: Source): void {
    if (source.kind === 'trunk') {
      transaction.reply(405, undefined, SERVED);
      return;
    }
    if (source.kind === 'node') {
      if ('aor' in source.wanted) this.#fromNode(transaction, source.wanted);
      else transaction.reply(404, 'Not Found');
      return;
    }
    const { request } = transaction;
    const outside = this.outside;
    const { endpoint, served, registrations, userAgent } = this.#options;
    const toOutside = (way: OutsideMessages) => {
      const answered = this.#toOutside(way, transaction, source);
      answered.catch((error: unknown) => endpoint.onMessageFault(error, request, transaction.flow));
    };
    if (outside?.isForOutside(source.tenant, hostOf(request)) === true) {
      toOutside(outside);
      return;
    }
    const plan = planMessage({
      request,
      source,
      directory: served.directory,
      contacts: (number) => registrations.contacts(source.tenant, number),
      userAgent,
    });
    if (plan !== undefined) relayMessage(endpoint, transaction, plan, randomToken);
    else if (outside?.isForOutside(source.tenant, undefined) === true) toOutside(outside);
    else transaction.reply(404, 'Not Found');
  }

  /** To all phones of a number; the best answer, or that nobody is registered. */
  deliver(message: PhoneDraft): Promise<PhoneOutcome> {
    const { endpoint, registrations } = this.#options;
    const targets = registrations
      .contacts(message.tenant, message.number)
      .map((contact) => this.#target(message, contact));
    if (targets.length === 0) return Promise.resolve({ kind: 'away' });
    return new Promise((resolve) => {
      sendMessage(endpoint, {
        targets,
        options: { contact: '' },
        callId: message.callId,
        cseq: 1,
        hops: 70,
        newToken: randomToken,
        onEnd: ({ status }) => resolve({ kind: 'answered', status }),
      });
    });
  }

  #target(message: PhoneDraft, contact: Parameters<typeof targetOf>[0]): MessageTarget {
    const { from, to, headers, contentType, body } = message;
    const address = `<sip:${escapeUser(from.user)}@${formatHost(from.host)}>`;
    return targetOf(contact, {
      from: from.name === '' ? address : `${quote(from.name)} ${address}`,
      to: `<sip:${escapeUser(to.user)}@${formatHost(to.host)}>`,
      headers: [['User-Agent', this.#options.userAgent], ...headers, ['Content-Type', contentType]],
      body,
    });
  }

  async #toOutside(
    outside: OutsideMessages,
    transaction: ServerTransaction,
    source: Exclude<Source, { kind: 'trunk' | 'node' }>,
  ): Promise<void> {
    const { request } = transaction;
    const { status, reason, headers } = await outside.send({
      tenant: source.tenant,
      sender: memberOf(source).number,
      dialled: dialledNumber(request.uri()),
      callId: request.headers.value(HeaderId.CallId) ?? '',
      cseq: request.cseq().sequence,
      contentType: request.headers.value(HeaderId.ContentType) ?? 'text/plain',
      body: request.body,
    });
    const response = createResponse(request, status, reason, { toTag: transaction.localTag });
    for (const [name, value] of headers) response.headers.addNamed(name, value);
    transaction.respond(response);
  }

  /** A MESSAGE that another node drafted for a contact that is registered here. */
  #fromNode(transaction: ServerTransaction, wanted: WantedBinding): void {
    const { request } = transaction;
    const binding = this.#options.registrations.ownBinding(wanted);
    const to = binding?.flow ?? binding?.target;
    const targets =
      binding === undefined || to === undefined
        ? []
        : [{ to, draft: { ...draftOf(request), contact: '', routes: binding.path } }];
    relayMessage(this.#options.endpoint, transaction, { targets, options: { contact: '' } }, randomToken);
  }
}

function hostOf(request: SipRequest): string {
  const uri = request.uri();
  return isSipUri(uri) ? uri.host : '';
}

/** Where a MESSAGE between extensions goes (RFC 3428): to every phone of the called extension or service. */
import { randomToken } from '../base/ids.ts';
import { type MessagePlan, relayMessage, SERVED_METHODS } from '../call/index.ts';
import { dialledNumber } from '../outbound/index.ts';
import type { Endpoint, ServerTransaction } from '../sip/endpoint/index.ts';
import {
  contentFields,
  escapeUser,
  formatHost,
  HeaderId,
  octetsFromText,
  quote,
  type SipRequest,
} from '../sip/message/index.ts';
import { memberOf } from '../tenants/party.ts';
import type { Directory } from '../trunks/directory.ts';
import type { Source } from './admission.ts';
import { ANONYMOUS_ADDRESS, wantsAnonymity } from './call-context.ts';
import { draftOf } from './drafted-request.ts';
import type { WantedBinding } from './peer-nodes.ts';
import type { Contact, Registrations } from './registrations.ts';
import type { Served } from './served.ts';

export interface MessagesOptions {
  readonly endpoint: Endpoint;
  readonly served: Pick<Served, 'directory'>;
  readonly registrations: Registrations;
  readonly userAgent: string;
}

/** Relays each MESSAGE that an admitted source sends outside of a call. */
export class Messages {
  readonly #options: MessagesOptions;

  constructor(options: MessagesOptions) {
    this.#options = options;
  }

  receive(transaction: ServerTransaction, source: Source): void {
    if (source.kind === 'trunk') {
      transaction.reply(405, 'Method Not Allowed', [[HeaderId.Allow, SERVED_METHODS]]);
      return;
    }
    const { request } = transaction;
    const { endpoint, served, registrations, userAgent } = this.#options;
    const plan =
      source.kind === 'node'
        ? this.#planOfNode(request, source.wanted)
        : planMessage({
            request,
            source,
            directory: served.directory,
            contacts: (number) => registrations.contacts(source.tenant, number),
            userAgent,
          });
    if (plan === undefined) transaction.reply(404, 'Not Found');
    else relayMessage(endpoint, transaction, plan, randomToken);
  }

  /** Another node drafted it for a contact that is registered here. */
  #planOfNode(request: SipRequest, wanted: WantedBinding): MessagePlan {
    const binding = this.#options.registrations.ownBinding(wanted);
    const to = binding?.flow ?? binding?.target;
    const targets =
      binding === undefined || to === undefined
        ? []
        : [{ to, draft: { ...draftOf(request), contact: '', routes: binding.path } }];
    return { targets, options: { contact: '' } };
  }
}

interface MessageFacts {
  readonly request: SipRequest;
  readonly source: Exclude<Source, { kind: 'trunk' | 'node' }>;
  readonly directory: Directory;
  /** Where a number of the sender's tenant is registered. */
  readonly contacts: (number: string) => readonly Contact[];
  readonly userAgent: string;
}

/** Undefined: there is nobody of that number. A plan without targets: nobody is registered. */
function planMessage({ request, source, directory, contacts, userAgent }: MessageFacts): MessagePlan | undefined {
  const { tenant } = source;
  const number = dialledNumber(request.uri());
  const called = directory.member(tenant.name, number);
  if (called === undefined || !called.enabled) return undefined;
  const sender = memberOf(source);
  const host = formatHost(tenant.domain);
  const name = request.from().displayName ?? octetsFromText(sender.name ?? '');
  const address = `<sip:${escapeUser(sender.number)}@${host}>`;
  const shown = name === '' ? address : `${quote(name)} ${address}`;
  const anonymous = wantsAnonymity(request);
  const from = anonymous ? ANONYMOUS_ADDRESS : shown;
  const targets = contacts(number).map(({ binding, reached: { to, through } }) => {
    const draft = {
      requestUri: binding.requestUri,
      from,
      to: `<sip:${escapeUser(number)}@${host}>`,
      contact: '',
      routes: binding.path,
      headers: [
        ['User-Agent', userAgent] as const,
        ...contentFields(request),
        ...(through === undefined ? [] : [through.pass(binding.requestUri)]),
      ],
      body: request.body,
    };
    return { to, draft };
  });
  const { relay } = tenant.headers;
  // What the sender wrote may tell who it is (RFC 3323 §4.1).
  return { targets, options: { contact: '', relayHeaders: anonymous ? [] : [...relay.all, ...relay.user] } };
}

/** Where a MESSAGE between extensions goes (RFC 3428): to every phone of the called extension or service. */
import type { MessagePlan } from '../call/index.ts';
import { dialledNumber } from '../outbound/index.ts';
import { contentFields, escapeUser, formatHost, octetsFromText, quote, type SipRequest } from '../sip/message/index.ts';
import { memberOf } from '../tenants/party.ts';
import type { Directory } from '../trunks/directory.ts';
import type { Source } from './admission.ts';
import { ANONYMOUS_ADDRESS, wantsAnonymity } from './call-context.ts';
import type { Contact } from './registrations.ts';

export interface MessageFacts {
  readonly request: SipRequest;
  readonly source: Exclude<Source, { kind: 'trunk' | 'node' }>;
  readonly directory: Directory;
  /** Where a number of the sender's tenant is registered. */
  readonly contacts: (number: string) => readonly Contact[];
  readonly userAgent: string;
}

/** Undefined: there is nobody of that number. A plan without targets: nobody is registered. */
export function planMessage({
  request,
  source,
  directory,
  contacts,
  userAgent,
}: MessageFacts): MessagePlan | undefined {
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

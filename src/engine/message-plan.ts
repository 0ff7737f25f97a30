/** Where a MESSAGE between extensions goes (RFC 3428): to every phone of the called extension or service. */
import type { MessagePlan } from '../call/index.ts';
import { dialledNumber, relayedNames } from '../outbound/index.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import { memberOf } from '../provisioning/tenants/party.ts';
import { nameOf } from '../registrar/index.ts';
import { contentFields, HeaderId, type LegDraft, octetsFromText, type SipRequest } from '../sip/message/index.ts';
import type { Source } from './admit/admission.ts';
import type { Contact } from './registrations.ts';
import { ANONYMOUS_ADDRESS, wantsAnonymity } from './route/call-context.ts';
import { partyAddress } from './route/party-address.ts';

export type MessageTarget = MessagePlan['targets'][number];

/** What a contact is sent, however it is reached. */
export function targetOf(
  { binding, reached: { to, through, pastFlow } }: Contact,
  { headers, ...content }: Pick<LegDraft, 'from' | 'to' | 'headers' | 'body'>,
): MessageTarget {
  const { requestUri, path: routes } = binding;
  const passes = through === undefined ? [] : [through.pass(nameOf(binding))];
  return {
    to,
    draft: { requestUri, ...content, contact: '', routes, headers: [...headers, ...passes] },
    ...(pastFlow !== undefined && { pastFlow }),
  };
}

export interface MessageToPlan {
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
}: MessageToPlan): MessagePlan | undefined {
  const { tenant } = source;
  const number = dialledNumber(request.uri());
  const called = directory.member(tenant.name, number);
  if (called === undefined || !called.enabled) return undefined;
  const sender = memberOf(source);
  const name = request.from().displayName ?? octetsFromText(sender.name ?? '');
  const anonymous = wantsAnonymity(request);
  const type = request.headers.value(HeaderId.ContentType) ?? '';
  // RFC 3261 §20.15: a body of no octets has a type as well.
  const described = request.body === '' && type !== '' ? [['Content-Type', type] as const] : contentFields(request);
  const content = {
    from: anonymous ? ANONYMOUS_ADDRESS : partyAddress(tenant, sender.number, name),
    to: partyAddress(tenant, number),
    headers: [['User-Agent', userAgent] as const, ...described],
    body: request.body,
  };
  const targets = contacts(number).map((contact) => targetOf(contact, content));
  // What the sender wrote may tell who it is (RFC 3323 §4.1).
  const options = { contact: '', relayHeaders: anonymous ? [] : relayedNames(tenant).user };
  return { targets, options, ownCallId: anonymous };
}

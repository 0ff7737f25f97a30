/** What Meta posts to us: whose it is, and what it says. Pure. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { defined } from '../base/defined.ts';
import type { Content, MediaKind, Status } from './message.ts';
import { MEDIA_KINDS } from './message.ts';
import { isUserId } from './user.ts';

/** Whether the octets were signed with the app's secret (`X-Hub-Signature-256`); the time that it takes says nothing of the secret. */
export function isSigned(body: Uint8Array, header: string | undefined, appSecret: string): boolean {
  const given = /^sha256=([0-9a-fA-F]{64})$/.exec(header ?? '')?.[1];
  if (given === undefined) return false;
  const wanted = createHmac('sha256', appSecret).update(body).digest();
  return timingSafeEqual(Buffer.from(given, 'hex'), wanted);
}

/** Whether two texts are the same, in a time that does not tell where they differ. */
export function isSameText(given: string, wanted: string): boolean {
  const digest = (text: string) => createHmac('sha256', 'compare').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

/** Somebody wrote. */
export interface InboundFact {
  readonly kind: 'message';
  readonly accountId: string;
  readonly phoneNumberId: string;
  readonly remoteId: string;
  /** The user's number, or its id where it shows none. */
  readonly from: string;
  /** Its id, where Meta gives one beside the number. */
  readonly userId: string | undefined;
  readonly name: string | undefined;
  readonly atMs: number;
  readonly content: Content;
  readonly contextId: string | undefined;
}

/** What became of a message of ours. */
export interface StatusFact {
  readonly kind: 'status';
  readonly accountId: string;
  readonly phoneNumberId: string;
  readonly remoteId: string;
  /** What we called the message when we sent it. */
  readonly reference: string | undefined;
  readonly status: Status;
}

export type Fact = InboundFact | StatusFact;

type Json = Readonly<Record<string, unknown>>;

/** Meta posts a thousand at most. */
export const MAX_FACTS = 10_000;

/**
 * What a notification says, {@link MAX_FACTS} at most; undefined when it is none. What cannot be understood in it is left out and counted, and
 * counts as one of them.
 */
export function factsOf(body: Uint8Array): { readonly facts: readonly Fact[]; readonly unknown: number } | undefined {
  const root = parse(body);
  if (root === undefined || root['object'] !== 'whatsapp_business_account' || !Array.isArray(root['entry']))
    return undefined;
  const facts: Fact[] = [];
  let unknown = 0;
  for (const fact of factsIn(root['entry'])) {
    if (fact === undefined) unknown++;
    else facts.push(fact);
    if (facts.length + unknown === MAX_FACTS) break;
  }
  return { facts, unknown };
}

function* factsIn(entries: unknown): Generator<Fact | undefined> {
  for (const entry of objects(entries)) {
    for (const change of objects(entry['changes'])) {
      const value = object(change['value']);
      if (change['field'] !== 'messages' || value === undefined) {
        yield undefined;
        continue;
      }
      const where = {
        accountId: text(entry['id']) ?? '',
        phoneNumberId: text(object(value['metadata'])?.['phone_number_id']) ?? '',
      };
      const contacts = contactsOf(value['contacts']);
      for (const message of objects(value['messages'])) yield inboundFact(message, contacts, where);
      for (const status of objects(value['statuses'])) yield statusFact(status, where);
    }
  }
}

/** By number and by id, and by '' the first of them. */
function contactsOf(value: unknown): ReadonlyMap<unknown, Json> {
  const contacts = new Map<unknown, Json>();
  for (const contact of objects(value))
    for (const name of ['', contact['wa_id'], contact['user_id']]) if (!contacts.has(name)) contacts.set(name, contact);
  return contacts;
}

function inboundFact(
  message: Json,
  contacts: ReadonlyMap<unknown, Json>,
  where: { accountId: string; phoneNumberId: string },
): InboundFact | undefined {
  const remoteId = text(message['id']);
  const userId = text(message['from_user_id']);
  const from = text(message['from']) ?? userId;
  if (remoteId === undefined || from === undefined || !/^[A-Za-z0-9._-]{1,128}$/.test(from)) return undefined;
  const contact = contacts.get(from) ?? contacts.get('');
  return {
    kind: 'message',
    ...where,
    remoteId,
    from,
    userId: userId !== undefined && isUserId(userId) ? userId : undefined,
    name: text(object(contact?.['profile'])?.['name'])?.slice(0, 128),
    atMs: secondsIn(message['timestamp']),
    content: contentOf(message),
    contextId: text(object(message['context'])?.['id']),
  };
}

function contentOf(message: Json): Content {
  const type = text(message['type']) ?? 'unsupported';
  const part = object(message[type]) ?? {};
  if (type === 'text') return { type: 'text', text: text(part['body']) ?? '' };
  const mediaId = text(part['id']);
  if (isMediaKind(type) && mediaId !== undefined) {
    const fields = {
      mimeType: text(part['mime_type']),
      caption: text(part['caption']),
      filename: text(part['filename']),
    };
    return { type: 'media', kind: type, mediaId, ...defined(fields) };
  }
  const [latitude, longitude] = [part['latitude'], part['longitude']];
  if (type === 'location' && typeof latitude === 'number' && typeof longitude === 'number') {
    const name = text(part['name']) ?? text(part['address']);
    return { type: 'location', latitude, longitude, ...(name !== undefined && { name }) };
  }
  const to = text(part['message_id']);
  if (type === 'reaction' && to !== undefined) return { type: 'reaction', emoji: text(part['emoji']) ?? '', to };
  return { type: 'other', kind: type.slice(0, 32), text: saidIn(type, message, part) };
}

/** What of it can be said in words. */
function saidIn(type: string, message: Json, part: Json): string {
  switch (type) {
    case 'button':
      return text(part['text']) ?? text(part['payload']) ?? '';
    case 'interactive': {
      const reply = object(part['button_reply']) ?? object(part['list_reply']) ?? {};
      return text(reply['title']) ?? text(reply['id']) ?? '';
    }
    case 'system':
      return text(part['body']) ?? '';
    case 'contacts':
      return [...objects(message['contacts'])]
        .map((contact) => {
          const name = text(object(contact['name'])?.['formatted_name']) ?? '';
          const phones = [...objects(contact['phones'])].flatMap((phone) => text(phone['phone']) ?? []);
          return [name, ...phones].filter((each) => each !== '').join(' ');
        })
        .join('; ');
    default:
      return '';
  }
}

function statusFact(status: Json, where: { accountId: string; phoneNumberId: string }): StatusFact | undefined {
  const remoteId = text(status['id']);
  const state = text(status['status']);
  if (remoteId === undefined) return undefined;
  if (state !== 'sent' && state !== 'delivered' && state !== 'read' && state !== 'failed') return undefined;
  const [error] = objects(status['errors']);
  const code = error?.['code'];
  const message =
    text(object(error?.['error_data'])?.['details']) ?? text(error?.['message']) ?? text(error?.['title']);
  return {
    kind: 'status',
    ...where,
    remoteId,
    reference: text(status['biz_opaque_callback_data']),
    status: {
      state,
      atMs: secondsIn(status['timestamp']),
      ...(error !== undefined && {
        error: { code: typeof code === 'number' ? code : 0, message: (message ?? '').slice(0, 300) },
      }),
    },
  };
}

function isMediaKind(type: string): type is MediaKind {
  return (MEDIA_KINDS as readonly string[]).includes(type);
}

function parse(body: Uint8Array): Json | undefined {
  try {
    return object(JSON.parse(Buffer.from(body).toString('utf8')));
  } catch {
    return undefined;
  }
}

function object(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

function* objects(value: unknown): Generator<Json> {
  if (!Array.isArray(value)) return;
  for (const each of value as readonly unknown[]) {
    const found = object(each);
    if (found !== undefined) yield found;
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function secondsIn(value: unknown): number {
  const seconds = Number(value);
  return Number.isFinite(seconds) && seconds > 0 ? Math.trunc(seconds * 1000) : 0;
}

/** The WhatsApp Cloud API as the business asks it. */
import { createHash } from 'node:crypto';
import { EgressError } from '../base/egress.ts';
import type { Answered, GuardedClient } from '../observe/index.ts';
import { isProtected } from '../provisioning/trunk-settings/whatsapp.ts';
import { DEFAULT_API_BASE } from '../provisioning/trunk-settings/whatsapp-schema.ts';
import { type CloudError, type CloudVerdict, verdictOf } from './cloud-errors.ts';
import type { Content } from './message.ts';
import type { WhatsappAccount } from './numbers.ts';
import { safeMimeType } from './phone-content.ts';
import { isUserId } from './user.ts';

const ANSWER_OCTETS = 256 * 1024;
const TIMEOUT_MS = 15_000;
const MEDIA_TIMEOUT_MS = 60_000;
const NOT_FOUND = 404;

export type SendResult =
  | { readonly kind: 'sent'; readonly remoteId: string }
  | { readonly kind: 'error'; readonly error: CloudError; readonly verdict: CloudVerdict }
  /** It may have been taken: the answer never came. */
  | { readonly kind: 'unknown'; readonly reason: string }
  /** It was not: nothing left. */
  | { readonly kind: 'unreached'; readonly reason: string };

export interface MediaFile {
  readonly mimeType: string;
  readonly body: Buffer;
}

export class CloudApi {
  readonly #client: GuardedClient;

  constructor(client: GuardedClient) {
    this.#client = client;
  }

  /** `to` is a user's number or id; `reference` comes back in what the API says of the message later. */
  async send(
    settings: WhatsappAccount,
    message: { to: string; content: Content; contextId: string | undefined; reference: string },
  ): Promise<SendResult> {
    const { to, content, contextId, reference } = message;
    const result = await this.#post(settings, {
      messaging_product: 'whatsapp',
      recipient_type: 'individual',
      ...(isUserId(to) ? { recipient: to } : { to }),
      biz_opaque_callback_data: reference,
      ...(contextId !== undefined && { context: { message_id: contextId } }),
      ...contentFields(content),
    });
    if (!('status' in result)) return result;
    const remoteId = idIn(jsonOf(result));
    return remoteId === undefined
      ? { kind: 'unknown', reason: 'the answer names no message' }
      : { kind: 'sent', remoteId };
  }

  /** Tells that a person has read a message of theirs. */
  async markRead(settings: WhatsappAccount, remoteId: string): Promise<SendResult> {
    const result = await this.#post(settings, { messaging_product: 'whatsapp', status: 'read', message_id: remoteId });
    return 'status' in result ? { kind: 'sent', remoteId } : result;
  }

  /** Whether the token is good for the number. */
  async check(settings: WhatsappAccount): Promise<CloudError | undefined> {
    const answered = await this.#client.ask({
      owner: settings.owner,
      method: 'GET',
      url: `${urlOf(settings, settings.phoneNumberId)}?fields=id,display_phone_number,verified_name`,
      headers: headersOf(settings),
      maxOctets: ANSWER_OCTETS,
      timeoutMs: TIMEOUT_MS,
    });
    return answered.status === 200 ? undefined : errorOf(answered);
  }

  /** Has a file taken by the API; its id there. */
  async upload(settings: WhatsappAccount, mimeType: string, body: Uint8Array): Promise<string | CloudError> {
    const form = new FormData();
    form.set('messaging_product', 'whatsapp');
    form.set('type', mimeType);
    form.set('file', new Blob([Uint8Array.from(body)], { type: mimeType }), 'file');
    const encoded = new Response(form);
    const answered = await this.#client.ask({
      owner: settings.owner,
      method: 'POST',
      url: urlOf(settings, `${settings.phoneNumberId}/media`),
      headers: { ...headersOf(settings), 'content-type': encoded.headers.get('content-type') ?? '' },
      body: new Uint8Array(await encoded.arrayBuffer()),
      maxOctets: ANSWER_OCTETS,
      timeoutMs: MEDIA_TIMEOUT_MS,
    });
    const id = jsonOf(answered)['id'];
    return answered.status === 200 && typeof id === 'string' ? id : errorOf(answered);
  }

  /** Fetches a file by its id; the address that the API gives for it is good for minutes. Throws an Error that says why not. */
  async media(settings: WhatsappAccount, mediaId: string, maxOctets: number): Promise<MediaFile | undefined> {
    const headers = headersOf(settings);
    const found = await this.#client.ask({
      owner: settings.owner,
      method: 'GET',
      url: urlOf(settings, encodeURIComponent(mediaId)),
      headers,
      maxOctets: ANSWER_OCTETS,
      timeoutMs: TIMEOUT_MS,
    });
    if (found.status === NOT_FOUND) return undefined;
    const { url, mime_type: mimeType, sha256, file_size: size } = jsonOf(found);
    if (found.status !== 200 || typeof url !== 'string') throw new Error(errorOf(found).message);
    if (!isProtected(url)) throw new Error('the file is not offered over https');
    if (typeof size === 'number' && size > maxOctets) throw new Error(`the file has more than ${maxOctets} octets`);
    const { owner } = settings;
    const file = await this.#client.ask({ owner, method: 'GET', url, headers, maxOctets, timeoutMs: MEDIA_TIMEOUT_MS });
    if (file.status !== 200) throw new Error(`the file was answered ${file.status}`);
    if (typeof sha256 === 'string' && !isDigest(file.body, sha256))
      throw new Error('the file is not the one announced');
    return { mimeType: safeMimeType(typeof mimeType === 'string' ? mimeType : undefined), body: file.body };
  }

  async #post(settings: WhatsappAccount, body: object): Promise<Answered | Exclude<SendResult, { kind: 'sent' }>> {
    let answered: Answered;
    try {
      answered = await this.#client.ask({
        owner: settings.owner,
        method: 'POST',
        url: urlOf(settings, `${settings.phoneNumberId}/messages`),
        headers: { ...headersOf(settings), 'content-type': 'application/json' },
        body: JSON.stringify(body),
        maxOctets: ANSWER_OCTETS,
        timeoutMs: TIMEOUT_MS,
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { kind: neverLeft(error) ? 'unreached' : 'unknown', reason };
    }
    if (answered.status >= 200 && answered.status < 300) return answered;
    const error = errorOf(answered);
    return { kind: 'error', error, verdict: verdictOf(error) };
  }
}

function urlOf({ apiBase = DEFAULT_API_BASE }: WhatsappAccount, path: string): string {
  return `${apiBase.replace(/\/+$/, '')}/${path}`;
}

function headersOf({ accessToken }: WhatsappAccount): Record<string, string> {
  return { authorization: `Bearer ${accessToken}`, 'user-agent': 'tandem', accept: 'application/json' };
}

function contentFields(content: Content): object {
  switch (content.type) {
    case 'text':
      return { type: 'text', text: { preview_url: false, body: content.text } };
    case 'media': {
      const { kind, mediaId, link, caption, filename } = content;
      const file = {
        ...(mediaId === undefined ? { link } : { id: mediaId }),
        ...(caption !== undefined && kind !== 'audio' && kind !== 'sticker' && { caption }),
        ...(filename !== undefined && kind === 'document' && { filename }),
      };
      return { type: kind, [kind]: file };
    }
    case 'template': {
      const { name, language, parameters } = content;
      const body = { type: 'body', parameters: parameters.map((text) => ({ type: 'text', text })) };
      const components = parameters.length === 0 ? {} : { components: [body] };
      return { type: 'template', template: { name, language: { code: language }, ...components } };
    }
    case 'location': {
      const { latitude, longitude, name } = content;
      return { type: 'location', location: { latitude, longitude, ...(name !== undefined && { name }) } };
    }
    case 'reaction':
      return { type: 'reaction', reaction: { message_id: content.to, emoji: content.emoji } };
    case 'other':
      return { type: 'text', text: { preview_url: false, body: content.text } };
  }
}

function jsonOf({ body }: Answered): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function idIn({ messages }: Record<string, unknown>): string | undefined {
  const id = Array.isArray(messages) ? (messages[0] as { id?: unknown } | undefined)?.id : undefined;
  return typeof id === 'string' && id !== '' ? id : undefined;
}

function errorOf(answered: Answered): CloudError {
  const { error } = jsonOf(answered) as { error?: Record<string, unknown> };
  const details = (error?.['error_data'] as { details?: unknown } | undefined)?.details;
  const said = typeof details === 'string' ? details : error?.['message'];
  const message = typeof said === 'string' ? said.slice(0, 300) : `the Cloud API answered ${answered.status}`;
  const seconds = Number(answered.headers['retry-after']);
  const retryAfterMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined;
  return { code: codeOf(error?.['code'], answered.status), message, retryAfterMs };
}

/** Where the body says nothing, the status does. */
function codeOf(code: unknown, status: number): number {
  if (typeof code === 'number') return code;
  if (status === 401) return 190;
  if (status === 429) return 130429;
  return status >= 500 ? 2 : 100;
}

function isDigest(body: Buffer, sha256: string): boolean {
  const digest = createHash('sha256').update(body).digest();
  return sha256 === digest.toString('hex') || sha256 === digest.toString('base64');
}

const NEVER_LEFT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

function neverLeft(error: unknown): boolean {
  return error instanceof EgressError || NEVER_LEFT.has(String((error as NodeJS.ErrnoException).code));
}

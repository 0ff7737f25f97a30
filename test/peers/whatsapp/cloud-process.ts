/**
 * A double of the WhatsApp Cloud API, a process of its own: it refuses what the real one refuses (README.md lists the facts) and posts to
 * the webhook it is given, signed, until that answers 200. Tests steer it under `/_test/…`. Prints `listening PORT`.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

interface Settings {
  token: string;
  appSecret: string;
  phoneNumberId: string;
  accountId: string;
  number: string;
  /** Messages a second of the number; more are refused. */
  perSecond: number;
  /** Milliseconds between two messages to one user; 0: any. */
  pairMs: number;
  /** Statuses that follow a message that was taken. */
  statuses: string[];
  /** Every notification is posted this often. */
  copies: number;
  /** Statuses are posted in the opposite order. */
  reversed: boolean;
  /** Users that are not at WhatsApp. */
  unknown: string[];
  templates: string[];
  /** Error code for whatever is sent, 0: none. */
  failWith: number;
  /** How many messages are refused so; -1: all. */
  failTimes: number;
  /** Takes messages and closes the connection in place of answering. */
  mute: boolean;
}

interface Taken {
  id: string;
  to: string;
  body: Record<string, unknown>;
  atMs: number;
}

const settings: Settings = {
  token: 'token-1',
  appSecret: 'app-secret',
  phoneNumberId: '1001',
  accountId: '2002',
  number: '14155550160',
  perSecond: 80,
  pairMs: 0,
  statuses: ['sent', 'delivered'],
  copies: 1,
  reversed: false,
  unknown: [],
  templates: ['hello_world'],
  failWith: 0,
  failTimes: -1,
  mute: false,
};
const WINDOW_MS = 86_400_000;
const URL_GOOD_MS = 300_000;
const FIRST_RETRY_MS = 200;

let hook: string | undefined;
const taken: Taken[] = [];
const readMarks: string[] = [];
const refused: { code: number; path: string }[] = [];
/** When each user wrote last, and the ids of what they wrote. */
const heardMs = new Map<string, number>();
const theirs = new Set<string>();
const lastToMs = new Map<string, number>();
const media = new Map<string, { mimeType: string; body: Buffer }>();
const mediaUrls = new Map<string, { id: string; untilMs: number }>();
/** The latest second and how many were taken in it. */
let second = 0;
let inSecond = 0;
let outstanding = 0;

class Refusal extends Error {
  readonly status: number;
  readonly code: number;
  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const KINDS = [
  'text',
  'image',
  'audio',
  'video',
  'document',
  'sticker',
  'location',
  'reaction',
  'template',
  'interactive',
  'contacts',
];

function requireToken(request: IncomingMessage): void {
  if (request.headers.authorization !== `Bearer ${settings.token}`)
    throw new Refusal(401, 190, 'Invalid OAuth access token - Cannot parse access token');
}

function required(condition: boolean, what: string): void {
  if (!condition) throw new Refusal(400, 100, `(#100) ${what}`);
}

/** POST /{phone-number-id}/messages. */
function takeMessage(body: Record<string, unknown>): object {
  required(body['messaging_product'] === 'whatsapp', 'The parameter messaging_product is required.');
  if (body['status'] === 'read') {
    required(theirs.has(String(body['message_id'])), 'Invalid parameter: message_id');
    readMarks.push(String(body['message_id']));
    return { success: true };
  }
  if (settings.failWith !== 0 && settings.failTimes !== 0) {
    if (settings.failTimes > 0) settings.failTimes--;
    const status = settings.failWith === 130429 ? 429 : 400;
    throw new Refusal(status, settings.failWith, `(#${settings.failWith}) as the test wants`);
  }
  const isId = body['to'] === undefined && body['recipient'] !== undefined;
  const to = String((isId ? body['recipient'] : body['to']) ?? '');
  const type = String(body['type'] ?? 'text');
  if (isId) required(/^[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]+$/.test(to), 'The parameter recipient must be a user id');
  else required(/^[1-9][0-9]{5,14}$/.test(to), 'The parameter to must be digits with country code');
  if (!KINDS.includes(type)) throw new Refusal(400, 131051, 'Unsupported message type');
  const part = body[type] as Record<string, unknown> | undefined;
  if (part === undefined) throw new Refusal(400, 131008, `Required parameter is missing: ${type}`);
  checkPart(type, part);
  if (settings.unknown.includes(to)) throw new Refusal(400, 131026, 'Message undeliverable');
  const nowMs = Date.now();
  if (type !== 'template' && nowMs - (heardMs.get(to) ?? 0) > WINDOW_MS)
    throw new Refusal(400, 131047, 'Re-engagement message: more than 24 hours have passed');
  if (nowMs - (lastToMs.get(to) ?? 0) < settings.pairMs) throw new Refusal(400, 131056, 'Pair rate limit hit');
  const thisSecond = Math.floor(nowMs / 1000);
  if (thisSecond !== second) [second, inSecond] = [thisSecond, 0];
  if (inSecond >= settings.perSecond) throw new Refusal(429, 130429, 'Rate limit hit');
  inSecond++;
  lastToMs.set(to, nowMs);
  const id = `wamid.${randomBytes(18).toString('base64url')}`;
  taken.push({ id, to, body, atMs: nowMs });
  const facts = settings.statuses.map((status) => ({
    id,
    status,
    timestamp: String(Math.floor(nowMs / 1000)),
    ...(isId ? { recipient_user_id: to } : { recipient_id: to }),
    ...(body['biz_opaque_callback_data'] !== undefined && {
      biz_opaque_callback_data: body['biz_opaque_callback_data'],
    }),
    ...(status === 'failed' && {
      errors: [{ code: 131047, title: 'Re-engagement message', error_data: { details: 'too late' } }],
    }),
  }));
  for (const fact of settings.reversed ? facts.reverse() : facts) notify({ statuses: [fact] });
  const contact = isId ? { input: to, user_id: to } : { input: to, wa_id: to };
  return { messaging_product: 'whatsapp', contacts: [contact], messages: [{ id }] };
}

function checkPart(type: string, part: Record<string, unknown>): void {
  if (type === 'text') {
    const text = String(part['body'] ?? '');
    required(text.length >= 1 && text.length <= 4096, 'Param text["body"] must be at most 4096 characters long.');
  }
  if (['image', 'audio', 'video', 'document', 'sticker'].includes(type)) {
    const known = typeof part['id'] === 'string' && media.has(part['id']);
    required(known || /^https?:\/\//.test(String(part['link'] ?? '')), `Param ${type} must have a known id or a link`);
  }
  if (type === 'template') {
    const { name, language } = part as { name?: string; language?: { code?: string } };
    if (!settings.templates.includes(name ?? '') || language?.code === undefined)
      throw new Refusal(404, 132001, 'Template name does not exist in the translation');
  }
}

function notify(value: object): void {
  const body = JSON.stringify({
    object: 'whatsapp_business_account',
    entry: [
      {
        id: settings.accountId,
        changes: [
          {
            field: 'messages',
            value: {
              messaging_product: 'whatsapp',
              metadata: { display_phone_number: settings.number, phone_number_id: settings.phoneNumberId },
              ...value,
            },
          },
        ],
      },
    ],
  });
  for (let copy = 0; copy < settings.copies; copy++) void post(body, FIRST_RETRY_MS);
}

/** Until it is taken, less and less often, as long as this process lives. */
async function post(body: string, retryMs: number): Promise<void> {
  outstanding++;
  for (;;) {
    const signature = createHmac('sha256', settings.appSecret).update(body).digest('hex');
    const status = await fetch(hook ?? 'http://127.0.0.1:1/', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-hub-signature-256': `sha256=${signature}` },
      body,
    }).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 200) break;
    await new Promise((resolve) => setTimeout(resolve, retryMs));
    retryMs = Math.min(retryMs * 1.5, 5_000);
  }
  outstanding--;
}

/** What a user writes: one with a number, or one that shows its id alone. */
function inbound({ from, name, message }: { from: string; name?: string; message: Record<string, unknown> }): object {
  const id = String(message['id'] ?? `wamid.${randomBytes(18).toString('base64url')}`);
  const isId = !/^[0-9]+$/.test(from);
  heardMs.set(from, Date.now());
  theirs.add(id);
  const timestamp = String(message['timestamp'] ?? Math.floor(Date.now() / 1000));
  notify({
    contacts: [{ profile: { name: name ?? 'Somebody' }, ...(isId ? { user_id: from } : { wa_id: from }) }],
    messages: [{ ...message, ...(isId ? { from_user_id: from } : { from }), id, timestamp }],
  });
  return { id };
}

function addMedia(mimeType: string, body: Buffer): object {
  const id = String(randomBytes(6).readUIntBE(0, 6));
  media.set(id, { mimeType, body });
  return { id, mime_type: mimeType, sha256: createHash('sha256').update(body).digest('base64') };
}

function mediaFacts(id: string, host: string): object {
  const file = media.get(id);
  if (file === undefined) throw new Refusal(404, 100, 'Object does not exist');
  const token = randomBytes(12).toString('hex');
  mediaUrls.set(token, { id, untilMs: Date.now() + URL_GOOD_MS });
  return {
    messaging_product: 'whatsapp',
    url: `http://${host}/_files/${token}`,
    mime_type: file.mimeType,
    sha256: createHash('sha256').update(file.body).digest('hex'),
    file_size: file.body.length,
    id,
  };
}

function serveFile(token: string, response: ServerResponse): void {
  const found = mediaUrls.get(token);
  const file = found === undefined || found.untilMs < Date.now() ? undefined : media.get(found.id);
  if (file === undefined) throw new Refusal(404, 100, 'The link is not good any more');
  response.writeHead(200, { 'content-type': file.mimeType }).end(file.body);
}

/** One file of a multipart form, as the API takes it. */
function upload(contentType: string, body: Buffer): object {
  const boundary = /boundary=([^;]+)/.exec(contentType)?.[1] ?? '';
  required(boundary !== '', 'multipart/form-data is needed');
  const text = body.toString('latin1');
  required(text.includes('name="messaging_product"\r\n\r\nwhatsapp'), 'The parameter messaging_product is required.');
  const type = /name="type"\r\n\r\n([^\r]+)/.exec(text)?.[1];
  const file = /name="file"; filename="[^"]*"\r\n[\s\S]*?\r\n\r\n([\s\S]*?)\r\n--/.exec(text)?.[1];
  required(type !== undefined && file !== undefined, 'type and file are required');
  const { id } = addMedia(type ?? '', Buffer.from(file ?? '', 'latin1')) as { id: string };
  return { id };
}

/** How a person at Meta's console enters a webhook: it is asked for the challenge first. */
async function subscribe(url: string, verifyToken: string): Promise<object> {
  const challenge = randomBytes(8).toString('hex');
  const asked = `${url}?hub.mode=subscribe&hub.verify_token=${encodeURIComponent(verifyToken)}&hub.challenge=${challenge}`;
  const response = await fetch(asked);
  const text = await response.text();
  if (response.status !== 200 || text !== challenge)
    throw new Refusal(400, 2200, `The callback verification failed: ${response.status} ${text.slice(0, 80)}`);
  hook = url;
  return { success: true };
}

async function test(action: string, body: Record<string, unknown>): Promise<object> {
  switch (action) {
    case 'settings':
      Object.assign(settings, body);
      return settings;
    case 'subscribe':
      return subscribe(String(body['url']), String(body['verifyToken']));
    case 'inbound':
      return inbound(body as Parameters<typeof inbound>[0]);
    case 'heard':
      heardMs.set(String(body['from']), Number(body['atMs']));
      return {};
    case 'media':
      return addMedia(String(body['mimeType']), Buffer.from(String(body['base64']), 'base64'));
    case 'status':
      notify({ statuses: [body] });
      return {};
    case 'taken':
      return { taken, readMarks, refused, outstanding, heard: heardMs.size };
    default:
      throw new Refusal(404, 0, action);
  }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const octets = Buffer.concat(chunks);
  const json = () => (octets.length === 0 ? {} : (JSON.parse(octets.toString('utf8')) as Record<string, unknown>));
  const path = new URL(request.url ?? '/', 'http://double').pathname;
  const send = (body: object) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (path.startsWith('/_test/')) {
    send(await test(path.slice('/_test/'.length), json()));
    return;
  }
  requireToken(request);
  if (path.startsWith('/_files/')) {
    serveFile(path.slice('/_files/'.length), response);
    return;
  }
  // The version first: /v23.0/…
  const [version = '', object = '', edge] = path.slice(1).split('/');
  if (!/^v[0-9]+\.[0-9]$/.test(version)) throw new Refusal(404, 2500, 'Unknown path components');
  if (request.method === 'GET' && edge === undefined) {
    send(
      object === settings.phoneNumberId
        ? { id: object, display_phone_number: settings.number, verified_name: 'Acme' }
        : mediaFacts(object, request.headers.host ?? ''),
    );
    return;
  }
  if (object !== settings.phoneNumberId) throw new Refusal(400, 100, 'Unsupported post request. Object does not exist');
  if (edge === 'media') {
    send(upload(request.headers['content-type'] ?? '', octets));
    return;
  }
  if (edge !== 'messages' || request.method !== 'POST') throw new Refusal(400, 2500, 'Unknown path components');
  const took = takeMessage(json());
  if (settings.mute) request.socket.destroy();
  else send(took);
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    const { status, code, message } =
      error instanceof Refusal
        ? error
        : { status: 500, code: 131000, message: `Something went wrong: ${String(error)}` };
    refused.push({ code, path: request.url ?? '' });
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: { message, type: 'OAuthException', code, fbtrace_id: 'x' } }));
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`listening ${typeof address === 'object' ? address?.port : ''}\n`);
});

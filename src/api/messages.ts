import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { defined } from '../base/defined.ts';
import { FailureCounter } from '../base/failure-counter.ts';
import { byDefault, optional } from '../base/schema.ts';
import { MEDIA_KINDS, type Message, peerOf, viewOf } from '../messages/index.ts';
import type { MessageFacts } from '../observe/index.ts';
import { maySeeTenant, tenantScope } from './access.ts';
import { keyText, visibleTenant } from './collection.ts';
import { type ApiContext, answer, identityOf } from './context.ts';
import { ofTenantQuery } from './of-tenant.ts';
import { body, named } from './openapi.ts';
import { operation } from './operation.ts';
import { pageOf } from './paging.ts';
import type { MessagesPort } from './ports.ts';
import { ApiProblem, invalid, notFound, notNow } from './problem.ts';
import { sourceOf } from './source.ts';
import type { Identity } from './tokens.ts';

const MAX_NOTIFICATION_OCTETS = 4 * 1024 * 1024;
/** Wrong signatures and tokens of one address within a minute, before it is not listened to any more. */
const WRONG_SIGNATURES = { failures: 30, windowMs: 60_000 };
const words = z.string().min(1).max(4096);
const link = z.url({ protocol: /^https?$/ }).max(2048);

const recipient = z
  .string()
  .max(128)
  .refine((text) => peerOf(text) !== undefined, {
    error: 'must be a telephone number with its country code, or a WhatsApp user id such as US.13491208655302741918',
  });

const messageSchema = z
  .strictObject({
    tenant: optional(keyText, 'Whose message it is; a tenant admin may leave it out.'),
    trunk: optional(
      keyText,
      "Name or id of the WhatsApp trunk that sends it; default: the tenant's, where it has one.",
    ),
    to: recipient.describe(
      "The user's number, with its country code; or its id at WhatsApp, where it shows no number.",
    ),
    text: optional(words, 'What to say.'),
    media: optional(
      z.strictObject({
        kind: z.enum(MEDIA_KINDS).describe('What it is.'),
        link: link.describe('Where WhatsApp fetches the file.'),
        caption: optional(z.string().max(1024), 'Words below it.'),
        filename: optional(z.string().max(240), 'Name of a document.'),
      }),
      'Or a file.',
    ),
    template: optional(
      z.strictObject({
        name: z
          .string()
          .regex(/^[a-z0-9_]{1,512}$/, { error: 'must be lower-case letters, digits and _' })
          .describe('Name of an approved template.'),
        language: z
          .string()
          .regex(/^[A-Za-z_]{2,15}$/, { error: 'must be a language such as en_US' })
          .describe('Its language.'),
        parameters: byDefault([], z.array(words).max(50), 'What stands in its body for {{1}}, {{2}} …, in order.'),
      }),
      'Or a template: the only thing that reaches somebody who has not written for a day.',
    ),
    answers: optional(z.string().max(256), 'WhatsApp id (`remoteId`) of the message that it answers.'),
    key: optional(
      z.string().regex(/^[\x21-\x7e]{1,128}$/),
      'What the sender calls it: asked twice with one key, it is sent once.',
    ),
  })
  .refine(({ text, media, template }) => [text, media, template].filter((each) => each !== undefined).length === 1, {
    error: 'needs one of text, media and template',
    path: ['text'],
  });

const questionSchema = z
  .strictObject({
    tenant: optional(keyText, 'Whose message it is; a tenant admin may leave it out.'),
    from: keyText.describe("Extension or service that writes; with `trunk` the user's number."),
    to: optional(keyText, "The user's number, as a phone would write to it."),
    trunk: optional(keyText, 'Of a message that comes in: name or id of its WhatsApp trunk.'),
    template: byDefault(false, z.boolean(), 'It is a template.'),
  })
  .refine(({ to, trunk }) => (to === undefined) !== (trunk === undefined), {
    error: 'say `to` of a message that a phone writes, or `trunk` of one that comes in',
    path: ['to'],
  });

/** Messages between phones and WhatsApp: sent, listed, read; what Meta posts; files behind signed links. */
export function messageRoutes(app: FastifyInstance, context: ApiContext): void {
  const { messages } = context;
  sendRoute(app, context, messages);
  explainRoute(app, context, messages);
  readRoutes(app, messages);
  mediaRoute(app, messages);
  // In a scope of its own: what is signed are the octets.
  void app.register(async (own) => hookRoutes(own, context, messages));
}

function sendRoute(app: FastifyInstance, context: ApiContext, messages: MessagesPort): void {
  operation(app, 'sendMessage', {
    body: body('MessageInput', messageSchema),
    answers: { 202: answer('Kept, and sent as soon as WhatsApp takes it', named('Message')) },
  }).by(async (request, reply) => {
    const wanted = request.body;
    const identity = identityOf(request);
    const tenant = tenantOf(context, identity, wanted.tenant);
    const sent = await messages.send({
      tenant,
      trunk: wanted.trunk,
      to: wanted.to,
      content: contentOf(wanted),
      contextId: wanted.answers,
      key: wanted.key,
    });
    if (typeof sent === 'string') throw invalid([{ code: 'trunk-unknown', path: 'trunk', message: sent }]);
    return reply.code(202).header('location', `/api/v1/messages/${sent.id}`).send(shown(messages, sent));
  });
}

function explainRoute(app: FastifyInstance, context: ApiContext, messages: MessagesPort): void {
  operation(app, 'explainMessage', {
    readOnly: true,
    body: body('MessageQuestion', questionSchema),
    answers: { 200: answer('The explanation', named('MessageExplanation')) },
  }).by(async (request) => {
    const { tenant: asked, from, to, trunk, template } = request.body;
    const tenant = tenantOf(context, identityOf(request), asked);
    const explanation = await messages.explain({ tenant, from, to, trunk, isTemplate: template });
    if (typeof explanation === 'string')
      throw invalid([{ code: 'not-there', path: trunk === undefined ? 'from' : 'trunk', message: explanation }]);
    return explanation;
  });
}

function contentOf({ text, media, template }: z.infer<typeof messageSchema>) {
  if (media !== undefined) {
    const { kind, link: at, caption, filename } = media;
    return { type: 'media', kind, link: at, ...defined({ caption, filename }) } as const;
  }
  if (template !== undefined) return { type: 'template', ...template } as const;
  return { type: 'text', text: text ?? '' } as const;
}

function tenantOf(context: ApiContext, identity: Identity, asked: string | undefined): string {
  const tenant = asked ?? identity.tenant;
  if (tenant === undefined)
    throw invalid([{ code: 'tenant-missing', path: 'tenant', message: 'say whose message it is' }]);
  return visibleTenant(identity, context.provisioning.current().state, tenant).name;
}

function readRoutes(app: FastifyInstance, messages: MessagesPort): void {
  operation(app, 'listMessages', { querystring: ofTenantQuery, answers: { 200: pageOf(named('Message')) } }).by(
    async (request) => {
      const { limit, offset, tenant } = request.query;
      const { items, total } = await messages.list(tenantScope(identityOf(request), tenant), offset, limit);
      return { items: items.map((message) => shown(messages, message)), total, offset, limit };
    },
  );
  operation(app, 'getMessage', {
    params: z.strictObject({ id: keyText.describe("The message's id.") }),
    answers: { 200: answer('The message', named('Message')) },
  }).by(async (request) => {
    const { id } = request.params;
    const message = await messages.message(id);
    if (message === undefined || !maySeeTenant(identityOf(request), message.tenant)) throw notFound(`message ${id}`);
    return shown(messages, message);
  });
}

function shown(messages: MessagesPort, message: Message): MessageFacts {
  return viewOf(message, messages.trunkName(message), messages.urlOf(message));
}

function mediaRoute(app: FastifyInstance, messages: MessagesPort): void {
  operation(app, 'getMessageMedia', {
    access: 'public',
    params: z.strictObject({
      trunkId: keyText.describe("The trunk's id."),
      mediaId: z.string().min(1).max(256).describe('Id of the file at WhatsApp.'),
    }),
    querystring: z.strictObject({
      until: z.coerce.number().int().min(0).describe('Until when the link is good, seconds.'),
      signature: z.string().max(128).describe('Of the link.'),
    }),
    answers: {
      200: { description: 'The file', content: { 'application/octet-stream': { schema: { type: 'string' } } } },
    },
  }).by(async (request, reply) => {
    const { trunkId, mediaId } = request.params;
    const { until, signature } = request.query;
    const file = await messages.media(trunkId, mediaId, until, signature).catch((error: Error) => {
      throw new ApiProblem(502, 'media-not-fetched', `the file cannot be fetched: ${error.message}`);
    });
    if (file === 'gone') throw notFound('file');
    if (file === 'busy') throw notNow(503, 'busy', 'too many files are being fetched', 5);
    return (
      reply
        .type(file.mimeType)
        // It is somebody else's file: shown or kept, never run.
        .header('content-security-policy', "default-src 'none'; sandbox")
        .header('cache-control', 'private, max-age=86400')
        .send(file.body)
    );
  });
}

function hookRoutes(app: FastifyInstance, context: ApiContext, messages: MessagesPort): void {
  const params = z.strictObject({ trunkId: keyText.describe("The trunk's id.") });
  const failures = new FailureCounter(context.clock, WRONG_SIGNATURES);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: MAX_NOTIFICATION_OCTETS }, (_request, octets, done) => {
    done(null, octets);
  });
  // Meta posts for all numbers from few addresses; who signs wrongly is slowed down below.
  operation(app, 'verifyWhatsappHook', {
    access: 'public',
    params,
    querystring: z.looseObject({}),
    answers: { 200: { description: 'The challenge', content: { 'text/plain': { schema: { type: 'string' } } } } },
    rateLimit: false,
  }).by((request, reply) => {
    const { trunkId } = request.params;
    const { query } = request;
    const [mode, token, challenge] = ['hub.mode', 'hub.verify_token', 'hub.challenge'].map((name) => query[name]);
    const isAsked = mode === 'subscribe' && typeof token === 'string' && typeof challenge === 'string';
    if (!isAsked || failures.isBlocked(sourceOf(request)) || !messages.verify(trunkId, token)) {
      failures.count(sourceOf(request));
      throw new ApiProblem(403, 'verify-token', 'the verify token is not the one of this trunk');
    }
    return reply.type('text/plain; charset=utf-8').send(challenge);
  });
  operation(app, 'notifyWhatsappHook', {
    access: 'public',
    params,
    answers: { 200: answer('Kept') },
    rateLimit: false,
    bodyLimit: MAX_NOTIFICATION_OCTETS,
  }).by(async (request, reply) => {
    const { trunkId } = request.params;
    if (failures.isBlocked(sourceOf(request)))
      throw notNow(429, 'too-many-failures', 'too many wrong signatures from this address', 60);
    const octets = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const signature = request.headers['x-hub-signature-256'];
    const outcome = await messages.notified(trunkId, octets, typeof signature === 'string' ? signature : undefined);
    switch (outcome) {
      // Which ids there are is nobody's to learn.
      case undefined:
      case 'wrong-signature':
        failures.count(sourceOf(request));
        throw new ApiProblem(401, 'wrong-signature', 'the signature is not one of the app secret of this trunk');
      case 'not-stored':
        throw notNow(503, 'not-stored', 'it could not be kept; post it again', 5);
      default:
        return reply.code(200).send();
    }
  });
}

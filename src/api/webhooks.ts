import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { defined } from '../base/defined.ts';
import { byDefault, optional } from '../base/schema.ts';
import { EVENT_TYPES } from '../observe/index.ts';
import { isSystemAdmin, maySeeTenant, requireSystemAdmin } from './access.ts';
import { factOf, sendResource } from './change.ts';
import { changeRecord } from './change-record.ts';
import { keyText, knownTenant } from './collection.ts';
import { type ApiContext, answer, audit, identityOf } from './context.ts';
import { entityTag, mergePatch, requireMatch, withoutSecrets } from './documents.ts';
import { ofTenantQuery, pageOfTenant } from './of-tenant.ts';
import { body, named, patchOf } from './openapi.ts';
import { operation } from './operation.ts';
import { pageOf } from './paging.ts';
import { requirePlace } from './places-per-tenant.ts';
import type { Webhook } from './ports.ts';
import { ApiProblem, forbidden, notFound } from './problem.ts';
import { check } from './validation.ts';

const idParams = z.strictObject({ id: keyText });
const TOPICS = [...EVENT_TYPES, 'call-record'] as const;
const webhookFields = {
  url: z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .max(2048)
    .refine((url) => URL.canParse(url) && new URL(url).username === '' && new URL(url).password === '', {
      error: 'must not contain credentials; check the signature instead',
    })
    .describe('Where events are posted.'),
  topics: z.array(z.enum(TOPICS)).min(1).max(TOPICS.length).describe('Which events.'),
  tenant: optional(keyText, "Only events of this tenant; a tenant admin's own when left out."),
  secret: optional(z.string().min(16).max(256), 'Key of the signature; made and shown once when left out.'),
  enabled: byDefault(true, z.boolean(), 'Whether events are posted.'),
  allowPrivate: byDefault(false, z.boolean(), 'It may be in a private network; only a system admin may allow that.'),
};
const webhookBody = z.strictObject(webhookFields);
const storedWebhook = z.strictObject({ id: keyText, ...webhookFields, secret: z.string().min(16).max(256) });

export function webhookRoutes(app: FastifyInstance, context: ApiContext): void {
  readRoutes(app, context);
  writeRoutes(app, context);
}

function readRoutes(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'listWebhooks', { querystring: ofTenantQuery, answers: { 200: pageOf(named('Webhook')) } }).by(
    async (request) =>
      pageOfTenant(request, await context.webhooks.store.list(), (record) => webhookView(context, record)),
  );
  operation(app, 'getWebhook', { params: idParams, answers: { 200: answer('The webhook', named('Webhook')) } }).by(
    async (request, reply) => sendWebhook(context, reply, await visibleWebhook(context, request)),
  );
}

function writeRoutes(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'createWebhook', {
    body: body('WebhookInput', webhookBody),
    answers: { 201: answer('The webhook', named('NewWebhook')) },
  }).by(async (request, reply) => {
    const wanted = request.body;
    const record: Webhook = {
      ...wanted,
      ...defined({ tenant: wanted.tenant ?? identityOf(request).tenant }),
      id: randomBytes(6).toString('hex'),
      secret: wanted.secret ?? randomBytes(24).toString('base64url'),
    } as Webhook;
    const { store, turns } = context.webhooks;
    await turns.run(async () => {
      requirePlace(context, 'webhooks', record.tenant, await store.list());
      await change(context, request, record.id, () => requireMayPut(context, request, undefined, record));
    });
    const made = wanted.secret === undefined ? { secret: record.secret } : {};
    reply.code(201).header('location', `/api/v1/webhooks/${record.id}`);
    return sendWebhook(context, reply, record, made);
  });
  operation(app, 'patchWebhook', {
    params: idParams,
    body: patchOf('Webhook', webhookBody),
    answers: { 200: answer('The webhook', named('Webhook')) },
  }).by(async (request, reply) => {
    const { id } = request.params as { id: string };
    const after = await context.webhooks.turns.run(() =>
      change(context, request, id, (now) => {
        const before = seen(context, request, now);
        const wanted = check(storedWebhook, mergePatch(before, request.body)) as Webhook;
        if (wanted.id !== id) throw new ApiProblem(422, 'name-fixed', "a webhook's id cannot be changed");
        if (!isSystemAdmin(identityOf(request)) && wanted.tenant === undefined)
          throw forbidden("a tenant admin's webhook stays its tenant's");
        return requireMayPut(context, request, before, wanted);
      }),
    );
    return sendWebhook(context, reply, after);
  });
  operation(app, 'testWebhook', {
    params: idParams,
    answers: { 200: answer('What came of it', named('WebhookTest')) },
  }).by(async (request) => {
    const webhook = seen(context, request, await visibleWebhook(context, request));
    const outcome = await context.webhooks.sender.test(webhook);
    audit(context, request, 'create', `webhooks/${webhook.id}/test`, { tenant: webhook.tenant, after: outcome });
    return outcome;
  });
  operation(app, 'deleteWebhook', { params: idParams, answers: { 204: answer('Deleted') } }).by(
    async (request, reply) => {
      const { id } = request.params as { id: string };
      await context.webhooks.turns.run(() =>
        change(context, request, id, (now) => {
          seen(context, request, now);
          return undefined;
        }),
      );
      return reply.code(204).send();
    },
  );
}

async function visibleWebhook(context: ApiContext, request: FastifyRequest): Promise<Webhook> {
  const { id } = request.params as { id: string };
  return visible(request, await context.webhooks.store.get(id));
}

function visible(request: FastifyRequest, record: Webhook | undefined): Webhook {
  const { id } = request.params as { id: string };
  if (record === undefined || !maySeeTenant(identityOf(request), record.tenant)) throw notFound(`webhook ${id}`);
  return record;
}

/** The version that whoever asks has read, where it says so. */
function seen(context: ApiContext, request: FastifyRequest, record: Webhook | undefined): Webhook {
  const found = visible(request, record);
  requireMatch(request.headers['if-match'], entityTag(found, context.entityTagKey));
  return found;
}

/** What it is to be, if whoever asks may have it so. */
function requireMayPut(
  context: ApiContext,
  request: FastifyRequest,
  before: Webhook | undefined,
  after: Webhook,
): Webhook {
  if (after.tenant !== undefined) knownTenant(context, request, after.tenant);
  if (after.allowPrivate && before?.allowPrivate !== true)
    requireSystemAdmin(identityOf(request), 'point a webhook into a private network');
  // An admin's leave for a private network holds for the address that it was given for.
  if (after.allowPrivate && before !== undefined && before.url !== after.url) {
    requireSystemAdmin(identityOf(request), 'move a webhook that may point into a private network');
  }
  return after;
}

async function change<After extends Webhook | undefined>(
  context: ApiContext,
  request: FastifyRequest,
  id: string,
  changed: (now: Webhook | undefined) => After,
): Promise<After> {
  const { sender, store } = context.webhooks;
  const { before, after } = await changeRecord(store, id, changed);
  sender.configure(await store.list());
  const { action, ...about } = factOf(`webhooks/${id}`, (after ?? before)?.tenant, before, after);
  audit(context, request, action, about.resource, about);
  return after;
}

function sendWebhook(context: ApiContext, reply: FastifyReply, record: Webhook, more: object = {}): FastifyReply {
  return sendResource(context, reply, record, { ...webhookView(context, record), ...more });
}

function webhookView(context: ApiContext, record: Webhook): object {
  return { ...withoutSecrets({ ...record }), deliveries: context.webhooks.sender.status(record.id) };
}

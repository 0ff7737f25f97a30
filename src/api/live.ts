import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type ExplainQuestion, type Explanation, explanationText, QuestionError } from '../outbound/index.ts';
import { trunkIn } from '../provisioning/directory/places.ts';
import { trunkIdOf } from '../provisioning/trunk-settings/effective.ts';
import type { TrunkSettings } from '../provisioning/trunk-settings/schema.ts';
import { isSystemAdmin, maySeeTenant, maySeeTrunk, tenantScope } from './access.ts';
import { keyText, visibleTenant } from './collection.ts';
import { type ApiContext, answer, audit, describe, identityOf } from './context.ts';
import { body, named } from './openapi.ts';
import { longPageFields, longPageOf, MISSING, nodeField, pageFields, pageFrom, pageOf } from './paging.ts';
import type { LiveCall, RegistrationView } from './ports.ts';
import { ApiProblem, invalid, notFound } from './problem.ts';
import { DIRECTIONS, recordRoutes } from './records.ts';
import type { Identity } from './tokens.ts';
import { callIdParams, findCall, tracedId } from './traces.ts';

/** What goes on now and went on lately: registrations, calls, their records, and calls that are only thought through. */
export function liveRoutes(app: FastifyInstance, context: ApiContext): void {
  registrationRoute(app, context);
  callRoutes(app, context);
  recordRoutes(app, context);
  explainRoute(app, context);
}

function registrationRoute(app: FastifyInstance, context: ApiContext): void {
  const querystring = z.strictObject({
    ...longPageFields,
    q: keyText.optional().describe('Part of an address of record, a contact, where it comes from, or a User-Agent.'),
    tenant: keyText.optional().describe('Of this tenant.'),
    extension: keyText.optional().describe('Of this extension or service.'),
    trunk: keyText.optional().describe('Of gateways on this trunk, by its id.'),
    node: nodeField.node.describe('Taken by the node of this name; every node knows those of all.'),
  });
  app.get(
    '/api/v1/registrations',
    describe({
      operationId: 'listRegistrations',
      tag: 'registrations',
      summary: 'Phones and gateways that are registered',
      querystring,
      answers: { 200: longPageOf(named('Registration')) },
    }),
    (request) => {
      const identity = identityOf(request);
      const query = request.query as z.infer<typeof querystring>;
      const tenant = tenantScope(identity, query.tenant);
      const { extension, trunk, node } = query;
      const wanted = query.q?.toLowerCase();
      const isEvery = isSystemAdmin(identity) && (tenant ?? extension ?? trunk ?? node ?? wanted) === undefined;
      const matches = (entry: RegistrationView) =>
        maySeeRegistration(context, identity, entry) &&
        (tenant === undefined || !isSystemAdmin(identity) || entry.tenant === tenant) &&
        (extension === undefined || entry.extension === extension) &&
        (trunk === undefined || entry.trunkId === trunk) &&
        (node === undefined || entry.node === node) &&
        (wanted === undefined || tells(entry, wanted));
      return pageFrom(
        {
          all: () => context.engine.registrations(),
          size: context.engine.registrationCount(),
          matches: isEvery ? undefined : matches,
          view: (entry) => entry,
          keyOf: ({ addressOfRecord, contact }) => `${addressOfRecord} ${contact}`,
        },
        query,
      );
    },
  );
}

function tells({ addressOfRecord, contact, source, userAgent = '' }: RegistrationView, wanted: string): boolean {
  return [addressOfRecord, contact, source, userAgent].some((text) => text.toLowerCase().includes(wanted));
}

/** A gateway's registration is seen by whom the trunk belongs to: it tells the gateway's address. */
function maySeeRegistration(context: ApiContext, identity: Identity, entry: RegistrationView): boolean {
  if (isSystemAdmin(identity)) return true;
  if (entry.trunkId === undefined) return maySeeTenant(identity, entry.tenant);
  return trunkIn(context.provisioning.current().state, entry.trunkId)?.owner === identity.tenant;
}

function callRoutes(app: FastifyInstance, context: ApiContext): void {
  const querystring = z.strictObject({
    ...pageFields,
    q: keyText.optional().describe('With this anywhere in the calling or called number.'),
    tenant: keyText.optional().describe('Of this tenant.'),
    trunk: keyText.optional().describe('Over this trunk, by its id.'),
    direction: z.enum(DIRECTIONS).optional().describe('In this direction.'),
    state: z.enum(['calling', 'ringing', 'answered', 'ending']).optional().describe('In this state.'),
    ...nodeField,
  });
  const onNode = z.strictObject({ ...nodeField });
  const shape = named('Call');
  const view = (call: LiveCall) => ({ ...(call.toJSON?.() ?? call), node: context.nodes.self });
  app.get(
    '/api/v1/calls',
    describe({
      operationId: 'listCalls',
      tag: 'calls',
      summary: 'Calls in progress',
      querystring,
      across: 'listing',
      answers: { 200: pageOf(shape, 'A page', MISSING) },
    }),
    (request) => {
      const identity = identityOf(request);
      const query = request.query as z.infer<typeof querystring>;
      const tenant = tenantScope(identity, query.tenant);
      return pageFrom(
        {
          all: () => context.engine.calls(),
          matches: (call) =>
            (tenant === undefined || call.tenant === tenant) &&
            (query.trunk === undefined || call.trunkId === query.trunk) &&
            (query.direction === undefined || call.direction === query.direction) &&
            (query.state === undefined || call.state === query.state) &&
            (query.q === undefined || call.from.includes(query.q) || call.to.includes(query.q)),
          view,
        },
        query,
      );
    },
  );
  app.get(
    '/api/v1/calls/:id',
    describe({
      operationId: 'getCall',
      tag: 'calls',
      summary: 'Read one call in progress',
      params: callIdParams,
      querystring: onNode,
      across: 'whoever',
      answers: { 200: answer('The call', shape) },
    }),
    (request) => {
      const { id } = request.params as { id: string };
      const call = findCall(context, identityOf(request), id);
      if (call === undefined) throw notFound(`call ${id}`);
      return view(call);
    },
  );
  app.delete(
    '/api/v1/calls/:id',
    describe({
      operationId: 'endCall',
      tag: 'calls',
      summary: 'End a call in progress, for both sides',
      params: callIdParams,
      querystring: onNode,
      across: 'whoever',
      answers: { 204: answer('It ends') },
    }),
    (request, reply) => {
      const { id } = request.params as { id: string };
      const call = findCall(context, identityOf(request), id);
      if (call === undefined || !context.engine.endCall(call.callId)) throw notFound(`call ${id}`);
      const { callId, tenant, from, to, state } = call;
      audit(context, request, 'delete', `calls/${callId}`, { tenant, before: { from, to, state } });
      return reply.code(204).send();
    },
  );
}

/** What could stand in a header field: no line breaks, no control characters. */
const text = z
  .string()
  .max(512)
  .regex(/^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$/, { error: 'must not contain control characters' });

const explainBody = z
  .strictObject({
    tenant: keyText.optional().describe("Whose call; a tenant admin's own when left out."),
    from: text
      .min(1)
      .optional()
      .describe('The calling extension or service; of a call from a trunk, the calling number.'),
    to: text.min(1).optional().describe('What is dialled; of a call from a trunk, the called number.'),
    displayName: text.optional().describe("Display name of the caller's From."),
    headers: z
      .array(z.strictObject({ name: z.string().regex(/^[A-Za-z0-9\-.!%*_+`'~]{1,128}$/), value: text }))
      .max(50)
      .optional()
      .describe(
        "Header fields of the caller's INVITE, e.g. X-Outbound-Cli, Privacy, P-Preferred-Identity, Max-Forwards.",
      ),
    invite: z
      .string()
      .min(1)
      .max(65_536)
      .optional()
      .describe(
        'The whole INVITE as text, session description included, in place of `to`, `displayName` and `headers`.',
      ),
    inviteBase64: z
      .base64()
      .min(4)
      .max(87_384)
      .optional()
      .describe('The same as octets, in base64: for an INVITE that is no UTF-8 text, as with names in ISO-8859-1.'),
    trunk: text.min(1).optional().describe('Name or id of the trunk that the call comes from.'),
    answers: z
      .array(text.min(1))
      .max(50)
      .optional()
      .describe(
        'What the called side answers to one INVITE after the other: `silence`, a status from 400 to 699, or a redirection with its number, e.g. `302 +18005550100`. Beyond them nobody answers.',
      ),
  })
  .refine((asked) => asked.invite === undefined || asked.inviteBase64 === undefined, {
    error: 'the INVITE is given once: as text or as octets',
    path: ['inviteBase64'],
  })
  .refine((asked) => hasInvite(asked) !== (asked.to !== undefined), {
    error: 'say what is dialled: either `to` or a whole `invite`',
    path: ['to'],
  })
  .refine((asked) => hasInvite(asked) || asked.trunk !== undefined || asked.from !== undefined, {
    error: 'say who calls: an extension or service, or a trunk',
    path: ['from'],
  })
  .refine((asked) => !hasInvite(asked) || (asked.displayName ?? asked.headers) === undefined, {
    error: 'an `invite` has its header fields in it',
    path: ['headers'],
  });

function hasInvite({ invite, inviteBase64 }: ExplainQuestion): boolean {
  return invite !== undefined || inviteBase64 !== undefined;
}

const explainFormat = {
  format: z
    .enum(['json', 'text', 'ansi'])
    .default('json')
    .describe('`text` and `ansi` are for people, without and with colours.'),
};
const explainQuery = z.strictObject(explainFormat);

function explainRoute(app: FastifyInstance, context: ApiContext): void {
  app.post(
    '/api/v1/explain',
    describe({
      operationId: 'explain',
      tag: 'explain',
      readOnly: true,
      summary: 'The INVITE that a call would send and why each field is what it is; no call is placed',
      querystring: explainQuery,
      body: body('ExplainQuestion', explainBody),
      answers: { 200: answer('The explanation', named('Explanation')) },
    }),
    async (request, reply) => {
      const question = questionFor(context, identityOf(request), request.body as z.infer<typeof explainBody>);
      const explanation = await context.engine.explain(question).catch((error: unknown) => {
        throw error instanceof QuestionError ? questionProblem(error) : error;
      });
      requireOwnCall(context, identityOf(request), question, explanation.tenant);
      return sendExplanation(request, reply, explanation);
    },
  );
  app.get(
    '/api/v1/calls/:id/explain',
    describe({
      operationId: 'explainCall',
      tag: 'explain',
      summary: 'How a live or recent outbound call was decided',
      params: callIdParams,
      querystring: z.strictObject({ ...explainFormat, ...nodeField }),
      across: 'whoever',
      answers: { 200: answer('The explanation', named('Explanation')) },
    }),
    (request, reply) => {
      const { id } = request.params as { id: string };
      const traced = tracedId(context, identityOf(request), id);
      const explanation = traced === undefined ? undefined : context.engine.explainCall(traced.id, traced.isCallId);
      if (explanation === undefined) throw notFound(`explanation of call ${id}`);
      return sendExplanation(request, reply, explanation);
    },
  );
}

function questionFor(context: ApiContext, identity: Identity, asked: ExplainQuestion): ExplainQuestion {
  const tenant = asked.tenant ?? identity.tenant;
  if (tenant !== undefined) {
    visibleTenant(identity, context.provisioning.current().state, tenant);
  } else if (asked.trunk === undefined && !hasInvite(asked))
    throw invalid([{ code: 'missing-field', path: 'tenant', message: 'say which tenant calls' }]);
  if (asked.trunk !== undefined && trunksMeant(context, identity, asked.trunk).length === 0)
    throw notFound(`trunk ${asked.trunk}`);
  return { ...asked, tenant };
}

/** Those that an admin may mean: two tenants may each have a trunk of one name, and what is one's name may be another's id. */
function trunksMeant(context: ApiContext, identity: Identity, trunk: string): readonly TrunkSettings[] {
  const { trunks } = context.provisioning.current().state;
  return trunks.filter((each) => (each.name === trunk || trunkIdOf(each) === trunk) && maySeeTrunk(identity, each));
}

/** A call in is explained to those whose number is called. Over a trunk of several tenants nobody is told whether a number is another's, or nobody's. */
function requireOwnCall(context: ApiContext, identity: Identity, { trunk }: ExplainQuestion, tenant: string): void {
  if (maySeeTenant(identity, tenant)) return;
  const meant = trunk === undefined ? [] : trunksMeant(context, identity, trunk);
  const isOwn = meant.length > 0 && meant.every(({ owner }) => owner === identity.tenant);
  if (tenant !== '' || !isOwn) throw notFound("a number of the tenant's that is called over this trunk");
}

function questionProblem({ kind, path, message }: QuestionError): ApiProblem {
  return kind === 'unknown' ? new ApiProblem(404, 'not-found', message) : invalid([{ code: 'invalid', path, message }]);
}

function sendExplanation(request: FastifyRequest, reply: FastifyReply, explanation: Explanation): FastifyReply {
  const { format } = request.query as z.infer<typeof explainQuery>;
  if (format === 'json') return reply.send(explanation);
  return reply.type('text/plain; charset=utf-8').send(explanationText(explanation, { color: format === 'ansi' }));
}

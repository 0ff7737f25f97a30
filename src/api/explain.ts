/** Calls that are only thought through, and how those that were placed were decided. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { byDefault, optional } from '../base/schema.ts';
import { type ExplainQuestion, type Explanation, explanationText, QuestionError } from '../outbound/index.ts';
import { trunkIdOf } from '../provisioning/trunk-settings/effective.ts';
import type { TrunkSettings } from '../provisioning/trunk-settings/schema.ts';
import { maySeeTenant, maySeeTrunk } from './access.ts';
import { keyText, plainText, visibleTenant } from './collection.ts';
import { type ApiContext, answer, identityOf } from './context.ts';
import { body, named } from './openapi.ts';
import { operation } from './operation.ts';
import { nodeField } from './paging.ts';
import { ApiProblem, invalid, notFound } from './problem.ts';
import type { Identity } from './tokens.ts';
import { callIdParams, tracedId } from './traces.ts';

const text = plainText(512);
export const explainBody = z
  .strictObject({
    tenant: optional(keyText, "Whose call; a tenant admin's own when left out."),
    from: optional(text.min(1), 'The calling extension or service; of a call from a trunk, the calling number.'),
    to: optional(text.min(1), 'What is dialled; of a call from a trunk, the called number.'),
    displayName: optional(text, "Display name of the caller's From."),
    headers: optional(
      z.array(z.strictObject({ name: z.string().regex(/^[A-Za-z0-9\-.!%*_+`'~]{1,128}$/), value: text })).max(50),
      "Header fields of the caller's INVITE, e.g. X-Outbound-Cli, Privacy, P-Preferred-Identity, Max-Forwards.",
    ),
    invite: optional(
      z.string().min(1).max(65_536),
      'The whole INVITE as text, session description included, in place of `to`, `displayName` and `headers`.',
    ),
    inviteBase64: optional(
      z.base64().min(4).max(87_384),
      'The same as octets, in base64: for an INVITE that is no UTF-8 text, as with names in ISO-8859-1.',
    ),
    trunk: optional(text.min(1), 'Name or id of the trunk that the call comes from.'),
    answers: optional(
      z.array(text.min(1)).max(50),
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
  format: byDefault(
    'json',
    z.enum(['json', 'text', 'ansi']),
    '`text` and `ansi` are for people, without and with colours.',
  ),
};
const explainQuery = z.strictObject(explainFormat);

export function explainRoutes(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'explain', {
    readOnly: true,
    querystring: explainQuery,
    body: body('ExplainQuestion', explainBody),
    answers: { 200: answer('The explanation', named('Explanation')) },
  }).by(async (request, reply) => {
    const question = questionFor(context, identityOf(request), request.body);
    const explanation = await context.engine.explain(question).catch((error: unknown) => {
      throw error instanceof QuestionError ? questionProblem(error) : error;
    });
    requireOwnCall(context, identityOf(request), question, explanation.tenant);
    return sendExplanation(request, reply, explanation);
  });
  operation(app, 'explainCall', {
    params: callIdParams,
    querystring: z.strictObject({ ...explainFormat, ...nodeField }),
    across: 'whoever',
    answers: { 200: answer('The explanation', named('Explanation')) },
  }).by((request, reply) => {
    const { id } = request.params;
    const traced = tracedId(context, identityOf(request), id);
    const explanation = traced === undefined ? undefined : context.engine.explainCall(traced.id, traced.isCallId);
    if (explanation === undefined) throw notFound(`explanation of call ${id}`);
    return sendExplanation(request, reply, explanation);
  });
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

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { optional } from '../base/schema.ts';
import { trunkIn } from '../provisioning/directory/places.ts';
import { isSystemAdmin, maySeeTenant, tenantScope } from './access.ts';
import { keyText } from './collection.ts';
import { type ApiContext, answer, audit, identityOf } from './context.ts';
import { named } from './openapi.ts';
import { operation } from './operation.ts';
import { longPageFields, longPageOf, MISSING, nodeField, pageFields, pageFrom, pageOf } from './paging.ts';
import type { LiveCall, RegistrationView } from './ports.ts';
import { notFound } from './problem.ts';
import { DIRECTIONS } from './records.ts';
import type { Identity } from './tokens.ts';
import { callIdParams, findCall } from './traces.ts';

/** What goes on now: registrations and calls. */
export function liveRoutes(app: FastifyInstance, context: ApiContext): void {
  registrationRoute(app, context);
  callRoutes(app, context);
}

function registrationRoute(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'listRegistrations', {
    querystring: z.strictObject({
      ...longPageFields,
      q: optional(keyText, 'Part of an address of record, a contact, where it comes from, or a User-Agent.'),
      tenant: optional(keyText, 'Of this tenant.'),
      extension: optional(keyText, 'Of this extension or service.'),
      trunk: optional(keyText, 'Of gateways on this trunk, by its id.'),
      node: nodeField.node.describe('Taken by the node of this name; every node knows those of all.'),
    }),
    answers: { 200: longPageOf(named('Registration')) },
  }).by((request) => {
    const identity = identityOf(request);
    const { query } = request;
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
  });
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
    q: optional(keyText, 'With this anywhere in the calling or called number.'),
    tenant: optional(keyText, 'Of this tenant.'),
    trunk: optional(keyText, 'Over this trunk, by its id.'),
    direction: optional(z.enum(DIRECTIONS), 'In this direction.'),
    state: optional(z.enum(['calling', 'ringing', 'answered', 'ending']), 'In this state.'),
    ...nodeField,
  });
  const onNode = z.strictObject({ ...nodeField });
  const shape = named('Call');
  const view = (call: LiveCall) => ({ ...(call.toJSON?.() ?? call), node: context.nodes.self });
  operation(app, 'listCalls', {
    querystring,
    across: 'listing',
    answers: { 200: pageOf(shape, 'A page', MISSING) },
  }).by((request) => {
    const identity = identityOf(request);
    const { query } = request;
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
  });
  operation(app, 'getCall', {
    params: callIdParams,
    querystring: onNode,
    across: 'whoever',
    answers: { 200: answer('The call', shape) },
  }).by((request) => {
    const { id } = request.params;
    const call = findCall(context, identityOf(request), id);
    if (call === undefined) throw notFound(`call ${id}`);
    return view(call);
  });
  operation(app, 'endCall', {
    params: callIdParams,
    querystring: onNode,
    across: 'whoever',
    answers: { 204: answer('It ends') },
  }).by((request, reply) => {
    const { id } = request.params;
    const call = findCall(context, identityOf(request), id);
    if (call === undefined || !context.engine.endCall(call.callId)) throw notFound(`call ${id}`);
    const { callId, tenant, from, to, state } = call;
    audit(context, request, 'delete', `calls/${callId}`, { tenant, before: { from, to, state } });
    return reply.code(204).send();
  });
}

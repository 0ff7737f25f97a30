import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { defined } from '../base/defined.ts';
import { byDefault, optional } from '../base/schema.ts';
import { partiesOf, pcapOf, renderLadder, describe as summaryOf, type TraceMessage } from '../observe/index.ts';
import { trunkIdOf } from '../provisioning/trunk-settings/effective.ts';
import { isSystemAdmin, maySeeTenant } from './access.ts';
import { keyText } from './collection.ts';
import { type AnswerSchema, type ApiContext, identityOf } from './context.ts';
import { named } from './openapi.ts';
import { operation } from './operation.ts';
import { nodeField } from './paging.ts';
import type { LiveCall } from './ports.ts';
import { notFound } from './problem.ts';
import type { Identity } from './tokens.ts';

const PCAP_TYPE = 'application/vnd.tcpdump.pcap';
const MAX_MESSAGES = 1000;

export const callIdParams = z.strictObject({
  id: z.string().min(1).max(256).describe("The call's id, or the SIP Call-ID of one of its legs."),
});

const format = byDefault(
  'json',
  z.enum(['json', 'pcap']),
  '`pcap` is a capture file for tshark, Wireshark or sngrep; messages over TCP and TLS are in it in clear text.',
);

const capture = { 'application/vnd.tcpdump.pcap': { schema: { type: 'string', format: 'binary' } } };

/** SIP messages: of one call, or the latest that passed the node. */
export function traceRoutes(app: FastifyInstance, context: ApiContext): void {
  callTraceRoute(app, context);
  latestRoute(app, context);
}

function callTraceRoute(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'getCallTrace', {
    params: callIdParams,
    querystring: z.strictObject({ format, ...nodeField }),
    across: 'whoever',
    answers: {
      200: withCapture('The trace', named('CallTrace')),
    },
  }).by((request, reply) => {
    const { id } = request.params;
    const traced = tracedId(context, identityOf(request), id);
    const messages = traced === undefined ? [] : context.engine.trace(traced.id, traced.isCallId);
    if (messages.length === 0) throw notFound(`trace of ${id}`);
    if (request.query.format === 'pcap') return sendCapture(reply, messages);
    return reply.send({ callId: id, node: context.nodes.self, messages, ladder: renderLadder(messages) });
  });
}

function latestRoute(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'listTrace', {
    access: 'system',
    querystring: z.strictObject({
      format,
      limit: byDefault(50, z.coerce.number().int().min(1).max(MAX_MESSAGES), 'How many messages, the latest.'),
      after: byDefault(
        '0',
        z
          .string()
          .max(2048)
          .regex(/^(?:[0-9]{1,15}|[A-Za-z0-9-]{1,32}\.[0-9]{1,15}(?:,[A-Za-z0-9-]{1,32}\.[0-9]{1,15})*)$/, {
            error: 'must be `next` of an earlier answer',
          }),
        '`next` of an earlier answer: only what came since.',
      ),
      ...nodeField,
      number: optional(
        z
          .string()
          .min(1)
          .max(64)
          .regex(/[0-9A-Za-z*#]/, { error: 'must contain a digit' }),
        'In the Request-URI, From, To or an identity field.',
      ),
      address: optional(z.string().max(64), 'Of the peer, with or without port.'),
      method: optional(z.string().max(32), 'INVITE, REGISTER, …: requests and their responses.'),
      trunk: optional(keyText, 'Messages from and to this trunk: its id or name.'),
      refused: optional(
        z.enum(['true', 'false']),
        '`true`: only final answers that refuse, 3xx to 6xx without challenges.',
      ),
    }),
    across: 'trace',
    answers: {
      200: withCapture('Messages, oldest first', named('TracePage')),
    },
  }).by(async (request, reply) => {
    const { query } = request;
    const { format, limit, after, trunk, refused, node: _node, ...rest } = query;
    const peers = trunk === undefined ? undefined : trunkPeers(context, trunk);
    const filter = defined({ ...rest, refused: refused === 'true' || undefined, trunk: peers });
    const page = await context.engine.searchTrace(filter, limit, countOf(after, context.nodes.self));
    if (format === 'pcap') return sendCapture(reply, page.messages);
    const messages = page.messages.map((message) => ({
      ...message,
      node: context.nodes.self,
      summary: summaryOf(message.text),
      ...partiesOf(message.text),
    }));
    return reply.send({ messages, next: page.next });
  });
}

/** A count, or those of several nodes: each counts its messages by itself. */
function countOf(after: string, node: string): number {
  if (!after.includes('.')) return Number(after);
  const own = after.split(',').find((part) => part.startsWith(`${node}.`));
  return own === undefined ? 0 : Number(own.slice(node.length + 1));
}

function trunkPeers(context: ApiContext, key: string) {
  const { trunks } = context.provisioning.current().state;
  const trunk = trunks.find((candidate) => trunkIdOf(candidate) === key || candidate.name === key);
  if (trunk === undefined) throw notFound(`trunk ${key}`);
  const id = trunkIdOf(trunk);
  return { name: trunk.name, isOf: (address: string) => context.engine.isTrunkPeer(id, address) };
}

/** The same as a capture file, under `format=pcap`. */
function withCapture(description: string, schema: AnswerSchema): AnswerSchema {
  return { description, content: { 'application/json': { schema }, ...capture } };
}

function sendCapture(reply: FastifyReply, messages: readonly TraceMessage[]): FastifyReply {
  return reply
    .type(PCAP_TYPE)
    .header('content-disposition', 'attachment; filename="tandem.pcap"')
    .send(pcapOf(messages));
}

/**
 * A live call of those that this admin may see, by its id or the SIP Call-ID of a leg. Calls of several tenants may have legs of one SIP
 * Call-ID: a proxy leaves it as it is, and a phone writes what it likes.
 */
export function findCall(context: ApiContext, identity: Identity, id: string): LiveCall | undefined {
  for (const call of context.engine.calls())
    if ((call.callId === id || call.sipCallIds.includes(id)) && maySeeTenant(identity, call.tenant)) return call;
  return undefined;
}

/**
 * What an admin means and may trace. A tenant traces its own calls, by the engine's id of them alone: another's peer may write that as its
 * SIP Call-ID. What belongs to no call (registrations, keep-alives) is the system admin's, who may name any SIP Call-ID.
 */
export function tracedId(
  context: ApiContext,
  identity: Identity,
  id: string,
): { readonly id: string; readonly isCallId: boolean } | undefined {
  if (isSystemAdmin(identity)) return { id, isCallId: false };
  const call = findCall(context, identity, id) ?? ownRecord(context, identity, id);
  return call && { id: call.callId, isCallId: true };
}

function ownRecord(context: ApiContext, identity: Identity, id: string) {
  const record = context.records.get(id, identity.tenant);
  return record !== undefined && maySeeTenant(identity, record.tenant) ? record : undefined;
}

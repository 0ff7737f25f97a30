/** What provisioned resources of every kind have alike: how one is read, made, replaced, patched and deleted. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Steps } from '../base/steps.ts';
import type { Provisioned } from '../provisioning/trunk-settings/schema.ts';
import { applyChange, type PlannedResource, sendResource } from './change.ts';
import { type ApiContext, identityOf } from './context.ts';
import { mergePatch, withStoredSecrets } from './documents.ts';
import type { Identity } from './tokens.ts';
import { check } from './validation.ts';

/** Who asks for a change, and for which version. */
export interface Asker {
  readonly identity: Identity;
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

export function askerOf(request: FastifyRequest): Asker {
  return {
    identity: identityOf(request),
    ifMatch: request.headers['if-match'],
    ifNoneMatch: request.headers['if-none-match'],
  };
}

/** And for which resource: the parameters of its path. */
export interface ResourceAsker<P> extends Asker {
  readonly params: P;
}

/** A kind of resource: `T` is its document, `P` the parameters of its path. */
export interface ResourceKind<T extends object, P> {
  readonly schema: z.ZodType;
  /** The one of the path. Throws a 404 where there is none, or none that may be seen. */
  readonly existing: (asker: ResourceAsker<P>, state: Provisioned) => T;
  /** Whether there is none of the path, and PUT makes one; absent: PUT makes none. */
  readonly isFree?: (asker: ResourceAsker<P>, state: Provisioned) => boolean;
  /** Throws where there is one of this key already; absent: the plan does. */
  readonly requireNew?: (asker: ResourceAsker<P>, state: Provisioned, wanted: T) => void;
  /** Throws where it may be seen and not changed, before it is looked at what is wanted of it. */
  readonly requireChangeable?: (asker: ResourceAsker<P>, before: T) => void;
  /** What a body is that says nothing of what cannot be changed; absent: the body. */
  readonly completed?: (wanted: T, before: T) => T;
  /** Throws what speaks against it. @param before undefined for a new one */
  readonly plan: (
    asker: ResourceAsker<P>,
    state: Provisioned,
    before: T | undefined,
    after: T,
  ) => PlannedResource | Steps<PlannedResource>;
  readonly planDeletion: (
    asker: ResourceAsker<P>,
    state: Provisioned,
    before: T,
  ) => PlannedResource | Steps<PlannedResource>;
  /** What is shown of it; absent: all but its secrets. */
  readonly view?: (asker: ResourceAsker<P>, resource: T) => object;
}

interface WantedChange<T> {
  readonly before: T | undefined;
  readonly after: T;
}

/** What PUT makes of a body. */
export function replacement<T extends object, P>(
  kind: ResourceKind<T, P>,
  asker: ResourceAsker<P>,
  state: Provisioned,
  read: () => T,
): WantedChange<T> {
  if (kind.isFree?.(asker, state) === true) return { before: undefined, after: read() };
  const before = kind.existing(asker, state);
  const wanted = read();
  return { before, after: withStoredSecrets(kind.completed?.(wanted, before) ?? wanted, before) };
}

/** What answers the requests for one resource of a kind. */
export function resourceHandlers<T extends object, P>(context: ApiContext, kind: ResourceKind<T, P>) {
  const resourceAsker = (request: FastifyRequest) => ({ ...askerOf(request), params: request.params as P });
  const changeable = (asker: ResourceAsker<P>, state: Provisioned): T => {
    const before = kind.existing(asker, state);
    kind.requireChangeable?.(asker, before);
    return before;
  };
  const write = async (
    request: FastifyRequest,
    reply: FastifyReply,
    decide: (asker: ResourceAsker<P>, state: Provisioned) => WantedChange<T>,
  ): Promise<FastifyReply> => {
    const asker = resourceAsker(request);
    const planned = await applyChange(context, request, (state) => {
      const { before, after } = decide(asker, state);
      return kind.plan(asker, state, before, after);
    });
    const [{ resource, before, after }] = planned.facts;
    if (before === undefined) reply.code(201).header('location', `/api/v1/${resource}`);
    return sendResource(context, reply, after as T, kind.view?.(asker, after as T));
  };
  return {
    get: (request: FastifyRequest, reply: FastifyReply) => {
      const asker = resourceAsker(request);
      const resource = kind.existing(asker, context.provisioning.current().state);
      return sendResource(context, reply, resource, kind.view?.(asker, resource));
    },
    create: (request: FastifyRequest, reply: FastifyReply) =>
      write(request, reply, (asker, state) => {
        const after = request.body as T;
        kind.requireNew?.(asker, state, after);
        return { before: undefined, after };
      }),
    put: (request: FastifyRequest, reply: FastifyReply) =>
      write(request, reply, (asker, state) => replacement(kind, asker, state, () => request.body as T)),
    patch: (request: FastifyRequest, reply: FastifyReply) =>
      write(request, reply, (asker, state) => {
        const before = changeable(asker, state);
        return { before, after: check(kind.schema, mergePatch(before, request.body)) as T };
      }),
    remove: async (request: FastifyRequest, reply: FastifyReply) => {
      const asker = resourceAsker(request);
      await applyChange(context, request, (state) => kind.planDeletion(asker, state, kind.existing(asker, state)));
      return reply.code(204).send();
    },
  };
}

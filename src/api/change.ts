import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Problem } from '../base/errors.ts';
import type { AuditFact } from '../observe/index.ts';
import { trunkIdOf } from '../trunks/effective.ts';
import { CONFLICT_CODES } from '../trunks/provisioning.ts';
import { applyEdits, type ProvisioningEdits } from '../trunks/provisioning-store.ts';
import type { Provisioning } from '../trunks/schema.ts';
import { hideOthers } from './access.ts';
import { type ApiContext, identityOf } from './context.ts';
import { entityTag, withoutSecrets } from './documents.ts';
import { ApiProblem } from './problem.ts';

/** A change thought out against one version of the state. */
export interface PlannedChange {
  readonly change: ProvisioningEdits;
  readonly facts: readonly Omit<AuditFact, 'actor'>[];
  /** What of the state's path to a fault is the resource itself: `tenants[3].extensions[7]`. */
  readonly resourcePath?: string;
  /** What is deleted; a refusal then lists what still refers to it. */
  readonly deletes?: string;
  /** What names the thing deleted though no rule would miss it. */
  readonly referrers?: readonly Problem[];
}

const MAX_TRIES = 8;

/**
 * Reads the state, plans, applies; when another node or request was faster, plans again on what is there now, so that each plan's
 * checks (existence, If-Match, permission) hold for the very state that it changes.
 */
export async function applyChange<P extends PlannedChange>(
  context: ApiContext,
  request: FastifyRequest,
  plan: (state: Provisioning) => P,
): Promise<P> {
  const identity = identityOf(request);
  for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
    const { version, state } = context.provisioning.current();
    const planned = plan(state);
    if (planned.referrers !== undefined && planned.referrers.length > 0)
      throw refusal(planned.referrers, planned, state);
    const result = await context.provisioning.apply({ ...planned.change, expectedVersion: version });
    switch (result.outcome) {
      case 'applied':
        for (const fact of planned.facts) context.audit.record({ actor: identity.actor, ...fact });
        return planned;
      case 'refused':
        throw hideOthers(identity, state, refusal(result.problems, planned, state));
      case 'unavailable':
        throw new ApiProblem(503, 'store-unavailable', result.reason, { headers: { 'retry-after': '2' } });
      case 'stale':
        continue;
      default:
        result satisfies never;
    }
  }
  throw new ApiProblem(409, 'concurrent-changes', 'others keep changing the same state; try again', {
    headers: { 'retry-after': '1' },
  });
}

function refusal(problems: readonly Problem[], planned: PlannedChange, state: Provisioning): ApiProblem {
  if (planned.deletes !== undefined) return inUse(problems, planned.deletes, applyEdits(state, planned.change));
  const relative = problems.map((problem) => ({ ...problem, path: relativePath(problem.path, planned.resourcePath) }));
  const first = relative[0];
  const clash = problems.find((problem) => CONFLICT_CODES.has(problem.code));
  const code = clash?.code ?? first?.code ?? 'refused';
  return new ApiProblem(clash === undefined ? 422 : 409, code, first?.message ?? 'the change is refused', {
    problems: relative,
  });
}

/** What is still needed is not deleted; the answer lists who needs it. */
function inUse(problems: readonly Problem[], what: string, after: Provisioning): ApiProblem {
  const referrers = problems.map((problem) => ({ ...problem, code: 'in-use', path: resourceAt(problem.path, after) }));
  const names = [...new Set(referrers.map(({ path }) => path))].slice(0, 10).join(', ');
  return new ApiProblem(409, 'in-use', `${what} is still referred to by ${names}`, { problems: referrers });
}

/** `tenants[0].inboundRules[2].trunk` → `tenants/acme/inbound-rules/main`. */
function resourceAt(path: string, state: Provisioning): string {
  const [, kind, index, field, item] = /^(tenants|trunks)\[(\d+)\](?:\.(\w+)\[(\d+)\])?/.exec(path) ?? [];
  const trunk = kind === 'trunks' ? state.trunks[Number(index)] : undefined;
  if (trunk !== undefined) return `trunks/${trunkIdOf(trunk)}`;
  const tenant = state.tenants[Number(index)];
  if (kind === undefined || tenant === undefined) return path;
  const collection = field === undefined ? undefined : (tenant as unknown as Record<string, unknown>)[field];
  if (field === undefined || !Array.isArray(collection)) return `tenants/${tenant.name}`;
  const { number, name } = (collection[Number(item)] ?? {}) as { number?: string; name?: string };
  const segment = field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return `tenants/${tenant.name}/${segment}/${number ?? name ?? item}`;
}

function relativePath(path: string, resourcePath: string | undefined): string {
  if (resourcePath === undefined || !path.startsWith(resourcePath)) return path;
  const rest = path.slice(resourcePath.length);
  return rest.startsWith('.') ? rest.slice(1) : rest;
}

/** Sends a resource with its entity tag. */
export function sendResource(context: ApiContext, reply: FastifyReply, document: object, view?: object): FastifyReply {
  return reply.header('etag', entityTag(document, context.entityTagKey)).send(view ?? withoutSecrets({ ...document }));
}

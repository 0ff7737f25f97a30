import type { FastifyRequest } from 'fastify';
import { isSystemAdmin } from './access.ts';
import { identityOf } from './context.ts';
import { ApiProblem } from './problem.ts';

/** A whole machine's document may be large, one tenant's may not: it is refused before it is read. */
export function requireFittingBody(request: FastifyRequest, tenantLimitOctets: number | undefined): void {
  if (isSystemAdmin(identityOf(request)) || tenantLimitOctets === undefined) return;
  const length = request.headers['content-length'];
  if (length === undefined) throw new ApiProblem(411, 'length-required', 'send the body with a Content-Length');
  if (Number(length) > tenantLimitOctets)
    throw new ApiProblem(413, 'body-too-large', `a tenant's document has at most ${tenantLimitOctets} octets`);
}

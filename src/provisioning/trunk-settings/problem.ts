import type { Problem } from '../../base/errors.ts';

/** A problem of what is provisioned; `tenants` and `redacted` let an answer hide what its reader may not see. */
export interface ProvisioningProblem extends Problem {
  /** Tenants that the message speaks of. */
  readonly tenants?: readonly string[];
  /** What to say to somebody who may not see all of them. */
  readonly redacted?: string;
}

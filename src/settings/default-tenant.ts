/** The tenant of requests to the node's own addresses: a name that is nobody's would turn every phone away that it is meant for. */
import { type Problem, SettingsError } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import type { NodeSettings } from './node-schema.ts';

/**
 * What is wrong with `defaultTenant` beside the tenants that there are. Without any tenant nothing is: the first ones may still come
 * over HTTP.
 */
export function defaultTenantProblem(
  { defaultTenant }: Pick<NodeSettings, 'defaultTenant'>,
  names: readonly string[],
): Problem | undefined {
  if (defaultTenant === undefined || names.length === 0 || names.includes(defaultTenant)) return undefined;
  const meant = nearest(defaultTenant, names);
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`;
  return {
    code: 'unknown-tenant',
    path: 'defaultTenant',
    message: `there is no tenant "${defaultTenant}"${hint}`,
  };
}

/** The same for what the node is about to serve. Throws a SettingsError. */
export function refuseUnknownDefaultTenant(settings: NodeSettings, names: readonly string[]): void {
  const problem = defaultTenantProblem(settings, names);
  if (problem !== undefined) throw new SettingsError([problem]);
}

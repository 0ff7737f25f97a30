/** The passwords that this product's own files print: good for a trial on one machine, an open door anywhere else. */
import type { List } from '../base/chunked-list.ts';
import { type Problem, SettingsError } from '../base/errors.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import { isLoopback } from './exposure.ts';
import type { NodeSettings } from './node-schema.ts';

const DEMO_PASSWORDS: ReadonlySet<string> = new Set(['demo-alice-101', 'demo-bob-102']);

/** What of the settings it is about. */
export interface DoorSettings {
  readonly allowDemoPasswords: boolean;
  readonly listen: readonly { readonly transport: string; readonly host: string }[];
}

/** Where phones of other machines reach a node that must not serve demo passwords; undefined where it may. */
export function openDoor({ allowDemoPasswords, listen }: DoorSettings): string | undefined {
  if (allowDemoPasswords) return undefined;
  const open = listen.find(({ host }) => !isLoopback(host));
  return open === undefined ? undefined : `${open.transport} ${open.host}`;
}

/** The first extension with a demo password, as one problem; none while `door` is undefined. Its path begins at `tenants`. */
export function demoPasswordProblem(tenants: List<Tenant>, door: string | undefined): Problem | undefined {
  if (door === undefined) return undefined;
  for (const [index, { name, extensions }] of tenants.entries()) {
    const place = extensions.findIndex(({ password }) => password !== undefined && DEMO_PASSWORDS.has(password));
    if (place < 0) continue;
    return {
      code: 'demo-password',
      path: `tenants[${index}].extensions[${place}].password`,
      message: `extension ${extensions[place]?.number} of tenant "${name}" has a password that the demo's files print, and this node listens on ${door}: set another one, listen on 127.0.0.1 alone, or say allowDemoPasswords: true`,
    };
  }
  return undefined;
}

/** What the store holds is served too. Throws a SettingsError. */
export function refuseDemoPasswords(tenants: List<Tenant>, settings: NodeSettings): void {
  const problem = demoPasswordProblem(tenants, openDoor(settings));
  if (problem === undefined) return;
  const way =
    'it is in the store: delete the tenant while the node listens on 127.0.0.1, or begin with another store.path';
  throw new SettingsError([{ ...problem, message: `${problem.message}; ${way}` }]);
}

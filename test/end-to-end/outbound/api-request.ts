import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { World } from './wire-world.ts';

/** What the running engine leaves in its data folder for its user's command line. */
export const ownerToken = ({ dataFolder }: World) => readFileSync(join(dataFolder, 'owner-token'), 'utf8').trim();

interface Problem {
  readonly code?: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

/** A request to the HTTP interface by the machine's owner; an answer of 4xx is an answer. */
export async function ask(world: World, method: string, path: string, body?: unknown) {
  const response = await fetch(`${world.apiAddress}${path}`, {
    method,
    headers: { authorization: `Bearer ${ownerToken(world)}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const problem = (await response.json()) as Problem;
  return { status: response.status, code: problem.code, errors: problem.errors ?? [] };
}

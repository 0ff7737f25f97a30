import { ADMIN_TOKEN, type Engine } from './engine.ts';
import type { Figure } from './item.ts';
import type { CallFigures, PingFigures } from './processes.ts';

export interface Answered {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what it holds is what each item asks for.
  readonly body: any;
}

/** Asks the engine over HTTP, as the system admin unless another token is given. */
export async function ask(
  { apiPort }: Engine,
  method: string,
  path: string,
  body?: unknown,
  token = ADMIN_TOKEN,
): Promise<Answered> {
  const response = await fetch(`http://127.0.0.1:${apiPort}/api/v1/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text };
}

/** A token of an admin of the tenant `acme`. */
export async function tenantToken(engine: Engine): Promise<string> {
  const { status, body } = await ask(engine, 'POST', 'tokens', { role: 'tenant-admin', tenant: 'acme' });
  if (status !== 201) throw new Error(`no token: ${status} ${JSON.stringify(body)}`);
  return String(body.token);
}

/** What everybody else saw meanwhile, with the bars of a flood of strangers. */
export function othersSaw(calls: CallFigures, pings: PingFigures): Figure[] {
  return [
    { what: 'calls completed', value: (100 * calls.completed) / calls.placed, unit: '%', bar: { least: 99.9 } },
    { what: 'calls set up, p99', value: calls.setupP99, unit: 'ms', bar: { most: 250 } },
    { what: 'pings answered', value: (100 * pings.answered) / pings.sent, unit: '%', bar: { least: 99.9 } },
    { what: 'pings, p99', value: pings.p99, unit: 'ms', bar: { most: 50 } },
  ];
}

/** The HTTP interface as a program uses it: every answer comes back, refusals too. */

export const SYSTEM_TOKEN = 'fault-tests-system-admin-0123456789abcdef';

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what it holds is what each test says.
  readonly body: any;
  readonly etag: string | null;
}

export interface AskOptions {
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Rejects when there is no answer at all. */
export async function ask(
  base: string,
  method: string,
  path: string,
  body?: unknown,
  { token = SYSTEM_TOKEN, headers = {}, timeoutMs = 20_000 }: AskOptions = {},
): Promise<Answer> {
  const response = await fetch(`${base}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    signal: AbortSignal.timeout(timeoutMs),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return {
    status: response.status,
    body: isJson && text !== '' ? JSON.parse(text) : text,
    etag: response.headers.get('etag'),
  };
}

/** Value of a metric without labels, of all workers where there are some: the sum; of what is up or not the least, of problems the most. */
export async function metric(base: string, name: string): Promise<number> {
  const { body } = await ask(base, 'GET', '/metrics');
  const values = String(body)
    .split('\n')
    .map((each) => each.replace(/\{worker="[0-9]+"(?:,(?=[^}])|(\}))/, (_all, end) => (end === undefined ? '{' : '')))
    .filter((each) => each.startsWith(`${name} `))
    .map((each) => Number(each.slice(name.length + 1)));
  if (values.length === 0) return Number.NaN;
  if (name.endsWith('_up')) return Math.min(...values);
  return name.startsWith('tandem_problem{') ? Math.max(...values) : values.reduce((sum, value) => sum + value, 0);
}

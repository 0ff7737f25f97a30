import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadNode, settingsError } from '../settings/load.ts';
import { CommandError } from './command.ts';

/** The owner's token: written by the running engine into its data folder, readable by its user alone. */
export const OWNER_TOKEN_FILE = 'owner-token';

export interface Page<T> {
  readonly items: readonly T[];
  readonly total: number;
}

interface ProblemBody {
  readonly code?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

const PAGE_LIMIT = 1000;
const TIMEOUT_MS = 30_000;

/** Asks the running engine over HTTP and turns what goes wrong into sentences. */
export class ApiClient {
  readonly url: string;
  readonly #token: string;
  readonly #fetch: typeof fetch;

  constructor(url: string, token: string, fetcher: typeof fetch = fetch) {
    this.url = url;
    this.#token = token;
    this.#fetch = fetcher;
  }

  async get<T>(path: string): Promise<T> {
    return this.#ask<T>('GET', path);
  }

  async post<T>(path: string, body: unknown): Promise<T> {
    return this.#ask<T>('POST', path, body);
  }

  /** Every page of a listing. */
  async list<T>(
    path: string,
    filters: Readonly<Record<string, string | undefined>>,
    limit = Number.POSITIVE_INFINITY,
  ): Promise<T[]> {
    const items: T[] = [];
    for (;;) {
      const query = new URLSearchParams({ limit: String(Math.min(PAGE_LIMIT, limit)), offset: String(items.length) });
      for (const [name, value] of Object.entries(filters)) if (value !== undefined) query.set(name, value);
      const page = await this.get<Page<T>>(`${path}?${query}`);
      items.push(...page.items);
      if (items.length >= Math.min(page.total, limit) || page.items.length === 0) return items;
    }
  }

  async #ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    let response: Response;
    try {
      response = await this.#fetch(`${this.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${this.#token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (error) {
      const cause = (error as { cause?: { code?: string; message?: string } }).cause;
      throw new CommandError(
        `no engine answers at ${this.url} (${cause?.code ?? cause?.message ?? String(error)}); start one with "tandem start"`,
      );
    }
    const text = await response.text();
    if (!response.ok) throw refusal(response.status, text, this.url);
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    return (isJson ? JSON.parse(text) : text) as T;
  }
}

function refusal(status: number, text: string, url: string): CommandError {
  if (status === 401) {
    return new CommandError(
      `the engine at ${url} does not accept this token; it changes with each start, or TANDEM_TOKEN is wrong or expired`,
    );
  }
  let body: ProblemBody = {};
  try {
    body = JSON.parse(text) as ProblemBody;
  } catch {
    // Not this engine's answer: the status has to do.
  }
  const faults = (body.errors ?? []).map(({ path, message }) => `  ${path === '' ? '' : `${path}: `}${message}`);
  const detail = faults.length > 0 ? `refused:\n${faults.join('\n')}` : (body.detail ?? `HTTP ${status}`);
  return new CommandError(body.code === undefined ? `${url}: ${detail}` : `${detail} (${body.code})`);
}

/** Finds the engine: TANDEM_URL and TANDEM_TOKEN, else the configuration and the token file of its data folder. */
export function connect(
  config: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  fetcher: typeof fetch = fetch,
): ApiClient {
  const { TANDEM_URL: url, TANDEM_TOKEN: token } = env;
  if (url !== undefined && url !== '' && token !== undefined && token !== '')
    return new ApiClient(url.replace(/\/$/, ''), token, fetcher);
  const { settings, problems } = loadNode(config, env);
  if (settings === undefined) throw new CommandError(settingsError(problems).message);
  const { api, store } = settings;
  const found = url ?? `${api.certificate === undefined ? 'http' : 'https'}://${reachable(api.host)}:${api.port}`;
  return new ApiClient(found.replace(/\/$/, ''), token ?? readOwnerToken(join(store.path, OWNER_TOKEN_FILE)), fetcher);
}

/** An engine that listens on all addresses is asked on this machine's own. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

function readOwnerToken(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    const why =
      (error as { code?: string }).code === 'EACCES'
        ? 'may be read only by the user that runs the engine'
        : 'is not there: the engine makes it when it starts';
    throw new CommandError(`${path} ${why}; or set TANDEM_TOKEN`);
  }
}

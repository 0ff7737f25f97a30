import type { Page } from '../api/paging.ts';
import type { ProblemBody } from '../api/problem.ts';
import { CommandError } from './command-error.ts';

/** Where an engine listens for HTTP, and what it is shown. */
export interface FoundEngine {
  /** Without a slash at its end. */
  readonly url: string;
  readonly token: string;
}

const PAGE_LIMIT = 1000;
const TIMEOUT_MS = 30_000;

/** Asks the running engine over HTTP and turns what goes wrong into sentences. */
export class ApiClient {
  readonly #find: () => Promise<FoundEngine>;
  readonly #fetch: typeof fetch;
  readonly #onMissing: (nodes: string) => void;
  #found: FoundEngine | undefined;

  /** `onMissing` hears of nodes that did not answer. `find` is asked once, with the first request: what it takes to read a configuration is loaded by those who need it. */
  constructor(
    find: () => Promise<FoundEngine>,
    fetcher: typeof fetch = fetch,
    onMissing: (nodes: string) => void = () => {},
  ) {
    this.#find = find;
    this.#onMissing = onMissing;
    this.#fetch = fetcher;
  }

  /** Where the engine was found; empty before the first request. */
  get url(): string {
    return this.#found?.url ?? '';
  }

  async get<T>(path: string): Promise<T> {
    return this.#ask<T>('GET', path);
  }

  async post<T>(path: string, body: unknown): Promise<T> {
    return this.#ask<T>('POST', path, body);
  }

  /** Sends a spreadsheet, and waits as long as it takes. */
  async file<T>(path: string, octets: Uint8Array): Promise<T> {
    return this.#ask<T>('POST', path, octets, null);
  }

  async patch<T>(path: string, body: unknown): Promise<T> {
    return this.#ask<T>('PATCH', path, body);
  }

  async put<T>(path: string, body: unknown): Promise<T> {
    return this.#ask<T>('PUT', path, body);
  }

  async delete(path: string): Promise<void> {
    await this.#ask('DELETE', path);
  }

  /** An answer that says something whatever its status is. */
  async probe<T>(path: string): Promise<T> {
    return (await (await this.#fetched('GET', path)).json()) as T;
  }

  /** An answer as it is: a file. */
  async octets(path: string): Promise<Buffer> {
    const response = await this.#fetched('GET', path);
    if (!response.ok) throw refusal(response.status, await response.text(), this.url);
    return Buffer.from(await response.arrayBuffer());
  }

  /** Server-sent events as they come, until the engine ends the stream. */
  async *events(path: string): AsyncGenerator<{ readonly type: string; readonly data: string }> {
    const response = await this.#fetched('GET', path, undefined, null);
    if (!response.ok || response.body === null) throw refusal(response.status, await response.text(), this.url);
    let pending = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (pending + chunk).split('\n\n');
      pending = blocks.pop() ?? '';
      for (const block of blocks) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
        const [type, data] = [field('event'), field('data')];
        if (type !== undefined && data !== undefined) yield { type, data };
      }
    }
  }

  /** How many items a listing has. */
  async total(path: string): Promise<number> {
    return (await this.get<Page<unknown>>(`${path}?limit=1`)).total;
  }

  /** Every page of a listing. */
  async list<T>(
    path: string,
    filters: Readonly<Record<string, string | undefined>>,
    limit = Number.POSITIVE_INFINITY,
  ): Promise<T[]> {
    const items: T[] = [];
    let nextCursor: string | undefined;
    for (;;) {
      const query = new URLSearchParams({ limit: String(Math.min(PAGE_LIMIT, limit - items.length)) });
      if (nextCursor !== undefined) query.set('cursor', nextCursor);
      else query.set('offset', String(items.length));
      for (const [name, value] of Object.entries(filters)) if (value !== undefined) query.set(name, value);
      const page = await this.get<Page<T>>(`${path}?${query}`);
      items.push(...page.items);
      nextCursor = page.nextCursor;
      if (items.length >= limit || page.items.length === 0) return items;
      if (nextCursor === undefined && (query.has('cursor') || items.length >= page.total)) return items;
    }
  }

  async #ask<T>(method: string, path: string, body?: unknown, timeoutMs?: null): Promise<T> {
    const response = await this.#fetched(method, path, body, timeoutMs);
    const text = await response.text();
    if (!response.ok) throw refusal(response.status, text, this.url);
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    try {
      return (isJson ? JSON.parse(text) : text) as T;
    } catch {
      throw new CommandError(`${this.url} answered something that is no JSON: is it the HTTP interface of an engine?`);
    }
  }

  async #fetched(
    method: string,
    path: string,
    body?: unknown,
    timeoutMs: number | null = TIMEOUT_MS,
  ): Promise<Response> {
    this.#found ??= checked(await this.#find());
    const { url, token } = this.#found;
    const isFile = body instanceof Uint8Array;
    try {
      const response = await this.#fetch(`${url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'content-type': isFile ? 'text/csv' : 'application/json' }),
        },
        ...(body === undefined ? {} : { body: isFile ? Buffer.from(body) : JSON.stringify(body) }),
        ...(timeoutMs === null ? {} : { signal: AbortSignal.timeout(timeoutMs) }),
      });
      const missing = response.headers.get('x-tandem-missing');
      if (missing !== null) this.#onMissing(missing);
      return response;
    } catch (error) {
      const cause = (error as { cause?: { code?: string; message?: string } }).cause;
      throw new CommandError(
        `no engine answers at ${url} (${cause?.code ?? cause?.message ?? String(error)}); start one with "tandem start", or name the configuration of the one that runs: --config FILE or TANDEM_CONFIG`,
      );
    }
  }
}

/** A message of the engine may repeat what it was asked, line ends included. */
function oneLine(text: string): string {
  return text.replaceAll('\r', '\\r').replaceAll('\n', '\\n');
}

/** Throws a CommandError for what no request can be made of. */
function checked(found: FoundEngine): FoundEngine {
  if (!URL.canParse(found.url) || !/^https?:$/.test(new URL(found.url).protocol))
    throw new CommandError(
      `${JSON.stringify(found.url)} is no address of an engine: write TANDEM_URL as http://HOST:PORT`,
    );
  if (!/^[\x21-\x7e]*$/.test(found.token))
    throw new CommandError('TANDEM_TOKEN holds white space or characters that no token has');
  return found;
}

function refusal(status: number, text: string, url: string): CommandError {
  if (status === 401) {
    return new CommandError(
      `the engine at ${url} does not accept this token; it changes with each start, or TANDEM_TOKEN is wrong or expired`,
    );
  }
  let body: Partial<ProblemBody> = {};
  try {
    body = JSON.parse(text) as Partial<ProblemBody>;
  } catch {
    // Not this engine's answer: the status has to do.
  }
  const faults = (body.errors ?? []).map(({ path, message }) => oneLine(`${path === '' ? '' : `${path}: `}${message}`));
  const listed = faults.length === 1 ? ` ${faults[0]}` : faults.map((fault) => `\n  ${fault}`).join('');
  const detail = listed === '' ? oneLine(body.detail ?? `HTTP ${status}`) : `refused:${listed}`;
  return new CommandError(body.code === undefined ? `${url}: ${detail}` : `${detail} (${body.code})`);
}

/** Requests to the HTTP interface: the session's token with each change, and what goes wrong as one kind of error. */
import type { Problem } from '../../base/errors.ts';
import { signalOf } from './signal.ts';

/** Whether the engine answers. */
export const reachable = signalOf(true);
/** What each change says; empty while nobody is signed in. */
let csrfToken = '';
let onSignedOut: () => void = () => {};

export function adoptSession(token: string | undefined, signedOut: () => void): void {
  csrfToken = token ?? '';
  onSignedOut = signedOut;
}

/** A fault that an answer tells. */
export interface Fault extends Problem {
  /** What stands at its path in what was sent, where that is an entry of a list. */
  readonly entry?: string | undefined;
}

/** An answer that is no success, or none at all (status 0). */
export class RequestError extends Error {
  readonly status: number;
  readonly code: string;
  /** Faults by the path of the field in what was sent. */
  readonly problems: readonly Fault[];

  constructor(status: number, code: string, detail: string, problems: readonly Fault[] = []) {
    super(detail);
    this.name = 'RequestError';
    this.status = status;
    this.code = code;
    this.problems = problems;
  }
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface RequestOptions {
  readonly query?: Query;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Hears the entity tag of what is answered, for `If-Match`. */
  readonly onTag?: (tag: string) => void;
}

const RETRY_MS = 2000;

/** Throws a RequestError. An answer without a body is undefined. */
export async function request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
  const response = await fetched(method, path, options);
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  const body: unknown = isJson && text !== '' ? JSON.parse(text) : text === '' ? undefined : text;
  if (response.ok) {
    options.onTag?.(response.headers.get('etag') ?? '');
    return body as T;
  }
  const {
    code = 'unknown',
    detail = response.statusText,
    errors = [],
  } = (isJson ? body : {}) as Partial<{
    code: string;
    detail: string;
    errors: readonly Problem[];
  }>;
  if (response.status === 401 && code === 'unauthenticated') onSignedOut();
  const faults = errors.map((fault) => ({ ...fault, entry: entryAt(options.body, fault.path) }));
  throw new RequestError(response.status, code, detail, faults);
}

/** `members[2]` of what was sent, where that is a text or a number. */
function entryAt(sent: unknown, path: string): string | undefined {
  if (!path.endsWith(']')) return undefined;
  let value = sent;
  for (const step of path.split(/[.[\]]+/).slice(0, -1)) value = (value as Record<string, unknown> | undefined)?.[step];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

async function fetched(method: string, path: string, options: RequestOptions): Promise<Response> {
  const { query = {}, body, headers = {}, signal } = options;
  const changes = method !== 'GET';
  try {
    const response = await fetch(path + queryText(query), {
      method,
      credentials: 'same-origin',
      redirect: 'error',
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': body instanceof Blob ? 'text/csv' : 'application/json' }),
        ...(changes && csrfToken !== '' && headers['authorization'] === undefined ? { 'x-csrf-token': csrfToken } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: body instanceof Blob ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    reachable.set(true);
    return response;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    lost();
    throw new RequestError(0, 'unreachable', 'The engine does not answer.');
  }
}

export function queryText(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== '') parameters.set(name, String(value));
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

const WATCH_MS = 5000;

/** Asks now and then whether the engine is there, so that a page on which nobody does anything says so too. Returns what ends it. */
export function watchEngine(): () => void {
  const timer = window.setInterval(() => {
    if (document.visibilityState === 'visible' && reachable.value) fetch('/healthz', { cache: 'no-store' }).catch(lost);
  }, WATCH_MS);
  return () => window.clearInterval(timer);
}

let asking: number | undefined;

/** Asks until the engine is back; pages then read again what they show. */
export function lost(): void {
  reachable.set(false);
  if (asking !== undefined) return;
  asking = window.setInterval(() => {
    void fetch('/healthz', { cache: 'no-store' }).then(
      ({ ok }) => {
        if (!ok) return;
        window.clearInterval(asking);
        asking = undefined;
        reachable.set(true);
      },
      () => {},
    );
  }, RETRY_MS);
}

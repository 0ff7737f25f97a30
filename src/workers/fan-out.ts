/** What is asked of all workers, and how one answer is made of theirs. */
import { type Answered, type Asked, ask, type Backend } from './backends.ts';
import { mergedMetrics } from './metrics.ts';
import { mergedStatistics, type Statistics } from './statistics.ts';

/** As many as one answer of a worker has. */
const MAX_PAGE = 1_000;
const DEFAULT_LIMIT = 100;

interface Listing {
  /** The member of an item by which all are ordered, the latest first; undefined: one worker's after the other's. */
  readonly latest: string | undefined;
}

/** Listings of what each worker has by itself. */
const LISTINGS: Readonly<Record<string, Listing>> = {
  '/api/v1/calls': { latest: undefined },
  '/api/v1/call-records': { latest: 'startedAt' },
  '/api/v1/audit': { latest: 'at' },
};

type Make = (backends: readonly Backend[], asked: Asked) => Promise<Answered>;

/** How a request is answered that one worker alone cannot answer; undefined for all others. */
export function fanOut({ method, url }: Pick<Asked, 'method' | 'url'>): Make | undefined {
  const path = url.split('?', 1)[0] ?? '';
  if (method === 'GET') {
    const listing = LISTINGS[path];
    if (listing !== undefined) return (backends, asked) => page(backends, asked, listing);
    if (path === '/metrics') return metrics;
    if (path === '/readyz') return readiness;
    if (path === '/api/v1/trace') return trace;
    if (path === '/api/v1/call-statistics') return statistics;
  }
  if (/^\/api\/v1\/(calls|call-records)\/[^/]+(\/(trace|explain))?$/.test(path)) return whoeverHasIt;
  if (method !== 'POST') return undefined;
  if (path === '/api/v1/reload') return everyone;
  return /^\/api\/v1\/trunks\/[^/]+\/retry$/.test(path) ? whoeverCan : undefined;
}

/** The first answer of a worker that knows what is asked about. */
async function whoeverHasIt(backends: readonly Backend[], asked: Asked): Promise<Answered> {
  let last: Answered | undefined;
  for (const backend of backends) {
    const answered = await ask(backend, asked);
    if (answered.status < 400) return answered;
    if (last === undefined || last.status === 404) last = answered;
  }
  return last ?? NOBODY;
}

/** All of them, of which one may have something to do: which that is, another cannot know. */
async function whoeverCan(backends: readonly Backend[], asked: Asked): Promise<Answered> {
  const answers = await Promise.all(backends.map((backend) => ask(backend, asked)));
  return answers.find(({ status }) => status < 400) ?? answers[0] ?? NOBODY;
}

/** One after the other, up to the first that refuses; the answer of the first one, which has everything in it. */
async function everyone(backends: readonly Backend[], asked: Asked): Promise<Answered> {
  let first: Answered | undefined;
  for (const backend of backends) {
    const answered = await ask(backend, asked);
    if (answered.status >= 400) return answered;
    first ??= answered;
  }
  return first ?? NOBODY;
}

async function metrics(backends: readonly Backend[], asked: Asked): Promise<Answered> {
  const answers = await Promise.all(backends.map((backend) => ask(backend, asked)));
  const refused = answers.find(({ status }) => status !== 200);
  const [first] = answers;
  if (refused !== undefined || first === undefined) return refused ?? NOBODY;
  const texts = new Map(backends.map(({ worker }, index) => [worker, answers[index]?.body.toString('utf8') ?? '']));
  return { ...first, body: Buffer.from(mergedMetrics(texts), 'utf8') };
}

/** Ready while one is. */
async function readiness(backends: readonly Backend[], asked: Asked): Promise<Answered> {
  const answers = await Promise.all(backends.map((backend) => ask(backend, asked)));
  const reasons = new Set(answers.flatMap(({ body }) => (jsonOf(body) as { reasons?: string[] }).reasons ?? []));
  const ready = answers.find(({ status }) => status === 200);
  const [first] = answers;
  if (first === undefined) return NOBODY;
  const state = { ...(jsonOf((ready ?? first).body) as object), reasons: [...reasons] };
  return json(ready ?? first, state);
}

/** Each worker's messages in order of time. A worker counts its messages by itself: `next` is the counts of all. */
async function trace(backends: readonly Backend[], asked: Asked): Promise<Answered> {
  const query = queryOf(asked.url);
  const after = new Map((query.get('after') ?? '').split('-').map((part) => part.split('.') as [string, string]));
  if (query.get('format') === 'pcap') return whoeverHasIt(backends, asked);
  const limit = Number(query.get('limit') ?? 50);
  const answers = await Promise.all(
    backends.map((backend) => {
      const own = new URLSearchParams(query);
      own.set('after', after.get(String(backend.worker)) ?? '0');
      return ask(backend, { ...asked, url: `/api/v1/trace?${own}` });
    }),
  );
  const refused = answers.find(({ status }) => status !== 200);
  const [first] = answers;
  if (refused !== undefined || first === undefined) return refused ?? NOBODY;
  const pages = answers.map(({ body }) => jsonOf(body) as { messages: { at: string }[]; next: number });
  const messages = pages.flatMap((each) => each.messages).sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  const next = backends.map(({ worker }, index) => `${worker}.${pages[index]?.next ?? 0}`).join('-');
  return json(first, { messages: messages.slice(-limit), next });
}

/** All workers are asked about the same span, which by default ends now. */
async function statistics(backends: readonly Backend[], asked: Asked): Promise<Answered> {
  const query = queryOf(asked.url);
  if (!query.has('until')) query.set('until', new Date().toISOString());
  const answers = await Promise.all(
    backends.map((backend) => ask(backend, { ...asked, url: `/api/v1/call-statistics?${query}` })),
  );
  const refused = answers.find(({ status }) => status !== 200);
  const [first] = answers;
  if (refused !== undefined || first === undefined) return refused ?? NOBODY;
  const [sums, ...others] = answers.map(({ body }) => jsonOf(body) as Statistics);
  return sums === undefined ? first : json(first, mergedStatistics(sums, others));
}

/** One worker's table after the other's, under one heading. */
async function table(backends: readonly Backend[], asked: Asked): Promise<Answered> {
  const answers = await Promise.all(backends.map((backend) => ask(backend, asked)));
  const refused = answers.find(({ status }) => status !== 200);
  const [first, ...others] = answers;
  if (refused !== undefined || first === undefined) return refused ?? NOBODY;
  const rows = others.map(({ body }) => body.subarray(body.indexOf('\n') + 1));
  return { ...first, body: Buffer.concat([first.body, ...rows]) };
}

async function page(backends: readonly Backend[], asked: Asked, { latest }: Listing): Promise<Answered> {
  const query = queryOf(asked.url);
  if (query.get('format') === 'csv') return table(backends, asked);
  const limit = Number(query.get('limit') ?? DEFAULT_LIMIT);
  const offset = Number(query.get('offset') ?? 0);
  const isRight = Number.isInteger(limit) && limit >= 1 && limit <= MAX_PAGE && Number.isInteger(offset) && offset >= 0;
  // Whoever checks queries says what is wrong with it.
  if (!isRight) return whoeverHasIt(backends, asked);
  const items: Record<string, unknown>[] = [];
  let total = 0;
  let first: Answered | undefined;
  for (const backend of backends) {
    let has = 0;
    for (let at = 0; at === 0 || (at < has && at < offset + limit); at += MAX_PAGE) {
      query.set('offset', String(at));
      query.set('limit', String(Math.min(MAX_PAGE, offset + limit - at)));
      const answered = await ask(backend, { ...asked, url: `${asked.url.split('?', 1)[0]}?${query}` });
      if (answered.status !== 200) return answered;
      first ??= answered;
      const read = jsonOf(answered.body) as { items: Record<string, unknown>[]; total: number };
      has = read.total;
      items.push(...read.items);
    }
    total += has;
  }
  if (first === undefined) return NOBODY;
  if (latest !== undefined) items.sort((a, b) => compare(String(b[latest]), String(a[latest])));
  return json(first, { items: items.slice(offset, offset + limit), total, offset, limit });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function queryOf(url: string): URLSearchParams {
  const at = url.indexOf('?');
  return new URLSearchParams(at === -1 ? '' : url.slice(at + 1));
}

function jsonOf(body: Buffer): unknown {
  return JSON.parse(body.toString('utf8'));
}

function json(like: Answered, value: unknown): Answered {
  return { ...like, body: Buffer.from(JSON.stringify(value), 'utf8') };
}

/** While no worker serves. */
export const NOBODY: Answered = {
  status: 503,
  headers: { 'content-type': 'application/problem+json; charset=utf-8', 'retry-after': '2' },
  body: Buffer.from(
    JSON.stringify({
      type: 'urn:tandem:problem:no-worker',
      title: 'Unavailable',
      status: 503,
      code: 'no-worker',
      detail: 'no worker of this node serves at the moment',
    }),
  ),
};

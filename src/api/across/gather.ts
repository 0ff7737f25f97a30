/** One answer made of those of several nodes, or of the workers of one. */
import type { Answered } from '../../observe/index.ts';
import { byEnd, cursorAfter, type Ended } from '../cursor.ts';
import { MAX_PAGE } from '../listing-cursor.ts';
import { mergedPlays, type PlayedInPlan } from '../played-calls.ts';
import { mergedStatistics, type Statistics } from './statistics.ts';

/** A node, or a worker. */
export interface AnsweringNode {
  readonly name: string;
  /** Rejects when it does not answer. */
  ask(url: string): Promise<Answered>;
}

/** How one answer is made of theirs. */
export type GatheredAs =
  /** A page of items, those of one after those of the other. */
  | 'listing'
  /** A page of items of which each has its own, the latest first. */
  | 'records'
  | 'audit'
  | 'statistics'
  | 'trace'
  /** Each plays its own latest calls again. */
  | 'plan'
  /** Whoever knows what is asked about answers. */
  | 'whoever';

interface NodeAnswered {
  readonly source: AnsweringNode;
  readonly answered: Answered;
}

const DEFAULT_LIMIT = 100;
/** How far into listings that are put in order it is counted: each of them gives so many. */
const MAX_DEPTH = 2_000;
const PCAP_HEADER_OCTETS = 24;
const MISSING = 'x-tandem-missing';

/**
 * @param absent names of those that are known to be there and not worth asking
 */
export async function gather(
  kind: GatheredAs,
  sources: readonly AnsweringNode[],
  url: string,
  absent: readonly string[] = [],
): Promise<Answered> {
  const query = queryOf(url);
  const format = query.get('format');
  const made = await MAKERS[format === 'csv' || format === 'pcap' ? format : kind](sources, url, query);
  return withMissing(made.answered, [...absent, ...made.missing].sort(), kind);
}

interface Made {
  readonly answered: Answered;
  /** Those that did not answer. */
  readonly missing: readonly string[];
}

type Make = (sources: readonly AnsweringNode[], url: string, query: URLSearchParams) => Promise<Made>;

const MAKERS: Readonly<Record<GatheredAs | 'csv' | 'pcap', Make>> = {
  listing: (sources, url, query) => listing(sources, url, query),
  records: (sources, url, query) => latest(sources, url, query, 'endedAt'),
  audit: (sources, url, query) => latest(sources, url, query, 'at'),
  whoever,
  statistics,
  trace,
  plan,
  csv: (sources, url) =>
    joined(sources, url, (bodies) =>
      bodies.map((body, index) => (index === 0 ? body : body.subarray(body.indexOf('\n') + 1))),
    ),
  pcap: (sources, url) =>
    joined(sources, url, (bodies) =>
      bodies.map((body, index) => (index === 0 ? body : body.subarray(PCAP_HEADER_OCTETS))),
    ),
};

/** What each of them says who is asked at once, and the names of those that do not answer. */
async function askEach(sources: readonly AnsweringNode[], urlFor: (source: AnsweringNode) => string) {
  const heard: NodeAnswered[] = [];
  const missing: string[] = [];
  const outcomes = await Promise.allSettled(sources.map((source) => source.ask(urlFor(source))));
  for (const [index, source] of sources.entries()) {
    const outcome = outcomes[index];
    if (outcome?.status === 'fulfilled') heard.push({ source, answered: outcome.value });
    else missing.push(source.name);
  }
  return { heard, missing };
}

/** Asks all at once. Rows of those that cannot answer are missing, until none can: then one of their refusals is the answer. */
async function askAll(sources: readonly AnsweringNode[], urlFor: (source: AnsweringNode) => string) {
  const { heard, missing } = await askEach(sources, urlFor);
  const answers = heard.filter(({ answered }) => answered.status < 400);
  const unable = heard.filter(({ answered }) => answered.status >= 500);
  missing.push(...unable.map(({ source }) => source.name));
  const refusal = heard.find(({ answered }) => answered.status >= 400 && answered.status < 500);
  const none = answers.length > 0 ? undefined : (unable[0]?.answered ?? SILENT);
  return { refused: refusal?.answered ?? none, answers, missing };
}

async function whoever(sources: readonly AnsweringNode[], url: string): Promise<Made> {
  const missing: string[] = [];
  let refusal: Answered | undefined;
  // The one that was asked by whoever asks; the others together.
  for (const group of [sources.slice(0, 1), sources.slice(1)]) {
    const asked = await askEach(group, () => url);
    for (const { answered } of asked.heard) {
      if (answered.status < 400) return { answered, missing: [] };
      if (refusal === undefined || refusal.status === 404) refusal = answered;
    }
    missing.push(...asked.missing);
  }
  return { answered: refusal ?? SILENT, missing };
}

/** Nobody gives more than what is on the page: how many each has is asked first. */
async function listing(sources: readonly AnsweringNode[], url: string, query: URLSearchParams): Promise<Made> {
  const { limit, offset } = pageOf(query);
  if (limit === undefined || offset === undefined) return whoever(sources, url);
  const counted = await askAll(sources, () => withQuery(url, query, { offset: 0, limit: offset === 0 ? limit : 1 }));
  if (counted.refused !== undefined) return { answered: counted.refused, missing: counted.missing };
  const totals = counted.answers.map(({ answered }) => pageIn(answered).total);
  const wanted = new Map<AnsweringNode, { readonly offset: number; readonly limit: number }>();
  let before = 0;
  for (const [index, { source }] of counted.answers.entries()) {
    const from = Math.max(offset - before, 0);
    const until = Math.min(offset + limit - before, totals[index] ?? 0);
    if (until > from) wanted.set(source, { offset: from, limit: until - from });
    before += totals[index] ?? 0;
  }
  const items: unknown[] = [];
  const missing = [...counted.missing];
  if (offset === 0) {
    for (const { source, answered } of counted.answers)
      items.push(...pageIn(answered).items.slice(0, wanted.get(source)?.limit ?? 0));
  } else if (wanted.size > 0) {
    const read = await askAll([...wanted.keys()], (source) => withQuery(url, query, wanted.get(source) ?? {}));
    if (read.refused !== undefined) return { answered: read.refused, missing: [...missing, ...read.missing] };
    for (const { answered } of read.answers) items.push(...pageIn(answered).items);
    missing.push(...read.missing);
  }
  return { answered: json(counted.answers, { items, total: before, offset, limit }), missing };
}

async function latest(
  sources: readonly AnsweringNode[],
  url: string,
  query: URLSearchParams,
  member: 'endedAt' | 'at',
): Promise<Made> {
  const { limit, offset } = pageOf(query);
  if (limit === undefined || offset === undefined) return whoever(sources, url);
  const depth = offset + limit;
  if (sources.length > 1 && depth > MAX_DEPTH) return { answered: TOO_DEEP, missing: [] };
  const rows: Record<string, unknown>[] = [];
  const missing: string[] = [];
  let asked = sources;
  let total = 0;
  let answers: readonly NodeAnswered[] = [];
  for (let at = 0; at < depth && asked.length > 0; at += MAX_PAGE) {
    const page = { offset: at, limit: Math.min(MAX_PAGE, depth - at) };
    const read = await askAll(asked, () => withQuery(url, query, page));
    missing.push(...read.missing);
    if (read.refused !== undefined && (at === 0 || read.refused.status < 500))
      return { answered: read.refused, missing };
    for (const { answered } of read.answers) {
      const { items, total: has } = pageIn(answered);
      rows.push(...items);
      if (at === 0) total += has;
    }
    if (at === 0) answers = read.answers;
    asked = read.answers.filter(({ answered }) => pageIn(answered).total > at + MAX_PAGE).map(({ source }) => source);
  }
  // As each of them puts its own in order.
  if (member === 'endedAt') (rows as unknown as Ended[]).sort(byEnd);
  else rows.sort((a, b) => compare(String(b[member]), String(a[member])));
  const items = rows.slice(offset, depth);
  const last = member === 'endedAt' && rows.length >= depth && total > depth ? items.at(-1) : undefined;
  const next = last === undefined ? {} : { nextCursor: cursorAfter(last as unknown as Ended) };
  return { answered: json(answers, { items, total, offset, limit, ...next }), missing };
}

/** Each one's messages in order of time. They are counted by each one for itself: `next` is the counts of all. */
async function trace(sources: readonly AnsweringNode[], url: string, query: URLSearchParams): Promise<Made> {
  const after = new Map((query.get('after') ?? '').split(',').map((part) => part.split('.') as [string, string]));
  const limit = Number(query.get('limit') ?? 50);
  const read = await askAll(sources, ({ name }) => withQuery(url, query, { after: after.get(name) ?? '0' }));
  if (read.refused !== undefined) return { answered: read.refused, missing: read.missing };
  const pages = read.answers.map(({ answered }) => jsonOf(answered) as { messages: { at: string }[]; next: unknown });
  const messages = pages.flatMap((each) => each.messages).sort((a, b) => compare(a.at, b.at));
  for (const [index, { source }] of read.answers.entries()) after.set(source.name, String(pages[index]?.next ?? 0));
  const next = sources.map(({ name }) => `${name}.${after.get(name) ?? '0'}`).join(',');
  return { answered: json(read.answers, { messages: messages.slice(-limit), next }), missing: read.missing };
}

/** What each of them finds of its own calls. The first one says whether it can be asked: another may not know yet what was written just now. */
async function plan(sources: readonly AnsweringNode[], url: string): Promise<Made> {
  const { heard } = await askEach(sources, () => url);
  const able = heard.filter(({ answered }) => answered.status < 500);
  const answers = able.filter(({ answered }) => answered.status < 400);
  const first = able[0]?.answered ?? SILENT;
  const refused = first.status >= 400;
  const counted = refused ? able : answers;
  const missing = sources.filter((each) => !counted.some(({ source }) => source === each)).map(({ name }) => name);
  if (refused) return { answered: first, missing };
  const plans = answers.map(({ answered }) => jsonOf(answered) as PlayedInPlan);
  return { answered: json(answers, { ...plans[0], ...mergedPlays(plans) }), missing };
}

/** All are asked about the same span, which by default ends now. */
async function statistics(sources: readonly AnsweringNode[], url: string, query: URLSearchParams): Promise<Made> {
  const until = query.get('until') ?? new Date().toISOString();
  const read = await askAll(sources, () => withQuery(url, query, { until }));
  if (read.refused !== undefined) return { answered: read.refused, missing: read.missing };
  const [first, ...others] = read.answers.map(({ answered }) => jsonOf(answered) as Statistics);
  return {
    answered: json(read.answers, mergedStatistics(first as Statistics, others)),
    missing: read.missing,
  };
}

/** One's file after the other's, under one heading. Who knows nothing of what is asked adds nothing. */
async function joined(
  sources: readonly AnsweringNode[],
  url: string,
  join: (bodies: readonly Buffer[]) => readonly Buffer[],
): Promise<Made> {
  const { heard, missing } = await askEach(sources, () => url);
  const answers = heard.filter(({ answered }) => answered.status < 400);
  missing.push(...heard.filter(({ answered }) => answered.status >= 500).map(({ source }) => source.name));
  const first = answers[0]?.answered;
  if (first === undefined)
    return { answered: heard.find(({ answered }) => answered.status < 500)?.answered ?? SILENT, missing };
  return { answered: { ...first, body: Buffer.concat(join(answers.map(({ answered }) => answered.body))) }, missing };
}

/** Whoever reads an answer is told whose part is not in it. */
function withMissing(answered: Answered, missing: readonly string[], kind: GatheredAs): Answered {
  if (missing.length === 0) return answered;
  const headers = { ...answered.headers, [MISSING]: missing.join(', ') };
  if (kind === 'whoever' && answered.status === 404) {
    const detail = `nothing is known of it here, and these nodes do not answer: ${missing.join(', ')}`;
    return {
      ...problem(503, 'nodes-silent', 'Unavailable', detail),
      headers: { ...PROBLEM, [MISSING]: missing.join(', ') },
    };
  }
  const isJson = answered.status < 300 && String(answered.headers['content-type']).startsWith('application/json');
  if (!isJson) return { ...answered, headers };
  return {
    ...answered,
    headers,
    body: Buffer.from(JSON.stringify({ ...(jsonOf(answered) as object), missing }), 'utf8'),
  };
}

function pageOf(query: URLSearchParams): { readonly limit?: number; readonly offset?: number } {
  const limit = Number(query.get('limit') ?? DEFAULT_LIMIT);
  const offset = Number(query.get('offset') ?? 0);
  const isRight = Number.isInteger(limit) && limit >= 1 && limit <= MAX_PAGE && Number.isInteger(offset) && offset >= 0;
  // Whoever checks queries says what is wrong with it.
  return isRight ? { limit, offset } : {};
}

function withQuery(url: string, query: URLSearchParams, values: Readonly<Record<string, string | number>>): string {
  const own = new URLSearchParams(query);
  for (const [name, value] of Object.entries(values)) own.set(name, String(value));
  return `${url.split('?', 1)[0]}?${own}`;
}

export function queryOf(url: string): URLSearchParams {
  const at = url.indexOf('?');
  return new URLSearchParams(at === -1 ? '' : url.slice(at + 1));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function pageIn(answered: Answered): { readonly items: Record<string, unknown>[]; readonly total: number } {
  return jsonOf(answered) as { items: Record<string, unknown>[]; total: number };
}

function jsonOf({ body }: Answered): unknown {
  return JSON.parse(body.toString('utf8'));
}

function json(like: readonly NodeAnswered[], value: unknown): Answered {
  const { status, headers } = like[0]?.answered ?? SILENT;
  return { status, headers, body: Buffer.from(JSON.stringify(value), 'utf8') };
}

const PROBLEM = { 'content-type': 'application/problem+json; charset=utf-8' };

function problem(status: number, code: string, title: string, detail: string): Answered {
  const body = { type: `urn:tandem:problem:${code}`, title, status, code, detail };
  return { status, headers: PROBLEM, body: Buffer.from(JSON.stringify(body), 'utf8') };
}

const SILENT = problem(503, 'nodes-silent', 'Unavailable', 'none of the nodes that were asked has answered');
const TOO_DEEP = problem(
  422,
  'offset-too-far',
  'Unprocessable',
  `items of several nodes are counted up to the ${MAX_DEPTH}th: go on with \`cursor\`, or narrow by time or \`node\``,
);

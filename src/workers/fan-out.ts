/** What is asked of all workers, and how one answer is made of theirs. */
import { type AnsweringNode, ApiProblem, type GatheredAs, gather, PROBLEM_TYPE, problemBody } from '../api/index.ts';
import type { Answered } from '../observe/index.ts';
import { workerName } from '../settings/workers.ts';
import { ask, type Backend, type PassedRequest } from './backends.ts';
import { mergedMetrics } from './metrics.ts';

/** What each worker has by itself, by the path. */
const GATHERED: Readonly<Record<string, GatheredAs>> = {
  '/api/v1/calls': 'listing',
  '/api/v1/leases': 'listing',
  '/api/v1/call-records': 'records',
  '/api/v1/audit': 'audit',
  '/api/v1/trace': 'trace',
  '/api/v1/call-statistics': 'statistics',
};

/** One that says nothing for so long is left out, and named. */
export const SILENT_MS = 3_000;
/** Whoever asks whether the node is ready has little patience. */
const READY_MS = 800;
/** An examination waits for whom it asks. */
const DOCTOR_MS = 60_000;
/** Files are read and what is provisioned is compared before anything is said. */
const RELOAD_MS = 60_000;
/** The same of a document, and calls are played. */
const PLAN_MS = 60_000;

/** The whole body of a request; undefined: it is longer than any may be. Who does not need it does not ask for it. */
export type ReadBody = () => Promise<Buffer | undefined>;

type Make = (backends: readonly Backend[], asked: PassedRequest, readBody: ReadBody) => Promise<Answered>;

/**
 * How a request is answered that one worker alone cannot answer; undefined for all others.
 * @param nodesAsk each worker asks all nodes of the store by itself, the other workers among them
 */
export function fanOut({ method, url }: Pick<PassedRequest, 'method' | 'url'>, nodesAsk: boolean): Make | undefined {
  const path = url.split('?', 1)[0] ?? '';
  if (method === 'GET' && path === '/metrics') return metrics;
  if (method === 'GET' && path === '/readyz') return readiness;
  if (isReload({ method, url })) return everyone;
  if (method === 'POST' && path === '/api/v1/drain') return drain;
  if (method === 'GET' && path === '/api/v1/trunks') return trunks;
  const ofTrunk = /^\/api\/v1\/trunks\/[^/]+\/(status|retry|doctor)$/.exec(path)?.[1];
  if (method === 'POST' && (path === '/api/v1/plan' || path === '/api/v1/plan/change')) return plan;
  if (method === 'GET' && ofTrunk === 'status') return whoeverHasIt;
  if (method === 'POST' && ofTrunk === 'retry') return whoeverHasIt;
  if (method === 'POST' && ofTrunk === 'doctor') return doctor;
  if (nodesAsk) return undefined;
  const isOfCall = /^\/api\/v1\/(calls|call-records)\/[^/]+(\/(trace|explain))?$/.test(path);
  const kind = isOfCall ? 'whoever' : method === 'GET' ? GATHERED[path] : undefined;
  if (kind === undefined) return undefined;
  return (backends, asked) =>
    gather(
      kind,
      backends.map((backend) => sourceOf(backend, asked)),
      asked.url,
    );
}

export function isReload({ method, url }: Pick<PassedRequest, 'method' | 'url'>): boolean {
  return method === 'POST' && url.split('?', 1)[0] === '/api/v1/reload';
}

/**
 * Those whom a query asks: one worker, or all by the name of the node, which each of them goes by. One that names nobody here is refused by
 * any of them.
 * @param node the name of the node
 */
export function named(
  backends: readonly Backend[],
  { url }: Pick<PassedRequest, 'url'>,
  node: string,
): readonly Backend[] {
  const wanted = new URLSearchParams(url.split('?')[1]).get('node');
  if (wanted === null || wanted === node) return backends;
  const found = backends.filter(({ worker }) => workerName(node, worker - 1) === wanted);
  return found.length === 0 ? backends.slice(0, 1) : found;
}

function sourceOf(backend: Backend, asked: PassedRequest): AnsweringNode {
  return { name: `w${backend.worker}`, ask: (url) => ask(backend, { ...asked, url }, SILENT_MS) };
}

interface WorkerHeard {
  readonly worker: number;
  readonly answered: Answered;
}

/** What all say that say something in time. */
async function askAll(
  backends: readonly Backend[],
  asked: PassedRequest,
  silentMs = SILENT_MS,
): Promise<{ readonly heard: readonly WorkerHeard[]; readonly silent: readonly number[] }> {
  const outcomes = await Promise.allSettled(backends.map((backend) => ask(backend, asked, silentMs)));
  const heard: WorkerHeard[] = [];
  const silent: number[] = [];
  for (const [index, { worker }] of backends.entries()) {
    const outcome = outcomes[index];
    if (outcome?.status === 'fulfilled') heard.push({ worker, answered: outcome.value });
    else silent.push(worker);
  }
  return { heard, silent };
}

/** A trunk as a worker knows it, as far as this needs it. */
interface TrunkTold {
  /** Another worker registers it, or has its gateway. */
  readonly elsewhere?: true;
  /** Its own. */
  readonly activeCalls: number;
}

/** All of them are asked of a trunk: the answer is that of the one that registers it, or has its gateway, with the calls of all. */
async function whoeverHasIt(backends: readonly Backend[], asked: PassedRequest): Promise<Answered> {
  const { heard } = await askAll(backends, asked);
  const owner = (ofOwner(heard) ?? heard[0])?.answered;
  if (owner === undefined || owner.status >= 400) return owner ?? NOBODY;
  const told = heard.filter(({ answered: { status } }) => status < 400).map(toldBy);
  return json(owner, ofAll(jsonOf(owner.body) as TrunkTold, told));
}

function toldBy({ answered: { body } }: WorkerHeard): TrunkTold {
  return jsonOf(body) as TrunkTold;
}

function ofAll(status: TrunkTold, told: readonly TrunkTold[]): TrunkTold {
  return { ...status, activeCalls: told.reduce((sum, { activeCalls }) => sum + activeCalls, 0) };
}

function ofOwner(heard: readonly WorkerHeard[]): WorkerHeard | undefined {
  const known = heard.filter(({ answered: { status } }) => status < 400);
  return known.find((heardOf) => toldBy(heardOf).elsewhere !== true) ?? known[0];
}

/** The one that registers the trunk, or has its gateway, examines it. */
async function doctor(backends: readonly Backend[], asked: PassedRequest): Promise<Answered> {
  const url = asked.url.replace(/doctor(?=\?|$)/, 'status');
  const { heard } = await askAll(backends, { ...asked, method: 'GET', url });
  const owner = ofOwner(heard);
  const backend = backends.find(({ worker }) => worker === owner?.worker) ?? backends[0];
  return backend === undefined ? NOBODY : ask(backend, asked, DOCTOR_MS);
}

/** A page as the first one has it, each trunk with the status that its own worker tells, and the calls of all. */
async function trunks(backends: readonly Backend[], asked: PassedRequest): Promise<Answered> {
  const answers = (await askAll(backends, asked)).heard.map(({ answered }) => answered);
  const [first] = answers;
  if (first === undefined || first.status >= 400) return first ?? NOBODY;
  const told = new Map<string, TrunkTold[]>();
  for (const answered of answers)
    for (const { id, status } of answered.status < 400 ? trunksIn(answered).items : [])
      told.set(id, [...(told.get(id) ?? []), status]);
  const page = trunksIn(first);
  const items = page.items.map((item) => {
    const statuses = told.get(item.id) ?? [];
    return { ...item, status: ofAll(statuses.find(({ elsewhere }) => elsewhere !== true) ?? item.status, statuses) };
  });
  return json(first, { ...page, items });
}

function trunksIn({ body }: Answered) {
  return jsonOf(body) as { readonly items: readonly { readonly id: string; readonly status: TrunkTold }[] };
}

/**
 * Each of them has had calls of its own. Who is silent is found before, since a plan may take its time; and nothing is kept here of who is
 * not even known.
 */
async function plan(backends: readonly Backend[], asked: PassedRequest, readBody: ReadBody): Promise<Answered> {
  const { heard, silent } = await askAll(backends, { ...asked, method: 'GET', url: '/api/v1/tenants?limit=1' });
  const stranger = heard.find(({ answered: { status } }) => status === 401);
  if (stranger !== undefined) return stranger.answered;
  const body = await readBody();
  if (body === undefined) return TOO_LARGE;
  const sources = backends
    .filter(({ worker }) => !silent.includes(worker))
    .map(
      (backend): AnsweringNode => ({
        name: `w${backend.worker}`,
        ask: (url) => ask(backend, { ...asked, url }, PLAN_MS, { body, takesMs: SILENT_MS }),
      }),
    );
  const absent = silent.map((worker) => `w${worker}`);
  return gather('plan', sources, asked.url, absent);
}

/** The first one has the node drain; the calls that it says are those of all. */
async function drain(backends: readonly Backend[], asked: PassedRequest): Promise<Answered> {
  const { heard } = await askAll(backends, { ...asked, method: 'GET', url: '/api/v1/node' }, READY_MS);
  const [first] = heard;
  const backend = backends.find(({ worker }) => worker === first?.worker) ?? backends[0];
  if (backend === undefined) return NOBODY;
  const answered = await ask(backend, asked, SILENT_MS);
  if (answered.status >= 400) return answered;
  const told = jsonOf(answered.body) as { readonly node: string };
  const views = heard.filter(({ answered: { status } }) => status === 200);
  const calls = views.reduce((sum, { answered: { body } }) => sum + (jsonOf(body) as { calls: number }).calls, 0);
  return json(answered, { ...told, node: told.node.replace(/-w[0-9]+$/, ''), calls });
}

/** One after the other, up to the first that refuses; the answer of the first one, which has everything in it. */
async function everyone(backends: readonly Backend[], asked: PassedRequest): Promise<Answered> {
  let first: Answered | undefined;
  for (const backend of backends) {
    const answered = await ask(backend, asked, RELOAD_MS);
    if (answered.status >= 400) return answered;
    first ??= answered;
  }
  return first ?? NOBODY;
}

/** Those of a worker that is silent are missing, and `tandem_worker_up` says so. */
async function metrics(backends: readonly Backend[], asked: PassedRequest): Promise<Answered> {
  const { heard } = await askAll(backends, asked);
  const refused = heard.find(({ answered }) => answered.status !== 200);
  const [first] = heard;
  if (refused !== undefined || first === undefined) return refused?.answered ?? NOBODY;
  const texts = new Map(heard.map(({ worker, answered }) => [worker, answered.body.toString('utf8')]));
  const up = new Map(backends.map(({ worker }) => [worker, texts.has(worker)]));
  return { ...first.answered, body: Buffer.from(mergedMetrics(texts, up), 'utf8') };
}

/** Ready while one is. */
async function readiness(backends: readonly Backend[], asked: PassedRequest): Promise<Answered> {
  const { heard, silent } = await askAll(backends, asked, READY_MS);
  const answers = heard.map(({ answered }) => answered);
  const reasons = new Set(answers.flatMap(({ body }) => (jsonOf(body) as { reasons?: string[] }).reasons ?? []));
  if (silent.length > 0) reasons.add('worker-silent');
  const ready = answers.find(({ status }) => status === 200);
  const [first] = answers;
  if (first === undefined) return NOBODY;
  const state = { ...(jsonOf((ready ?? first).body) as object), reasons: [...reasons] };
  return json(ready ?? first, state);
}

function jsonOf(body: Buffer): unknown {
  return JSON.parse(body.toString('utf8'));
}

function json(like: Answered, value: unknown): Answered {
  return { ...like, body: Buffer.from(JSON.stringify(value), 'utf8') };
}

/** A refusal as a worker says it. */
export function refusalOf(problem: ApiProblem): Answered {
  return {
    status: problem.status,
    headers: { 'content-type': PROBLEM_TYPE, ...problem.headers },
    body: Buffer.from(JSON.stringify(problemBody(problem))),
  };
}

/** While no worker serves. */
export const NOBODY = refusalOf(
  new ApiProblem(503, 'no-worker', 'no worker of this node serves at the moment', { headers: { 'retry-after': '2' } }),
);
const TOO_LARGE = refusalOf(new ApiProblem(413, 'body-too-large', 'the request body is too large'));

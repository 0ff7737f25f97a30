/** Many items of a tenant changed at once: all, or those against which nothing speaks, with what speaks against each of the others. */
import { isDeepStrictEqual } from 'node:util';
import type { FastifyRequest } from 'fastify';
import type { Problem } from '../base/errors.ts';
import type { Steps } from '../base/steps.ts';
import { TextMap } from '../base/text-map.ts';
import { tenantPlace } from '../provisioning/directory/places.ts';
import { type Reference, referencesTo } from '../provisioning/tenants/references.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import type { Provisioned } from '../provisioning/trunk-settings/schema.ts';
import { applyChange, factOf, type PlannedChange, previewChange } from './change.ts';
import { type Collection, type Item, itemsByKey, itemsOf, tenantOf } from './collection.ts';
import { type ApiContext, identityOf } from './context.ts';
import type { ManyReport } from './ports.ts';
import { ApiProblem } from './problem.ts';
import { requireAllowedTrust } from './sources.ts';

/** What speaks against a row. */
type RowFault = ManyReport['faults'][number];

/** What is to become of one item. */
export interface WantedItem {
  /** What the answer calls it by: a line of a file, a place in a list. */
  readonly row: number;
  readonly key: string;
  /** Undefined: it is deleted. Read only where there are no faults. */
  readonly after?: Item | undefined;
  readonly faults: readonly Problem[];
}

export interface ManyOptions {
  /** Nothing is changed. */
  readonly preview: boolean;
  /** `skip`: what nothing speaks against is changed. */
  readonly onFault: 'refuse' | 'skip';
}

/** What one rule refuses may be what another rule missed: so often it is asked again without the rows that were refused. */
const MAX_ROUNDS = 5;
/** Faults that are told; all are counted. */
const MAX_TOLD = 1000;
const REFUSED = 'rows-refused';

/** What is wanted of the items that there are, by key. */
type ReadWanted = (tenant: Tenant, present: ReadonlyMap<string, Item>) => Steps<readonly WantedItem[]>;

/** @param read reads what is wanted, on the state that it is to change. @throws ApiProblem what no row is to blame for, and with `refuse` every fault. */
export async function changeMany(
  context: ApiContext,
  request: FastifyRequest,
  collection: Collection,
  read: ReadWanted,
  { preview, onFault }: ManyOptions,
): Promise<ManyReport> {
  const refused = new Map<number, RowFault[]>();
  const plan = (state: Provisioned) => planMany(context, request, state, collection, read, refused);
  for (let round = 0; ; round++) {
    try {
      const planned = preview
        ? (await previewChange(context, request, plan)).planned
        : await applyChange(context, request, (state) => planOrRefuse(plan(state), onFault));
      return reportOf(planned, !preview && planned.facts.length > 0);
    } catch (error) {
      if (round >= MAX_ROUNDS || !(error instanceof ApiProblem) || error.code === REFUSED) throw error;
      if (!takeFaults(error, refused)) throw error;
      if (!preview && onFault === 'refuse') throw refusal([...refused.values()].flat());
    }
  }
}

interface PlannedMany extends PlannedChange {
  readonly counts: Omit<ManyReport, 'applied' | 'refused' | 'faults'>;
  readonly faults: readonly RowFault[];
}

function* planOrRefuse(plan: Steps<PlannedMany>, onFault: ManyOptions['onFault']): Steps<PlannedMany> {
  const planned = yield* plan;
  if (onFault === 'refuse' && planned.faults.length > 0) throw refusal(planned.faults);
  return planned;
}

function reportOf({ counts, faults }: PlannedMany, applied: boolean): ManyReport {
  return { applied, ...counts, refused: rowsIn(faults), faults: faults.slice(0, MAX_TOLD) };
}

function refusal(faults: readonly RowFault[]): ApiProblem {
  const rows = rowsIn(faults);
  const problems = faults
    .slice(0, MAX_TOLD)
    .map(({ row, path, code, message }) => ({ code, path: `rows[${row}]${path === '' ? '' : `.${path}`}`, message }));
  const detail = `${rows === 1 ? '1 row is' : `${rows} rows are`} at fault; nothing was changed`;
  return new ApiProblem(422, REFUSED, detail, { problems });
}

/** Of how many rows these are, where those of one stand together: of 100,000 no set is made. */
function rowsIn(faults: readonly RowFault[]): number {
  let rows = 0;
  for (let at = 0; at < faults.length; at++) if (faults[at]?.row !== faults[at - 1]?.row) rows++;
  return rows;
}

/** Whether every fault is a row's; they are kept by row then. */
function takeFaults({ problems }: ApiProblem, refused: Map<number, RowFault[]>): boolean {
  const found = problems.map((problem) => ({ problem, at: /^rows\[(\d+)\]\.?(.*)$/s.exec(problem.path) }));
  if (found.length === 0 || found.some(({ at }) => at === null)) return false;
  for (const { problem, at } of found) {
    const row = Number(at?.[1]);
    const fault = { row, key: '', ...problem, path: at?.[2] ?? '' };
    refused.set(row, [...(refused.get(row) ?? []), fault]);
  }
  return true;
}

function* planMany(
  context: ApiContext,
  request: FastifyRequest,
  state: Provisioned,
  collection: Collection,
  read: ReadWanted,
  refused: ReadonlyMap<number, readonly RowFault[]>,
): Steps<PlannedMany> {
  const tenant = tenantOf(request, state);
  const present = yield* itemsByKey(tenant, collection);
  const wanted = yield* read(tenant, present);
  const after = present.copy();
  const counts = { created: 0, updated: 0, deleted: 0, unchanged: 0 };
  const facts: PlannedChange['facts'][number][] = [];
  const faults: RowFault[] = [];
  const rowOf = new TextMap<number>();
  const inUse = yield* stillNamed(tenant, collection, wanted);
  for (const { row, key, after: item, faults: own } of wanted) {
    yield;
    const named = inUse.get(key) ?? [];
    const known = [...[...own, ...named].map((fault) => ({ ...fault, row, key })), ...(refused.get(row) ?? [])];
    const twice = rowOf.get(key);
    if (known.length === 0 && twice !== undefined)
      known.push({ row, key, code: 'twice', path: collection.key, message: `is in row ${twice} too` });
    if (known.length > 0) {
      faults.push(...known.map((fault) => ({ ...fault, key })));
      continue;
    }
    rowOf.set(key, row);
    const before = present.get(key);
    if (item === undefined) after.delete(key);
    else after.set(key, item);
    if (isDeepStrictEqual(before, item)) {
      counts.unchanged++;
      continue;
    }
    const resource = `tenants/${tenant.name}/${collection.segment}/${encodeURIComponent(key)}`;
    const fact = factOf(resource, tenant.name, before, item);
    counts[`${fact.action}d`]++;
    facts.push(fact);
  }
  const items = [...after.values()];
  const changed = { ...tenant, [collection.field]: items } as Tenant;
  yield* requireAllowedTrust(context, identityOf(request), state, changed, tenant);
  const tenantPath = `tenants[${tenantPlace(state, tenant.name)}]`;
  return {
    change: facts.length === 0 ? {} : { putTenants: [changed] },
    facts,
    counts,
    faults,
    // Made only for a refusal: 100,000 places are a lot of text.
    bodyPaths: () =>
      new Map(
        items.flatMap((item, index) => {
          const row = rowOf.get(String(item[collection.key]));
          return row === undefined ? [] : [[`${tenantPath}.${collection.field}[${index}]`, `rows[${row}]`] as const];
        }),
      ),
  };
}

/** Numbers that are to be deleted and that what stays names: what does not go for that names others in turn. */
function* stillNamed(
  tenant: Tenant,
  collection: Collection,
  wanted: readonly WantedItem[],
): Steps<ReadonlyMap<string, readonly Problem[]>> {
  const named = new Map<string, Problem[]>();
  if (collection.key !== 'number') return named;
  const going = new Set(wanted.flatMap(({ key, after, faults }) => (after || faults.length > 0 ? [] : [key])));
  if (going.size === 0) return named;
  const items = itemsOf(tenant, collection);
  const ofGoing = new Map<string, Reference[]>();
  const waiting: Reference[] = [];
  for (const reference of referencesTo(going, tenant)) {
    const by = reference.field === collection.field ? String(items[reference.index]?.[collection.key]) : '';
    if (!going.has(by)) waiting.push(reference);
    else if (by !== reference.number) ofGoing.set(by, [...(ofGoing.get(by) ?? []), reference]);
  }
  for (let reference = waiting.pop(); reference !== undefined; reference = waiting.pop()) {
    yield;
    const { number, path } = reference;
    const problem = { code: 'in-use', path: '', message: `is still named by ${path}` };
    const before = named.get(number);
    if (before === undefined) named.set(number, [problem]);
    else before.push(problem);
    if (before === undefined) waiting.push(...(ofGoing.get(number) ?? []));
  }
  return named;
}

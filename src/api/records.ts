/** Records of calls that ended, one by one, as a table for a spreadsheet, and summed up for charts. */

import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { csvLine } from '../base/csv.ts';
import { defined } from '../base/defined.ts';
import { firstPlace } from '../base/first-place.ts';
import { byDefault, optional } from '../base/schema.ts';
import { inSlices, type Steps, sorted } from '../base/steps.ts';
import type { CallRecord, FoundRecord } from '../observe/index.ts';
import { trunkIdOf } from '../provisioning/trunk-settings/effective.ts';
import { isSystemAdmin, maySeeTenant, maySeeTrunk, tenantScope } from './access.ts';
import { keyText } from './collection.ts';
import { type ApiContext, answer, identityOf } from './context.ts';
import { byEnd, cursorAfter, readCursor } from './cursor.ts';
import { named } from './openapi.ts';
import { operation } from './operation.ts';
import { MISSING, nodeField, type PageQuery, pageFields, pageOf } from './paging.ts';
import { type ApiProblem, invalid, notFound } from './problem.ts';
import { callIdParams } from './traces.ts';

export const DIRECTIONS = ['outbound', 'inbound', 'internal'] as const;
const instant = z.iso.datetime({ offset: true });
const CSV = { 'text/csv': { schema: { type: 'string' } } };
const ROWS_PER_PIECE = 200;
const READ_PER_STEP = 32;

export function recordRoutes(app: FastifyInstance, context: ApiContext): void {
  listRoute(app, context);
  statisticsRoute(app, context);
  operation(app, 'getCallRecord', {
    params: callIdParams,
    querystring: z.strictObject({ ...nodeField }),
    across: 'whoever',
    answers: { 200: answer('The record', named('CallRecord')) },
  }).by((request) => {
    const { id } = request.params;
    const identity = identityOf(request);
    const record = context.records.get(id, isSystemAdmin(identity) ? undefined : identity.tenant);
    if (record === undefined || !maySeeTenant(identity, record.tenant)) throw notFound(`call record ${id}`);
    return { ...record, node: context.nodes.self };
  });
}

function listRoute(app: FastifyInstance, context: ApiContext): void {
  const asJson = pageOf(named('CallRecord'), 'A page', {
    nextCursor: { type: 'string', description: 'Where the next page begins, for `cursor`; absent on the last one.' },
    ...MISSING,
  });
  operation(app, 'listCallRecords', {
    querystring: z.strictObject({
      ...pageFields,
      tenant: optional(keyText, 'Of this tenant.'),
      direction: optional(z.enum(DIRECTIONS), 'In this direction.'),
      trunk: optional(keyText, 'That tried this trunk, by its id.'),
      number: optional(keyText, 'With this caller or called number, as dialled or as sent.'),
      q: optional(keyText, 'With this anywhere in the caller or called number, as dialled or as sent.'),
      status: optional(z.coerce.number().int().min(100).max(699), 'With this final status.'),
      from: optional(instant, 'Begun at or after this instant.'),
      until: optional(instant, 'Begun before this instant.'),
      cursor: optional(
        z
          .string()
          .max(300)
          .regex(/^[0-9TZ:.-]{20,30},./, { error: 'must be `nextCursor` of an earlier answer' }),
        '`nextCursor` of an earlier answer: goes on after its last record, whatever has ended since.',
      ),
      ...nodeField,
      format: byDefault(
        'json',
        z.enum(['json', 'csv']),
        '`csv` is a table of all that match, a line a call; `limit` and `offset` do not count then.',
      ),
    }),
    across: 'records',
    answers: { 200: { ...asJson, content: { ...(asJson['content'] as object), ...CSV } } },
  }).by(async (request, reply) => {
    const { query } = request;
    const { limit, offset, tenant: asked, trunk, format, cursor, node: _node, ...filter } = query;
    const tenant = tenantScope(identityOf(request), asked);
    const kept = await inSlices(context.records.find(defined({ ...filter, tenant, trunkId: trunk })));
    const found = kept.filter(({ isKept }) => isKept);
    if (format === 'json') {
      const { records, total } = await inSlices(pageAfter(found, cursor, { limit, offset }));
      const items = records.map((record) => ({ ...record, node: context.nodes.self }));
      const last = total > offset + limit ? records.at(-1) : undefined;
      const next = last === undefined ? {} : { nextCursor: cursorAfter(last) };
      return reply.send({ items, total, offset, limit, ...next });
    }
    const latest = await inSlices(allAfter(found, cursor));
    return reply
      .type('text/csv; charset=utf-8; header=present')
      .header('content-disposition', 'attachment; filename="calls.csv"')
      .send(Readable.from(csvOf(latest, context.nodes.self)));
  });
}

function* readAll(found: readonly FoundRecord[]): Steps<CallRecord[]> {
  const records: CallRecord[] = [];
  for (const [index, each] of found.entries()) {
    const record = each.read();
    if (record !== undefined) records.push(record);
    if (index % READ_PER_STEP === 0) yield;
  }
  return records;
}

/** All after the cursor, in the order of {@link byEnd}. Those are read that ended in the same millisecond, and none is held. */
function* allAfter(found: readonly FoundRecord[], cursor: string | undefined): Steps<FoundRecord[]> {
  const latest = yield* sorted(found, latestFirst);
  const first = yield* firstAfter(latest, cursor);
  const ordered: FoundRecord[] = [];
  for (let begin = 0, end = 0; begin < latest.length; begin = end) {
    end = endedAfter(latest, (latest[begin] as FoundRecord).endedAtMs - 1);
    const tied = latest.slice(begin, end);
    ordered.push(...(tied.length === 1 ? tied : yield* sortedById(tied)));
    yield;
  }
  return ordered.slice(first);
}

function* sortedById(tied: readonly FoundRecord[]): Steps<FoundRecord[]> {
  const named: { readonly endedAt: string; readonly callId: string; readonly each: FoundRecord }[] = [];
  for (const [index, each] of tied.entries()) {
    const record = each.read();
    if (record !== undefined) named.push({ endedAt: record.endedAt, callId: record.callId, each });
    if (index % READ_PER_STEP === 0) yield;
  }
  return (yield* sorted(named, byEnd)).map(({ each }) => each);
}

function latestFirst(a: FoundRecord, b: FoundRecord): number {
  return b.endedAtMs - a.endedAtMs;
}

/** Place of the first one after the cursor, when those that ended in the same millisecond are in the order of {@link byEnd}. */
function* firstAfter(latest: readonly FoundRecord[], cursor: string | undefined): Steps<number> {
  if (cursor === undefined) return 0;
  const atMs = Date.parse(readCursor(cursor).endedAt);
  const first = endedAfter(latest, atMs);
  const tied = latest.slice(first, endedAfter(latest, atMs - 1));
  return first + placeAfter((yield* readAll(tied)).sort(byEnd), cursor);
}

function placeAfter(records: readonly CallRecord[], cursor: string): number {
  const last = readCursor(cursor);
  const place = records.findIndex((record) => byEnd(last, record) < 0);
  return place === -1 ? records.length : place;
}

/**
 * A page of them, in the order of {@link byEnd}, and how many there are from the cursor on. When a call ended is known of each; beside the
 * page only those are read that ended in the same millisecond as its first and its last one, or as the cursor's.
 */
function* pageAfter(
  found: readonly FoundRecord[],
  cursor: string | undefined,
  { limit, offset }: PageQuery,
): Steps<{ readonly records: readonly CallRecord[]; readonly total: number }> {
  const latest = yield* sorted(found, latestFirst);
  const first = yield* firstAfter(latest, cursor);
  const [begin, end] = [first + offset, Math.min(first + offset + limit, latest.length)];
  const total = latest.length - first;
  if (begin >= end) return { records: [], total };
  const from = endedAfter(latest, (latest[begin] as FoundRecord).endedAtMs);
  const until = endedAfter(latest, (latest[end - 1] as FoundRecord).endedAtMs - 1);
  const records = yield* sorted(yield* readAll(latest.slice(from, until)), byEnd);
  return { records: records.slice(begin - from, end - from), total };
}

/** How many ended after this millisecond: the latest come first. */
function endedAfter(latest: readonly FoundRecord[], atMs: number): number {
  return firstPlace(0, latest.length, (place) => (latest[place] as FoundRecord).endedAtMs <= atMs);
}

const COLUMNS: readonly (readonly [string, (record: CallRecord) => string | number | boolean | undefined])[] = [
  ['startedAt', ({ startedAt }) => startedAt],
  ['direction', ({ direction }) => direction],
  ['tenant', ({ tenant }) => tenant],
  ['caller', ({ callerNumber }) => callerNumber],
  ['callerSent', ({ callerNumberSent }) => callerNumberSent],
  ['called', ({ calledNumber }) => calledNumber],
  ['calledSent', ({ calledNumberSent }) => calledNumberSent],
  ['outboundCallerId', ({ outboundCallerId }) => outboundCallerId],
  ['anonymous', ({ anonymous }) => anonymous],
  ['trunkId', ({ trunkId }) => trunkId],
  ['trunk', ({ trunk }) => trunk],
  ['attempts', ({ attempts }) => attempts.length],
  ['status', ({ status }) => status],
  ['reason', ({ reason }) => reason],
  ['hungUpBy', ({ hungUpBy }) => hungUpBy],
  ['ringingAt', ({ ringingAt }) => ringingAt],
  ['answeredAt', ({ answeredAt }) => answeredAt],
  ['endedAt', ({ endedAt }) => endedAt],
  ['durationMs', ({ durationMs }) => durationMs],
  ['talkMs', ({ talkMs }) => talkMs],
  ['callId', ({ callId }) => callId],
  ['sipCallIds', ({ sipCallIds }) => sipCallIds.join(' ')],
  ['takeovers', ({ takeovers }) => takeovers],
];

/** Read as they are written, a piece at a time: a slow reader has the process hold nothing of them, and has none that went meanwhile. */
async function* csvOf(latest: readonly FoundRecord[], node: string): AsyncGenerator<string> {
  yield csvLine([...COLUMNS.map(([name]) => name), 'node']);
  for (let first = 0; first < latest.length; first += ROWS_PER_PIECE)
    yield await inSlices(rowsOf(latest.slice(first, first + ROWS_PER_PIECE), node));
}

function* rowsOf(found: readonly FoundRecord[], node: string): Steps<string> {
  let rows = '';
  for (const [index, each] of found.entries()) {
    const record = each.read();
    if (record !== undefined) rows += csvLine([...COLUMNS.map(([, value]) => value(record)), node]);
    if (index % READ_PER_STEP === 0) yield;
  }
  return rows;
}

const MAX_POINTS = 1440;
const POINTS = 60;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Steps that a clock's face has, in minutes. */
const STEPS_MINUTES = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440];
const MAX_TRUNKS = 100;

function statisticsRoute(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'getCallStatistics', {
    querystring: z.strictObject({
      tenant: optional(keyText, 'Of this tenant.'),
      trunks: optional(
        z.string().max(4096),
        'Only of these trunks, ids separated by commas, at most 100; the 20 most tried when left out.',
      ),
      from: optional(instant, 'From the minute of this instant on; an hour before `until` when left out.'),
      until: optional(instant, 'Until this instant; now when left out.'),
      stepSeconds: optional(
        z.coerce.number().int().min(60).max(86_400).multipleOf(60),
        'How much time a point stands for; so that there are about 60 points when left out.',
      ),
      ...nodeField,
    }),
    across: 'statistics',
    answers: { 200: answer('The sums', named('CallStatistics')) },
  }).by((request) => {
    const identity = identityOf(request);
    const { query } = request;
    const tenant = tenantScope(identity, query.tenant);
    const untilMs = query.until === undefined ? context.clock.wallMs() : Date.parse(query.until);
    const fromMs = query.from === undefined ? untilMs - HOUR_MS : Date.parse(query.from);
    const stepMs = query.stepSeconds === undefined ? fittingStepMs(untilMs - fromMs) : query.stepSeconds * 1000;
    if (untilMs < fromMs) throw badQuery('until', 'is before `from`');
    if ((untilMs - fromMs) / stepMs > MAX_POINTS) throw badQuery('stepSeconds', `makes more than ${MAX_POINTS} points`);
    const trunkIds = query.trunks?.split(',').filter((id) => id !== '');
    if (trunkIds !== undefined && trunkIds.length > MAX_TRUNKS)
      throw badQuery('trunks', `names more than ${MAX_TRUNKS}`);
    const { trunks } = context.provisioning.current().state;
    for (const id of trunkIds ?? []) {
      const trunk = trunks.find((candidate) => trunkIdOf(candidate) === id);
      // What was deleted meanwhile has its numbers still, which a system admin may see.
      if (trunk === undefined ? !isSystemAdmin(identity) : !maySeeTrunk(identity, trunk)) throw notFound(`trunk ${id}`);
    }
    const maxTrunks = trunkIds?.length ?? 20;
    return inSlices(context.records.statistics({ tenant, trunkIds, fromMs, untilMs, stepMs, maxTrunks }));
  });
}

function badQuery(path: string, message: string): ApiProblem {
  return invalid([{ code: 'invalid', path, message }]);
}

function fittingStepMs(spanMs: number): number {
  const minutes = STEPS_MINUTES.find((step) => spanMs / (step * MINUTE_MS) <= POINTS) ?? STEPS_MINUTES.at(-1) ?? 1;
  return minutes * MINUTE_MS;
}

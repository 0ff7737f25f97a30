/** Extensions and DIDs of a tenant as a spreadsheet: out, and in again with a look at every line before. */

import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type CsvRow, type CsvTable, cellText, csvLine, readCsv } from '../base/csv.ts';
import { byDefault } from '../base/schema.ts';
import { inSlices, type Steps } from '../base/steps.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import { requireFittingBody } from './body-size.ts';
import { checked } from './bulk.ts';
import { type Item, itemsOf, keyText, tenantOf } from './collection.ts';
import { type ApiContext, answer } from './context.ts';
import { CSV_KINDS, type CsvColumn, type CsvLayout } from './csv-columns.ts';
import { changeMany, type WantedItem } from './many.ts';
import { body, named } from './openapi.ts';
import { operation } from './operation.ts';
import { ApiProblem, invalid } from './problem.ts';
import { check, checkedWhereRead } from './validation.ts';

const params = z.strictObject({
  tenant: keyText,
  kind: z.enum(['extensions', 'dids']).describe('`dids`: inbound rules, one a row.'),
});
const SEPARATORS = { comma: ',', semicolon: ';', tab: '\t' } as const;
/** Octets that are written at once, about. */
const PIECE = 65_536;
const MAX_ROWS = 200_000;
const MAX_COLUMNS = 1_000;

const exportQuery = z.strictObject({
  separator: byDefault(
    'comma',
    z.enum(['comma', 'semicolon', 'tab']),
    'Spreadsheets of countries with a decimal comma expect `semicolon`.',
  ),
});
const importQuery = z.strictObject({
  preview: byDefault('false', z.enum(['true', 'false']), 'Change nothing, and say what would come of each line.'),
  onFault: byDefault(
    'refuse',
    z.enum(['refuse', 'skip']),
    '`refuse`: all or nothing; `skip`: the lines against which nothing speaks.',
  ),
  onPresent: byDefault(
    'update',
    z.enum(['update', 'refuse']),
    '`refuse`: a line of something that is there already is at fault, `exists`.',
  ),
});

/** @param documentOctets the longest file of a system admin */
export function csvRoutes(app: FastifyInstance, context: ApiContext, documentOctets: number): void {
  app.addContentTypeParser(
    ['text/csv', 'text/plain', 'application/vnd.ms-excel', 'text/tab-separated-values'],
    { parseAs: 'buffer' },
    async (_request: FastifyRequest, octets: Buffer) => octets,
  );
  operation(app, 'exportCsv', {
    params,
    querystring: exportQuery,
    answers: { 200: { description: 'The file', content: { 'text/csv': { schema: { type: 'string' } } } } },
  }).by((request, reply) => {
    const tenant = tenantOf(request, context.provisioning.current().state);
    const { kind } = request.params;
    const { separator } = request.query;
    const items = itemsOf(tenant, CSV_KINDS[kind].collection);
    return reply
      .header('cache-control', 'no-store')
      .header('content-disposition', `attachment; filename="${tenant.name}-${kind}.csv"`)
      .type('text/csv; charset=utf-8')
      .send(Readable.from(written(items, CSV_KINDS[kind].columns, SEPARATORS[separator])));
  });
  operation(app, 'importCsv', {
    params,
    querystring: importQuery,
    body: body('CsvText', z.unknown().meta({ type: 'string', description: 'The file: a header, and a row an item.' })),
    answers: { 200: answer('What came of it', named('CsvReport')) },
    consumes: ['text/csv'],
    bodyLimit: documentOctets,
    onRequest: async (request: FastifyRequest) => requireFittingBody(request, app.initialConfig.bodyLimit),
    validatorCompiler: checkedWhereRead,
  }).by(async (request) => {
    const { kind } = request.params;
    const { preview, onFault, onPresent } = request.query;
    tenantOf(request, context.provisioning.current().state);
    const octets = request.body;
    if (!Buffer.isBuffer(octets)) throw new ApiProblem(415, 'unsupported-media-type', 'send the file as text/csv');
    const { table, columns } = await inSlices(tableOf(octets, CSV_KINDS[kind]));
    const report = await changeMany(
      context,
      request,
      CSV_KINDS[kind].collection,
      (tenant, present) => wantedItems(table, columns, CSV_KINDS[kind], tenant, present, onPresent),
      { preview: preview === 'true', onFault },
    );
    const { encoding, separator, rows, faults } = table;
    const names = columns.map((column) => column.name);
    return { ...report, rows: rows.length + faults.length, encoding, separator, columns: names };
  });
}

async function* written(items: readonly Item[], columns: readonly CsvColumn[], separator: ',' | ';' | '\t') {
  // Spreadsheets take a file without the mark for one in the machine's own encoding.
  let text = `\ufeff${csvLine(
    columns.map(({ name }) => name),
    separator,
  )}`;
  for (let at = 0; at < items.length; ) {
    const { lines, next } = await inSlices(linesFrom(items, at, columns, separator));
    yield text + lines;
    text = '';
    at = next;
  }
  if (text !== '') yield text;
}

function* linesFrom(
  items: readonly Item[],
  from: number,
  columns: readonly CsvColumn[],
  separator: ',' | ';' | '\t',
): Steps<{ lines: string; next: number }> {
  let lines = '';
  let next = from;
  for (; next < items.length && lines.length < PIECE; next++) {
    const item = items[next] as Item;
    lines += csvLine(
      columns.map((column) => column.text(item)),
      separator,
    );
    yield;
  }
  return { lines, next };
}

/** The file, and the columns whose cells its rows have. Throws an ApiProblem for one that has no readable header, or too much of something. */
function* tableOf(
  octets: Buffer,
  layout: CsvLayout,
): Steps<{ readonly table: CsvTable & { readonly header: CsvRow }; readonly columns: readonly CsvColumn[] }> {
  let columns: readonly CsvColumn[] = [];
  const table = yield* readCsv(octets, MAX_ROWS, (header) => {
    const found = columnsOf(header, layout);
    columns = found.filter((column) => column !== undefined);
    return found.map((column) => column !== undefined);
  });
  const { header, faults, isCut } = table;
  if (header === undefined) {
    const [fault] = faults;
    const path = `rows[${fault?.line ?? 1}]`;
    const message =
      fault?.message ?? `the first line must name columns: ${layout.columns.map(({ name }) => name).join(', ')}`;
    throw invalid([{ code: fault === undefined ? 'no-header' : 'malformed-csv', path, message }]);
  }
  if (isCut) throw new ApiProblem(413, 'too-many-rows', `a file has at most ${MAX_ROWS.toLocaleString('en')} rows`);
  return { table: { ...table, header }, columns };
}

/** By place; undefined for a column without a title. Throws an ApiProblem for a title that is not known, and for too many. */
function columnsOf(header: CsvRow, { columns, collection, keysOf }: CsvLayout): (CsvColumn | undefined)[] {
  const names = columns.map(({ name }) => name);
  if (header.cells.length > MAX_COLUMNS)
    throw new ApiProblem(413, 'too-many-columns', `a file has at most ${MAX_COLUMNS.toLocaleString('en')} columns`);
  const problems: { code: string; path: string; message: string }[] = [];
  const seen = new Set<string>();
  const found = header.cells.map((cell) => {
    const title = cellText(cell).trim();
    if (title === '') return undefined;
    const column = columns.find(({ name }) => name.toLowerCase() === title.toLowerCase());
    const path = `rows[${header.line}]`;
    if (column === undefined)
      problems.push({
        code: 'unknown-column',
        path,
        message: `unknown column "${title.slice(0, 40)}"; known are ${names.join(', ')}`,
      });
    else if (seen.has(column.name))
      problems.push({ code: 'column-twice', path, message: `column "${title}" is there twice` });
    else seen.add(column.name);
    return column;
  });
  if (!seen.has(collection.key) && keysOf === undefined)
    problems.push({
      code: 'no-key',
      path: `rows[${header.line}]`,
      message: `there must be a column "${collection.key}"`,
    });
  if (problems.length > 0) throw invalid(problems);
  return found;
}

function* wantedItems(
  { header, rows, faults }: CsvTable & { readonly header: CsvRow },
  columns: readonly CsvColumn[],
  { collection, keysOf }: CsvLayout,
  tenant: Tenant,
  present: ReadonlyMap<string, Item>,
  onPresent: z.infer<typeof importQuery>['onPresent'],
): Steps<WantedItem[]> {
  const keyFor = keysOf === undefined ? undefined : yield* keysOf(tenant);
  const wanted: WantedItem[] = faults.map(({ line, message }) => ({
    row: line,
    key: '',
    faults: [{ code: 'malformed-csv', path: '', message }],
  }));
  for (const { line, cells, width } of rows) {
    yield;
    const fresh: Record<string, unknown> = {};
    fill(fresh, cells, columns);
    const key = String(fresh[collection.key] ?? keyFor?.(fresh) ?? '');
    if (width > header.cells.length) {
      const message = `has ${width} cells where the header has ${header.cells.length}`;
      wanted.push({ row: line, key, faults: [{ code: 'too-many-cells', path: '', message }] });
      continue;
    }
    if (onPresent === 'refuse' && present.has(key)) {
      const message = `${collection.singular} ${key} exists already`;
      wanted.push({ row: line, key, faults: [{ code: 'exists', path: collection.key, message }] });
      continue;
    }
    const item: Record<string, unknown> = { ...present.get(key) };
    fill(item, cells, columns);
    if (item[collection.key] === undefined && key !== '') item[collection.key] = key;
    wanted.push(checked(line, key, collection, () => check(collection.schema, item) as Item));
  }
  return wanted.sort((a, b) => a.row - b.row);
}

function fill(item: Record<string, unknown>, cells: readonly string[], columns: readonly CsvColumn[]): void {
  for (const [index, column] of columns.entries()) {
    const cell = cells[index];
    if (cell !== undefined) column.put(item, cellText(cell).trim());
  }
}

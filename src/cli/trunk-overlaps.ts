import type { Answer } from '../api/answers/index.ts';
import type { CommandContext } from './command-context.ts';
import { type TableColumn, table } from './terminal.ts';

type ClaimRow = Pick<Answer<'SourceOverlap'>, 'kind' | 'source'> & Answer<'SourceOverlap'>['claims'][number];

const CLAIM_COLUMNS: readonly TableColumn<ClaimRow>[] = [
  { title: 'SOURCE', value: ({ source }) => source },
  { title: 'KIND', value: ({ kind }) => kind },
  { title: 'TRUNK', value: ({ trunk }) => trunk },
  { title: 'ID', value: ({ trunkId }) => trunkId },
  { title: 'OWNER', value: ({ owner }) => owner },
  { title: 'TENANTS', value: ({ tenants }) => tenants.join(', ') },
  { title: 'CLAIM', value: ({ claim }) => claim },
  { title: 'FROM', value: ({ origin }) => origin },
];

/** `tandem trunks --overlaps`: sources that trunks of several owners or tenants claim. */
export async function listOverlaps(context: CommandContext): Promise<number> {
  const overlaps = await context.api().list<Answer<'SourceOverlap'>>('/api/v1/trunks/overlaps', {});
  if (context.flag('json')) return context.printJson(overlaps);
  const rows = overlaps.flatMap(({ kind, source, claims }) => claims.map((claim) => ({ kind, source, ...claim })));
  const none = 'no source is claimed by trunks of several owners or tenants\n';
  context.terminal.out(rows.length === 0 ? none : table(context.terminal, CLAIM_COLUMNS, rows));
  return 0;
}

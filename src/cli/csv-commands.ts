/** Extensions and DIDs from and to spreadsheets. */
import { readFileSync } from 'node:fs';
import type { Answer } from '../api/answers/index.ts';
import { type Command, ENGINE_OPTIONS, option, toggle } from './command.ts';
import type { CommandContext } from './command-context.ts';
import { CommandError, UsageError } from './command-error.ts';
import { paint, printable } from './terminal.ts';

const KINDS = ['extensions', 'dids'];

/** The path of a tenant's spreadsheet. @throws UsageError when it is not said whose or what. */
function pathOf(context: CommandContext, kind: string): string {
  const tenant = context.text('tenant');
  if (tenant === undefined) throw new UsageError('say whose: --tenant NAME');
  if (!KINDS.includes(kind)) throw new UsageError(`there are spreadsheets of ${KINDS.join(' and ')}`);
  return `/api/v1/tenants/${encodeURIComponent(tenant)}/csv/${kind}`;
}

/** What `tandem export --csv KIND` prints. */
export async function exportCsv(context: CommandContext, kind: string): Promise<number> {
  const separator = context.text('separator') ?? 'comma';
  const octets = await context.api().octets(`${pathOf(context, kind)}?separator=${encodeURIComponent(separator)}`);
  context.terminal.out(octets.toString('utf8'));
  return 0;
}

export const importCommand: Command = {
  usage: 'tandem import FILE --tenant NAME [--dids] [--preview] [--skip-faulty] [--only-new]',
  details:
    'Every line is looked at first: with one at fault nothing is changed, unless --skip-faulty. The columns are those of "tandem export --csv"; rows that the file does not have stay. A number that is there already is changed, its password too where the file has one; with --only-new its line is at fault.',
  options: {
    config: ENGINE_OPTIONS.config,
    json: toggle("print the API's own report"),
    tenant: option('whose extensions or DIDs'),
    dids: toggle('the file has DIDs: inbound rules, one a line (default: extensions)'),
    preview: toggle('change nothing, and say what would come of each line'),
    'only-new': toggle('change nothing that is there already: such lines are at fault'),
    'skip-faulty': toggle('import the lines against which nothing speaks'),
  },
  takesArguments: true,
  async run(context) {
    const [file, ...others] = context.arguments;
    if (file === undefined || others.length > 0) throw new UsageError('name one file');
    const path = pathOf(context, context.flag('dids') ? 'dids' : 'extensions');
    const octets = read(file);
    const api = context.api();
    const onPresent = context.flag('only-new') ? '&onPresent=refuse' : '';
    const preview = await api.file<Answer<'CsvReport'>>(`${path}?preview=true${onPresent}`, octets);
    const isOver = context.flag('preview') || (preview.refused > 0 && !context.flag('skip-faulty'));
    const report = isOver
      ? preview
      : await api.file<Answer<'CsvReport'>>(
          `${path}?onFault=${context.flag('skip-faulty') ? 'skip' : 'refuse'}${onPresent}`,
          octets,
        );
    if (context.flag('json')) context.printJson(report);
    else print(context, report);
    return report.refused > 0 && !report.applied ? 1 : 0;
  },
};

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new CommandError(`${file} cannot be read: ${(error as Error).message}`);
  }
}

function print(
  { terminal }: CommandContext,
  { applied, created, updated, unchanged, refused, faults }: Answer<'CsvReport'>,
): void {
  for (const { row, path, message } of faults)
    terminal.out(
      `${paint(terminal, 'red', `line ${row}`)}${path === '' ? '' : ` ${printable(path)}`}: ${printable(message)}\n`,
    );
  const counts = `created ${created}, updated ${updated}, unchanged ${unchanged}${refused > 0 ? `, at fault ${refused}` : ''}`;
  terminal.out(`${applied ? counts : `nothing was changed; it would be: ${counts}`}\n`);
}

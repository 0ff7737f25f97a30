import type { Answer } from '../api/answers/index.ts';
import { type Command, ENGINE_OPTIONS } from './command.ts';
import type { CommandContext } from './command-context.ts';
import { CommandError, UsageError } from './command-error.ts';
import { paint, type Style, type TableColumn, table } from './terminal.ts';

type ShownValue = { readonly path: string; readonly value: unknown; readonly from: string };

const FROM_STYLES: Readonly<Record<string, Style>> = { own: 'green', brand: 'cyan' };

const VALUE_COLUMNS: readonly TableColumn<ShownValue>[] = [
  { title: 'SETTING', value: ({ path }) => path },
  { title: 'FROM', value: ({ from }) => from, style: ({ from }) => FROM_STYLES[from] },
  { title: 'VALUE', value: ({ value }) => valueText(value) },
];

/** The trunk of a name or id. Throws a CommandError where there is none, or several. */
export async function trunkCalled<T extends { readonly id: string; readonly name: string }>(
  context: CommandContext,
  wanted: string,
): Promise<T> {
  const trunks = await context.api().list<T>('/api/v1/trunks', {});
  const found = trunks.filter(({ id, name }) => id === wanted || name === wanted);
  const [trunk] = found;
  if (trunk === undefined) throw new CommandError(`there is no trunk "${wanted}"`);
  if (found.length > 1)
    throw new CommandError(
      `several trunks are called "${wanted}": say the id (${found.map(({ id }) => id).join(', ')})`,
    );
  return trunk;
}

/** Every value in force on one trunk, by its name or id. */
export async function showEffective(context: CommandContext, wanted: string): Promise<number> {
  const trunk = await trunkCalled(context, wanted);
  const effective = await context
    .api()
    .get<Answer<'EffectiveTrunk'>>(`/api/v1/trunks/${encodeURIComponent(trunk.id)}?view=effective`);
  if (context.flag('json')) return context.printJson(effective);
  const { name, type, brand, id, values } = effective;
  context.terminal.out(`${paint(context.terminal, 'bold', name)} (${type}, brand ${brand}, id ${id})\n`);
  context.terminal.out(table(context.terminal, VALUE_COLUMNS, values));
  return 0;
}

const BRAND_COLUMNS: readonly TableColumn<Answer<'Brand'>>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'NAME', value: ({ name }) => name },
  { title: 'TYPES', value: ({ types }) => types.join(', ') },
  { title: 'TRANSPORTS', value: ({ transports }) => transports.join(', ') },
  { title: 'SOURCES', value: ({ sources }) => sources.length, right: true },
];

export const brands: Command = {
  usage: 'tandem brands [ID]',
  details: 'With an ID: everything that the preset holds, where it was read, and what is left to you.',
  options: ENGINE_OPTIONS,
  takesArguments: true,
  async run(context) {
    const [id, ...more] = context.arguments;
    if (more.length > 0) throw new UsageError('name one brand at most');
    if (id === undefined) {
      const rows = await context.api().list<Answer<'Brand'>>('/api/v1/brands', {});
      return context.printRows(rows, BRAND_COLUMNS);
    }
    const brand = await context.api().get<Answer<'Brand'>>(`/api/v1/brands/${encodeURIComponent(id)}`);
    if (context.flag('json')) return context.printJson(brand);
    const { sources, notes, name, id: _id, ...preset } = brand;
    const values = Object.entries(preset).map(([path, value]) => ({ path, value, from: 'brand' as const }));
    context.terminal.out(`${paint(context.terminal, 'bold', name)}\n`);
    context.terminal.out(
      table(context.terminal, [VALUE_COLUMNS[0], VALUE_COLUMNS[2]] as TableColumn<ShownValue>[], values),
    );
    for (const note of notes) context.terminal.out(`- ${note}\n`);
    for (const source of sources) context.terminal.out(`source: ${source}\n`);
    return 0;
  },
};

function valueText(value: unknown): string {
  if (value === null) return '-';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

import { stringify } from 'yaml';
import type { Answer } from '../api/answers/index.ts';
import type { Provisioning } from '../provisioning/trunk-settings/schema.ts';
import { loadProvisioning, readProvisioningPart, settingsError, validateFiles } from '../settings/load.ts';
import { formatProblem } from '../settings/yaml-file.ts';
import { type Command, ENGINE_OPTIONS, option, toggle } from './command.ts';
import type { CommandContext } from './command-context.ts';
import { CommandError, UsageError } from './command-error.ts';
import { exportCsv } from './csv-commands.ts';
import { paint } from './terminal.ts';

export const validate: Command = {
  usage: 'tandem validate FILE…',
  details: 'Prints file:line:column path message for every fault and exits with 1. Asks no running engine.',
  options: { json: toggle('print the faults as objects') },
  takesArguments: true,
  async run(context) {
    if (context.arguments.length === 0) throw new UsageError('name at least one file');
    const problems = validateFiles(context.arguments, context.terminal.env);
    if (context.flag('json')) context.printJson(problems);
    else if (problems.length === 0) context.terminal.out(`${paint(context.terminal, 'green', 'valid')}\n`);
    else for (const problem of problems) context.terminal.out(`${formatProblem(problem)}\n`);
    return problems.length === 0 ? 0 : 1;
  },
};

export const apply: Command = {
  usage: 'tandem apply FILE…',
  details: 'All or nothing; what the files do not name stays. Applying the same files again changes nothing.',
  options: ENGINE_OPTIONS,
  takesArguments: true,
  async run(context) {
    const summary = await context.api().post<Answer<'ApplySummary'>>('/api/v1/provisioning', documentOf(context));
    return context.printAnswer(summary, summaryText);
  },
};

/** What the files named on the command line hold. @throws CommandError with every fault and its line. */
export function documentOf({ arguments: files, terminal }: CommandContext): Provisioning {
  if (files.length === 0) throw new UsageError('name at least one file');
  const { provisioning, problems } = readProvisioningPart(files, terminal.env);
  if (provisioning === undefined) throw new CommandError(settingsError(problems).message);
  // What breaks a rule is said with its line; what the files do not know, the engine may.
  const broken = loadProvisioning(files, terminal.env).problems.filter(
    ({ code }) => !code.startsWith('unknown-') && code !== 'caller-id-outside-pools',
  );
  if (broken.length > 0) throw new CommandError(settingsError(broken).message);
  return provisioning;
}

export function summaryText({ created, updated, unchanged }: Answer<'ApplySummary'>): string {
  return `created ${created}, updated ${updated}, unchanged ${unchanged}`;
}

export const exportCommand: Command = {
  usage: 'tandem export [--secrets] | --csv extensions|dids --tenant NAME [--separator comma|semicolon|tab]',
  details:
    'With --csv the extensions or DIDs of one tenant as a spreadsheet, for "tandem import". Without --secrets passwords are left out; apply keeps the stored ones. --secrets works for the owner of the machine only.',
  options: {
    config: ENGINE_OPTIONS.config,
    json: toggle('print JSON'),
    secrets: toggle('with passwords, to move everything to another store'),
    csv: option('a spreadsheet of extensions or dids, without passwords'),
    tenant: option('whose, with --csv'),
    separator: option('between its cells: comma (default), semicolon or tab'),
  },
  async run(context) {
    const csv = context.text('csv');
    if (csv !== undefined) return exportCsv(context, csv);
    const secrets = context.flag('secrets');
    const document = await context.api().get<unknown>(`/api/v1/provisioning?secrets=${secrets}`);
    const plain = secrets ? document : withoutMarks(document);
    if (context.flag('json')) return context.printJson(plain);
    context.terminal.out(stringify(plain, { aliasDuplicateObjects: false, lineWidth: 120 }));
    return 0;
  },
};

const MARKS: ReadonlySet<string> = new Set(['passwordSet', 'ha1Set', 'keySet']);

/** `passwordSet` is the API's mark that there is a secret; it is no field of a file. */
function withoutMarks(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMarks);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([name]) => !MARKS.has(name));
  return Object.fromEntries(entries.map(([name, field]) => [name, withoutMarks(field)]));
}

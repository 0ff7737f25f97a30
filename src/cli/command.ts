import type { ApiClient } from './api-client.ts';
import { UsageError } from './command-error.ts';
import { type TableColumn, type Terminal, table } from './terminal.ts';

/** What the process gives the command line beside the terminal. */
export interface CommandHooks {
  /** Runs an engine until it is stopped; resolves when it has. */
  start(configPath: string | undefined): Promise<void>;
  /** Plays the demo; resolves with its exit code. */
  demo(): Promise<number>;
  readonly version: string;
}

export interface CommandContext {
  readonly terminal: Terminal;
  readonly hooks: CommandHooks;
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly arguments: readonly string[];
  /** The running engine; found when first asked for. */
  api(): ApiClient;
}

/** An option as `parseArgs` takes it, with what --help says of it. */
interface Option {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  readonly help: string;
}

export interface Command {
  readonly usage: string;
  /** What --help says beyond the options. */
  readonly details?: string;
  readonly options: Readonly<Record<string, Option>>;
  /** Whether it takes arguments that are no options. Default false. */
  readonly takesArguments?: boolean;
  run(context: CommandContext): Promise<number>;
}

/** A command as the overview names it; what it needs is loaded when it runs, so that each starts as fast as it can. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<Command>;
}

/** An option that has a value. */
export function option(help: string, more: Omit<Option, 'type' | 'help'> = {}): Option {
  return { type: 'string', ...more, help };
}

/** An option that is there or not. */
export function toggle(help: string, more: Omit<Option, 'type' | 'help'> = {}): Option {
  return { type: 'boolean', ...more, help };
}

export const NODE_OPTION = { node: option('only of this node; of all nodes of the store when left out') };
/** What every command has that asks the running engine. */
export const ENGINE_OPTIONS = {
  config: option('configuration file (default: TANDEM_CONFIG, else config/tandem.yaml)', { short: 'c' }),
  json: toggle("print the API's own objects"),
};

/** A text option, when it was given. */
export function text(context: CommandContext, name: string): string | undefined {
  const value = context.values[name];
  return typeof value === 'string' ? value : undefined;
}

export function flag(context: CommandContext, name: string): boolean {
  return context.values[name] === true;
}

/** Those of these text options that were given. */
export function given(context: CommandContext, ...names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = text(context, name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** The query that asks one node. */
export function inNode(node: string | undefined): string {
  return node === undefined ? '' : `?${new URLSearchParams({ node })}`;
}

/** A whole number above 0. */
export function number(context: CommandContext, name: string, byDefault: number): number {
  const value = Number(text(context, name) ?? byDefault);
  if (!Number.isInteger(value) || value < 1) throw new UsageError(`--${name} must be a whole number above 0`);
  return value;
}

/** A password, from standard input, where no process listing shows it. */
export async function readPassword({ terminal }: CommandContext): Promise<string> {
  const password = (await terminal.readInput()).replace(/\r?\n$/, '');
  if (password === '') throw new UsageError('the password is empty; give it on standard input');
  return password;
}

/** The API's own objects, for programs. */
export function printJson(context: CommandContext, value: unknown): number {
  context.terminal.out(`${JSON.stringify(value, null, 2)}\n`);
  return 0;
}

/** An answer: in words, or with --json as it came, also where an engine of another version left out what the words are made of. */
export function printAnswer<T>(context: CommandContext, answer: T, words: (answer: T) => string): number {
  if (flag(context, 'json')) return printJson(context, answer);
  context.terminal.out(`${words(answer)}\n`);
  return 0;
}

/** A listing: as a table, in the words of `none` where it is empty, or with --json as it came. */
export function printRows<T>(
  context: CommandContext,
  rows: readonly T[],
  columns: readonly TableColumn<T>[],
  none?: string,
): number {
  if (flag(context, 'json')) return printJson(context, rows);
  context.terminal.out(rows.length === 0 && none !== undefined ? `${none}\n` : table(context.terminal, columns, rows));
  return 0;
}

import type { ParseArgsOptionsConfig } from 'node:util';
import type { ApiClient } from './api-client.ts';
import { UsageError } from './command-error.ts';
import type { Terminal } from './terminal.ts';

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

export interface Command {
  readonly usage: string;
  /** What --help says beyond the options. */
  readonly details?: string;
  readonly options: ParseArgsOptionsConfig;
  /** What each option does, for --help. */
  readonly optionHelp: Readonly<Record<string, string>>;
  /** Whether it takes arguments that are no options. */
  readonly takesArguments: boolean;
  run(context: CommandContext): Promise<number>;
}

/** A command as the overview names it; what it needs is loaded when it runs, so that each starts as fast as it can. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<Command>;
}

/** A text option, when it was given. */
export function text(context: CommandContext, name: string): string | undefined {
  const value = context.values[name];
  return typeof value === 'string' ? value : undefined;
}

export function flag(context: CommandContext, name: string): boolean {
  return context.values[name] === true;
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

/** The API's own objects, for programs. */
export function printJson(context: CommandContext, value: unknown): number {
  context.terminal.out(`${JSON.stringify(value, null, 2)}\n`);
  return 0;
}

export const NODE_OPTION = { node: { type: 'string' } } as const;
export const NODE_HELP = { node: 'only of this node; of all nodes of the store when left out' };
export const CONFIG_OPTION = { config: { type: 'string', short: 'c' } } as const;
export const JSON_OPTION = { json: { type: 'boolean' } } as const;
export const CONFIG_HELP = { config: 'configuration file (default: TANDEM_CONFIG, else config/tandem.yaml)' };
export const JSON_HELP = { json: "print the API's own objects" };

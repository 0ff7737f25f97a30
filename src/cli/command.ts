import type { CommandContext } from './command-context.ts';

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

/** The query that asks one node. */
export function inNode(node: string | undefined): string {
  return node === undefined ? '' : `?${new URLSearchParams({ node })}`;
}

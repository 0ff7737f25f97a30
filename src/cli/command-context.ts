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

/** A command line, and what its command works with. */
export class CommandContext {
  readonly terminal: Terminal;
  readonly hooks: CommandHooks;
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly arguments: readonly string[];
  /** The running engine; found when first asked for. */
  readonly api: () => ApiClient;

  constructor(parts: Pick<CommandContext, 'terminal' | 'hooks' | 'values' | 'arguments' | 'api'>) {
    this.terminal = parts.terminal;
    this.hooks = parts.hooks;
    this.values = parts.values;
    this.arguments = parts.arguments;
    this.api = parts.api;
  }

  /** The arguments, where there may be so many. */
  words(most: number): readonly (string | undefined)[] {
    const surplus = this.arguments[most];
    if (surplus !== undefined) throw new UsageError(`"${surplus}" is too much`);
    return this.arguments;
  }

  /** A text option, when it was given. */
  text(name: string): string | undefined {
    const value = this.values[name];
    return typeof value === 'string' ? value : undefined;
  }

  flag(name: string): boolean {
    return this.values[name] === true;
  }

  /** Those of these text options that were given. */
  given(...names: readonly string[]): Readonly<Record<string, string>> {
    return Object.fromEntries(
      names.flatMap((name) => {
        const value = this.text(name);
        return value === undefined ? [] : [[name, value]];
      }),
    );
  }

  /** A whole number above 0. */
  number(name: string, byDefault: number): number {
    const value = Number(this.text(name) ?? byDefault);
    if (!Number.isInteger(value) || value < 1) throw new UsageError(`--${name} must be a whole number above 0`);
    return value;
  }

  /** A password, from standard input, where no process listing shows it. */
  async readPassword(): Promise<string> {
    const password = (await this.terminal.readInput()).replace(/\r?\n$/, '');
    if (password === '') throw new UsageError('the password is empty; give it on standard input');
    return password;
  }

  /** Says what was done. */
  say(words: string): number {
    this.terminal.out(`${words}\n`);
    return 0;
  }

  /** The API's own objects, for programs. */
  printJson(value: unknown): number {
    return this.say(JSON.stringify(value, null, 2));
  }

  /** An answer: in words, or with --json as it came, also where an engine of another version left out what the words are made of. */
  printAnswer<T>(answer: T, words: (answer: T) => string): number {
    return this.flag('json') ? this.printJson(answer) : this.say(words(answer));
  }

  /** A listing: as a table, in the words of `none` where it is empty, or with --json as it came. */
  printRows<T>(rows: readonly T[], columns: readonly TableColumn<T>[], none?: string): number {
    if (this.flag('json')) return this.printJson(rows);
    if (rows.length === 0 && none !== undefined) return this.say(none);
    this.terminal.out(table(this.terminal, columns, rows));
    return 0;
  }
}

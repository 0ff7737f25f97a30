import { parseArgs } from 'node:util';
import { nearest } from '../base/nearest.ts';
import { ApiClient } from './api-client.ts';
import type { Command, CommandEntry } from './command.ts';
import { CommandContext, type CommandHooks } from './command-context.ts';
import { CommandError, UsageError } from './command-error.ts';
import { COMMANDS } from './commands.ts';
import { paint, type Terminal } from './terminal.ts';

export type { CommandHooks } from './command-context.ts';
export type { Terminal } from './terminal.ts';

/** The terminal of this process. */
export function processTerminal(): Terminal {
  // A reader that has seen enough (`tandem trunks | head`) closes the pipe; that is no fault.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    colour: process.stdout.isTTY === true && (process.env['NO_COLOR'] ?? '') === '',
    env: process.env,
    async readInput() {
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString('utf8');
    },
  };
}

/**
 * Runs one command line (without node and script) and resolves with the exit code: 0 done, 1 refused or not possible, 2 wrong usage.
 * `start` and `demo` come from the process's entry, which alone knows the engine.
 */
export async function runCli(
  argv: readonly string[],
  hooks: CommandHooks,
  terminal: Terminal = processTerminal(),
  fetcher: typeof fetch = fetch,
): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    const topic = name === 'help' ? COMMANDS.find((command) => command.name === rest[0]) : undefined;
    terminal.out(topic === undefined ? overview(terminal) : help(terminal, topic, await topic.load()));
    return name === undefined ? 2 : 0;
  }
  const entry = COMMANDS.find(
    (candidate) => candidate.name === (name === '--version' || name === '-v' ? 'version' : name),
  );
  if (entry === undefined) {
    const meant = nearest(
      name,
      COMMANDS.map((candidate) => candidate.name),
    );
    const hint = meant === undefined ? '' : ` did you mean "${meant}"?`;
    terminal.err(`tandem: there is no command ${printable(JSON.stringify(name))};${hint} "tandem --help" lists all\n`);
    return 2;
  }
  const command = await entry.load();
  try {
    const parsed = parse(command, rest);
    if (parsed.values['help'] === true) {
      terminal.out(help(terminal, entry, command));
      return 0;
    }
    return await command.run(contextOf(parsed, hooks, terminal, fetcher));
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    terminal.err(`tandem ${entry.name}: ${printable(error.message)}\n`);
    if (error instanceof UsageError) terminal.err(`usage: ${command.usage}\n`);
    return error.exitCode;
  }
}

interface Parsed {
  readonly values: CommandContext['values'];
  readonly positionals: readonly string[];
}

function parse(command: Command, args: readonly string[]): Parsed {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { ...command.options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: command.takesArguments === true,
      strict: true,
    });
    return { values: values as CommandContext['values'], positionals };
  } catch (error) {
    const said = (error as Error).message.replaceAll(/\s*\n\s*/g, ' ');
    const [wrong, name = ''] = /^Unknown option '--([^']+)'/.exec(said) ?? [];
    if (wrong === undefined) throw new UsageError(said);
    const meant = nearest(name, Object.keys(command.options));
    throw new UsageError(meant === undefined ? wrong : `${wrong}; did you mean "--${meant}"?`);
  }
}

/** What a user wrote comes back in messages: nothing in it moves a terminal. */
function printable(text: string): string {
  return text.replaceAll(/[\0-\x09\x0b-\x1f\x7f-\x9f]/g, (code) =>
    JSON.stringify(code).slice(1, -1).replace(code, '?'),
  );
}

function contextOf({ values, positionals }: Parsed, hooks: CommandHooks, terminal: Terminal, fetcher: typeof fetch) {
  let client: ApiClient | undefined;
  const told = new Set<string>();
  const onMissing = (nodes: string) => {
    if (told.has(nodes)) return;
    told.add(nodes);
    terminal.err(`${printable(`what ${nodes} has is missing: no answer from there`)}\n`);
  };
  const find = async () => {
    const { findEngine } = await import('./find-engine.ts');
    return findEngine(context.text('config'), terminal.env);
  };
  const api = () => {
    client ??= new ApiClient(find, fetcher, onMissing);
    return client;
  };
  const context = new CommandContext({ terminal, hooks, values, arguments: positionals, api });
  return context;
}

function overview(terminal: Terminal): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  const lines = COMMANDS.map(({ name, summary }) => `  ${paint(terminal, 'bold', name.padEnd(width))}  ${summary}`);
  return [
    'tandem: a SIP switch that joins phones and trunks, and can explain every header field it sends',
    '',
    'usage: tandem COMMAND [OPTIONS]',
    '',
    ...lines,
    '',
    '"tandem COMMAND --help" tells more. Listings take --json. Commands that ask the running engine find it by the configuration file',
    '(or TANDEM_URL) and show the token of its data folder (or TANDEM_TOKEN).',
    '',
  ].join('\n');
}

function help(terminal: Terminal, { name: title, summary }: CommandEntry, command: Command): string {
  const options = Object.entries(command.options).map(([name, { type, short, help: text }]) => {
    const spelled = `${short === undefined ? '' : `-${short}, `}--${name}${type === 'string' ? ' VALUE' : ''}`;
    return { spelled, text };
  });
  options.push({ spelled: '-h, --help', text: 'this text' });
  const width = Math.max(...options.map(({ spelled }) => spelled.length));
  return [
    `${paint(terminal, 'bold', `tandem ${title}`)}: ${summary}`,
    '',
    `usage: ${command.usage}`,
    ...(command.details === undefined ? [] : ['', command.details]),
    '',
    ...options.map(({ spelled, text }) => `  ${spelled.padEnd(width)}  ${text}`),
    '',
  ].join('\n');
}

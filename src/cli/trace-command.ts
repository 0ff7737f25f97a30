import { writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import type { Answer } from '../api/answers/index.ts';
import type { ApiClient } from './api-client.ts';
import { type Command, ENGINE_OPTIONS, inNode, NODE_OPTION, option, toggle } from './command.ts';
import type { CommandContext } from './command-context.ts';
import { CommandError, UsageError } from './command-error.ts';
import { localTime, paint, printableLines, type TableColumn, table } from './terminal.ts';

/** A message of the listing, with what a reader wants to know of it at a glance. */
type ListedMessage = Answer<'TracePage'>['messages'][number];

const FOLLOW_MS = 500;
/** What a capture of nothing has: the file header, and in it no packet. */
const PCAP_HEADER_OCTETS = 24;
const FILTERS = ['number', 'address', 'method', 'trunk'] as const;

const COLUMNS: readonly TableColumn<ListedMessage>[] = [
  { title: 'TIME', value: ({ at }) => localTime(at) },
  { title: '', value: ({ direction }) => (direction === 'sent' ? '->' : '<-') },
  {
    title: 'PEER',
    value: ({ transport, remote, leg }) => `${transport}:${remote}${leg === undefined ? '' : ` ${leg}`}`,
  },
  { title: 'MESSAGE', value: ({ summary }) => summary },
  { title: 'FROM', value: ({ from }) => from },
  { title: 'TO', value: ({ to }) => to },
  { title: 'NODE', value: ({ node }) => node },
  { title: 'CALL-ID', value: ({ sipCallId }) => sipCallId },
];

export const trace: Command = {
  usage:
    'tandem trace [ID] [--number N] [--address A] [--method M] [--trunk T] [--refused] [--node NAME] [--limit N] [--follow] [--messages] [--pcap FILE]',
  details:
    'Without ID: the latest messages of all nodes, of calls or not; filters are ANDed. With ID (a call as "tandem calls" lists it, or a SIP Call-ID): its ladder. Secrets are masked.',
  options: {
    config: ENGINE_OPTIONS.config,
    json: toggle("print the API's own objects; with --follow one a line"),
    ...NODE_OPTION,
    'call-id': option('which call; the same as ID'),
    number: option('only messages that name this number'),
    address: option('only from and to this peer, with or without port'),
    method: option('only requests of this method and their responses'),
    trunk: option("only from and to this trunk's peers"),
    refused: toggle('only final answers that refuse'),
    limit: option('how many (default 50)'),
    follow: toggle('go on with what comes', { short: 'f' }),
    messages: toggle('print the messages too', { short: 'm' }),
    pcap: option('write a capture file for tshark, Wireshark or sngrep'),
  },
  takesArguments: true,
  async run(context) {
    const id = context.text('call-id') ?? context.arguments[0];
    const isFiltered = [...FILTERS, 'limit'].some((name) => context.text(name) !== undefined);
    if (id !== undefined && (isFiltered || context.flag('refused') || context.flag('follow')))
      throw new UsageError('a call is shown whole: leave out filters, --limit and --follow');
    if (context.flag('follow') && context.text('pcap') !== undefined)
      throw new UsageError('--pcap writes what is there: leave out --follow');
    return id === undefined
      ? latest(context)
      : oneCall(context, `/api/v1/calls/${encodeURIComponent(id)}/trace${inNode(context.text('node'))}`);
  },
};

async function oneCall(context: CommandContext, path: string): Promise<number> {
  const file = context.text('pcap');
  if (file !== undefined) return writeCapture(context, `${path}${path.includes('?') ? '&' : '?'}format=pcap`, file);
  const trace = await context.api().get<Answer<'CallTrace'>>(path);
  if (context.flag('json')) return context.printJson(trace);
  context.terminal.out(trace.ladder);
  if (context.flag('messages')) printMessages(context, trace.messages);
  return 0;
}

async function latest(context: CommandContext): Promise<number> {
  const limit = String(context.number('limit', 50));
  const query = new URLSearchParams({ limit, ...context.given(...FILTERS, 'node') });
  if (context.flag('refused')) query.set('refused', 'true');
  const file = context.text('pcap');
  if (file !== undefined) return writeCapture(context, `/api/v1/trace?${query}&format=pcap`, file);
  if (context.flag('follow')) return follow(context, context.api(), query);
  const page = await context.api().get<Answer<'TracePage'>>(`/api/v1/trace?${query}`);
  if (context.flag('json')) return context.printJson(page.messages);
  if (page.messages.length === 0) context.terminal.out('no such messages are kept\n');
  else context.terminal.out(table(context.terminal, COLUMNS, page.messages));
  if (context.flag('messages')) printMessages(context, page.messages);
  return 0;
}

/** Goes on until the user ends the process, or the engine is gone. */
async function follow(context: CommandContext, api: ApiClient, query: URLSearchParams): Promise<number> {
  for (;;) {
    const page = await api.get<Answer<'TracePage'>>(`/api/v1/trace?${query}`);
    for (const message of page.messages) followed(context, message);
    query.set('after', String(page.next));
    query.set('limit', '1000');
    await wait(FOLLOW_MS);
  }
}

function followed(context: CommandContext, message: ListedMessage): void {
  const { terminal } = context;
  if (context.flag('json')) terminal.out(`${JSON.stringify(message)}\n`);
  else if (context.flag('messages')) printMessages(context, [message]);
  else {
    const [, ...row] = table(terminal, COLUMNS, [message]).split('\n');
    terminal.out(row.join('\n'));
  }
}

function printMessages(context: CommandContext, messages: Answer<'CallTrace'>['messages']): void {
  for (const message of messages) {
    const way = `${message.direction} ${message.direction === 'sent' ? 'to' : 'from'}`;
    const title = `${localTime(message.at)} ${way} ${message.transport}:${message.remote}`;
    context.terminal.out(`\n${paint(context.terminal, 'cyan', title)}\n${printableLines(message.text)}\n`);
  }
}

async function writeCapture(context: CommandContext, path: string, file: string): Promise<number> {
  const octets = await context.api().octets(path);
  if (octets.length <= PCAP_HEADER_OCTETS) throw new CommandError(`no such messages are kept: ${file} is not written`);
  try {
    // A capture shows who calls whom: it is for the user who asked.
    writeFileSync(file, octets, { mode: 0o600 });
  } catch (error) {
    throw new CommandError(`${file}: ${(error as Error).message}`);
  }
  return context.say(`${file}: ${octets.length} octets`);
}

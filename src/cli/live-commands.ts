import {
  CONFIG_HELP,
  CONFIG_OPTION,
  type Command,
  CommandError,
  flag,
  JSON_HELP,
  JSON_OPTION,
  printJson,
  text,
  UsageError,
} from './command.ts';
import { type Column, paint, type Style, table } from './terminal.ts';

interface TrunkStatus {
  readonly state: string;
  readonly since: string;
  readonly lastCode?: number;
  readonly reason?: string;
  readonly activeCalls: number;
}

interface TrunkRow {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly owner: string;
  readonly host?: string;
  readonly status: TrunkStatus;
}

interface RegistrationRow {
  readonly addressOfRecord: string;
  readonly contact: string;
  readonly transport: string;
  readonly source: string;
  readonly userAgent?: string;
  readonly expiresAt: string;
}

interface CallRow {
  readonly callId: string;
  readonly tenant?: string;
  readonly direction: string;
  readonly from?: string;
  readonly to?: string;
  readonly state?: string;
  readonly trunk?: string;
  readonly startedAt: string;
  readonly callerNumber?: string;
  readonly calledNumber?: string;
  readonly status?: number;
  readonly reason?: string;
  readonly talkMs?: number;
}

const STATE_STYLES: Readonly<Record<string, Style>> = {
  online: 'green',
  registering: 'yellow',
  offline: 'red',
  rejected: 'red',
  answered: 'green',
  ringing: 'yellow',
};

const TRUNK_COLUMNS: readonly Column<TrunkRow>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'NAME', value: ({ name }) => name },
  { title: 'TYPE', value: ({ type }) => type },
  { title: 'OWNER', value: ({ owner }) => owner },
  { title: 'STATE', value: ({ status }) => status.state, style: ({ status }) => STATE_STYLES[status.state] },
  { title: 'SINCE', value: ({ status }) => shortTime(status.since) },
  { title: 'CODE', value: ({ status }) => status.lastCode, right: true },
  { title: 'CALLS', value: ({ status }) => status.activeCalls, right: true },
  { title: 'HOST', value: ({ host }) => host },
  { title: 'REASON', value: ({ status }) => status.reason },
];

const REGISTRATION_COLUMNS: readonly Column<RegistrationRow>[] = [
  { title: 'ADDRESS', value: ({ addressOfRecord }) => addressOfRecord },
  { title: 'TRANSPORT', value: ({ transport }) => transport },
  { title: 'SOURCE', value: ({ source }) => source },
  { title: 'EXPIRES', value: ({ expiresAt }) => shortTime(expiresAt) },
  { title: 'CONTACT', value: ({ contact }) => contact },
  { title: 'USER AGENT', value: ({ userAgent }) => userAgent },
];

const CALL_COLUMNS: readonly Column<CallRow>[] = [
  { title: 'CALL', value: ({ callId }) => callId },
  { title: 'TENANT', value: ({ tenant }) => tenant },
  { title: 'DIRECTION', value: ({ direction }) => direction },
  { title: 'FROM', value: ({ from }) => from },
  { title: 'TO', value: ({ to }) => to },
  { title: 'STATE', value: ({ state }) => state, style: ({ state }) => STATE_STYLES[state ?? ''] },
  { title: 'TRUNK', value: ({ trunk }) => trunk },
  { title: 'STARTED', value: ({ startedAt }) => shortTime(startedAt) },
];

const RECORD_COLUMNS: readonly Column<CallRow>[] = [
  ...CALL_COLUMNS.slice(0, 3),
  { title: 'FROM', value: ({ callerNumber }) => callerNumber },
  { title: 'TO', value: ({ calledNumber }) => calledNumber },
  {
    title: 'STATUS',
    value: ({ status }) => status,
    style: ({ status }) => ((status ?? 0) < 300 ? 'green' : 'red'),
    right: true,
  },
  { title: 'REASON', value: ({ reason }) => reason },
  { title: 'TALK', value: ({ talkMs }) => `${((talkMs ?? 0) / 1000).toFixed(1)} s`, right: true },
  { title: 'STARTED', value: ({ startedAt }) => shortTime(startedAt) },
];

const COMMON = {
  options: { ...CONFIG_OPTION, ...JSON_OPTION, tenant: { type: 'string' } },
  optionHelp: { ...CONFIG_HELP, ...JSON_HELP, tenant: 'only of this tenant' },
  takesArguments: false,
} as const;

export const trunks: Command = {
  ...COMMON,
  name: 'trunks',
  summary: 'list trunks and how they are doing',
  usage: 'tandem trunks [--tenant NAME] [--state STATE]',
  options: { ...COMMON.options, state: { type: 'string' } },
  optionHelp: { ...COMMON.optionHelp, state: 'only in this state: online, offline, registering, rejected, unknown' },
  async run(context) {
    const filters = { tenant: text(context, 'tenant'), state: text(context, 'state') };
    const rows = await context.api().list<TrunkRow>('/api/v1/trunks', filters);
    if (flag(context, 'json')) return printJson(context, rows);
    context.terminal.out(rows.length === 0 ? 'no trunks\n' : table(context.terminal, TRUNK_COLUMNS, rows));
    return 0;
  },
};

export const registrations: Command = {
  ...COMMON,
  name: 'registrations',
  summary: 'list phones and gateways that are registered',
  usage: 'tandem registrations [--tenant NAME] [--extension NUMBER]',
  options: { ...COMMON.options, extension: { type: 'string' } },
  optionHelp: { ...COMMON.optionHelp, extension: 'only of this extension' },
  async run(context) {
    const filters = { tenant: text(context, 'tenant'), extension: text(context, 'extension') };
    const rows = await context.api().list<RegistrationRow>('/api/v1/registrations', filters);
    if (flag(context, 'json')) return printJson(context, rows);
    context.terminal.out(
      rows.length === 0 ? 'nothing is registered\n' : table(context.terminal, REGISTRATION_COLUMNS, rows),
    );
    return 0;
  },
};

export const calls: Command = {
  ...COMMON,
  name: 'calls',
  summary: 'list calls in progress, or those that ended',
  usage: 'tandem calls [--tenant NAME] [--ended [--number NUMBER] [--limit N]]',
  options: { ...COMMON.options, ended: { type: 'boolean' }, number: { type: 'string' }, limit: { type: 'string' } },
  optionHelp: {
    ...COMMON.optionHelp,
    ended: 'call records, latest first, in place of calls in progress',
    number: 'with --ended: only with this caller or called number',
    limit: 'with --ended: how many (default 50)',
  },
  async run(context) {
    const ended = flag(context, 'ended');
    const limit = Number(text(context, 'limit') ?? 50);
    if (!Number.isInteger(limit) || limit < 1) throw new UsageError('--limit must be a whole number above 0');
    const tenant = text(context, 'tenant');
    const rows = ended
      ? await context.api().list<CallRow>('/api/v1/call-records', { tenant, number: text(context, 'number') }, limit)
      : await context.api().list<CallRow>('/api/v1/calls', { tenant });
    if (flag(context, 'json')) return printJson(context, rows);
    const none = ended ? 'no call records\n' : 'no calls in progress\n';
    context.terminal.out(
      rows.length === 0 ? none : table(context.terminal, ended ? RECORD_COLUMNS : CALL_COLUMNS, rows),
    );
    return 0;
  },
};

interface Trace {
  readonly ladder: string;
  readonly messages: readonly {
    readonly at: string;
    readonly direction: string;
    readonly transport: string;
    readonly remote: string;
    readonly text: string;
  }[];
}

export const trace: Command = {
  name: 'trace',
  summary: 'draw the SIP messages of a live or recent call, both legs',
  usage: 'tandem trace --call-id ID [--messages]',
  details: 'ID is the call as "tandem calls" lists it, or the SIP Call-ID of one of its legs. Secrets are masked.',
  options: {
    ...CONFIG_OPTION,
    ...JSON_OPTION,
    'call-id': { type: 'string' },
    messages: { type: 'boolean', short: 'm' },
  },
  optionHelp: { ...CONFIG_HELP, ...JSON_HELP, 'call-id': 'which call', messages: 'print the messages too' },
  takesArguments: true,
  async run(context) {
    const id = text(context, 'call-id') ?? context.arguments[0];
    if (id === undefined) throw new UsageError('say which call: --call-id ID');
    const trace = await context.api().get<Trace>(`/api/v1/calls/${encodeURIComponent(id)}/trace`);
    if (flag(context, 'json')) return printJson(context, trace);
    context.terminal.out(trace.ladder);
    if (!flag(context, 'messages')) return 0;
    for (const message of trace.messages) {
      const title = `${message.at} ${message.direction} ${message.direction === 'sent' ? 'to' : 'from'} ${message.transport}:${message.remote}`;
      context.terminal.out(`\n${paint(context.terminal, 'cyan', title)}\n${printableLines(message.text)}\n`);
    }
    return 0;
  },
};

/** Keeps line ends, and nothing else that a terminal acts on. */
function printableLines(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .trimEnd()
    .replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}

function shortTime(iso: string): string {
  const time = Date.parse(iso);
  if (Number.isNaN(time)) throw new CommandError(`the engine sent "${iso}" as a time`);
  return new Date(time).toISOString().replace('T', ' ').slice(0, 19);
}

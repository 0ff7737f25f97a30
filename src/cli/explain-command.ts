import { type Command, type CommandContext, CONFIG_HELP, CONFIG_OPTION, CommandError, flag, JSON_HELP, JSON_OPTION, printJson, text, UsageError } from './command.ts';
import { paint, printable } from './terminal.ts';

interface Field {
  readonly name: string;
  readonly value: string;
  readonly source: string;
  readonly reason?: string;
}

interface Candidate {
  readonly source: string;
  readonly value: string;
  readonly taken: boolean;
  readonly reason: string;
}

interface Route {
  readonly trunkId: string;
  readonly trunk: string;
  readonly taken: boolean;
  readonly reason: string;
  readonly invite?: string;
  readonly fields?: readonly Field[];
  readonly candidates?: readonly Candidate[];
}

interface Explanation {
  readonly outcome: 'invite' | 'rejected';
  readonly status?: number;
  readonly reason?: string;
  readonly rule?: string;
  readonly routes: readonly Route[];
  readonly notes: readonly string[];
}

interface Question {
  readonly tenant?: string;
  readonly from: string;
  readonly to: string;
  readonly displayName?: string;
  readonly headers?: readonly { name: string; value: string }[];
}

export const explain: Command = {
  name: 'explain',
  summary: 'show the INVITE that a call would send, and why each field is what it is',
  usage: 'tandem explain --tenant NAME --from EXTENSION --to NUMBER [--header "Name: value"]… | --call-id ID',
  details: 'No call is placed. The same pipeline as live calls works it out, so it cannot disagree with them.',
  options: {
    ...CONFIG_OPTION,
    ...JSON_OPTION,
    tenant: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    'display-name': { type: 'string' },
    header: { type: 'string', multiple: true },
    'call-id': { type: 'string' },
  },
  optionHelp: {
    ...CONFIG_HELP,
    ...JSON_HELP,
    tenant: 'whose call',
    from: 'the calling extension or service',
    to: 'what is dialled',
    'display-name': "display name of the phone's From",
    header: 'a header field that the phone would send, e.g. "Privacy: id"; may be repeated',
    'call-id': 'ask about a call that ended, from its record',
  },
  takesArguments: false,
  async run(context) {
    const question = await questionOf(context);
    const explanation = await context.api().post<Explanation>('/api/v1/explain', question);
    if (flag(context, 'json')) return printJson(context, explanation);
    context.terminal.out(render(context, explanation));
    return explanation.outcome === 'invite' ? 0 : 1;
  },
};

async function questionOf(context: CommandContext): Promise<Question> {
  const callId = text(context, 'call-id');
  if (callId !== undefined) return fromRecord(context, callId);
  const [tenant, from, to] = [text(context, 'tenant'), text(context, 'from'), text(context, 'to')];
  if (from === undefined || to === undefined) throw new UsageError('say who calls and what is dialled: --from EXTENSION --to NUMBER');
  const displayName = text(context, 'display-name');
  const headers = (context.values['header'] as readonly string[] | undefined)?.map(readHeader);
  return {
    ...(tenant === undefined ? {} : { tenant }),
    from,
    to,
    ...(displayName === undefined ? {} : { displayName }),
    ...(headers === undefined ? {} : { headers }),
  };
}

async function fromRecord(context: CommandContext, callId: string): Promise<Question> {
  const record = await context
    .api()
    .get<{ tenant?: string; extension?: string; callerNumber: string; calledNumber: string; direction: string }>(
      `/api/v1/call-records/${encodeURIComponent(callId)}`,
    );
  if (record.direction !== 'outbound') throw new CommandError(`only outbound calls can be explained; this one was ${record.direction}`);
  const { tenant } = record;
  return { ...(tenant === undefined ? {} : { tenant }), from: record.extension ?? record.callerNumber, to: record.calledNumber };
}

function readHeader(line: string): { name: string; value: string } {
  const colon = line.indexOf(':');
  if (colon < 1) throw new UsageError(`--header "${line}": write it as "Name: value"`);
  return { name: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim() };
}

function render(context: CommandContext, explanation: Explanation): string {
  const { terminal } = context;
  const lines: string[] = [];
  if (explanation.outcome === 'rejected') {
    lines.push(paint(terminal, 'red', `refused: ${explanation.status ?? ''} ${printable(explanation.reason ?? '')}`.trimEnd()));
  }
  if (explanation.rule !== undefined) lines.push(`outbound rule: ${printable(explanation.rule)}`);
  for (const route of explanation.routes) lines.push(...renderRoute(context, route));
  for (const note of explanation.notes) lines.push(`${paint(terminal, 'yellow', 'note')} ${printable(note)}`);
  return `${lines.join('\n')}\n`;
}

function renderRoute(context: CommandContext, route: Route): string[] {
  const { terminal } = context;
  const mark = route.taken ? paint(terminal, 'green', 'taken') : paint(terminal, 'yellow', 'passed over');
  const lines = ['', `${paint(terminal, 'bold', `route ${printable(route.trunk)}`)} (${route.trunkId}): ${mark}, ${printable(route.reason)}`];
  if (route.candidates !== undefined && route.candidates.length > 0) {
    lines.push('  caller ID candidates, in order:');
    for (const candidate of route.candidates) {
      const sign = candidate.taken ? paint(terminal, 'green', '✓') : paint(terminal, 'dim', '·');
      lines.push(`    ${sign} ${printable(candidate.source)} ${printable(candidate.value)}: ${printable(candidate.reason)}`);
    }
  }
  if (route.invite === undefined) return lines;
  lines.push('');
  for (const line of route.invite.replaceAll('\r\n', '\n').trimEnd().split('\n')) lines.push(`  ${paint(terminal, 'cyan', printable(line))}`);
  if (route.fields === undefined) return lines;
  lines.push('', '  why:');
  const width = Math.max(0, ...route.fields.map(({ name }) => name.length));
  for (const field of route.fields) {
    const reason = field.reason === undefined ? '' : `; ${printable(field.reason)}`;
    lines.push(`    ${printable(field.name).padEnd(width)}  ${printable(field.source)}${reason}`);
  }
  return lines;
}

import {
  CONFIG_HELP,
  CONFIG_OPTION,
  type Command,
  type CommandContext,
  flag,
  JSON_HELP,
  JSON_OPTION,
  printJson,
  text,
  UsageError,
} from './command.ts';

interface Question {
  readonly tenant?: string;
  readonly from: string;
  readonly to: string;
  readonly displayName?: string;
  readonly headers?: readonly { name: string; value: string }[];
}

export const explain: Command = {
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
    'call-id': 'ask about a live or recent call: its id, or a SIP Call-ID',
  },
  takesArguments: false,
  async run(context) {
    const format = flag(context, 'json') ? 'json' : context.terminal.colour ? 'ansi' : 'text';
    const callId = text(context, 'call-id');
    const path = callId === undefined ? '/api/v1/explain' : `/api/v1/calls/${encodeURIComponent(callId)}/explain`;
    const url = `${path}?format=${format}`;
    const explanation =
      callId === undefined
        ? await context.api().post<unknown>(url, questionOf(context))
        : await context.api().get<unknown>(url);
    if (format === 'json') return printJson(context, explanation);
    context.terminal.out(String(explanation));
    return 0;
  },
};

function questionOf(context: CommandContext): Question {
  const [tenant, from, to] = [text(context, 'tenant'), text(context, 'from'), text(context, 'to')];
  if (from === undefined || to === undefined)
    throw new UsageError('say who calls and what is dialled: --from EXTENSION --to NUMBER');
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

function readHeader(line: string): { name: string; value: string } {
  const colon = line.indexOf(':');
  if (colon < 1) throw new UsageError(`--header "${line}": write it as "Name: value"`);
  return { name: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim() };
}

import type { Answer } from '../api/answers/index.ts';
import { type Command, ENGINE_OPTIONS } from './command.ts';
import { documentOf, summaryText } from './provisioning-commands.ts';
import { paint, printable, type Terminal } from './terminal.ts';

type ChangedCall = Answer<'Plan'>['calls'][number];

export const plan: Command = {
  usage: 'tandem plan FILE…',
  details:
    'Nothing is changed. The latest outbound calls are played again, as things are provisioned and as they would be after "tandem apply" of the files; each call that would leave differently is shown.',
  options: ENGINE_OPTIONS,
  takesArguments: true,
  async run(context) {
    const planned = await context.api().post<Answer<'Plan'>>('/api/v1/plan', documentOf(context));
    if (context.flag('json')) return context.printJson(planned);
    const { terminal } = context;
    const { callsPlayed, callsChanged, calls } = planned;
    const counted = `${callsChanged} of the latest ${callsPlayed} outbound calls would leave differently`;
    terminal.out(`${summaryText(planned)}\n${paint(terminal, callsChanged > 0 ? 'yellow' : 'green', counted)}\n`);
    for (const call of calls) terminal.out(`\n${callText(terminal, call)}`);
    if (calls.length < callsChanged) terminal.out(`\n… and ${callsChanged - calls.length} earlier ones\n`);
    return 0;
  },
};

function callText(terminal: Terminal, call: ChangedCall): string {
  const { at, tenant, caller, dialled, before, after, fields } = call;
  const [from, to] = [whereText(before), whereText(after)];
  const lines = [
    paint(terminal, 'bold', printable(`${at}  ${tenant}: ${caller} dialled ${dialled}`)),
    from === to ? `  ${printable(to)}` : `  ${printable(from)} → ${printable(to)}`,
    ...fields.flatMap(({ trunk, field, before: was, after: is, reason }) => [
      `  ${printable(`${trunk}, ${field}${reason === undefined ? '' : `: ${reason}`}`)}`,
      ...linesOf(was).map((line) => paint(terminal, 'red', `    - ${line}`)),
      ...linesOf(is).map((line) => paint(terminal, 'green', `    + ${line}`)),
    ]),
  ];
  return `${lines.join('\n')}\n`;
}

/** The values of a field, a line each; none when it is not sent. */
function linesOf(values: string | undefined): string[] {
  return values === undefined ? [] : values.split('\n').map(printable);
}

function whereText({ kind, trunks, refusal }: ChangedCall['before']): string {
  switch (kind) {
    case 'outside':
      return trunks.join(', then ');
    case 'inside':
      return 'rings inside';
    case 'stored':
      return 'stores a setting';
    case 'refused':
      return refusal === undefined ? 'refused' : `${refusal.status} ${refusal.reason} (${refusal.code})`;
  }
}

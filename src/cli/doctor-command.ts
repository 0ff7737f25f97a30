import type { Answer } from '../api/answers/index.ts';
import { type Command, ENGINE_OPTIONS } from './command.ts';
import { UsageError } from './command-error.ts';
import { paint, type Style } from './terminal.ts';
import { trunkCalled } from './trunk-commands.ts';

const STYLES: Readonly<Record<Answer<'TrunkExamination'>['findings'][number]['outcome'], Style>> = {
  ok: 'green',
  warning: 'yellow',
  failed: 'red',
};
const CHECK_WIDTH = 13;
const OUTCOME_WIDTH = 8;

/** What is wrong with a trunk, as the running node sees it, and what to do. Exit code 1 when anything has failed. */
export const doctor: Command = {
  usage: 'tandem doctor TRUNK',
  details:
    'By name or id. The running node looks at DNS, certificates, TLS, registration or gateway, OPTIONS, media relays and rules, and says what to do. It sends OPTIONS and changes nothing. Exit code 1 when anything has failed.',
  options: ENGINE_OPTIONS,
  takesArguments: true,
  async run(context) {
    const [wanted, ...more] = context.arguments;
    if (wanted === undefined || more.length > 0) throw new UsageError('name one trunk');
    const { id } = await trunkCalled(context, wanted);
    const path = `/api/v1/trunks/${encodeURIComponent(id)}/doctor`;
    const examination = await context.api().post<Answer<'TrunkExamination'>>(path, {});
    const code = examination.healthy ? 0 : 1;
    if (context.flag('json')) {
      context.printJson(examination);
      return code;
    }
    const { terminal } = context;
    terminal.out(`${paint(terminal, 'bold', examination.name)} (${examination.type})\n`);
    for (const { check, outcome, subject, message, advice } of examination.findings) {
      const text = subject === undefined || message.startsWith(subject) ? message : `${subject}: ${message}`;
      terminal.out(
        `  ${paint(terminal, STYLES[outcome], outcome.padEnd(OUTCOME_WIDTH))} ${check.padEnd(CHECK_WIDTH)} ${text}\n`,
      );
      if (advice !== undefined) terminal.out(`${' '.repeat(OUTCOME_WIDTH + CHECK_WIDTH + 4)}-> ${advice}\n`);
    }
    terminal.out(examination.healthy ? 'nothing has failed\n' : 'something has failed: see -> for what to do\n');
    return code;
  },
};

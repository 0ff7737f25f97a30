import type { Answer } from '../api/answers/index.ts';
import { type Command, ENGINE_OPTIONS } from './command.ts';
import { paint, printable } from './terminal.ts';

export const reload: Command = {
  usage: 'tandem reload',
  details:
    'What SIGHUP does, with the answer: what is in force now, what waits for a restart. A fault in a file: every place is printed, exit code 1, and all goes on as it was. Certificates are read again too, call record and audit files opened anew.',
  options: ENGINE_OPTIONS,
  async run(context) {
    const report = await context.api().post<Answer<'ReloadReport'>>('/api/v1/reload', undefined);
    return context.printAnswer(report, ({ applied, needsRestart }) => {
      const { terminal } = context;
      const lines = [
        ...applied.map((path) => `${paint(terminal, 'green', 'in force')}       ${printable(path)}`),
        ...needsRestart.map((path) => `${paint(terminal, 'yellow', 'needs restart')}  ${printable(path)}`),
      ];
      return lines.length === 0 ? 'no setting has changed; certificates were read again' : lines.join('\n');
    });
  },
};

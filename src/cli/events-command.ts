import {
  CONFIG_HELP,
  CONFIG_OPTION,
  type Command,
  flag,
  JSON_OPTION,
  NODE_HELP,
  NODE_OPTION,
  text,
} from './command.ts';
import { localTime, paint, printable } from './terminal.ts';

export const events: Command = {
  usage: 'tandem events [--types TYPE,…] [--node NAME]',
  details: 'Until it is interrupted. A token of a tenant shows the events of that tenant.',
  options: { ...CONFIG_OPTION, ...JSON_OPTION, ...NODE_OPTION, types: { type: 'string' } },
  optionHelp: {
    ...CONFIG_HELP,
    ...NODE_HELP,
    json: 'one JSON object a line',
    types: 'only these, separated by commas: call, registration, trunk-state, fraud, …',
  },
  takesArguments: false,
  async run(context) {
    const query = new URLSearchParams();
    for (const name of ['types', 'node']) {
      const value = text(context, name);
      if (value !== undefined) query.set(name, value);
    }
    const path = `/api/v1/events${query.size === 0 ? '' : `?${query}`}`;
    for await (const { type, data } of context.api().events(path)) {
      const fields = JSON.parse(data) as { at?: string };
      if (flag(context, 'json')) {
        context.terminal.out(`${JSON.stringify({ type, ...fields })}\n`);
        continue;
      }
      const { at, ...facts } = fields;
      const told = Object.entries(facts).map(
        ([name, value]) =>
          `${name}=${typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)}`,
      );
      const when = at === undefined ? '' : `${localTime(at)} `;
      context.terminal.out(`${when}${paint(context.terminal, 'cyan', type)} ${printable(told.join(' '))}\n`);
    }
    return 0;
  },
};

import { type Command, ENGINE_OPTIONS, NODE_OPTION, option, toggle } from './command.ts';
import { localTime, paint, printable } from './terminal.ts';

export const events: Command = {
  usage: 'tandem events [--types TYPE,…] [--node NAME]',
  details: 'Until it is interrupted. A token of a tenant shows the events of that tenant.',
  options: {
    config: ENGINE_OPTIONS.config,
    json: toggle('one JSON object a line'),
    ...NODE_OPTION,
    types: option('only these, separated by commas: call, registration, trunk-state, fraud, …'),
  },
  async run(context) {
    const query = new URLSearchParams(context.given('types', 'node'));
    const path = `/api/v1/events${query.size === 0 ? '' : `?${query}`}`;
    for await (const { type, data } of context.api().events(path)) {
      const fields = JSON.parse(data) as { at?: string };
      if (context.flag('json')) {
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

import type { Answer } from '../api/answers/index.ts';
import { type Command, ENGINE_OPTIONS } from './command.ts';
import { UsageError } from './command-error.ts';
import { adviceOn } from './problem-advice.ts';
import { type TableColumn, table } from './terminal.ts';

const COLUMNS: readonly TableColumn<Answer<'Store'>['nodes'][number]>[] = [
  { title: 'NODE', value: ({ node }) => node },
  { title: 'VERSION', value: ({ version }) => version, right: true },
  { title: 'STORE', value: ({ store }) => store },
];

export const store: Command = {
  usage: 'tandem store [restore]',
  details:
    'Alone: what the node that is asked says of its store, and which copy each node has. "restore" writes that node\'s copy into a Redis that came back empty (store-replaced): tenants, trunks, certificates, tokens, users and webhooks; phones and nodes follow by themselves. It is refused while Redis holds a store, or another node has a later copy.',
  options: ENGINE_OPTIONS,
  takesArguments: true,
  async run(context) {
    const [word, ...more] = context.arguments;
    if ((word !== undefined && word !== 'restore') || more.length > 0)
      throw new UsageError('say nothing more, or "restore"');
    const api = context.api();
    const found =
      word === 'restore'
        ? await api.post<Answer<'Store'>>('/api/v1/store/restore', undefined)
        : await api.get<Answer<'Store'>>('/api/v1/store');
    if (context.flag('json')) return context.printJson(found);
    const { terminal } = context;
    terminal.out(`${found.kind}: ${found.problems.length === 0 ? 'well' : found.problems.join(', ')}\n`);
    for (const line of adviceOn(terminal, found.problems)) terminal.out(`${line}\n`);
    terminal.out(table(terminal, COLUMNS, found.nodes));
    return 0;
  },
};

import type { Answer } from '../api/answers/index.ts';
import { type Command, ENGINE_OPTIONS, option } from './command.ts';
import type { CommandContext } from './command-context.ts';
import { UsageError } from './command-error.ts';
import type { TableColumn } from './terminal.ts';

const COLUMNS: readonly TableColumn<Answer<'Transport'>>[] = [
  { title: 'NAME', value: ({ id }) => id },
  { title: 'TRANSPORT', value: ({ transport }) => transport },
  { title: 'LISTENS ON', value: ({ host, port }) => at(host, port) },
  {
    title: 'TELLS OTHERS',
    value: ({ publicHost, publicPort, port }) => (publicHost === undefined ? '' : at(publicHost, publicPort ?? port)),
  },
  { title: 'CERTIFICATE', value: ({ certificateName }) => certificateName ?? '' },
  { title: 'TRUNKS', value: ({ trunks }) => String(trunks), right: true },
  { title: 'FROM', value: ({ managedBy }) => managedBy ?? 'added' },
  {
    title: 'STATE',
    value: ({ problem }) => problem ?? 'open',
    style: ({ problem }) => (problem === undefined ? 'green' : 'red'),
  },
];

export const transports: Command = {
  usage:
    'tandem transports [list] | add NAME --transport udp|tcp|tls --host ADDRESS --port PORT [--certificate NAME] [--public-host HOST] [--public-port PORT] | remove NAME',
  details:
    'What the running node listens on. What add opens is open at once and after each restart, at this node alone; what the configuration file names is changed there. To change one, remove it and add it anew.',
  options: {
    ...ENGINE_OPTIONS,
    transport: option('udp, tcp or tls'),
    host: option('address of this machine to listen on; 0.0.0.0 or :: for all'),
    port: option('port to listen on'),
    'public-host': option('what Via and Contact say (default: as the node advertises itself)'),
    'public-port': option('port that they say (default: the port)'),
    certificate: option('tls: name of a certificate of the system (tandem certificates)'),
    'client-certificate': option('tls: none, optional or required (default: none)'),
    'min-version': option('tls: TLSv1.2 or TLSv1.3 (default: TLSv1.2)'),
  },
  takesArguments: true,
  async run(context) {
    const [action = 'list', name] = context.words(2);
    if (action === 'list' && name === undefined) return list(context);
    if (action === 'add' && name !== undefined) return add(context, name);
    if (action === 'remove' && name !== undefined) {
      await context.api().delete(`/api/v1/transports/${encodeURIComponent(name)}`);
      return context.say(`removed ${name}`);
    }
    throw new UsageError('say what to do: list, or add or remove with the name of a transport');
  },
};

async function list(context: CommandContext): Promise<number> {
  const rows = await context.api().list<Answer<'Transport'>>('/api/v1/transports', {});
  return context.printRows(rows, COLUMNS);
}

async function add(context: CommandContext, name: string): Promise<number> {
  const wanted = context.given('transport', 'host', 'certificate');
  const port = numberOf(context, 'port');
  if (wanted['transport'] === undefined || wanted['host'] === undefined || port === undefined)
    throw new UsageError('say --transport udp, tcp or tls, --host ADDRESS and --port PORT');
  const fields = {
    publicHost: context.text('public-host'),
    publicPort: numberOf(context, 'public-port'),
    clientCertificate: context.text('client-certificate'),
    minVersion: context.text('min-version'),
  };
  const added = await context
    .api()
    .post<Answer<'Transport'>>('/api/v1/transports', { name, ...wanted, port, ...fields });
  return context.printAnswer(
    added,
    ({ transport, host, port: bound }) => `${name} listens on ${transport} ${at(host, bound)}`,
  );
}

function numberOf(context: CommandContext, option: string): number | undefined {
  const written = context.text(option);
  if (written === undefined) return undefined;
  if (!/^[0-9]{1,5}$/.test(written)) throw new UsageError(`--${option} must be a number`);
  return Number(written);
}

function at(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

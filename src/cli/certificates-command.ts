import { readFileSync } from 'node:fs';
import type { Answer } from '../api/answers/index.ts';
import { type Command, ENGINE_OPTIONS, option } from './command.ts';
import type { CommandContext } from './command-context.ts';
import { CommandError, UsageError } from './command-error.ts';
import { localTime, type Style, type TableColumn } from './terminal.ts';

interface CertificateRow {
  readonly name: string;
  readonly owner: string;
  readonly use: 'stir' | 'tls';
  readonly x5u?: string;
  readonly numbers?: string;
  readonly facts: Answer<'CertificateFacts'>;
}

const DAY_MS = 86_400_000;

const COLUMNS: readonly TableColumn<CertificateRow>[] = [
  { title: 'NAME', value: ({ name }) => name },
  { title: 'OWNER', value: ({ owner }) => owner },
  { title: 'ENDS', value: ({ facts }) => localTime(facts.notAfter), style: ({ facts }) => urgency(facts.notAfter) },
  { title: 'USE', value: ({ use }) => use },
  { title: 'FOR', value: ({ numbers, facts }) => facts.names?.join(', ') ?? numbers ?? whatItLists(facts) },
  { title: 'X5U', value: ({ x5u }) => x5u ?? '' },
  { title: 'SERVED', value: ({ x5u, facts }) => servedWhere(x5u, facts.servedAt) },
];

export const certificates: Command = {
  usage:
    'tandem certificates [list] | show NAME | put NAME --chain FILE --key FILE (--x5u URL [--numbers POOL] | --use tls) [--owner TENANT] | delete NAME',
  details:
    'Certificates that calls are signed with (STIR/SHAKEN), or that TLS listeners and Microsoft Teams are shown (--use tls). put creates or replaces; without --key the stored key stays. No command shows a key.',
  options: {
    ...ENGINE_OPTIONS,
    chain: option('PEM file, the certificate itself first'),
    key: option('PEM file of its private key'),
    use: option('stir signs calls, tls is shown by TLS listeners and to Microsoft Teams (default: stir)'),
    x5u: option('https URL where verifiers fetch the chain'),
    numbers: option('numbers and ranges that it signs for (default: all that it may)'),
    owner: option('the tenant that it is for (default: the system)'),
  },
  takesArguments: true,
  async run(context) {
    const [action = 'list', name] = context.words(2);
    if (action === 'list' && name === undefined) return list(context);
    if (name !== undefined) {
      const path = `/api/v1/certificates/${encodeURIComponent(name)}`;
      if (action === 'show') return context.printJson(await context.api().get<unknown>(path));
      if (action === 'put') return put(context, name, path);
      if (action === 'delete') {
        await context.api().delete(path);
        return context.say(`deleted ${name}`);
      }
    }
    throw new UsageError('say what to do: list, or show, put or delete with the name of a certificate');
  },
};

async function list(context: CommandContext): Promise<number> {
  const rows = await context.api().list<CertificateRow>('/api/v1/certificates', {});
  return context.printRows(rows, COLUMNS, 'no certificates');
}

async function put(context: CommandContext, name: string, path: string): Promise<number> {
  const { chain, key } = context.given('chain', 'key');
  const wanted = { use: 'stir', ...context.given('use', 'x5u', 'numbers', 'owner') };
  if (chain === undefined || (wanted.use === 'stir' && !('x5u' in wanted)))
    throw new UsageError('say --chain FILE, and --x5u URL or --use tls');
  const stored = await context.api().put<CertificateRow>(path, {
    name,
    ...wanted,
    chain: contentsOf(chain),
    ...(key !== undefined && { key: contentsOf(key) }),
  });
  return context.printAnswer(stored, ({ numbers, facts }) => {
    const does = facts.names === undefined ? 'signs for' : 'speaks for';
    const what = facts.names?.join(', ') ?? numbers ?? whatItLists(facts);
    return `${name} ${does} ${what} until ${localTime(facts.notAfter)}`;
  });
}

function servedWhere(x5u: string | undefined, servedAt: string | undefined): string {
  if (x5u === undefined) return '';
  return servedAt === undefined ? 'elsewhere' : 'here';
}

function contentsOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`);
  }
}

function whatItLists({ codes, numbers }: Answer<'CertificateFacts'>): string {
  return [...codes.map((code) => `code ${code}`), ...numbers].join('; ');
}

function urgency(notAfter: string): Style | undefined {
  const leftMs = Date.parse(notAfter) - Date.now();
  return leftMs <= 7 * DAY_MS ? 'red' : leftMs <= 30 * DAY_MS ? 'yellow' : undefined;
}

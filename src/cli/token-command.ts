import type { Answer } from '../api/answers/index.ts';
import { type Command, ENGINE_OPTIONS, option, toggle } from './command.ts';
import type { CommandContext } from './command-context.ts';
import { UsageError } from './command-error.ts';
import { localTime, type TableColumn } from './terminal.ts';

const COLUMNS: readonly TableColumn<Answer<'Token'>>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'ROLE', value: ({ role, readOnly }) => (readOnly === true ? `${role}, read only` : role) },
  { title: 'TENANT', value: ({ tenant }) => tenant },
  { title: 'LABEL', value: ({ label }) => label },
  { title: 'MADE', value: ({ createdAt }) => localTime(createdAt) },
  { title: 'BY', value: ({ createdBy }) => createdBy },
  { title: 'ENDS', value: ({ expiresAt }) => (expiresAt === undefined ? 'never' : localTime(expiresAt)) },
  { title: 'REVOKED', value: ({ revokedAt }) => (revokedAt === undefined ? undefined : localTime(revokedAt)) },
];

export const token: Command = {
  usage:
    'tandem token list [--tenant NAME] | create --role ROLE [--read-only] [--tenant NAME] [--expires SECONDS] [--label TEXT] | revoke ID',
  details: 'create prints the token once; nobody can show it again.',
  options: {
    ...ENGINE_OPTIONS,
    role: option('system-admin or tenant-admin'),
    'read-only': toggle('it reads and changes nothing'),
    tenant: option('the tenant of a tenant-admin; with list: only of this tenant'),
    expires: option('seconds after which it ends (default: never)'),
    label: option('what it is for'),
  },
  takesArguments: true,
  async run(context) {
    const [action, id] = context.words(2);
    if (action === 'list' && id === undefined) return list(context);
    if (action === 'create' && id === undefined) return create(context);
    if (action === 'revoke' && id !== undefined) {
      await context.api().delete(`/api/v1/tokens/${encodeURIComponent(id)}`);
      return context.say(`revoked ${id}`);
    }
    throw new UsageError('say what to do: list, create, or revoke with the id of a token');
  },
};

async function list(context: CommandContext): Promise<number> {
  const rows = await context.api().list<Answer<'Token'>>('/api/v1/tokens', context.given('tenant'));
  return context.printRows(rows, COLUMNS, 'no tokens');
}

async function create(context: CommandContext): Promise<number> {
  const wanted = context.given('role', 'tenant', 'label');
  if (wanted['role'] === undefined)
    throw new UsageError('say what it may do: --role system-admin or --role tenant-admin');
  const expires = context.text('expires') === undefined ? {} : { expiresInSeconds: context.number('expires', 0) };
  const made = await context.api().post<Answer<'NewToken'>>('/api/v1/tokens', {
    ...wanted,
    ...(context.flag('read-only') && { readOnly: true }),
    ...expires,
  });
  return context.printAnswer(made, ({ token: value }) => value);
}

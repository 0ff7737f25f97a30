import type { Answer } from '../api/answers/index.ts';
import { type Command, ENGINE_OPTIONS, option, toggle } from './command.ts';
import type { CommandContext } from './command-context.ts';
import { UsageError } from './command-error.ts';
import { localTime, type TableColumn } from './terminal.ts';

const COLUMNS: readonly TableColumn<Answer<'User'>>[] = [
  { title: 'NAME', value: ({ id }) => id },
  { title: 'ROLE', value: ({ role, readOnly }) => (readOnly ? `${role}, read only` : role) },
  { title: 'TENANT', value: ({ tenant }) => tenant },
  { title: 'CODES', value: ({ codes }) => (codes ? 'on' : 'off') },
  { title: 'SIGNS IN', value: ({ enabled }) => (enabled ? 'yes' : 'no') },
  { title: 'MADE', value: ({ createdAt }) => localTime(createdAt) },
];

const pathOf = (name: string) => `/api/v1/users/${encodeURIComponent(name)}`;

export const users: Command = {
  usage:
    'tandem users list [--tenant NAME] | create NAME --role ROLE [--tenant NAME] [--read-only] < password | password NAME < password | enable NAME | disable NAME | reset-codes NAME | delete NAME',
  details:
    'Those who sign in to the console. Passwords are read from standard input, where no process listing shows them.',
  options: {
    ...ENGINE_OPTIONS,
    role: option('system-admin or tenant-admin'),
    tenant: option('the tenant of a tenant-admin; with list: only of this tenant'),
    'read-only': toggle('sees what its role sees, and changes nothing'),
  },
  takesArguments: true,
  async run(context) {
    const [action, name] = context.words(2);
    if (action === 'list' && name === undefined) return list(context);
    if (name === undefined) throw new UsageError('say what to do, and with which user');
    switch (action) {
      case 'create':
        return create(context, name);
      case 'password':
        return change(context, name, { password: await context.readPassword() }, `${name} has a new password`);
      case 'enable':
        return change(context, name, { enabled: true }, `${name} may sign in`);
      case 'disable':
        return change(context, name, { enabled: false }, `${name} may not sign in`);
      case 'reset-codes':
        return change(context, name, { codes: false }, `${name} signs in with the password alone`);
      case 'delete':
        await context.api().delete(pathOf(name));
        return context.say(`deleted ${name}`);
      default:
        throw new UsageError('say what to do: list, create, password, enable, disable, reset-codes or delete');
    }
  },
};

export const consoleLink: Command = {
  usage: 'tandem console',
  details: 'The link signs a system admin in, once, within ten minutes. Nothing is opened by itself.',
  options: ENGINE_OPTIONS,
  async run(context) {
    const api = context.api();
    const { path, expiresAt } = await api.post<Answer<'NewSignInLink'>>('/api/v1/sign-in-links', undefined);
    const url = `${api.url}${path}`;
    return context.printAnswer({ url, expiresAt }, () => url);
  },
};

async function list(context: CommandContext): Promise<number> {
  const rows = await context.api().list<Answer<'User'>>('/api/v1/users', context.given('tenant'));
  return context.printRows(rows, COLUMNS, 'no users');
}

async function create(context: CommandContext, id: string): Promise<number> {
  const wanted = context.given('role', 'tenant');
  if (wanted['role'] === undefined)
    throw new UsageError('say what it may do: --role system-admin or --role tenant-admin');
  const made = await context.api().post<Answer<'User'>>('/api/v1/users', {
    id,
    ...wanted,
    readOnly: context.flag('read-only'),
    password: await context.readPassword(),
  });
  return context.printAnswer(made, ({ id: name }) => `${name} may sign in`);
}

async function change(context: CommandContext, name: string, fields: object, done: string): Promise<number> {
  const changed = await context.api().patch<Answer<'User'>>(pathOf(name), fields);
  return context.printAnswer(changed, () => done);
}

import type { Answer } from '../api/answers/index.ts';
import type { ApiClient } from './api-client.ts';
import { type Command, ENGINE_OPTIONS, inNode, NODE_OPTION, option, toggle } from './command.ts';
import type { CommandContext } from './command-context.ts';
import { UsageError } from './command-error.ts';
import { localTime, type Style, type TableColumn, table } from './terminal.ts';
import { showEffective, trunkCalled } from './trunk-commands.ts';
import { listOverlaps } from './trunk-overlaps.ts';

interface TrunkRow {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly owner: string;
  readonly host?: string;
  readonly status: TrunkStatus;
}

type TrunkStatus = Answer<'TrunkStatus'>;
type Datacentre = NonNullable<TrunkStatus['datacentres']>[number];

const STATE_STYLES: Readonly<Record<string, Style>> = {
  online: 'green',
  registering: 'yellow',
  offline: 'red',
  rejected: 'red',
  answered: 'green',
  ringing: 'yellow',
  up: 'green',
  down: 'red',
  held: 'yellow',
};

const TRUNK_COLUMNS: readonly TableColumn<TrunkRow>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'NAME', value: ({ name }) => name },
  { title: 'TYPE', value: ({ type }) => type },
  { title: 'OWNER', value: ({ owner }) => owner },
  { title: 'STATE', value: ({ status }) => status.state, style: ({ status }) => STATE_STYLES[status.state] },
  { title: 'SINCE', value: ({ status }) => localTime(status.since) },
  { title: 'CODE', value: ({ status }) => status.lastCode, right: true },
  { title: 'CALLS', value: ({ status }) => status.activeCalls, right: true },
  { title: 'HOST', value: ({ host }) => host },
  { title: 'REASON', value: ({ status }) => reasonOf(status) },
];

const DATACENTRE_COLUMNS: readonly TableColumn<Datacentre>[] = [
  { title: 'DATACENTRE', value: ({ target }) => target },
  { title: 'ADDRESS', value: ({ address }) => address },
  { title: 'STATE', value: ({ state }) => state, style: ({ state }) => STATE_STYLES[state] },
  { title: 'SINCE', value: ({ since }) => localTime(since) },
  { title: 'CODE', value: ({ lastCode }) => lastCode, right: true },
  { title: 'HELD UNTIL', value: ({ heldUntil }) => (heldUntil === undefined ? undefined : localTime(heldUntil)) },
  { title: 'REASON', value: ({ reason }) => reason },
];

/** Why it has its state, and what somebody has to look at. */
function reasonOf({ reason, alarms = [] }: TrunkStatus): string | undefined {
  const told = alarms.map(({ message }) => `ALARM: ${message}`);
  return told.length === 0 ? reason : [...told, reason ?? ''].join('; ');
}

const REGISTRATION_COLUMNS: readonly TableColumn<Answer<'Registration'>>[] = [
  { title: 'ADDRESS', value: ({ addressOfRecord }) => addressOfRecord },
  { title: 'TRANSPORT', value: ({ transport }) => transport },
  { title: 'SOURCE', value: ({ source }) => source },
  { title: 'NODE', value: ({ node }) => node },
  { title: 'EXPIRES', value: ({ expiresAt }) => localTime(expiresAt) },
  { title: 'CONTACT', value: ({ contact }) => contact },
  { title: 'USER AGENT', value: ({ userAgent }) => userAgent },
];

const WHICH_CALL: readonly TableColumn<Pick<Answer<'Call'>, 'callId' | 'tenant' | 'direction'>>[] = [
  { title: 'CALL', value: ({ callId }) => callId },
  { title: 'TENANT', value: ({ tenant }) => tenant },
  { title: 'DIRECTION', value: ({ direction }) => direction },
];

const CALL_COLUMNS: readonly TableColumn<Answer<'Call'>>[] = [
  ...WHICH_CALL,
  { title: 'FROM', value: ({ from }) => from },
  { title: 'TO', value: ({ to }) => to },
  { title: 'STATE', value: ({ state }) => state, style: ({ state }) => STATE_STYLES[state] },
  { title: 'TRUNK', value: ({ trunk }) => trunk },
  { title: 'NODE', value: ({ node }) => node },
  { title: 'STARTED', value: ({ startedAt }) => localTime(startedAt) },
];

const LEASE_COLUMNS: readonly TableColumn<Answer<'Lease'>>[] = [
  { title: 'TRUNK', value: ({ trunk }) => trunk },
  { title: 'OWNER', value: ({ owner }) => owner },
  { title: 'NODE', value: ({ node }) => node },
  { title: 'STATE', value: ({ state }) => state, style: ({ state }) => STATE_STYLES[state] },
  { title: 'SINCE', value: ({ since }) => localTime(since) },
  { title: 'SERVER', value: ({ server }) => server },
  { title: 'ID', value: ({ trunkId }) => trunkId },
];

const RECORD_COLUMNS: readonly TableColumn<Answer<'CallRecord'>>[] = [
  ...WHICH_CALL,
  { title: 'FROM', value: ({ callerNumber }) => callerNumber },
  { title: 'TO', value: ({ calledNumber }) => calledNumber },
  {
    title: 'STATUS',
    value: ({ status }) => status,
    style: ({ status }) => (status < 300 ? 'green' : 'red'),
    right: true,
  },
  { title: 'REASON', value: ({ reason }) => reason },
  { title: 'TALK', value: ({ talkMs }) => `${(talkMs / 1000).toFixed(1)} s`, right: true },
  { title: 'NODE', value: ({ node }) => node },
  { title: 'STARTED', value: ({ startedAt }) => localTime(startedAt) },
];

const LISTING_OPTIONS = { ...ENGINE_OPTIONS, tenant: option('only of this tenant') };

const HOLDINGS = ['extensions', 'services', 'outboundRules', 'inboundRules'] as const;
const SEGMENTS = ['extensions', 'services', 'outbound-rules', 'inbound-rules'] as const;

interface TenantRow {
  readonly name: string;
  readonly domain: string;
  /** How many of each of {@link HOLDINGS}. */
  readonly counts: readonly number[];
}

const TENANT_COLUMNS: readonly TableColumn<TenantRow>[] = [
  { title: 'NAME', value: ({ name }) => name },
  { title: 'DOMAIN', value: ({ domain }) => domain },
  ...['EXTENSIONS', 'SERVICES', 'OUTBOUND RULES', 'INBOUND RULES'].map(
    (title, index): TableColumn<TenantRow> => ({ title, value: ({ counts }) => counts[index], right: true }),
  ),
];

type Tenant = Pick<TenantRow, 'name' | 'domain'> & Partial<Record<(typeof HOLDINGS)[number], readonly unknown[]>>;

/** The listing leaves out what a tenant owns. Who sees several tenants may read everything at once; one is asked for by itself. */
async function withCounts(api: ApiClient, listed: readonly Tenant[]): Promise<TenantRow[]> {
  const [only] = listed;
  if (only === undefined) return [];
  if (listed.length === 1) {
    const path = `/api/v1/tenants/${encodeURIComponent(only.name)}`;
    return [{ ...only, counts: await Promise.all(SEGMENTS.map((segment) => api.total(`${path}/${segment}`))) }];
  }
  const { tenants: all } = await api.get<{ tenants: readonly Tenant[] }>('/api/v1/provisioning');
  return all.map((tenant) => ({ ...tenant, counts: HOLDINGS.map((name) => tenant[name]?.length ?? 0) }));
}

export const tenants: Command = {
  usage: 'tandem tenants',
  options: ENGINE_OPTIONS,
  async run(context) {
    const api = context.api();
    const listed = await api.list<Tenant>('/api/v1/tenants', {});
    if (context.flag('json')) return context.printJson(listed);
    const rows = await withCounts(api, listed);
    context.terminal.out(rows.length === 0 ? 'no tenants\n' : table(context.terminal, TENANT_COLUMNS, rows));
    return 0;
  },
};

export const trunks: Command = {
  usage: 'tandem trunks [--tenant NAME] [--state STATE] | --overlaps | NAME [--effective]',
  options: {
    ...LISTING_OPTIONS,
    state: option('only in this state: online, offline, registering, rejected, unknown'),
    overlaps: toggle('addresses, names and brands that trunks of several owners or tenants claim (system admin)'),
    effective: toggle('every value in force on the trunk NAME, and where it comes from: own, brand, default'),
  },
  takesArguments: true,
  async run(context) {
    if (context.flag('overlaps')) return listOverlaps(context);
    const [name, ...more] = context.arguments;
    if (more.length > 0) throw new UsageError('name one trunk at most');
    if (context.flag('effective')) {
      if (name === undefined) throw new UsageError('say which trunk: NAME --effective');
      return showEffective(context, name);
    }
    if (name !== undefined) return showTrunk(context, name);
    const rows = await context.api().list<TrunkRow>('/api/v1/trunks', context.given('tenant', 'state'));
    return context.printRows(rows, TRUNK_COLUMNS, 'no trunks');
  },
};

/** One trunk, by its name or id, and the datacentres of a teams trunk. */
async function showTrunk(context: CommandContext, wanted: string): Promise<number> {
  const row = await trunkCalled<TrunkRow>(context, wanted);
  if (context.flag('json')) return context.printJson(row);
  context.terminal.out(table(context.terminal, TRUNK_COLUMNS, [row]));
  const datacentres = row.status.datacentres ?? [];
  if (datacentres.length > 0) context.terminal.out(`\n${table(context.terminal, DATACENTRE_COLUMNS, datacentres)}`);
  return 0;
}

export const registrations: Command = {
  usage: 'tandem registrations [--tenant NAME] [--extension NUMBER] [--node NAME]',
  options: { ...LISTING_OPTIONS, ...NODE_OPTION, extension: option('only of this extension') },
  async run(context) {
    const filters = context.given('tenant', 'extension', 'node');
    const rows = await context.api().list<Answer<'Registration'>>('/api/v1/registrations', filters);
    return context.printRows(rows, REGISTRATION_COLUMNS, 'nothing is registered');
  },
};

export const leases: Command = {
  usage: 'tandem leases [--trunk NAME] [--node NAME]',
  options: { ...ENGINE_OPTIONS, ...NODE_OPTION, trunk: option('only of this trunk, by its name or id') },
  async run(context) {
    const rows = await context.api().list<Answer<'Lease'>>('/api/v1/leases', context.given('trunk', 'node'));
    return context.printRows(rows, LEASE_COLUMNS, 'no node registers such a trunk');
  },
};

export const calls: Command = {
  usage: 'tandem calls [--tenant NAME] [--node NAME] [--ended [--number NUMBER] [--limit N]] | end ID',
  details:
    'Of all nodes of the store, whichever is asked; a node that does not answer is named. "end ID" ends a call for both sides, at whichever node it is.',
  options: {
    ...LISTING_OPTIONS,
    ...NODE_OPTION,
    ended: toggle('call records, latest first, in place of calls in progress'),
    number: option('with --ended: only with this caller or called number'),
    limit: option('with --ended: how many (default 50)'),
  },
  takesArguments: true,
  async run(context) {
    const [word, id, ...more] = context.arguments;
    if (word !== undefined) {
      if (word !== 'end' || id === undefined || more.length > 0) throw new UsageError('say nothing more, or "end ID"');
      await context.api().delete(`/api/v1/calls/${encodeURIComponent(id)}${inNode(context.text('node'))}`);
      return context.say(`${id} ends`);
    }
    const limit = context.number('limit', 50);
    const api = context.api();
    if (context.flag('ended')) {
      const filters = context.given('tenant', 'node', 'number');
      const records = await api.list<Answer<'CallRecord'>>('/api/v1/call-records', filters, limit);
      return context.printRows(records, RECORD_COLUMNS, 'no call records');
    }
    const rows = await api.list<Answer<'Call'>>('/api/v1/calls', context.given('tenant', 'node'));
    return context.printRows(rows, CALL_COLUMNS, 'no calls in progress');
  },
};

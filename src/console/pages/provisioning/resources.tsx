/** What a tenant owns, described once each: fields in sections, columns, and the fields that are changed for many at once. */
import type { Document } from '../../client/types.ts';
import { Link } from '../../router.tsx';
import { known, number, type TextKey, t } from '../../text/index.ts';
import type { IconName } from '../../ui/icons.tsx';
import { State } from '../../ui/state.tsx';
import type { Column } from '../../ui/table.tsx';
import { destinationText, type FormField, type FormModel, few, valueAt } from './model.ts';

export interface Resource extends FormModel {
  /** Of the HTTP interface, and of the console's addresses. */
  readonly segment: 'extensions' | 'groups' | 'services' | 'outbound-rules' | 'inbound-rules';
  readonly key: 'number' | 'name';
  readonly icon: IconName;
  /** Whether a change may send calls another way: then one may ask how before it is saved. */
  readonly plans: boolean;
  readonly columns: (tenant: string) => readonly Column<Document>[];
  readonly csv?: 'extensions' | 'dids';
}

type Name = 'title' | 'text' | 'new' | 'search' | 'empty' | 'emptyText' | 'one';
export const nameOf = (resource: Resource, name: Name): string => t(`${resource.segment}.${name}` as TextKey);

const CALLER_IDS: FormField = {
  path: 'outboundCallerIds',
  kind: 'rows',
  wide: true,
  rows: [
    { path: 'trunk', kind: 'text', suggest: 'trunks' },
    { path: 'callerId', kind: 'text', mono: true },
    { path: 'displayName', kind: 'text', optional: true },
  ],
};
const MEDIA: FormField = {
  path: 'media',
  kind: 'select',
  optional: true,
  options: ['auto', 'always', 'never', 'srtp', 'webrtc'],
  bulk: true,
};
const ENABLED: FormField = { path: 'enabled', kind: 'check', byDefault: true, bulk: true };
export const LIMITS: readonly FormField[] = [
  { path: 'limits.concurrentCalls', kind: 'number', optional: true, bulk: true },
  { path: 'limits.callsPerMinute', kind: 'number', optional: true, bulk: true },
  { path: 'limits.dailyMinutes', kind: 'number', optional: true, bulk: true },
];
/** The name of an item, which leads to it. */
function link(tenant: string, { segment, key }: Pick<Resource, 'segment' | 'key'>): Column<Document>['cell'] {
  return function Name(row) {
    return (
      <>
        <Link to={addressOf({ segment }, tenant, String(row[key]))} class="table-main break">
          {String(row[key])}
        </Link>
        {row['enabled'] === false ? <span class="table-sub">{t('provisioning.off')}</span> : null}
      </>
    );
  };
}

/** The console's address of an item, or of the list. */
export function addressOf({ segment }: Pick<Resource, 'segment'>, tenant: string, key?: string): string {
  const list = `/${segment}/${encodeURIComponent(tenant)}`;
  return key === undefined ? list : `${list}/of/${encodeURIComponent(key)}`;
}

/** The path of the HTTP interface, behind `/api/v1`. */
export function pathOf(resource: Resource, tenant: string, key?: string): string {
  const list = `/tenants/${encodeURIComponent(tenant)}/${resource.segment}`;
  return key === undefined ? list : `${list}/${encodeURIComponent(key)}`;
}

const column = (title: TextKey, cell: Column<Document>['cell']): Column<Document> => ({ title, cell });
/** A field as it is. */
const text =
  (path: string): Column<Document>['cell'] =>
  (row) =>
    String(valueAt(row, path) ?? '—');
const mono =
  (path: string): Column<Document>['cell'] =>
  (row) => {
    const value = valueAt(row, path);
    return value === undefined || value === null ? '—' : <span class="mono">{String(value)}</span>;
  };

const FORWARDS = ['always', 'busy', 'noAnswer', 'notRegistered'] as const;

export const EXTENSIONS: Resource = {
  id: 'extension',
  segment: 'extensions',
  key: 'number',
  icon: 'phone',
  plans: true,
  csv: 'extensions',
  sections: [
    {
      title: 'section.who',
      fields: [
        { path: 'number', kind: 'text', fixed: true, mono: true },
        { path: 'name', kind: 'text', optional: true },
        { path: 'password', kind: 'secret', optional: true },
        ENABLED,
      ],
    },
    {
      title: 'section.callerId',
      text: 'section.callerIdText',
      fields: [
        { path: 'outboundCallerId', kind: 'text', optional: true, mono: true, bulk: true },
        { path: 'anonymousCalls', kind: 'check', bulk: true },
        { path: 'rejectAnonymousCallers', kind: 'check', bulk: true },
        CALLER_IDS,
      ],
    },
    {
      title: 'section.forward',
      fields: [
        ...FORWARDS.map(
          (kind): FormField => ({ path: `forward.${kind}`, kind: 'text', optional: true, mono: true, bulk: true }),
        ),
        { path: 'forward.noAnswerSeconds', kind: 'number', optional: true, placeholder: '20', bulk: true },
      ],
    },
    { title: 'section.limits', text: 'section.limitsText', rare: true, fields: LIMITS },
    {
      title: 'section.phone',
      rare: true,
      fields: [
        { path: 'maxContacts', kind: 'number', optional: true, bulk: true },
        MEDIA,
        { path: 'trustedAddresses', kind: 'lines', optional: true, mono: true },
      ],
    },
  ],
  columns: (tenant) => [
    column('extension.number', link(tenant, EXTENSIONS)),
    column('extension.name', text('name')),
    column('field.outboundCallerId', mono('outboundCallerId')),
    column('extensions.forwarded', (row) => {
      const set = FORWARDS.filter((kind) => (valueAt(row, `forward.${kind}`) ?? null) !== null);
      return set.length === 0
        ? '—'
        : set.map((kind) => `${known(`short.${kind}`, kind)}: ${valueAt(row, `forward.${kind}`)}`).join(', ');
    }),
    column('extensions.signIn', (row) =>
      row['passwordSet'] === true || row['ha1Set'] === true ? (
        <State tone="good">{t('extensions.password')}</State>
      ) : (
        <State tone="none">{t('extensions.noPassword')}</State>
      ),
    ),
  ],
};

export const GROUPS: Resource = {
  id: 'group',
  segment: 'groups',
  key: 'name',
  icon: 'users',
  plans: true,
  sections: [
    {
      title: 'section.who',
      fields: [
        { path: 'name', kind: 'text', fixed: true },
        { path: 'members', kind: 'lines', optional: true, mono: true, wide: true },
      ],
    },
    {
      title: 'section.callerId',
      fields: [
        { path: 'outboundCallerId', kind: 'text', optional: true, mono: true, bulk: true },
        { path: 'dids', kind: 'lines', optional: true, mono: true },
        CALLER_IDS,
      ],
    },
  ],
  columns: (tenant) => [
    column('group.name', link(tenant, GROUPS)),
    column('field.members', (row) => few(row['members'])),
    column('field.outboundCallerId', mono('outboundCallerId')),
    column('group.dids', (row) => few(row['dids'])),
  ],
};

const isRingGroup = (draft: Record<string, unknown>) => draft['kind'] === 'ring-group';

export const SERVICES: Resource = {
  id: 'service',
  segment: 'services',
  key: 'number',
  icon: 'ring',
  plans: true,
  sections: [
    {
      title: 'section.who',
      fields: [
        {
          path: 'kind',
          kind: 'select',
          options: ['ring-group', 'queue', 'virtual-receptionist', 'meeting'],
          fixed: true,
        },
        { path: 'number', kind: 'text', fixed: true, mono: true },
        { path: 'name', kind: 'text' },
        { path: 'password', kind: 'secret', optional: true },
        ENABLED,
      ],
    },
    {
      title: 'section.ringing',
      fields: [
        { path: 'members', kind: 'lines', mono: true, only: isRingGroup },
        { path: 'strategy', kind: 'select', options: ['simultaneous', 'in-order'], only: isRingGroup },
        { path: 'ringSeconds', kind: 'number', optional: true, placeholder: '20', bulk: true },
        { path: 'overflow', kind: 'text', optional: true, mono: true, bulk: true },
      ],
    },
    {
      title: 'section.callerId',
      text: 'section.serviceCallerIdText',
      fields: [{ path: 'outboundCallerId', kind: 'text', optional: true, mono: true, bulk: true }, CALLER_IDS],
    },
  ],
  columns: (tenant) => [
    column('service.number', link(tenant, SERVICES)),
    column('service.name', text('name')),
    column('service.kind', (row) => known(`service.kind=${row['kind']}`, String(row['kind']))),
    column('field.members', (row) => few(row['members'])),
    column('service.overflow', mono('overflow')),
  ],
};

const HOURS: FormField = {
  path: 'hours.open',
  owner: 'hours',
  kind: 'rows',
  wide: true,
  rows: [
    { path: 'days', kind: 'days' },
    { path: 'from', kind: 'text', placeholder: '08:00', mono: true },
    { path: 'to', kind: 'text', placeholder: '18:00', mono: true },
  ],
};
const HOLIDAYS: FormField = { path: 'holidays', kind: 'lines', optional: true, mono: true };

export const OUTBOUND_RULES: Resource = {
  id: 'outboundRule',
  segment: 'outbound-rules',
  key: 'name',
  icon: 'out',
  plans: true,
  sections: [
    {
      title: 'section.rule',
      fields: [
        { path: 'name', kind: 'text', fixed: true },
        { path: 'priority', kind: 'number', optional: true, placeholder: '100', bulk: true },
        ENABLED,
      ],
    },
    {
      title: 'section.match',
      text: 'section.matchText',
      fields: [
        { path: 'match.prefixes', kind: 'lines', optional: true, mono: true },
        { path: 'match.lengths', kind: 'numbers', optional: true, mono: true },
        { path: 'match.extensions', kind: 'lines', optional: true, mono: true },
        { path: 'match.groups', kind: 'lines', optional: true },
      ],
    },
    {
      title: 'section.routes',
      text: 'section.routesText',
      fields: [
        {
          path: 'routes',
          kind: 'rows',
          wide: true,
          rows: [
            { path: 'trunk', kind: 'text', suggest: 'trunks' },
            { path: 'strip', kind: 'number', optional: true, placeholder: '0' },
            { path: 'prepend', kind: 'text', optional: true, mono: true },
            { path: 'outboundCallerId', kind: 'text', optional: true, mono: true },
          ],
        },
        { path: 'routing', kind: 'select', options: ['prioritized', 'random'], bulk: true },
        { path: 'outboundCallerId', kind: 'text', optional: true, mono: true, bulk: true },
      ],
    },
    { title: 'section.hours', text: 'section.hoursText', rare: true, fields: [HOURS, HOLIDAYS] },
  ],
  columns: (tenant) => [
    column('outboundRule.name', link(tenant, OUTBOUND_RULES)),
    column('outboundRule.priority', (row) => <span class="numeric">{number(Number(row['priority'] ?? 100))}</span>),
    column('outboundRule.match.prefixes', (row) => <span class="mono">{few(valueAt(row, 'match.prefixes'))}</span>),
    column('outboundRules.callers', (row) =>
      few([...((valueAt(row, 'match.extensions') ?? []) as []), ...((valueAt(row, 'match.groups') ?? []) as [])]),
    ),
    column('outboundRule.routes', (row) => few(((row['routes'] ?? []) as Document[]).map(({ trunk }) => trunk))),
  ],
};

export const INBOUND_RULES: Resource = {
  id: 'inboundRule',
  segment: 'inbound-rules',
  key: 'name',
  icon: 'in',
  plans: false,
  csv: 'dids',
  sections: [
    {
      title: 'section.rule',
      fields: [{ path: 'name', kind: 'text', fixed: true }, ENABLED],
    },
    {
      title: 'section.inMatch',
      text: 'section.inMatchText',
      fields: [
        { path: 'trunk', kind: 'text', suggest: 'trunks', bulk: true },
        { path: 'dids', kind: 'text', mono: true },
        { path: 'callers', kind: 'text', optional: true, mono: true },
        { path: 'verification', kind: 'lines', optional: true },
      ],
    },
    {
      title: 'section.destination',
      fields: [
        { path: 'destination', kind: 'destination', wide: true, bulk: true },
        { path: 'displayNamePrefix', kind: 'text', optional: true, bulk: true },
      ],
    },
    {
      title: 'section.hours',
      text: 'section.inHoursText',
      rare: true,
      fields: [
        HOURS,
        { path: 'outsideHours', kind: 'destination', optional: true, wide: true },
        HOLIDAYS,
        { path: 'onHolidays', kind: 'destination', optional: true, wide: true },
      ],
    },
  ],
  columns: (tenant) => [
    column('inboundRule.name', link(tenant, INBOUND_RULES)),
    column('inboundRule.dids', mono('dids')),
    column('field.trunk', text('trunk')),
    column('inboundRule.destination', (row) => destinationText(row['destination'])),
    column('events.when', (row) => (row['hours'] === undefined ? t('inboundRules.always') : t('inboundRules.hours'))),
  ],
};

export const RESOURCES: readonly Resource[] = [EXTENSIONS, GROUPS, SERVICES, OUTBOUND_RULES, INBOUND_RULES];

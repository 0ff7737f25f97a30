/** Extensions and DIDs as rows of a spreadsheet: which column is which field, and back. */
import type { Steps } from '../base/steps.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import { type Collection, EXTENSIONS, INBOUND_RULES, type Item, itemsOf } from './collection.ts';

export interface CsvColumn {
  /** As in the header; other letter cases and spaces at its ends do no harm. */
  readonly name: string;
  /** What it says of an item; empty for what is not set, and for secrets. */
  text(item: Item): string;
  /** The item with what the cell says; an empty cell takes the field away. */
  put(item: Record<string, unknown>, cell: string): void;
}

export interface CsvLayout {
  readonly collection: Collection;
  readonly columns: readonly CsvColumn[];
  /** Of a tenant, what gives the key of a row whose key column is missing or empty; undefined where there has to be one. */
  readonly keysOf?: (tenant: Tenant) => Steps<(row: Item) => string | undefined>;
}

const TRUE = /^(true|yes|on|1|x|wahr|ja|vrai|verdadero)$/i;
const FALSE = /^(false|no|off|0|falsch|nein|faux|falso)$/i;

/** A field by its path, e.g. `forward.busy`. */
function column(path: string, read: (cell: string) => unknown = (cell) => cell, name = path): CsvColumn {
  const steps = path.split('.');
  return {
    name,
    text: (item) => textOf(valueAt(item, steps)),
    put: (item, cell) => putAt(item, steps, cell === '' ? undefined : read(cell)),
  };
}

const flag = (path: string) => column(path, (cell) => (TRUE.test(cell) ? true : FALSE.test(cell) ? false : cell));
const count = (path: string) => column(path, (cell) => (/^\d{1,9}$/.test(cell) ? Number(cell) : cell));
const list = (path: string) => column(path, (cell) => cell.split(/[\s,;|]+/).filter((entry) => entry !== ''));

/** It goes in and never comes out; an empty cell leaves it as it is. */
const PASSWORD: CsvColumn = {
  name: 'password',
  text: () => '',
  put(item, cell) {
    if (cell === '') return;
    item['password'] = cell;
    delete item['ha1'];
  },
};

const DESTINATIONS = ['extension', 'extensions', 'service', 'number', 'hangUp'] as const;

/** `extension 101`, `hangUp`: the kind of a destination, and where it leads. */
const DESTINATION: CsvColumn = {
  name: 'destination',
  text({ destination }) {
    const [entry] = Object.entries(destination as object).filter(([, value]) => value !== undefined);
    return entry === undefined ? '' : entry[0] === 'hangUp' ? 'hangUp' : `${entry[0]} ${entry[1]}`;
  },
  put(item, cell) {
    const [, kind, to = ''] = /^(\w+)\s*:?\s*(.*)$/s.exec(cell) ?? [];
    const known = DESTINATIONS.find((name) => name.toLowerCase() === kind?.toLowerCase());
    if (known === undefined) item['destination'] = /^\d+$/.test(cell) ? { extension: cell } : {};
    else item['destination'] = { [known]: known === 'hangUp' ? true : to };
  },
};

const EXTENSION_ROWS: CsvLayout = {
  collection: EXTENSIONS,
  columns: [
    column('number'),
    column('name'),
    flag('enabled'),
    PASSWORD,
    column('outboundCallerId'),
    flag('anonymousCalls'),
    flag('rejectAnonymousCallers'),
    column('forward.always'),
    column('forward.busy'),
    column('forward.noAnswer'),
    column('forward.notRegistered'),
    count('forward.noAnswerSeconds'),
    list('trustedAddresses'),
    count('maxContacts'),
    count('limits.concurrentCalls'),
    count('limits.callsPerMinute'),
    count('limits.dailyMinutes'),
    column('media'),
  ],
};

const DID_ROWS: CsvLayout = {
  collection: INBOUND_RULES,
  columns: [
    column('dids', (cell) => cell, 'did'),
    column('trunk'),
    DESTINATION,
    column('name'),
    flag('enabled'),
    column('callers'),
    column('displayNamePrefix'),
  ],
  /** The rule that the DID has already, or one called like the DID. */
  *keysOf(tenant) {
    const placeOf = ({ dids, trunk }: Item) => JSON.stringify([dids, trunk]);
    const names = new Map<string, string>();
    for (const rule of itemsOf(tenant, INBOUND_RULES)) {
      yield;
      const place = placeOf(rule);
      if ((rule['callers'] ?? null) === null && !names.has(place)) names.set(place, String(rule['name']));
    }
    return (row) => names.get(placeOf(row)) ?? (row['dids'] as string | undefined);
  },
};

export const CSV_KINDS = { extensions: EXTENSION_ROWS, dids: DID_ROWS } as const;

function valueAt(item: unknown, steps: readonly string[]): unknown {
  let value = item;
  for (const step of steps) value = (value as Item | null | undefined)?.[step];
  return value;
}

/** Objects on the way are made anew: what was there before is somebody else's. */
function putAt(item: Record<string, unknown>, [first = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length > 0) {
    const inner = { ...(item[first] as object | undefined) };
    putAt(inner, rest, value);
    item[first] = inner;
  } else if (value === undefined) delete item[first];
  else item[first] = value;
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return Array.isArray(value) ? value.join(' ') : String(value);
}

/** One description a resource: its form, its list and its bulk changes are made of it. */
import type { Document } from '../../client/types.ts';
import { known, type TextKey, t } from '../../text/index.ts';

export type FieldKind =
  | 'text'
  | 'number'
  | 'secret'
  /** A text of several lines, e.g. PEM. */
  | 'area'
  | 'secret-area'
  | 'check'
  | 'select'
  /** Several texts, one a line. */
  | 'lines'
  /** Several whole numbers. */
  | 'numbers'
  /** Several objects, each with fields of its own. */
  | 'rows'
  /** Days of the week. */
  | 'days'
  /** Where a call goes. */
  | 'destination'
  /** Whether an object is there at all. */
  | 'switch';

export interface FormField {
  /** In the document; within rows, in the row. */
  readonly path: string;
  readonly kind: FieldKind;
  /** May be left out. */
  readonly optional?: boolean;
  /** What the engine takes for a field that is left out. */
  readonly byDefault?: boolean;
  /** What is written for an empty text, where it is not simply left out. */
  readonly emptyAs?: '' | null;
  readonly options?: readonly string[];
  readonly rows?: readonly FormField[];
  readonly placeholder?: string;
  readonly mono?: boolean;
  readonly wide?: boolean;
  /** Names that are offered while one types. */
  readonly suggest?: 'trunks';
  /** Only a system admin changes it. */
  readonly system?: boolean;
  /** May be set for many at once. */
  readonly bulk?: boolean;
  /** Cannot be changed once it is there. */
  readonly fixed?: boolean;
  /** Shown only while this holds. */
  readonly only?: (draft: FormDraft) => boolean;
  /** The object that goes with the last of its rows. */
  readonly owner?: string;
}

export interface Section {
  readonly title: TextKey;
  readonly text?: TextKey;
  readonly fields: readonly FormField[];
  /** Closed until somebody opens it: few need it. */
  readonly rare?: boolean;
}

export interface FormModel {
  /** Where its texts are found: `ID.path`. */
  readonly id: string;
  readonly sections: readonly Section[];
}

export type RowValue = Readonly<Record<string, string | boolean>>;
export type FormDraft = Readonly<Record<string, string | boolean | readonly RowValue[]>>;

export const fieldsOf = ({ sections }: FormModel): readonly FormField[] => sections.flatMap(({ fields }) => fields);

export function labelOf({ id }: FormModel, path: string): string {
  return known(`${id}.${path}`, known(`field.${path}`, path));
}

export function helpOf({ id }: FormModel, path: string): string | undefined {
  const text = known(`${id}.${path}.help`, known(`field.${path}.help`, ''));
  return text === '' ? undefined : text;
}

export function optionLabel({ id }: FormModel, path: string, value: string): string {
  return known(`${id}.${path}=${value}`, known(`option.${path}=${value}`, value));
}

/** The labels of all fields by path, for the faults before a form. */
export function labelsOf(form: FormModel): Readonly<Record<string, string>> {
  return Object.fromEntries(fieldsOf(form).map(({ path }) => [path, labelOf(form, path)]));
}

export const DESTINATIONS = ['extension', 'extensions', 'service', 'number', 'hangUp'] as const;
export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

export function draftOf(document: Document, fields: readonly FormField[]): FormDraft {
  const draft: Record<string, FormDraft[string]> = {};
  for (const field of fields) {
    const value = valueAt(document, field.path);
    if (field.kind === 'rows')
      draft[field.path] = ((value ?? []) as readonly Document[]).map(
        (row) => draftOf(row, field.rows ?? []) as RowValue,
      );
    else if (field.kind === 'destination') {
      const [kind = '', to] = Object.entries((value ?? {}) as Document).find(([, known]) => known !== undefined) ?? [];
      draft[field.path] = kind;
      draft[`${field.path}:to`] = to === true || to === undefined ? '' : String(to);
    } else draft[field.path] = shown(field, value);
  }
  return draft;
}

function shown({ kind, byDefault = false, optional, options = [] }: FormField, value: unknown): string | boolean {
  switch (kind) {
    case 'check':
      return typeof value === 'boolean' ? value : byDefault;
    case 'switch':
      return value !== undefined && value !== null;
    case 'secret':
    case 'secret-area':
      return '';
    case 'lines':
      return ((value ?? []) as readonly string[]).join('\n');
    case 'days':
    case 'numbers':
      return ((value ?? []) as readonly unknown[]).join(', ');
    case 'select':
      // What must be chosen has its first choice, as the engine takes it too.
      return String(value ?? (optional === true ? '' : (options[0] ?? '')));
    default:
      return value === undefined || value === null ? '' : String(value);
  }
}

/** The document that is written; `before` is the one that is edited, whose other fields stay. */
export function documentOf(draft: FormDraft, before: Document, fields: readonly FormField[]): Document {
  const { managedBy: _managedBy, facts: _facts, ...kept } = before;
  const document = structuredClone(kept) as Record<string, unknown>;
  for (const field of fields) {
    if (field.kind === 'switch') continue;
    const { path, owner, kind, emptyAs } = field;
    if ((kind === 'secret' || kind === 'secret-area') && draft[path] === '') continue;
    const value = written(field, draft);
    putAt(document, path.split('.'), value === undefined && emptyAs !== undefined ? emptyAs : value);
    if (owner !== undefined && value === undefined) delete document[owner];
  }
  for (const { kind, path } of fields) {
    if (kind !== 'switch') continue;
    if (draft[path] === true) document[path] ??= {};
    else delete document[path];
  }
  return document;
}

function written(field: FormField, draft: FormDraft): unknown {
  const value = draft[field.path];
  const text = typeof value === 'string' ? value.trim() : '';
  switch (field.kind) {
    case 'check':
      return value;
    case 'rows': {
      const rows = value as readonly RowValue[];
      return rows.length === 0 ? undefined : rows.map((row) => documentOf(row, {}, field.rows ?? []));
    }
    case 'destination':
      if (text === '') return undefined;
      return { [text]: text === 'hangUp' ? true : String(draft[`${field.path}:to`] ?? '').trim() };
    case 'days':
    case 'lines':
      return listOr(text.split(field.kind === 'days' ? /[\s,]+/ : /[\n,;]+/).map((entry) => entry.trim()));
    case 'numbers':
      return listOr(text.split(/[\s,;]+/))?.map(numeric);
    case 'number':
      return text === '' ? undefined : numeric(text);
    default:
      return text === '' ? undefined : text;
  }
}

function listOr(entries: readonly string[]): readonly string[] | undefined {
  const filled = entries.filter((entry) => entry !== '');
  return filled.length === 0 ? undefined : filled;
}

/** What is no number is sent as it is: the engine says what is wrong with it. */
function numeric(text: string): number | string {
  return Number.isNaN(Number(text)) ? text : Number(text);
}

export function valueAt(document: unknown, path: string): unknown {
  let value = document;
  for (const step of path.split('.')) value = (value as Document | null | undefined)?.[step];
  return value;
}

export function putAt(
  document: Record<string, unknown>,
  [first = '', ...rest]: readonly string[],
  value: unknown,
): void {
  if (rest.length === 0) {
    if (value === undefined) delete document[first];
    else document[first] = value;
    return;
  }
  const inner = document[first];
  if (inner === undefined || inner === null) {
    if (value === undefined) return;
    document[first] = {};
  }
  putAt(document[first] as Record<string, unknown>, rest, value);
}

/** A merge patch that sets one field of many documents. */
export function patchOf(field: FormField, draft: FormDraft): Document {
  const patch: Record<string, unknown> = {};
  const value = written(field, draft);
  putAt(patch, field.path.split('.'), value ?? field.emptyAs ?? null);
  return patch;
}

/** A list in few words: `101, 102 +3`. */
export function few(list: unknown, most = 3): string {
  const entries = (Array.isArray(list) ? list : []).map(String);
  if (entries.length === 0) return '—';
  return entries.length > most ? `${entries.slice(0, most).join(', ')} +${entries.length - most}` : entries.join(', ');
}

export function destinationText(destination: unknown): string {
  const [kind, to] = Object.entries((destination ?? {}) as Document).find(([, value]) => value !== undefined) ?? [];
  if (kind === undefined) return '—';
  const name = known(`destination.${kind}`, kind);
  return to === true ? name : t('destination.to', { kind: name, to: String(to) });
}

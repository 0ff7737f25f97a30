/** Renders the reference of all settings from the schemas: docs/configuration-reference.md. */
import { z } from 'zod';
import { provisioningSchema } from '../../src/provisioning/trunk-settings/schema.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';

interface Field {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Field>>;
  readonly required?: readonly string[];
  readonly items?: Field;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Field[];
  readonly oneOf?: readonly Field[];
  readonly minimum?: number;
  readonly maximum?: number;
}

export interface Row {
  readonly path: string;
  readonly form: string;
  readonly fallback: string;
  readonly description: string;
}

/** Every field of a schema with its path, deepest included. */
export function rowsOf(schema: z.ZodType): Row[] {
  const rows: Row[] = [];
  walk(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Field, '', rows);
  const seen = new Set<string>();
  return rows.filter(({ path, description }) => {
    const key = `${path} ${description}`;
    return seen.has(key) ? false : seen.add(key);
  });
}

function walk(field: Field, path: string, rows: Row[]): void {
  for (const variant of [field, ...(field.anyOf ?? []), ...(field.oneOf ?? [])]) {
    for (const [name, child] of Object.entries(variant.properties ?? {})) {
      const childPath = path === '' ? name : `${path}.${name}`;
      const required = variant.required?.includes(name) === true;
      rows.push({
        path: childPath,
        form: formOf(child),
        fallback: fallbackOf(child, required),
        description: child.description ?? '',
      });
      walk(child, childPath, rows);
    }
    if (variant.items !== undefined) walk(variant.items, `${path}[]`, rows);
  }
}

function formOf(field: Field): string {
  if (field.const !== undefined) return `\`${field.const}\``;
  if (field.enum !== undefined) return field.enum.map((value) => `\`${value}\``).join(', ');
  const variants = field.anyOf ?? field.oneOf;
  if (variants !== undefined) return [...new Set(variants.map(formOf))].join(' or ');
  if (field.type === 'array') return `list of ${formOf(field.items ?? {})}`;
  if (field.type === 'integer' || field.type === 'number') return `number${rangeOf(field)}`;
  return { string: 'text', boolean: 'true, false', object: 'fields', null: '`null`' }[field.type ?? ''] ?? 'any';
}

function rangeOf({ minimum, maximum }: Field): string {
  const low = minimum === undefined || minimum < -1e15 ? undefined : minimum;
  const high = maximum === undefined || maximum > 1e15 ? undefined : maximum;
  if (low === undefined && high === undefined) return '';
  if (high === undefined) return ` ≥ ${low}`;
  return low === undefined ? ` ≤ ${high}` : ` ${low}–${high}`;
}

function fallbackOf(field: Field, required: boolean): string {
  if (required) return 'required';
  if (field.default === undefined || field.default === null) return '';
  const text = JSON.stringify(field.default);
  return text === '{}' || text === '[]' || text.length > 60 ? '' : `\`${text}\``;
}

function table(rows: readonly Row[]): string {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const lines = rows.map(
    ({ path, form, fallback, description }) =>
      `| \`${path}\` | ${cell(form)} | ${cell(fallback)} | ${cell(description)} |`,
  );
  return ['| field | value | default | meaning |', '|---|---|---|---|', ...lines].join('\n');
}

const VARIABLES = `Every field of a node's configuration that is one value, or a list of texts, has a variable that overrides it: its path in capitals, each word parted by \`_\`.
\`limits.udpGatherMs\` is \`TANDEM_LIMITS_UDP_GATHER_MS\`, \`store.password\` is \`TANDEM_STORE_PASSWORD\`; lists are written with commas (\`TANDEM_PROVISIONING=a.yaml,b.yaml\`). A variable that begins so and is none is named at the start.`;

/** The whole reference as Markdown. */
export function renderReference(): string {
  return [
    '# Reference of all settings',
    'Rendered from the schemas; a test keeps it equal to them. `[]` stands for each entry of a list.',
    '## Configuration of a node',
    table(rowsOf(nodeSchema)),
    '## Provisioning',
    table(rowsOf(provisioningSchema)),
    '## Environment variables',
    VARIABLES,
  ]
    .join('\n\n')
    .concat('\n');
}

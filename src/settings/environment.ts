/**
 * Overrides by environment: every single-valued field of the node's configuration has a variable, its path in capitals:
 * `log.level` is `TANDEM_LOG_LEVEL`, `timers.t1Ms` is `TANDEM_TIMERS_T1_MS`.
 */
import { z } from 'zod';
import { nodeSchema } from './node-schema.ts';
import type { Environment } from './secrets.ts';

/** Variables that are not fields. */
const OTHERS = new Set([
  'TANDEM_CONFIG',
  'TANDEM_TOKEN',
  'TANDEM_BOOTSTRAP_TOKEN',
  'TANDEM_URL',
  'TANDEM_STORE_KEY',
  'TANDEM_SKIP_PEERS',
]);

interface Leaf {
  readonly path: readonly string[];
  readonly type: 'string' | 'number' | 'boolean' | 'strings';
}

interface JsonSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
}

/** The variable of each field that has one, in the order of the schema. */
export const ENVIRONMENT_VARIABLES: ReadonlyMap<string, Leaf> = collect(
  z.toJSONSchema(nodeSchema, { io: 'input' }) as JsonSchema,
);

/** Variables that begin like an override and are none: misspelled, most likely. */
export function unknownVariables(environment: Environment): string[] {
  return Object.keys(environment).filter(
    (name) => name.startsWith('TANDEM_') && !OTHERS.has(name) && !ENVIRONMENT_VARIABLES.has(name),
  );
}

/** The configuration with overrides applied. */
export function applyEnvironment(
  value: unknown,
  environment: Environment,
): { readonly value: unknown; readonly overridden: ReadonlyMap<string, string> } {
  const copy = structuredClone(value ?? {}) as Record<string, unknown>;
  const overridden = new Map<string, string>();
  for (const [name, text] of Object.entries(environment)) {
    const leaf = ENVIRONMENT_VARIABLES.get(name);
    if (leaf === undefined || text === undefined || (typeof value !== 'object' && value !== undefined)) continue;
    put(copy, leaf.path, convert(text, leaf.type));
    overridden.set(leaf.path.join('.'), name);
  }
  return { value: copy, overridden };
}

function put(root: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let at = root;
  for (const key of path.slice(0, -1)) {
    const next = at[key];
    if (typeof next !== 'object' || next === null) at[key] = {};
    at = at[key] as Record<string, unknown>;
  }
  at[path[path.length - 1] ?? ''] = value;
}

/** What does not fit its type stays text, and the schema says what it should have been. */
function convert(text: string, type: Leaf['type']): unknown {
  if (type === 'number' && /^-?[0-9]+(\.[0-9]+)?$/.test(text)) return Number(text);
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  if (type === 'strings')
    return text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  return text;
}

function collect(
  schema: JsonSchema,
  path: readonly string[] = [],
  leaves = new Map<string, Leaf>(),
): Map<string, Leaf> {
  for (const variant of [schema, ...(schema.oneOf ?? []), ...(schema.anyOf ?? [])]) {
    for (const [key, child] of Object.entries(variant.properties ?? {})) {
      const childPath = [...path, key];
      const type = leafType(child);
      if (type !== undefined) leaves.set(variableName(childPath), { path: childPath, type });
      else collect(child, childPath, leaves);
    }
  }
  return leaves;
}

function leafType(schema: JsonSchema): Leaf['type'] | undefined {
  if (schema.type === 'integer' || schema.type === 'number') return 'number';
  if (schema.type === 'boolean') return 'boolean';
  if (schema.type === 'string') return 'string';
  // A number, or a word in its place.
  if (schema.anyOf?.some(({ type }) => type === 'integer' || type === 'number') === true) return 'number';
  return schema.type === 'array' && schema.items?.type === 'string' ? 'strings' : undefined;
}

function variableName(path: readonly string[]): string {
  return `TANDEM_${path.map((key) => key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()).join('_')}`;
}

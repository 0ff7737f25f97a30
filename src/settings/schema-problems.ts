/**
 * Turns what zod finds into problems for people: one per fault, with the field's path, the nearest known name for an unknown
 * field, and of a union only what is wrong with the form that was meant. YAML, REST and the command line share it.
 */
import type { z } from 'zod';
import type { Problem } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';

export type Segment = string | number;

/** A problem of a value that was checked against a schema. */
export interface SchemaProblem extends Problem {
  readonly segments: readonly Segment[];
  /** The fault is the field's name, not its value. */
  readonly atKey: boolean;
}

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  /** `count`: how many there are, of which the first thousand are told. */
  | { readonly ok: false; readonly problems: readonly SchemaProblem[]; readonly count: number };

/** Nobody reads more at a time. */
const MOST_TOLD = 1_000;
/** Unknown fields of one object for which the nearest known one is looked for: of many none was meant. */
const MOST_GUESSED = 20;

/** Checks a value against a schema. */
export function parseWith<S extends z.ZodType>(schema: S, input: unknown): Parsed<z.output<S>> {
  const result = schema.safeParse(input);
  if (result.success) return { ok: true, value: result.data };
  const problems: SchemaProblem[] = [];
  let count = 0;
  for (const issue of result.error.issues) {
    count += issue.code === 'unrecognized_keys' ? issue.keys.length : 1;
    if (problems.length < MOST_TOLD) problems.push(...fromIssue(issue, [], schema, input));
  }
  const told = problems.slice(0, MOST_TOLD);
  return { ok: false, problems: told, count: told.length < MOST_TOLD ? told.length : Math.max(count, problems.length) };
}

/** `tenants[0].extensions[2].number`. */
export function formatPath(segments: readonly Segment[]): string {
  let path = '';
  for (const segment of segments) {
    if (typeof segment === 'number') path += `[${segment}]`;
    else path += path === '' ? segment : `.${segment}`;
  }
  return path;
}

type Issue = z.core.$ZodIssue;

function fromIssue(issue: Issue, base: readonly Segment[], schema: z.ZodType, input: unknown): SchemaProblem[] {
  const segments = [...base, ...(issue.path as Segment[])];
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schema, segments, input);
    return issue.keys.slice(0, MOST_TOLD).map((key, at) => {
      const guess = at < MOST_GUESSED ? nearest(key, known) : undefined;
      const hint = guess === undefined ? '' : `; did you mean "${guess}"?`;
      return problem('unknown-field', [...segments, key], `is no known field${hint}`, true);
    });
  }
  if (issue.code === 'invalid_union') {
    const branch = meantBranch(issue.errors, valueAt(input, segments));
    if (branch !== undefined) return branch.flatMap((inner) => fromIssue(inner, segments, schema, input));
  }
  const value = valueAt(input, segments);
  if (value === undefined && issue.code !== 'custom') return [problem('missing-field', segments, 'is missing', false)];
  return [problem('invalid-value', segments, describe(issue, value), false)];
}

function problem(code: string, segments: readonly Segment[], message: string, atKey: boolean): SchemaProblem {
  return { code, path: formatPath(segments), message, segments, atKey };
}

/** The form of a union that was meant: one whose outer shape fits and whose faults lie inside. */
function meantBranch(branches: readonly (readonly Issue[])[], value: unknown): readonly Issue[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fitting = branches.filter((issues) =>
    issues.every(
      (issue) => issue.path.length > 0 || issue.code === 'unrecognized_keys' || issue.code === 'invalid_union',
    ),
  );
  return fitting.sort((a, b) => a.length - b.length)[0];
}

function describe(issue: Issue, value: unknown): string {
  if (issue.code === 'invalid_type' && issue.expected === 'string' && typeof value === 'number') {
    return `must be text: quote it, "${value}"`;
  }
  if (issue.code === 'invalid_type') return `must be ${article(issue.expected)}, not ${typeName(value)}`;
  if (issue.code === 'invalid_value' && issue.message.startsWith('Invalid')) {
    const allowed = issue.values.map(String);
    const guess = typeof value === 'string' ? nearest(value, allowed) : undefined;
    return `must be ${allowed.length === 1 ? '' : 'one of '}${allowed.join(', ')}${guess === undefined ? '' : `; did you mean "${guess}"?`}`;
  }
  if (issue.code === 'too_small' && issue.message.startsWith('Too small'))
    return `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${unit(issue.origin, Number(issue.minimum))}`;
  if (issue.code === 'too_big' && issue.message.startsWith('Too big'))
    return `must be at most ${issue.maximum}${unit(issue.origin, Number(issue.maximum))}`;
  if (issue.message.startsWith(DISCRIMINATOR))
    return `must be one of ${issue.message.slice(DISCRIMINATOR.length).replaceAll("'", '').replaceAll(' | ', ', ')}`;
  return issue.message;
}

const DISCRIMINATOR = 'Invalid discriminator value. Expected ';

function unit(origin: string, count: number): string {
  if (origin === 'string') return count === 1 ? ' character' : ' characters';
  if (origin !== 'array') return '';
  return count === 1 ? ' entry' : ' entries';
}

function article(expected: string): string {
  const names: Record<string, string> = {
    string: 'text',
    int: 'a whole number',
    number: 'a number',
    boolean: 'true or false',
    array: 'a list',
    object: 'a map of fields',
  };
  return names[expected] ?? `of type ${expected}`;
}

function typeName(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map of fields';
  if (typeof value === 'string') return 'text';
  return `${value}`;
}

function valueAt(input: unknown, segments: readonly Segment[]): unknown {
  let value = input;
  for (const segment of segments) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return undefined;
    value = (value as Record<Segment, unknown>)[segment];
  }
  return value;
}

/** The field names that the schema knows at a place; of a discriminated union only those of the kind that was chosen. */
function knownKeys(schema: z.ZodType, segments: readonly Segment[], input: unknown): Set<string> {
  let schemas: z.ZodType[] = [schema];
  for (const segment of segments)
    schemas = schemas.flatMap((candidate) => objectsOf(candidate)).flatMap((candidate) => childOf(candidate, segment));
  const chosen = valueAt(input, segments);
  const objects = schemas
    .flatMap((candidate) => objectsOf(candidate))
    .filter((candidate) => 'shape' in candidate._zod.def);
  const fitting = objects.filter((candidate) => fitsKind(shapeOf(candidate), chosen));
  return new Set((fitting.length > 0 ? fitting : objects).flatMap((candidate) => Object.keys(shapeOf(candidate))));
}

function shapeOf(schema: z.ZodType): Record<string, z.ZodType> {
  return (schema._zod.def as unknown as { shape: Record<string, z.ZodType> }).shape;
}

function fitsKind(shape: Record<string, z.ZodType>, chosen: unknown): boolean {
  const kind = shape['kind'];
  if (kind === undefined || typeof chosen !== 'object' || chosen === null) return true;
  return kind.safeParse((chosen as { kind?: unknown }).kind).success;
}

/** Looks through wrappers and unions to the objects and arrays inside. */
function objectsOf(schema: z.ZodType): z.ZodType[] {
  const def = schema._zod.def as unknown as {
    type: string;
    innerType?: z.ZodType;
    options?: z.ZodType[];
    getter?: () => z.ZodType;
  };
  if (def.innerType !== undefined) return objectsOf(def.innerType);
  if (def.options !== undefined) return def.options.flatMap((option) => objectsOf(option));
  if (def.getter !== undefined) return objectsOf(def.getter());
  return def.type === 'object' || def.type === 'array' ? [schema] : [];
}

function childOf(schema: z.ZodType, segment: Segment): z.ZodType[] {
  const def = schema._zod.def as unknown as { type: string; element?: z.ZodType; shape?: Record<string, z.ZodType> };
  if (def.type === 'array') return typeof segment === 'number' && def.element !== undefined ? [def.element] : [];
  const child = def.shape?.[segment];
  return child === undefined ? [] : [child];
}

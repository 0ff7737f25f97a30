import type { z } from 'zod';
import type { Problem } from '../base/errors.ts';
import { invalid } from './problem.ts';

type Issue = z.core.$ZodIssue;

/** Checks a value against a schema; throws the 422 that names every faulty field. */
export function check<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalid(problemsOf(result.error, schema));
}

/** The faults of a value in the form of the rest of the engine: a code, the field's path, what is wrong. */
export function problemsOf(error: z.core.$ZodError, schema: z.ZodType): Problem[] {
  return error.issues.flatMap((issue) => problemsOfIssue(issue, schema, []));
}

function problemsOfIssue(issue: Issue, schema: z.ZodType, parent: readonly PropertyKey[]): Problem[] {
  const path = [...parent, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const known = knownFields(schema, path);
    return issue.keys.map((key) => ({
      code: 'unknown-field',
      path: formatPath([...path, key]),
      message: unknownField(key, known),
    }));
  }
  if (issue.code === 'invalid_union') {
    // The branch with the fewest faults is what the writer meant.
    const branches = issue.errors.filter((branch) => branch.length > 0).sort((a, b) => a.length - b.length);
    const meant = branches[0];
    if (meant !== undefined && issue.message === 'Invalid input') {
      return meant.flatMap((inner) => problemsOfIssue(inner, schema, path));
    }
  }
  return [{ code: issue.code.replaceAll('_', '-'), path: formatPath(path), message: issue.message }];
}

function unknownField(key: string, known: readonly string[]): string {
  const nearest = nearestName(key, known);
  return nearest === undefined ? `unknown field "${key}"` : `unknown field "${key}"; did you mean "${nearest}"?`;
}

/** `["options", "keepAlive", 0]` → `options.keepAlive[0]`. */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += text === '' ? String(part) : `.${String(part)}`;
  }
  return text;
}

/** The field names that a schema knows at a path; empty where it cannot be told. */
function knownFields(schema: unknown, path: readonly PropertyKey[]): string[] {
  let at: unknown[] = [schema];
  for (const part of path) at = at.flatMap((candidate) => step(candidate, part));
  return [...new Set(at.flatMap(unwrap).flatMap((candidate) => Object.keys(shapeOf(candidate) ?? {})))];
}

function step(schema: unknown, part: PropertyKey): unknown[] {
  return unwrap(schema).flatMap((candidate) => {
    const definition = definitionOf(candidate);
    if (typeof part === 'number') return definition['element'] === undefined ? [] : [definition['element']];
    const field = shapeOf(candidate)?.[String(part)];
    return field === undefined ? [] : [field];
  });
}

/** Looks through optional, default, nullable, pipe and union to the object and array schemas inside. */
function unwrap(schema: unknown): unknown[] {
  const definition = definitionOf(schema);
  if (Array.isArray(definition['options'])) return definition['options'].flatMap(unwrap);
  const inner = definition['innerType'] ?? definition['in'];
  return inner === undefined ? [schema] : unwrap(inner);
}

function shapeOf(schema: unknown): Record<string, unknown> | undefined {
  return definitionOf(schema)['shape'] as Record<string, unknown> | undefined;
}

function definitionOf(schema: unknown): Record<string, unknown> {
  return ((schema as { _zod?: { def?: unknown } } | undefined)?._zod?.def ?? {}) as Record<string, unknown>;
}

/** The name with the smallest edit distance, when it is small enough to be a slip. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let best = Math.max(2, Math.floor(name.length / 3)) + 1;
  // A name of any length costs length × known; a peer's megabyte is no slip.
  if (name.length > 64) return undefined;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitution = (previous[column - 1] as number) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current[column] = Math.min(substitution, (previous[column] as number) + 1, (current[column - 1] as number) + 1);
    }
    previous = current;
  }
  return previous[b.length] as number;
}

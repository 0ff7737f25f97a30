import type { z } from 'zod';
import { parseWith } from '../settings/schema-problems.ts';
import { invalid } from './problem.ts';

/** Checks a value against a schema; throws the 422 that names every faulty field. */
export function check<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = parseWith(schema, value);
  if (parsed.ok) return parsed.value;
  throw invalid(parsed.problems.map(({ code, path, message }) => ({ code, path, message })));
}

import type { z } from 'zod';
import { parseWith } from '../settings/schema-problems.ts';
import { invalid } from './problem.ts';

/** Checks a value against a schema; throws the 422 that names every faulty field, the first thousand of them. */
export function check<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = parseWith(schema, value);
  if (parsed.ok) return parsed.value;
  throw invalid(
    parsed.problems.map(({ code, path, message }) => ({ code, path, message })),
    parsed.count,
  );
}

/** A validator of the HTTP server's: what `read` throws is what the request is refused for. */
export function validatorOf(read: (value: unknown) => unknown) {
  return (value: unknown): { value: unknown } | { error: Error } => {
    try {
      return { value: read(value) };
    } catch (error) {
      return { error: error as Error };
    }
  };
}

/** The validator of a route whose body is checked where it is read: the rest of the request alone. */
export function checkedWhereRead({ schema, httpPart }: { readonly schema: unknown; readonly httpPart?: string }) {
  return validatorOf((value) => (httpPart === 'body' ? value : check(schema as z.ZodType, value)));
}

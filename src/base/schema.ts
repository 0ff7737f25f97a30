/** Words in which schemas are written: what a field may be, and what it is for, in one call. */
import { z } from 'zod';

/** A field that may be left out. */
export function optional<S extends z.ZodType>(schema: S, what: string): z.ZodOptional<S> {
  return schema.optional().describe(what);
}

/** A field that is `fallback` where it is left out. */
export function byDefault<S extends z.ZodType>(fallback: z.output<S>, schema: S, what: string): z.ZodDefault<S> {
  return (schema as z.ZodType).default(fallback).describe(what) as unknown as z.ZodDefault<S>;
}

/** A whole number from `least` to `most`. */
export function whole(least: number, most: number): z.ZodInt {
  return z.int().min(least).max(most);
}

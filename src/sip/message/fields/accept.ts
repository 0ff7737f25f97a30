import { mediaTypeOf } from '../body-parts.ts';

/** Which media types an Accept takes (RFC 3261 §20.1). */
export interface Accept {
  /** Whether it takes `type`, which is in small letters and without parameters. */
  takes(type: string): boolean;
}

/**
 * Reads the elements of Accept. §20.1, RFC 2616 §14.1: of several ranges the narrowest counts, and one with `q=0` takes nothing. Parameters of
 * a type narrow nothing here: who looks for a type knows none.
 */
export function parseAccept(ranges: readonly string[]): Accept {
  const taken = new Map<string, boolean>();
  for (const range of ranges) {
    const type = mediaTypeOf(range);
    taken.set(type, taken.get(type) === true || !/;[ \t]*q[ \t]*=[ \t]*0(?:\.0*)?[ \t]*(?:;|$)/i.test(range));
  }
  return {
    takes: (type) => taken.get(type) ?? taken.get(`${type.slice(0, type.indexOf('/'))}/*`) ?? taken.get('*/*') ?? false,
  };
}

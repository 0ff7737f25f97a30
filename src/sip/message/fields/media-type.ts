import { isTokenCode, skipSpace, splitList, trimEnd } from '../characters.ts';
import { Params, readParams } from '../params.ts';
import { malformed } from './token-params.ts';

/** Content-Type, and one range of Accept (RFC 3261 §20.15, §20.1). */
export interface MediaType {
  /** Lower case; `*` in a range. */
  readonly type: string;
  readonly subtype: string;
  readonly params: Params;
}

export function parseMediaType(text: string, field = 'Content-Type'): MediaType {
  const end = trimEnd(text, 0, text.length);
  const typeStart = skipSpace(text, 0, end);
  const typeEnd = tokenEnd(text, typeStart, end);
  const slash = skipSpace(text, typeEnd, end);
  const subtypeStart = skipSpace(text, slash + 1, end);
  const subtypeEnd = tokenEnd(text, subtypeStart, end);
  if (typeEnd === typeStart || text.charCodeAt(slash) !== 0x2f || subtypeEnd === subtypeStart)
    throw malformed(field, text);
  return {
    type: text.slice(typeStart, typeEnd).toLowerCase(),
    subtype: text.slice(subtypeStart, subtypeEnd).toLowerCase(),
    params: readParams(text, subtypeEnd, end, field),
  };
}

function tokenEnd(text: string, index: number, end: number): number {
  while (index < end && isTokenCode(text.charCodeAt(index))) index++;
  return index;
}

export function formatMediaType(value: MediaType): string {
  return `${value.type}/${value.subtype}${value.params}`;
}

/** Reads Accept: a comma list of ranges. */
export function parseAccept(text: string): MediaType[] {
  return splitList(text).map((range) => parseMediaType(range, 'Accept'));
}

export const formatAccept = (ranges: readonly MediaType[]): string => ranges.map(formatMediaType).join(', ');

/** True when one of `ranges` admits `type/subtype`; a range with q=0 admits nothing. */
export function accepts(ranges: readonly MediaType[], type: string, subtype: string): boolean {
  return ranges.some(
    (range) =>
      (range.type === '*' || range.type === type) &&
      (range.subtype === '*' || range.subtype === subtype) &&
      Number(range.params.get('q') ?? '1') !== 0,
  );
}

/** A Content-Type of ours. */
export const makeMediaType = (type: string, subtype: string): MediaType => ({ type, subtype, params: new Params() });

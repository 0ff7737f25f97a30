/**
 * JSON of a token (RFC 8225 §9 wants it deterministic): one object, read so that nobody can read it in two ways. A member twice is
 * refused (RFC 8259 §4 leaves open which of the two counts), as are depth and size that no PASSporT needs.
 */

import { isObject } from '../base/json-object.ts';

export type JsonObject = { readonly [name: string]: JsonValue };
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;

/** Deeper than any claim that is defined: `rcd` has an object in an object in an object. */
const MAX_DEPTH = 8;
const MAX_OCTETS = 12_288;

/** The object that base64url `part` holds; a text says why there is none. Names that come from outside are asked for with `Object.hasOwn`. */
export function decodeJsonObject(part: string): JsonObject | string {
  if (part.length > MAX_OCTETS) return `is longer than ${MAX_OCTETS} octets`;
  const octets = Buffer.from(part, 'base64url');
  // Other bits at the end, or a length that base64 has not, would be a second spelling of the same.
  if (octets.toString('base64url') !== part) return 'is not base64url';
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return 'is not UTF-8';
  }
  const fault = structureFault(text);
  if (fault !== undefined) return fault;
  try {
    const value = JSON.parse(text) as JsonValue;
    return isObject(value) ? value : 'is no JSON object';
  } catch {
    return 'is not JSON';
  }
}

/**
 * What JSON.parse would not say: a member twice, too deep. One pass over the text, whatever it is; whether it is JSON at all is for
 * JSON.parse to say.
 */
function structureFault(text: string): string | undefined {
  /** Of each open object the names seen; of each open array undefined. */
  const open: (Set<string> | undefined)[] = [];
  let at = 0;
  while (at < text.length) {
    const char = text[at] as string;
    if (char === '"') {
      const end = endOfString(text, at);
      const names = open.at(-1);
      if (names !== undefined && isName(text, end)) {
        const name = unescaped(text.slice(at, end));
        if (name === undefined) return 'is not JSON';
        if (names.has(name)) return `has the member ${JSON.stringify(name)} twice`;
        names.add(name);
      }
      at = end;
      continue;
    }
    if (char === '{' || char === '[') {
      if (open.length >= MAX_DEPTH) return `is nested deeper than ${MAX_DEPTH}`;
      open.push(char === '{' ? new Set() : undefined);
    } else if (char === '}' || char === ']') open.pop();
    at++;
  }
  return undefined;
}

/** Behind the closing quote. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const char = text[at];
    if (char === '\\') at++;
    else if (char === '"') return at + 1;
  }
  return text.length;
}

function isName(text: string, end: number): boolean {
  let at = end;
  while (at < text.length && ' \t\r\n'.includes(text[at] as string)) at++;
  return text[at] === ':';
}

function unescaped(literal: string): string | undefined {
  try {
    return JSON.parse(literal) as string;
  } catch {
    return undefined;
  }
}

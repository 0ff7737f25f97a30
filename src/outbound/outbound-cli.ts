import { readTypedAddress, skipSpace, subscriberNumber, trimEnd } from '../sip/message/index.ts';

/**
 * X-Outbound-Cli, the header by which an authenticated endpoint asks for identities of its own choice:
 *
 *     X-Outbound-Cli: rewrite-from=123; rewrite-rpi=789; rewrite-pai=456; trunk-id=235468356
 *
 * One or several header fields; directives are separated by `;`, their names are case-insensitive, a value may be quoted.
 * DEVIATION: a comma before a directive separates too, and an identity may be an address (`<sip:123@host>`, `tel:+123`, `123@host`).
 * `trunk-id` and `trunk-name` restrict the directives of their own header field to that trunk. This file only reads; whether a
 * value may be used is decided per trunk by the step `x-outbound-cli`.
 */

export type RewriteField = 'from' | 'pai' | 'rpi';

export interface RewriteDirective {
  readonly field: RewriteField;
  readonly value: string;
  /** Empty: any trunk. */
  readonly trunkIds: readonly string[];
  readonly trunkNames: readonly string[];
}

export interface OutboundCli {
  readonly directives: readonly RewriteDirective[];
  /** What was not understood, for the report; the call goes on without it. */
  readonly ignored: readonly string[];
}

/** More than any phone sends; the rest is ignored and reported. */
const MAX_FIELDS = 8;
const MAX_DIRECTIVES = 16;
const MAX_FIELD_CHARACTERS = 1024;

export const NO_OUTBOUND_CLI: OutboundCli = { directives: [], ignored: [] };

/** Reads the values of all X-Outbound-Cli header fields of a request; never throws. */
export function parseOutboundCli(fieldValues: readonly string[]): OutboundCli {
  if (fieldValues.length === 0) return NO_OUTBOUND_CLI;
  const directives: RewriteDirective[] = [];
  const ignored: string[] = [];
  for (const [index, value] of fieldValues.entries()) {
    if (index >= MAX_FIELDS) {
      ignored.push(`more than ${MAX_FIELDS} header fields`);
      break;
    }
    readField(value, directives, ignored);
  }
  return { directives, ignored };
}

function readField(value: string, directives: RewriteDirective[], ignored: string[]): void {
  if (value.length > MAX_FIELD_CHARACTERS) {
    ignored.push(`a header field of more than ${MAX_FIELD_CHARACTERS} octets`);
    return;
  }
  const trunkIds: string[] = [];
  const trunkNames: string[] = [];
  const rewrites: { field: RewriteField; value: string }[] = [];
  for (const part of splitDirectives(value)) {
    const equals = part.indexOf('=');
    const name = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase();
    const argument = equals < 0 ? '' : unquote(trimmed(part.slice(equals + 1)));
    const field = rewriteField(name);
    if (field === undefined && name !== 'trunk-id' && name !== 'trunk-name') {
      ignored.push(`unknown directive ${printable(name)}`);
    } else if (argument === '') {
      ignored.push(`${name} without a value`);
      // A restriction that names no trunk must not turn into "any trunk".
      if (field === undefined) (name === 'trunk-id' ? trunkIds : trunkNames).push('');
    } else if (field !== undefined) {
      rewrites.push({ field, value: identityIn(argument) });
    } else {
      (name === 'trunk-id' ? trunkIds : trunkNames).push(argument);
    }
  }
  for (const rewrite of rewrites) {
    if (directives.length >= MAX_DIRECTIVES) {
      ignored.push(`more than ${MAX_DIRECTIVES} directives`);
      return;
    }
    directives.push({ ...rewrite, trunkIds, trunkNames });
  }
}

function rewriteField(name: string): RewriteField | undefined {
  switch (name) {
    case 'rewrite-from':
      return 'from';
    case 'rewrite-pai':
      return 'pai';
    case 'rewrite-rpi':
      return 'rpi';
    default:
      return undefined;
  }
}

/** The number that a value gives; one that is no address stays as it is. */
function identityIn(text: string): string {
  if (!/[<:@%]/.test(text)) return text;
  const address = readTypedAddress(text);
  const number = address === undefined ? '' : subscriberNumber(address.uri);
  return number === '' ? text.replace(/^%2b/i, '+') : number;
}

const DIRECTIVE = /\s*(?:rewrite-(?:from|pai|rpi)|trunk-(?:id|name))\s*=/iy;

function beginsDirective(value: string, index: number): boolean {
  DIRECTIVE.lastIndex = index;
  return DIRECTIVE.test(value);
}

/** Splits at `;`, and at `,` before a directive, outside quotes and angle brackets; empty parts are dropped. */
function splitDirectives(value: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  for (let index = 0; index < value.length; index += 1) {
    const character = value.charAt(index);
    if (character === '"') quoted = !quoted;
    else if (character === '\\' && quoted) index += 1;
    else if (character === '<' && !quoted) index = Math.max(index, value.indexOf('>', index));
    else if (!quoted && (character === ';' || (character === ',' && beginsDirective(value, index + 1)))) {
      parts.push(trimmed(value.slice(start, index)));
      start = index + 1;
    }
  }
  parts.push(trimmed(value.slice(start)));
  return parts.filter((part) => part !== '');
}

/** Without the white space of SIP around it: others may be the last octet of a character. */
function trimmed(text: string): string {
  const start = skipSpace(text, 0);
  return text.slice(start, trimEnd(text, start, text.length));
}

function unquote(text: string): string {
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return text;
  return text.slice(1, -1).replaceAll(/\\(.)/g, '$1');
}

/** Says whether the directive acts on this trunk. */
export function directiveApplies(directive: RewriteDirective, trunkId: string, trunkName: string): boolean {
  return (
    (directive.trunkIds.length === 0 || directive.trunkIds.includes(trunkId)) &&
    (directive.trunkNames.length === 0 || directive.trunkNames.includes(trunkName))
  );
}

/** Text of a peer, fit for a log line, a reason or a Warning: printable ASCII without quotes, at most 40 characters. */
export function printable(text: string): string {
  return `"${text.slice(0, 40).replaceAll(/[^\x20-\x7e]|["\\]/g, '?')}"`;
}

/** What Identity fields say that a call came with, as far as passing it on asks: nothing of it is verified here. */
import { HeaderId, type Headers } from '../sip/message/index.ts';
import { isReadable, type PassportParty, parseIdentity } from '../stir/index.ts';

/** The tokens of a call that came from a trunk. */
export interface ReceivedIdentity {
  /** The fields, octet for octet. */
  readonly values: readonly string[];
  /** Who is said to call, as the tokens have it. */
  readonly orig: PassportParty;
  /** Where the chain of destinations ends (RFC 8946 §4): what was called when the call came here. */
  readonly dest: string;
}

interface Token {
  readonly orig: PassportParty;
  readonly dest: string;
  /** Set on `div`: what had been called before. */
  readonly div: string | undefined;
}

/** More fields than any chain has are not looked at. */
const MAX_FIELDS = 20;

/** Undefined when no field holds a token for telephone numbers. */
export function receivedIdentity(headers: Headers): ReceivedIdentity | undefined {
  if (!headers.has(HeaderId.Identity)) return undefined;
  const values = headers.fieldValues(HeaderId.Identity);
  if (values.length > MAX_FIELDS) return undefined;
  const tokens = values.flatMap(tokensOf);
  const first = tokens.find(({ div }) => div === undefined) ?? tokens[0];
  return first === undefined ? undefined : { values, orig: first.orig, dest: lastDestination(first.dest, tokens) };
}

/** Follows the `div` tokens from the first destination on. */
function lastDestination(first: string, tokens: readonly Token[]): string {
  const left = new Set(tokens.filter(({ div }) => div !== undefined));
  let dest = first;
  for (let next = true; next; ) {
    next = false;
    for (const token of left) {
      if (token.div !== dest) continue;
      dest = token.dest;
      left.delete(token);
      next = true;
    }
  }
  return dest;
}

function tokensOf(field: string): Token[] {
  return parseIdentity(field)
    .filter(isReadable)
    .flatMap(({ claims }) => tokenOf(claims) ?? []);
}

/** What matters of claims for telephone numbers. */
function tokenOf(part: string): Token | undefined {
  const claims = claimsOf(part);
  const orig = claims?.['orig'] as { tn?: unknown } | undefined;
  const dest = (claims?.['dest'] as { tn?: unknown } | undefined)?.tn;
  const number = Array.isArray(dest) ? dest[0] : undefined;
  if (typeof orig?.tn !== 'string' || typeof number !== 'string') return undefined;
  const div = (claims?.['div'] as { tn?: unknown } | undefined)?.tn;
  return { orig: { tn: orig.tn }, dest: number, div: typeof div === 'string' ? div : undefined };
}

function claimsOf(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof claims === 'object' && claims !== null ? (claims as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

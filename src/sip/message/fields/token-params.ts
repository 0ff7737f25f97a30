import { PeerError } from '../../../base/errors.ts';
import { isTokenCode, skipSpace, trimEnd } from '../characters.ts';
import { type Params, readParams } from '../params.ts';

/** A token with parameters: the form that Event, Subscription-State, Content-Disposition and Reason share. */
export interface TokenParams {
  readonly token: string;
  readonly params: Params;
}

/** Reads `token *(SEMI param)`. Throws PeerError SIP_PEER_FIELD. */
export function parseTokenParams(text: string, field: string): TokenParams {
  const end = trimEnd(text, 0, text.length);
  const start = skipSpace(text, 0, end);
  let index = start;
  while (index < end && isTokenCode(text.charCodeAt(index))) index++;
  if (index === start) throw malformed(field, text);
  return { token: text.slice(start, index), params: readParams(text, index, end, field) };
}

export function formatTokenParams(value: TokenParams): string {
  return `${value.token}${value.params}`;
}

/** The error of every typed field; the reason phrase names the field and repeats nothing of the peer's. */
export function malformed(field: string, text: string): PeerError {
  return new PeerError('SIP_PEER_FIELD', `Malformed ${field}: ${JSON.stringify(text.slice(0, 60))}`);
}

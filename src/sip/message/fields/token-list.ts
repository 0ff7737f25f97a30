import { isToken, splitList } from '../characters.ts';
import { malformed } from './token-params.ts';

/** Reads a comma list of tokens: Require, Supported, Proxy-Require, Unsupported, Allow, Allow-Events, Content-Encoding, Content-Language. May be empty (Supported, Allow). */
export function parseTokenList(text: string, field: string): string[] {
  const tokens = splitList(text);
  for (const token of tokens) if (!isToken(token)) throw malformed(field, text);
  return tokens;
}

export function formatTokenList(tokens: readonly string[]): string {
  return tokens.join(', ');
}

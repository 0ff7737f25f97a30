import { closingQuote, decimalAt, quote, skipSpace, trimEnd, unquote } from '../characters.ts';
import { malformed } from './token-params.ts';

/** One Warning value (RFC 3261 §20.43). */
export interface Warning {
  /** Three digits. */
  readonly code: number;
  /** Host, host:port or pseudonym of who added it. */
  readonly agent: string;
  /** Without quotes, in octets. */
  readonly text: string;
}

export function parseWarning(text: string): Warning {
  const end = trimEnd(text, 0, text.length);
  const start = skipSpace(text, 0, end);
  const code = decimalAt(text, start, Math.min(start + 3, end));
  const open = text.indexOf('"', start);
  const agentStart = skipSpace(text, start + 3, end);
  const agentEnd = open < 0 ? agentStart : trimEnd(text, agentStart, open);
  if (
    code < 100 ||
    agentStart !== start + 4 ||
    agentEnd === agentStart ||
    text.slice(agentStart, agentEnd).includes(' ')
  )
    throw malformed('Warning', text);
  if (closingQuote(text, open, end) !== end - 1) throw malformed('Warning', text);
  return { code, agent: text.slice(agentStart, agentEnd), text: unquote(text.slice(open, end)) };
}

export function formatWarning(value: Warning): string {
  return `${value.code} ${value.agent} ${quote(value.text)}`;
}

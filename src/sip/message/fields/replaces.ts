import { skipSpace, trimEnd } from '../characters.ts';
import { readParams } from '../params.ts';
import { malformed } from './token-params.ts';

/** Replaces (RFC 3891 §6.1); the same form serves Join and Target-Dialog's Call-ID and tags. */
export interface Replaces {
  readonly callId: string;
  readonly toTag: string;
  readonly fromTag: string;
  readonly earlyOnly: boolean;
}

/** Both tags are mandatory and stand once. */
export function parseReplaces(text: string): Replaces {
  const end = trimEnd(text, 0, text.length);
  const start = skipSpace(text, 0, end);
  const semicolon = text.indexOf(';', start);
  if (semicolon < 0) throw malformed('Replaces', text);
  const callIdEnd = trimEnd(text, start, semicolon);
  const params = readParams(text, semicolon, end, 'Replaces');
  const toTag = params.get('to-tag');
  const fromTag = params.get('from-tag');
  if (callIdEnd === start || !toTag || !fromTag || params.hasDuplicates()) throw malformed('Replaces', text);
  return { callId: text.slice(start, callIdEnd), toTag, fromTag, earlyOnly: params.has('early-only') };
}

export function formatReplaces(value: Replaces): string {
  return `${value.callId};to-tag=${value.toTag};from-tag=${value.fromTag}${value.earlyOnly ? ';early-only' : ''}`;
}

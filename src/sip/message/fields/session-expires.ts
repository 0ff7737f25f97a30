import { decimalAt, isDigitCode, trimEnd } from '../characters.ts';
import { readParams } from '../params.ts';
import { malformed } from './malformed.ts';

/** Session-Expires (RFC 4028 §4) and Min-SE (§5), which has no refresher. */
export interface SessionExpires {
  readonly seconds: number;
  readonly refresher?: 'uac' | 'uas' | undefined;
}

/** Reads Session-Expires or Min-SE. A refresher that is neither `uac` nor `uas` is refused. */
export function parseSessionExpires(text: string, field = 'Session-Expires'): SessionExpires {
  const end = trimEnd(text, 0, text.length);
  let index = 0;
  while (index < end && isDigitCode(text.charCodeAt(index))) index++;
  const seconds = decimalAt(text, 0, index);
  if (seconds < 0 || seconds >= 2 ** 32) throw malformed(field, text);
  const refresher = readParams(text, index, end, field).get('refresher')?.toLowerCase();
  if (refresher !== undefined && refresher !== 'uac' && refresher !== 'uas') throw malformed(field, text);
  return { seconds, refresher };
}

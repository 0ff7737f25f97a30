import { isDigitCode } from '../characters.ts';
import { formatNameAddr, type NameAddr, parseNameAddr } from '../name-addr.ts';
import { malformed } from './token-params.ts';

/** One History-Info entry (RFC 7044 §5). Reason and Privacy of an entry travel in the URI's header components. */
export interface HistoryInfo {
  readonly address: NameAddr;
  /** `1`, `1.1`, …: the place in the tree of retargetings. */
  readonly index: string;
}

/** The index is mandatory (§5.1). */
export function parseHistoryInfo(text: string): HistoryInfo {
  const address = parseNameAddr(text);
  const index = address.params.get('index') ?? '';
  if (!isIndex(index)) throw malformed('History-Info', text);
  return { address, index };
}

/** Numbers without leading zeros, separated by single dots. */
function isIndex(text: string): boolean {
  let digits = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (isDigitCode(code)) digits++;
    else if (code === 0x2e && digits > 0) digits = 0;
    else return false;
  }
  return digits > 0;
}

export function formatHistoryInfo(value: HistoryInfo): string {
  const params = value.address.params.clone();
  params.set('index', value.index);
  return formatNameAddr({ ...value.address, params });
}

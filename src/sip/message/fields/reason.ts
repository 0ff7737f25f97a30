import { decimalAt, splitList } from '../characters.ts';
import { Params } from '../params.ts';
import { formatTokenParams, malformed, parseTokenParams } from './token-params.ts';

/** One Reason value (RFC 3326 §2). */
export interface Reason {
  /** As written: `SIP`, `Q.850`, … */
  readonly protocol: string;
  readonly cause?: number | undefined;
  /** Without quotes, in octets. */
  readonly text?: string | undefined;
  /** Every parameter, `cause` and `text` included. */
  readonly params: Params;
}

export function parseReason(text: string): Reason {
  const { token, params } = parseTokenParams(text, 'Reason');
  const cause = params.get('cause');
  const number = cause === undefined ? undefined : decimalAt(cause, 0, cause.length);
  if (number === -1) throw malformed('Reason', text);
  return { protocol: token, cause: number, text: params.get('text'), params };
}

/** Reads a comma list of reasons; §2 allows one per protocol. */
export const parseReasons = (text: string): Reason[] => splitList(text).map(parseReason);

export function formatReason(value: Reason): string {
  return formatTokenParams({ token: value.protocol, params: value.params });
}

/** A Reason of ours; the text is always quoted, as §2 asks. */
export function makeReason(protocol: string, cause: number, text?: string): Reason {
  const params = new Params().set('cause', String(cause));
  if (text !== undefined) params.setQuoted('text', text);
  return { protocol, cause, text, params };
}

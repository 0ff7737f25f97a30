import { normalizeNumber } from '../provisioning/tenants/number.ts';
import {
  addressValues,
  HeaderId,
  type Headers,
  isSipUri,
  privacyValues,
  readableNameAddr,
  readableNameAddrs,
  subscriberNumber,
  type Uri,
} from '../sip/message/index.ts';
import type { EarlierDiversion, ForwardReason } from './facts.ts';
import { CAUSE, DIVERSION_REASON } from './forward-reason.ts';

const HIDES_ALL = new Set(['history', 'header', 'session']);
/** Of so many the latest are told on; a loop through several carriers makes them without end. */
const MOST = 10;

/**
 * Who had sent a call on before it came here, as its INVITE says, the first one first: by Diversion (RFC 5806), else by History-Info (RFC
 * 7044). Left out is who asks for privacy, who is named by no number, and what cannot be read; all, where the request asks for privacy of
 * them together (RFC 7044 §10.1.1).
 */
export function receivedDiversions(headers: Headers): readonly EarlierDiversion[] {
  if (privacyValues(headers).some((value) => HIDES_ALL.has(value))) return [];
  const said = headers.has(HeaderId.Diversion) ? byDiversion(headers) : byHistory(headers);
  return said.slice(-MOST);
}

/** RFC 5806 §6: the latest comes first. */
function byDiversion(headers: Headers): EarlierDiversion[] {
  return readableNameAddrs(headers, HeaderId.Diversion)
    .reverse()
    .flatMap(({ uri, params }) => {
      const value = (name: string) => params.get(name)?.replaceAll('"', '').toLowerCase() ?? '';
      const number = numberOf(uri);
      if (number === undefined || ['full', 'uri'].includes(value('privacy'))) return [];
      const counter = /^[1-9][0-9]?$/.test(value('counter')) ? Number(value('counter')) : 1;
      return [{ number, reason: REASONS.get(value('reason')) ?? 'unknown', counter }];
    });
}

/** RFC 7044: who is followed by an entry with a cause (RFC 4458 §2) was left for it. */
function byHistory(headers: Headers): EarlierDiversion[] {
  const uris = addressValues(headers, HeaderId.HistoryInfo).map((value) => readableNameAddr(value)?.uri);
  return uris.flatMap((uri, at) => {
    const next = uris[at + 1];
    const cause = next !== undefined && isSipUri(next) ? next.params.get('cause') : undefined;
    const number = uri && numberOf(uri);
    if (number === undefined || cause === undefined) return [];
    return [{ number, reason: REASON_OF.get(Number(cause)) ?? 'unknown', counter: 1 }];
  });
}

const REASONS = new Map(
  Object.entries(DIVERSION_REASON).map(([reason, written]) => [written, reason as ForwardReason]),
);
/** The first of those that have one cause. */
const REASON_OF = new Map(
  Object.entries(CAUSE)
    .reverse()
    .map(([reason, cause]) => [cause, reason as ForwardReason]),
);

/** Undefined: none, or one that is private (RFC 7044 §10.1.2). */
function numberOf(uri: Uri): string | undefined {
  if (isSipUri(uri) && /(?:^|&)privacy=(?!none)/i.test(uri.headers)) return undefined;
  const number = subscriberNumber(uri);
  return normalizeNumber(number) === undefined ? undefined : number;
}

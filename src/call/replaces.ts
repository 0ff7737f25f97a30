import { PeerError } from '../base/errors.ts';
import { HeaderId, type SipRequest, unescapeUser } from '../sip/message/index.ts';

/** Replaces (RFC 3891 §6.1): a dialog as its remote side names it. */
export interface Replaces {
  readonly callId: string;
  /** The tag of the side that is asked, hence ours. */
  readonly toTag: string;
  readonly fromTag: string;
  readonly earlyOnly: boolean;
}

/**
 * Reads a Replaces value. DEVIATION: one that is percent-encoded as a whole, as phones copy it from a Refer-To, or once more into one. Throws
 * PeerError SIP_PEER_REPLACES.
 */
export function parseReplaces(value: string): Replaces {
  const text = value.includes(';') ? value : unescapeUser(value);
  const [callId = '', ...params] = text.split(';').map((part) => part.trim());
  let toTag: string | undefined;
  let fromTag: string | undefined;
  let earlyOnly = false;
  for (const param of params) {
    const at = param.indexOf('=');
    const name = (at < 0 ? param : param.slice(0, at)).trim().toLowerCase();
    const said = at < 0 ? '' : param.slice(at + 1).trim();
    if (name === 'to-tag') toTag = said;
    else if (name === 'from-tag') fromTag = said;
    else if (name === 'early-only') earlyOnly = true;
  }
  if (callId === '' || toTag === undefined || fromTag === undefined) {
    throw new PeerError('SIP_PEER_REPLACES', 'expected Call-ID, to-tag and from-tag in Replaces');
  }
  return { callId, toTag, fromTag, earlyOnly };
}

/** The Replaces of an INVITE, undefined when there is none. RFC 3891 §3: more than one is 400, but for the same one twice. */
export function replacesOf(request: SipRequest): Replaces | undefined {
  const values = request.headers.fieldValues(HeaderId.Replaces);
  if (values.length === 0) return undefined;
  if (new Set(values).size > 1) throw new PeerError('SIP_PEER_REPLACES', 'more than one Replaces header field');
  return parseReplaces(values[0] as string);
}

/** The Replaces in the header part of a Refer-To URI (RFC 3261 §19.1.1), where it stands percent-encoded, its name perhaps too. */
export function replacesInUri(headers: string): Replaces | undefined {
  for (const part of headers.split('&')) {
    const at = part.indexOf('=');
    if (!isReplaces(at < 0 ? part : part.slice(0, at))) continue;
    return parseReplaces(at < 0 ? '' : unescapeUser(part.slice(at + 1)));
  }
  return undefined;
}

const NAME = 'replaces';

function isReplaces(name: string): boolean {
  if (name.length < NAME.length || name.length > 3 * NAME.length) return false;
  return unescapeUser(name).toLowerCase() === NAME;
}

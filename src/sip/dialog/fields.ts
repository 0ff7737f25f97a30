import { PeerError } from '../../base/errors.ts';

/** Session-Expires (RFC 4028 §4). */
export interface SessionExpires {
  readonly seconds: number;
  readonly refresher: 'uac' | 'uas' | undefined;
}

/** RAck (RFC 3262 §7.2). */
export interface RAck {
  readonly responseSequence: number;
  readonly sequence: number;
  readonly method: string;
}

/** Reads a Session-Expires value. Throws PeerError SIP_PEER_SESSION_EXPIRES. */
export function readSessionExpires(value: string): SessionExpires {
  const [first = '', ...params] = value.split(';');
  const seconds = decimalOf(first.trim());
  if (seconds < 0) {
    throw new PeerError('SIP_PEER_SESSION_EXPIRES', `expected seconds, found ${JSON.stringify(value.slice(0, 40))}`);
  }
  let refresher: SessionExpires['refresher'];
  for (const param of params) {
    const [name = '', text = ''] = param.split('=');
    if (name.trim().toLowerCase() !== 'refresher') continue;
    const role = text.trim().toLowerCase();
    if (role === 'uac' || role === 'uas') refresher = role;
  }
  return { seconds, refresher };
}

/** Reads a Min-SE value (RFC 4028 §5). Throws PeerError SIP_PEER_MIN_SE. */
export function readMinSe(value: string): number {
  const seconds = decimalOf((value.split(';')[0] ?? '').trim());
  if (seconds < 0) {
    throw new PeerError('SIP_PEER_MIN_SE', `expected seconds, found ${JSON.stringify(value.slice(0, 40))}`);
  }
  return seconds;
}

/** Reads a RAck value; undefined when it is none. */
export function readRAck(value: string): RAck | undefined {
  const parts = value.split(/[ \t]+/);
  if (parts.length !== 3) return undefined;
  const responseSequence = decimalOf(parts[0] as string);
  const sequence = decimalOf(parts[1] as string);
  if (responseSequence < 0 || sequence < 0) return undefined;
  return { responseSequence, sequence, method: parts[2] as string };
}

/** RSeq (RFC 3262 §7.1): 1 to 2**32 - 1; undefined when it is none. */
export function readRSeq(value: string): number | undefined {
  const sequence = decimalOf(value);
  return sequence < 1 ? undefined : sequence;
}

/** A decimal number up to 2**32 - 1; -1 when the text is none. */
function decimalOf(text: string): number {
  if (text.length === 0 || text.length > 10) return -1;
  let value = 0;
  for (let index = 0; index < text.length; index++) {
    const digit = text.charCodeAt(index) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value > 0xffff_ffff ? -1 : value;
}

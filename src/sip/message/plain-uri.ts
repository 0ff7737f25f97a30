import { decimalAt, isDigitCode, isHostCode, isParamCode, isSameWord, isUserCode } from './characters.ts';

/**
 * SIP URIs as nearly all are written, looked at where they stand: `sip:user@host:port;name=value`, nothing escaped or to be escaped, no
 * password, no IPv6, no headers part. Such a URI is read and written to the same octets, so whoever needs only its text, or whether it
 * names a certain place, needs no parts of it. What is not that plain is for `parseUri` to read, and to refuse.
 */

// Where the parts of the URI stand that was looked at last.
let userStart = 0;
let userEnd = 0;
let hostStart = 0;
let hostEnd = 0;
let portStart = 0;
let portEnd = 0;
let paramsStart = 0;

export function isPlainSipUri(text: string, start: number, end: number): boolean {
  let index = schemeEnd(text, start);
  if (index < 0) return false;
  userStart = index;
  while (index < end && isUserCode(text.charCodeAt(index))) index++;
  userEnd = index;
  if (index < end && text.charCodeAt(index) === 0x40) {
    if (index === userStart) return false;
    index++;
  } else index = userEnd = userStart;
  hostStart = index;
  while (index < end && isHostCode(text.charCodeAt(index))) index++;
  hostEnd = index;
  if (hostEnd === hostStart) return false;
  portStart = portEnd = index;
  if (index < end && text.charCodeAt(index) === 0x3a) {
    portStart = ++index;
    while (index < end && isDigitCode(text.charCodeAt(index))) index++;
    portEnd = index;
    // A port with leading zeros is written without them.
    if (index === portStart || index - portStart > 5 || text.charCodeAt(portStart) === 0x30) return false;
    if (decimalAt(text, portStart, index) > 65_535) return false;
  }
  paramsStart = index;
  return isPlainParams(text, index, end);
}

/** Who and where a URI names; the user is empty when it names none. */
export interface UserAndHost {
  readonly user: string;
  readonly host: string;
}

/** Of a plain URI, as they are written; undefined says nothing. */
export function plainUserAndHost(text: string, start: number, end: number): UserAndHost | undefined {
  if (!isPlainSipUri(text, start, end)) return undefined;
  return { user: text.slice(userStart, userEnd), host: text.slice(hostStart, hostEnd) };
}

/** Behind `sip:` or `sips:`, or -1. */
function schemeEnd(text: string, start: number): number {
  if (text.startsWith('sip:', start)) return start + 4;
  return text.startsWith('sips:', start) ? start + 5 : -1;
}

function isPlainParams(text: string, start: number, end: number): boolean {
  let index = start;
  for (let count = 0; index < end; count++) {
    if (text.charCodeAt(index) !== 0x3b || count > MANY) return false;
    const nameStart = ++index;
    while (index < end && isParamCode(text.charCodeAt(index))) index++;
    if (index === nameStart || isRepeated(text, start, nameStart, index)) return false;
    if (index === end || text.charCodeAt(index) !== 0x3d) continue;
    const valueStart = ++index;
    while (index < end && isParamCode(text.charCodeAt(index))) index++;
    if (index === valueStart) return false;
  }
  return true;
}
const MANY = 8;

/** Whether a parameter between `start` and this one has the name `text[nameStart, nameEnd)` too: the same one twice is read as one. */
function isRepeated(text: string, start: number, nameStart: number, nameEnd: number): boolean {
  for (let at = start; at < nameStart - 1; at = text.indexOf(';', at + 1)) {
    let length = 0;
    while (
      nameStart + length < nameEnd &&
      (text.charCodeAt(at + 1 + length) | 0x20) === (text.charCodeAt(nameStart + length) | 0x20)
    )
      length++;
    if (nameStart + length === nameEnd && !isParamCode(text.charCodeAt(at + 1 + length))) return true;
  }
  return false;
}

/**
 * True for a plain `sip:` URI that names just this place: host, port (or `isDefaultPort`) and transport, and no `maddr`. False says
 * nothing.
 */
export function namesPlace(
  uri: string,
  transport: string,
  address: string,
  port: number,
  isDefaultPort: boolean,
): boolean {
  if (uri.charCodeAt(3) !== 0x3a || !isPlainSipUri(uri, 0, uri.length)) return false;
  if (hostEnd - hostStart !== address.length || !uri.startsWith(address, hostStart)) return false;
  if (portStart === portEnd ? !isDefaultPort : decimalAt(uri, portStart, portEnd) !== port) return false;
  let named = 'udp';
  for (let at = paramsStart; at < uri.length; ) {
    const next = endOfParam(uri, at + 1);
    if (isSameWord(uri, at + 1, 'maddr')) return false;
    if (isSameWord(uri, at + 1, 'transport=')) {
      const valueStart = at + 1 + 'transport='.length;
      if (next - valueStart !== transport.length || !isSameWord(uri, valueStart, transport)) return false;
      named = transport;
    }
    at = next;
  }
  return named === transport;
}

function endOfParam(uri: string, start: number): number {
  const end = uri.indexOf(';', start);
  return end < 0 ? uri.length : end;
}

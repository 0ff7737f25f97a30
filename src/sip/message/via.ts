import { PeerError } from '../../base/errors.ts';
import { decimalAt, isTokenCode, skipSpace, trimEnd } from './characters.ts';
import { type Params, readParams } from './params.ts';
import { endOfHost, formatHost } from './uri.ts';
import { wordAt, wordsByLength } from './words.ts';

/** One Via value (RFC 3261 §20.42). */
export interface Via {
  /** `SIP/2.0`. */
  readonly protocol: string;
  /** As written, e.g. `UDP`. */
  readonly transport: string;
  /** sent-by host; an IPv6 address without its brackets. */
  readonly host: string;
  readonly port?: number | undefined;
  readonly params: Params;
  /** Empty when the sender gave none (RFC 2543). */
  readonly branch: string;
}

/** Reads one Via value. White space is allowed around `/`, `:` and `;` (§25.1 sent-protocol, COLON). Throws PeerError SIP_PEER_VIA. */
export function parseVia(text: string): Via {
  const end = trimEnd(text, 0, text.length);
  const nameStart = skipSpace(text, 0, end);
  const nameEnd = tokenEnd(text, nameStart, end);
  const versionStart = afterSlash(text, nameEnd, end);
  const versionEnd = tokenEnd(text, versionStart, end);
  const transportStart = afterSlash(text, versionEnd, end);
  const transportEnd = tokenEnd(text, transportStart, end);
  const hostStart = skipSpace(text, transportEnd, end);
  if (hostStart === transportEnd || hostStart >= end) throw broken(text, 'no sent-by after the transport');
  const hostEnd = endOfHost(text, hostStart, end);
  const bracketed = text.charCodeAt(hostStart) === 0x5b;
  const host = bracketed ? text.slice(hostStart + 1, hostEnd - 1) : text.slice(hostStart, hostEnd);
  let index = skipSpace(text, hostEnd, end);
  let port: number | undefined;
  if (text.charCodeAt(index) === 0x3a) {
    const portStart = skipSpace(text, index + 1, end);
    index = portStart;
    while (index < end && text.charCodeAt(index) >= 0x30 && text.charCodeAt(index) <= 0x39) index++;
    // An empty port is none.
    if (index > portStart) port = decimalAt(text, portStart, index);
    if (port !== undefined && (port < 0 || port > 65_535)) throw broken(text, 'a port that is no number up to 65535');
  }
  const params = readParams(text, index, end, 'Via');
  const protocol =
    text.startsWith(USUAL_PROTOCOL, nameStart) && versionEnd === nameStart + USUAL_PROTOCOL.length
      ? USUAL_PROTOCOL
      : `${text.slice(nameStart, nameEnd)}/${text.slice(versionStart, versionEnd)}`;
  return via(protocol, wordAt(TRANSPORTS, text, transportStart, transportEnd), host, port, params);
}

const USUAL_PROTOCOL = 'SIP/2.0';
const TRANSPORTS = wordsByLength(['UDP', 'TCP', 'TLS']);

function via(protocol: string, transport: string, host: string, port: number | undefined, params: Params): Via {
  return { protocol, transport, host, port, params, branch: params.get('branch') ?? '' };
}

function tokenEnd(text: string, start: number, end: number): number {
  let index = start;
  while (index < end && isTokenCode(text.charCodeAt(index))) index++;
  if (index === start) throw broken(text, 'no sent-protocol');
  return index;
}

function afterSlash(text: string, index: number, end: number): number {
  const slash = skipSpace(text, index, end);
  if (text.charCodeAt(slash) !== 0x2f) throw broken(text, 'no "/" in the sent-protocol');
  return skipSpace(text, slash + 1, end);
}

export function formatVia(value: Via): string {
  const port = value.port === undefined ? '' : `:${value.port}`;
  return `${value.protocol}/${value.transport} ${formatHost(value.host)}${port}${value.params}`;
}

function broken(text: string, found: string): PeerError {
  return new PeerError('SIP_PEER_VIA', `Via ${JSON.stringify(text.slice(0, 80))}: found ${found}`);
}

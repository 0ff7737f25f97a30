import { PeerError } from '../../base/errors.ts';
import {
  closingQuote,
  decimalAt,
  endOfComment,
  findSeparator,
  isDigitCode,
  isHostCode,
  isSameWord,
  isSpaceCode,
  isTokenCode,
  skipSpace,
  trimEnd,
} from './characters.ts';
import { MAY_REPEAT, type Params, readParams, scannedValue, scanParams } from './params.ts';
import { endOfBareIpv6, endOfHost, formatHost } from './uri.ts';
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
  /** Whether there are parameters of these names. */
  readonly rport: boolean;
  readonly received: boolean;
  /** Whether a parameter (any, or this one) is there more than once, with different values. */
  repeats(name?: string): boolean;
  /**
   * The same value, now that other parameters stand in its field, which was `before` and is `field`: branch and sent-by are as they were, and
   * so is what stands behind the parameters.
   */
  rewritten(field: string, before: string): Via;
}

/** A Via value that was read. Its parameters have been checked; they become {@link Params} when somebody asks for them. */
class ReceivedVia implements Via {
  readonly protocol: string;
  readonly transport: string;
  readonly host: string;
  readonly port: number | undefined;
  readonly branch: string;
  #text: string;
  #start: number;
  #end: number;
  readonly #found: number;
  #params: Params | undefined = undefined;

  constructor(
    protocol: string,
    transport: string,
    host: string,
    port: number | undefined,
    text: string,
    start: number,
    end: number,
    found: number,
    branch: string,
  ) {
    this.protocol = protocol;
    this.transport = transport;
    this.host = host;
    this.port = port;
    this.#text = text;
    this.#start = start;
    this.#end = end;
    this.#found = found;
    this.branch = branch;
  }

  get params(): Params {
    this.#params ??= readParams(this.#text, this.#start, this.#end, 'Via');
    return this.#params;
  }

  get rport(): boolean {
    return (this.#found & RPORT) !== 0;
  }

  get received(): boolean {
    return (this.#found & RECEIVED) !== 0;
  }

  rewritten(field: string, before: string): this {
    this.#text = field;
    // Read of the old one: the new one is still in pieces, and hardly anybody reads it before it leaves.
    this.#start = before.indexOf(';');
    this.#end = field.length - before.length + endBeforeComment(before, this.#start, before.length);
    this.#params = undefined;
    return this;
  }

  repeats(name?: string): boolean {
    return (this.#found & MAY_REPEAT) !== 0 && this.params.hasDuplicates(name);
  }
}
const NAMES = ['branch', 'rport', 'received'];
const BRANCH = 1;
const RPORT = 2;
const RECEIVED = 4;

// Where the parts of the value stand that was located last.
let nameStart = 0;
let nameEnd = 0;
let versionStart = 0;
let versionEnd = 0;
let transportStart = 0;
let transportEnd = 0;
let hostStart = 0;
let hostEnd = 0;
let port: number | undefined;
let paramsStart = 0;
let valueEnd = 0;

/** Finds the parts of the Via value `text[from, to)` before its parameters. Throws PeerError SIP_PEER_VIA. */
function locate(text: string, from: number, to: number): void {
  const end = endBeforeComment(text, from, trimEnd(text, from, to));
  nameStart = skipSpace(text, from, end);
  nameEnd = tokenEnd(text, nameStart, end);
  versionStart = afterSlash(text, nameEnd, end);
  versionEnd = tokenEnd(text, versionStart, end);
  transportStart = afterSlash(text, versionEnd, end);
  transportEnd = tokenEnd(text, transportStart, end);
  hostStart = skipSpace(text, transportEnd, end);
  if (hostStart === transportEnd || hostStart >= end) throw broken(text, from, end, 'no sent-by after the transport');
  hostEnd = endOfHost(text, hostStart, end);
  let index = skipSpace(text, hostEnd, end);
  port = undefined;
  if (index < end && text.charCodeAt(index) === 0x3a) {
    const portStart = skipSpace(text, index + 1, end);
    index = portStart;
    while (index < end && text.charCodeAt(index) >= 0x30 && text.charCodeAt(index) <= 0x39) index++;
    // An empty port is none.
    if (index > portStart) port = decimalAt(text, portStart, index);
    if (port !== undefined && (port < 0 || port > 65_535))
      throw broken(text, from, end, 'a port that is no number up to 65535');
  }
  if (index < end && text.charCodeAt(index) !== 0x3b) {
    // DEVIATION: an IPv6 address without its brackets. Nobody can tell whether a port ends it; the answer goes to where the request came from.
    const bareEnd = endOfBareIpv6(text, hostStart, end);
    if (bareEnd >= 0) {
      hostEnd = bareEnd;
      index = bareEnd;
      port = undefined;
    }
  }
  paramsStart = index;
  valueEnd = end;
}

// What `locatePlain` found last: bits of the parameters, as `scanParams` gives them, and where the branch stands.
let plainFound = 0;
let branchStart = 0;
let branchEnd = 0;

/**
 * Whether `text[from, to)` is one value as nearly all are: `SIP/2.0/UDP host:port`, `branch`, `rport` and `received` once at most, nothing
 * quoted, no white space but the one. Finds its parts, as {@link locate} does, and these parameters. False says nothing.
 */
function locatePlain(text: string, from: number, to: number): boolean {
  if (!text.startsWith('SIP/2.0/', from)) return false;
  nameStart = from;
  versionEnd = from + USUAL_PROTOCOL.length;
  transportStart = versionEnd + 1;
  let index = transportStart;
  while (isTokenCode(text.charCodeAt(index))) index++;
  transportEnd = index;
  if (transportEnd === transportStart || text.charCodeAt(index) !== 0x20) return false;
  hostStart = ++index;
  while (index < to && isHostCode(text.charCodeAt(index))) index++;
  hostEnd = index;
  port = undefined;
  if (hostEnd <= hostStart) return false;
  if (index < to && text.charCodeAt(index) === 0x3a) {
    const portStart = ++index;
    while (index < to && isDigitCode(text.charCodeAt(index))) index++;
    port = decimalAt(text, portStart, index);
    if (port < 0 || port > 65_535) return false;
  }
  paramsStart = index;
  valueEnd = to;
  return locatePlainParams(text, index, to);
}

function locatePlainParams(text: string, from: number, to: number): boolean {
  plainFound = 0;
  branchStart = branchEnd = 0;
  for (let index = from; index < to; ) {
    if (text.charCodeAt(index) !== 0x3b) return false;
    const nameStart = index + 1;
    const kind = plainParamAt(text, nameStart);
    if (kind === 0 || (plainFound & kind) !== 0) return false;
    plainFound |= kind;
    index = nameStart + (NAMES[kind >> 1] as string).length;
    if (text.charCodeAt(index) !== 0x3d) continue;
    const valueStart = ++index;
    while (index < to && isTokenCode(text.charCodeAt(index))) index++;
    if (index === valueStart) return false;
    if (kind !== BRANCH) continue;
    branchStart = valueStart;
    branchEnd = index;
  }
  return true;
}

/** Which of the parameters begins here; what follows its name is looked at by the caller. */
function plainParamAt(text: string, at: number): number {
  if (text.startsWith('branch=', at)) return BRANCH;
  if (text.startsWith('rport', at)) return RPORT;
  return text.startsWith('received=', at) ? RECEIVED : 0;
}

/**
 * Reads the Via value `text[from, to)`. White space is allowed around `/`, `:` and `;` (§25.1 sent-protocol, COLON). Throws PeerError
 * SIP_PEER_VIA or SIP_PEER_PARAMS.
 */
export function parseVia(text: string, from = 0, to = text.length): Via {
  const isPlain = locatePlain(text, from, to);
  if (!isPlain) locate(text, from, to);
  const bracketed = text.charCodeAt(hostStart) === 0x5b;
  const host = bracketed ? text.slice(hostStart + 1, hostEnd - 1) : text.slice(hostStart, hostEnd);
  const protocol =
    text.startsWith(USUAL_PROTOCOL, nameStart) && versionEnd === nameStart + USUAL_PROTOCOL.length
      ? USUAL_PROTOCOL
      : `${text.slice(nameStart, nameEnd)}/${text.slice(versionStart, versionEnd)}`;
  const transport = wordAt(TRANSPORTS, text, transportStart, transportEnd);
  const found = isPlain ? plainFound : scanParams(text, paramsStart, valueEnd, 'Via', NAMES);
  const branch = isPlain ? text.slice(branchStart, branchEnd) : scannedValue(text);
  return new ReceivedVia(protocol, transport, host, port, text, paramsStart, valueEnd, found, branch);
}

/**
 * The branch of the first Via value in `text[from, to)`, which is all that an answer is found by; empty when there is none. A value that
 * cannot be read otherwise has it all the same. Throws what {@link parseVia} throws, and when there are two.
 */
export function readBranch(text: string, from: number, to: number): string {
  if (locatePlain(text, from, to)) return text.slice(branchStart, branchEnd);
  const first = endOfFirst(text, from, to);
  const end = first < to && isCutVia(text, from, to) ? to : first;
  try {
    locate(text, from, end);
    const found = scanParams(text, paramsStart, valueEnd, 'Via', NAMES);
    if ((found & MAY_REPEAT) === 0) return scannedValue(text);
    const via = parseVia(text, from, end);
    if (via.repeats('branch')) throw new PeerError('SIP_PEER_PARAMS', 'two branches');
    return via.branch;
  } catch (error) {
    const branch = error instanceof PeerError ? branchAmong(text.slice(from, end)) : undefined;
    if (branch === undefined) throw error;
    return branch;
  }
}

/** Whether a comma stands in the broken part of one Via: there is no parameter before it, and no Via begins behind it. */
function isCutVia(text: string, from: number, to: number): boolean {
  const end = endOfFirst(text, from, to);
  if (end >= to || !isBare(text, from, end)) return false;
  for (let at = end; at < to; at = findSeparator(text, 0x2c, at + 1, to))
    if (BEGINS_VIA.test(text.slice(at + 1, findSeparator(text, 0x2c, at + 1, to)))) return false;
  return true;
}
const BEGINS_VIA = /^[^;"/]*\/[^;"/]*\//;

function isBare(text: string, from: number, end: number): boolean {
  const parameter = text.indexOf(';', from);
  return parameter < 0 || parameter >= end;
}

/**
 * The one branch among the parameters of a Via that cannot be read otherwise; undefined when there is none, or two differ. What stands in
 * quotes is no parameter, unless they do not end.
 */
function branchAmong(via: string): string | undefined {
  let found: string | undefined;
  let quotesEnd = true;
  for (let at = 0; at < via.length; at++) {
    const code = via.charCodeAt(at);
    if (code === 0x22 && quotesEnd) {
      const close = closingQuote(via, at);
      if (close < 0) quotesEnd = false;
      else at = close;
    }
    if (code !== 0x3b) continue;
    const value = branchAt(via, skipSpace(via, at + 1));
    if (found !== undefined && value !== undefined && found !== value) return undefined;
    found ??= value;
  }
  return found === '' ? undefined : found;
}

/** The value of the parameter at `start`, if it is `branch`. */
function branchAt(via: string, start: number): string | undefined {
  if (!isSameWord(via, start, 'branch')) return undefined;
  const equals = skipSpace(via, start + 'branch'.length);
  if (via.charCodeAt(equals) !== 0x3d) return undefined;
  const valueStart = skipSpace(via, equals + 1);
  let valueEnd = valueStart;
  while (valueEnd < via.length && isTokenCode(via.charCodeAt(valueEnd))) valueEnd++;
  return via.slice(valueStart, valueEnd);
}

/** The first Via value in `text[from, to)`. */
export function parseFirstVia(text: string, from: number, to: number): Via {
  return parseVia(text, from, endOfFirst(text, from, to));
}

/** The Via values of a field, trimmed; a comma in a comment separates none. */
export function splitVias(field: string): string[] {
  const values: string[] = [];
  for (let start = 0; start <= field.length; ) {
    const separator = endOfFirst(field, start, field.length);
    const first = skipSpace(field, start, separator);
    const last = trimEnd(field, first, separator);
    if (last > first) values.push(field.slice(first, last));
    start = separator + 1;
  }
  return values;
}

/** Index of the comma that ends the first value, or `to`: one neither in quotes nor in angle brackets nor in a comment, where quotes are text. */
function endOfFirst(text: string, from: number, to: number): number {
  const comma = text.indexOf(',', from);
  if (comma < 0 || comma >= to) return to;
  let mayComment = true;
  for (let index = from; index < to; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x2c) return index;
    if (code === 0x22 || code === 0x3c) {
      const close = code === 0x22 ? closingQuote(text, index, to) : text.indexOf('>', index);
      if (close < 0) return to;
      index = close;
    } else if (code === 0x28 && mayComment && isSpaceCode(text.charCodeAt(index - 1))) {
      const close = endOfComment(text, index, Math.min(to, index + MAX_COMMENT_LENGTH));
      // What is open is not looked for in all that follows.
      if (close < 0) mayComment = false;
      else index = close;
    }
  }
  return to;
}

const MAX_COMMENT_LENGTH = 256;

/**
 * DEVIATION: RFC 2543 §6.40.1 let a comment stand behind the parameters; it is passed over, and so are several. So is one that is none
 * for its parentheses, `(hi :) )` or `(a ( b)`: from the first that opens, but where parameters may stand behind that one, from the last.
 */
function endBeforeComment(text: string, from: number, end: number): number {
  if (text.charCodeAt(end - 1) !== 0x29) return end;
  let open = openOfComment(text, from, end);
  if (open < 0) return end;
  if (endOfComments(text, open, end) !== end) {
    const parameter = text.indexOf(';', open);
    if (parameter >= 0 && parameter < end) open = text.lastIndexOf('(', end - 1);
  }
  return isSpaceCode(text.charCodeAt(open - 1)) ? trimEnd(text, from, open) : end;
}

/** Index behind the comments that follow each other from `open` on. */
function endOfComments(text: string, open: number, end: number): number {
  let index = open;
  while (text.charCodeAt(index) === 0x28) {
    const close = endOfComment(text, index, end);
    if (close < 0) break;
    index = skipSpace(text, close + 1, end);
  }
  return index;
}

/** Index of the first parenthesis in `text[from, to)` that opens a comment: white space is before it, and it is not in quotes; or -1. */
function openOfComment(text: string, from: number, to: number): number {
  for (let index = from; index < to; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x22) {
      index = closingQuote(text, index, to);
      if (index < 0) return -1;
    } else if (code === 0x28 && index > from && isSpaceCode(text.charCodeAt(index - 1))) return index;
  }
  return -1;
}

const USUAL_PROTOCOL = 'SIP/2.0';
const TRANSPORTS = wordsByLength(['UDP', 'TCP', 'TLS']);

function tokenEnd(text: string, start: number, end: number): number {
  let index = start;
  while (index < end && isTokenCode(text.charCodeAt(index))) index++;
  if (index === start) throw broken(text, start, end, 'no sent-protocol');
  return index;
}

function afterSlash(text: string, index: number, end: number): number {
  const slash = skipSpace(text, index, end);
  if (slash >= end || text.charCodeAt(slash) !== 0x2f) throw broken(text, index, end, 'no "/" in the sent-protocol');
  return skipSpace(text, slash + 1, end);
}

export function formatVia(value: Pick<Via, 'protocol' | 'transport' | 'host' | 'port' | 'params'>): string {
  const port = value.port === undefined ? '' : `:${value.port}`;
  return `${value.protocol}/${value.transport} ${formatHost(value.host)}${port}${value.params}`;
}

function broken(text: string, start: number, end: number, found: string): PeerError {
  const shown = JSON.stringify(text.slice(start, Math.min(end, start + 80)));
  return new PeerError('SIP_PEER_VIA', `Via ${shown}: found ${found}`);
}

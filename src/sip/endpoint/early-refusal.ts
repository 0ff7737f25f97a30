/** A refusal made of a request that is not parsed, for the time when there is none: ranges of what was received, put together anew. */
import type { SentBy } from '../transaction/index.ts';
import type { Flow } from '../transport/index.ts';

export interface EarlyRefusal {
  /** What finds the request's transaction (RFC 3261 §17.2.3). */
  readonly sentBy: SentBy;
  readonly method: string;
  /** The From of the request. */
  readonly from: string;
  readonly text: string;
}

export interface EarlyRefusalOptions {
  readonly status: number;
  readonly reason: string;
  readonly retrySeconds: number;
  /** The To tag for a request with this topmost Via and Call-ID. */
  tag(topVia: string, callId: string): string;
}

/** One value, no quotes, and nothing that only we may add. */
const VIA =
  /^SIP\/2\.0\/(?:UDP|TCP|TLS) (\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(\d{1,5}))?(;[A-Za-z0-9._~!%*+@:=;-]+)$/;
const LOST = /;(?:received|rport|maddr)=/i;
const BRANCH = ';branch=';
/** What a branch of RFC 3261's rules begins with (§8.1.1.7). */
const COOKIE = 'z9hG4bK';
const RPORT = ';rport';

/**
 * Undefined when the request is written in any way but the usual: then it is read, and refused for what it is. Header fields are copied
 * octet for octet (§8.2.6.2); `received` and `rport` are noted as for any answer (RFC 3581 §4).
 */
export function earlyRefusal(text: string, flow: Flow, options: EarlyRefusalOptions): EarlyRefusal | undefined {
  const fields = fieldsOf(text);
  if (fields === undefined) return undefined;
  const { via: top, otherVias, from, to, callId, cseq } = fields;
  const via = VIA.exec(top);
  if (via === null) return undefined;
  const host = via[1] as string;
  const port = via[2];
  const params = via[3] as string;
  const branch = branchOf(params);
  if (branch === undefined || LOST.test(params)) return undefined;
  const rportAt = rportIn(params);
  // Without rport the answer goes to the port in Via, which is another flow's.
  if (rportAt < 0 && flow.transport === 'udp' && Number(port ?? 5060) !== flow.remotePort) return undefined;
  let noted = top;
  if (rportAt >= 0) {
    const end = top.length - params.length + rportAt + RPORT.length;
    noted = `${top.slice(0, end)}=${flow.remotePort};received=${flow.remoteAddress}${top.slice(end)}`;
  } else if (host !== flow.remoteAddress) noted = `${top};received=${flow.remoteAddress}`;
  const method = text.slice(0, text.indexOf(' '));
  return {
    sentBy: { branch, host: host.replace(/[[\]]/g, ''), port: port === undefined ? undefined : Number(port) },
    method,
    from,
    text: `SIP/2.0 ${options.status} ${options.reason}\r\nVia: ${noted}\r\n${otherVias}From: ${from}\r\nTo: ${to};tag=${options.tag(top, callId)}\r\nCall-ID: ${callId}\r\nCSeq: ${cseq}\r\nRetry-After: ${options.retrySeconds}\r\nContent-Length: 0\r\n\r\n`,
  };
}

function branchOf(params: string): string | undefined {
  const start = params.indexOf(BRANCH) + BRANCH.length;
  if (start < BRANCH.length || !params.startsWith(COOKIE, start)) return undefined;
  const end = params.indexOf(';', start);
  const branch = end < 0 ? params.slice(start) : params.slice(start, end);
  return branch.length > COOKIE.length ? branch : undefined;
}

/** Where the parameter `rport` without a value begins; -1: there is none. */
function rportIn(params: string): number {
  let at = params.indexOf(RPORT);
  while (at >= 0) {
    const next = params.charCodeAt(at + RPORT.length);
    if (next === SEMICOLON || Number.isNaN(next)) return at;
    at = params.indexOf(RPORT, at + 1);
  }
  return -1;
}

interface Fields {
  /** The topmost. */
  readonly via: string;
  /** The rest of them, each as a line. */
  readonly otherVias: string;
  readonly from: string;
  readonly to: string;
  readonly callId: string;
  readonly cseq: string;
}

/** What a response repeats; undefined when a field is missing, doubled, folded, or holds what must not leave. */
function fieldsOf(text: string): Fields | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  let [via, otherVias, from, to, callId, cseq] = ['', '', '', '', '', ''];
  let lineEnd = text.indexOf('\r\n');
  while (lineEnd < end) {
    const at = lineEnd + 2;
    lineEnd = text.indexOf('\r\n', at);
    const field = fieldAt(text, at);
    if (field === Field.None) continue;
    if (field === Field.Folded) return undefined;
    const value = text.slice(text.indexOf(':', at) + 1, lineEnd).trim();
    if (value === '' || UNSAFE.test(value)) return undefined;
    if (field === Field.Via) {
      if (via === '') via = value;
      else otherVias += `Via: ${value}\r\n`;
    } else if (field === Field.From) {
      if (from !== '') return undefined;
      from = value;
    } else if (field === Field.To) {
      if (to !== '') return undefined;
      to = value;
    } else if (field === Field.CallId) {
      if (callId !== '') return undefined;
      callId = value;
    } else {
      if (cseq !== '') return undefined;
      cseq = value;
    }
  }
  if (via === '' || from === '' || to === '' || callId === '' || cseq === '') return undefined;
  return { via, otherVias, from, to, callId, cseq };
}

const UNSAFE = /[\0\r\n]/;
const SEMICOLON = 0x3b;
const COLON = 0x3a;
const Field = { None: 0, Folded: 1, Via: 2, From: 3, To: 4, CallId: 5, CSeq: 6 } as const;
type Field = (typeof Field)[keyof typeof Field];

/** Which of the fields that a response repeats a line begins with, by its first letter. */
function fieldAt(text: string, at: number): Field {
  switch (text.charCodeAt(at) | 0x20) {
    case 0x20: // space
    case 0x29: // tab, with the bit that tells letters' case
      return Field.Folded;
    case 0x76:
      return isNamed(text, at, 'via') || isNamed(text, at, 'v') ? Field.Via : Field.None;
    case 0x66:
      return isNamed(text, at, 'from') || isNamed(text, at, 'f') ? Field.From : Field.None;
    case 0x74:
      return isNamed(text, at, 'to') || isNamed(text, at, 't') ? Field.To : Field.None;
    case 0x69:
      return isNamed(text, at, 'i') ? Field.CallId : Field.None;
    case 0x63:
      return isNamed(text, at, 'call-id') ? Field.CallId : isNamed(text, at, 'cseq') ? Field.CSeq : Field.None;
    default:
      return Field.None;
  }
}

function isNamed(text: string, at: number, name: string): boolean {
  let after = at + 1;
  for (let index = 1; index < name.length; index++, after++)
    if ((text.charCodeAt(after) | 0x20) !== name.charCodeAt(index)) return false;
  let code = text.charCodeAt(after);
  while (code === 0x20 || code === 9) code = text.charCodeAt(++after);
  return code === COLON;
}

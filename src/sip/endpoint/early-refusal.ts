/** A refusal made of a request that is not parsed, for the time when there is none: a tenth of what reading it costs. */
import type { Flow } from '../transport/index.ts';

export interface EarlyRefusal {
  /** The key of the request's transaction (RFC 3261 §17.2.3), as the transaction layer makes it. */
  readonly key: string;
  readonly text: string;
}

export interface EarlyRefusalOptions {
  readonly status: number;
  readonly reason: string;
  readonly retrySeconds: number;
  tag(request: string): string;
}

/** One value, no quotes, a branch of RFC 3261's rules, and nothing that only we may add. */
const VIA =
  /^SIP\/2\.0\/(?:UDP|TCP|TLS) (\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(\d{1,5}))?((?:;[A-Za-z0-9._~!%*+-]+(?:=[A-Za-z0-9._~!%*+@:-]+)?)+)$/;
const BRANCH = /;branch=(z9hG4bK[^;]+)/;
const LOST = /;(?:received|rport|maddr)=/;

/**
 * Undefined when the request is written in any way but the usual: then it is read, and refused for what it is. Header fields are copied
 * octet for octet (§8.2.6.2); `received` and `rport` are noted as for any answer (RFC 3581 §4).
 */
export function earlyRefusal(text: string, flow: Flow, options: EarlyRefusalOptions): EarlyRefusal | undefined {
  const fields = fieldsOf(text);
  if (fields === undefined) return undefined;
  const { from, to, callId, cseq } = fields;
  const [top = '', ...others] = fields.vias;
  const via = VIA.exec(top);
  if (via === null || LOST.test(top)) return undefined;
  const [, host = '', port, params = ''] = via;
  const branch = BRANCH.exec(params)?.[1];
  if (branch === undefined) return undefined;
  const rport = /;rport(?=;|$)/.test(params);
  // Without rport the answer goes to the port in Via, which is another flow's.
  if (!rport && flow.transport === 'udp' && Number(port ?? 5060) !== flow.remotePort) return undefined;
  const method = text.slice(0, text.indexOf(' '));
  const noted = rport
    ? top.replace(/;rport(?=;|$)/, `;rport=${flow.remotePort};received=${flow.remoteAddress}`)
    : host === flow.remoteAddress
      ? top
      : `${top};received=${flow.remoteAddress}`;
  const vias = [noted, ...others].map((value) => `Via: ${value}\r\n`).join('');
  const tag = options.tag(`${method} ${top}\n${from}\n${callId}\n${cseq}`);
  return {
    key: `${branch} ${host.toLowerCase().replace(/[[\]]/g, '')} ${port ?? ''} ${method}`,
    text:
      `SIP/2.0 ${options.status} ${options.reason}\r\n${vias}From: ${from}\r\nTo: ${to};tag=${tag}\r\n` +
      `Call-ID: ${callId}\r\nCSeq: ${cseq}\r\nRetry-After: ${options.retrySeconds}\r\nContent-Length: 0\r\n\r\n`,
  };
}

interface Fields {
  readonly vias: readonly string[];
  readonly from: string;
  readonly to: string;
  readonly callId: string;
  readonly cseq: string;
}

/** What a response repeats; undefined when a field is missing, doubled, folded, or holds what must not leave. */
function fieldsOf(text: string): Fields | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const vias: string[] = [];
  const found = { from: '', to: '', callid: '', cseq: '' };
  let at = text.indexOf('\r\n') + 2;
  while (at <= end) {
    const lineEnd = text.indexOf('\r\n', at);
    const first = text.charCodeAt(at);
    if (first === 0x20 || first === 9) return undefined;
    const field = FIELDS[first | 0x20];
    if (field !== undefined) {
      const colon = text.indexOf(':', at);
      if (colon < 0 || colon > lineEnd) return undefined;
      const name = NAMES[text.slice(at, colon).trimEnd().toLowerCase()];
      if (name !== undefined) {
        const value = text.slice(colon + 1, lineEnd).trim();
        if (UNSAFE.test(value)) return undefined;
        if (name === 'via') vias.push(value);
        else if (found[name] !== '') return undefined;
        else found[name] = value;
      }
    }
    at = lineEnd + 2;
  }
  const { from, to, callid: callId, cseq } = found;
  if (vias.length === 0 || from === '' || to === '' || callId === '' || cseq === '') return undefined;
  return { vias, from, to, callId, cseq };
}

const UNSAFE = /[\0\r\n]/;
/** First letters of the names below. */
const FIELDS: Readonly<Record<number, true>> = { 118: true, 102: true, 116: true, 99: true, 105: true };
const NAMES: Readonly<Record<string, 'via' | 'from' | 'to' | 'callid' | 'cseq'>> = {
  via: 'via',
  v: 'via',
  from: 'from',
  f: 'from',
  to: 'to',
  t: 'to',
  'call-id': 'callid',
  i: 'callid',
  cseq: 'cseq',
};

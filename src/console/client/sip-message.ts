/** A SIP message taken apart for people. What is not understood is shown as it is. */
import type { TraceMessage } from './types.ts';

export interface MessageField {
  readonly name: string;
  readonly value: string;
}

export interface ReadMessage {
  readonly startLine: string;
  /** Of a response. */
  readonly status: number | undefined;
  /** Of the request, or of the one that is answered. */
  readonly method: string;
  readonly fields: readonly MessageField[];
  readonly body: string;
  /** `INVITE (SDP)`, `200 OK`: what stands at an arrow. */
  readonly summary: string;
}

/** RFC 3261 §7.3.3 and its like: fields that have a short name. */
const FULL_NAMES: Readonly<Record<string, string>> = {
  a: 'Accept-Contact',
  b: 'Referred-By',
  c: 'Content-Type',
  e: 'Content-Encoding',
  f: 'From',
  i: 'Call-ID',
  k: 'Supported',
  l: 'Content-Length',
  m: 'Contact',
  o: 'Event',
  r: 'Refer-To',
  s: 'Subject',
  t: 'To',
  u: 'Allow-Events',
  v: 'Via',
  x: 'Session-Expires',
  y: 'Identity',
};

export function fullName(name: string): string {
  return FULL_NAMES[name.toLowerCase()] ?? name;
}

export function readMessage(text: string): ReadMessage {
  const end = text.indexOf('\r\n\r\n');
  const head = end < 0 ? text : text.slice(0, end);
  const body = end < 0 ? '' : text.slice(end + 4);
  const [startLine = '', ...lines] = head.replace(/\r\n[ \t]+/g, ' ').split('\r\n');
  const fields = lines
    .filter((line) => line !== '')
    .map((line) => {
      const colon = line.indexOf(':');
      return colon < 0
        ? { name: '', value: line }
        : { name: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim() };
    });
  const code = /^SIP\/2\.0 (\d{3})\b/.exec(startLine)?.[1];
  const cseq = fields.find(({ name }) => name.toLowerCase() === 'cseq')?.value ?? '';
  const method = code === undefined ? (startLine.split(' ')[0] ?? '') : (cseq.split(/\s+/)[1] ?? '');
  const what = code === undefined ? method : startLine.slice('SIP/2.0 '.length);
  const facts = [
    ...(code === undefined || method === 'INVITE' ? [] : [method]),
    ...(body.startsWith('v=0') ? ['SDP'] : []),
  ];
  return {
    startLine,
    status: code === undefined ? undefined : Number(code),
    method,
    fields,
    body,
    summary: facts.length === 0 ? what : `${what} (${facts.join(', ')})`,
  };
}

export interface Lane {
  readonly remote: string;
  readonly title: string;
}

/** Who takes part, the caller's side first; the engine stands behind the first. */
export function lanesOf(messages: readonly TraceMessage[]): readonly Lane[] {
  const lanes = new Map<string, Lane>();
  for (const { remote, leg } of messages) {
    const known = lanes.get(remote);
    if (known === undefined || (known.title === '' && leg !== undefined))
      lanes.set(remote, { remote, title: leg ?? '' });
  }
  return [...lanes.values()];
}

import type { TraceMessage } from './call-facts.ts';
import { userOf } from './ladder.ts';

/** Which messages of the trace are asked for; what is left out lets everything through. */
export interface TraceFilter {
  /** Digits that stand in the Request-URI, From, To or P-Asserted-Identity. */
  readonly number?: string;
  /** Address of the peer, with or without port. */
  readonly address?: string;
  /** Method of the request, or of the request that a response answers. */
  readonly method?: string;
  /** Only final answers that refuse: 3xx to 6xx, challenges (401, 407) left out. */
  readonly refused?: boolean;
  /** The peers of a trunk: the name that its legs bear, and whether an address is its, for what belongs to no call. */
  readonly trunk?: { readonly name: string; readonly isOf: (address: string) => boolean };
}

/** Whether a message is one of those asked for. */
export function matchesTrace(filter: TraceFilter, message: TraceMessage): boolean {
  const { number, address, method, refused, trunk } = filter;
  if (address !== undefined && address !== message.remote && address !== hostOf(message.remote)) return false;
  if (trunk !== undefined && !isOfTrunk(trunk, message)) return false;
  if (method !== undefined && methodOf(message.text) !== method.toUpperCase()) return false;
  if (refused === true && !isRefusal(message.text)) return false;
  return number === undefined || namesNumber(message.text, number);
}

function isOfTrunk(trunk: NonNullable<TraceFilter['trunk']>, message: TraceMessage): boolean {
  if (message.leg !== undefined) return message.leg === trunk.name;
  return trunk.isOf(hostOf(message.remote));
}

/** The address of `address:port` or `[address]:port`, without brackets. */
function hostOf(remote: string): string {
  const host = remote.slice(0, remote.lastIndexOf(':'));
  return host.startsWith('[') ? host.slice(1, -1) : host;
}

const REFUSAL = /^SIP\/2\.0 (?!401|407)[3-6][0-9][0-9] /;

function isRefusal(text: string): boolean {
  return REFUSAL.test(text);
}

/** INVITE of a request line, or of the CSeq of a response; empty when it cannot be seen. */
export function methodOf(text: string): string {
  if (!text.startsWith('SIP/2.0 ')) return text.slice(0, Math.max(text.indexOf(' '), 0));
  return /\r\ncseq[ \t]{0,8}:[ \t]{0,8}\d{1,10}[ \t]{1,8}([A-Za-z]{1,32})/i.exec(text)?.[1] ?? '';
}

const IDENTITY_FIELDS = /^(?:from|f|to|t|p-asserted-identity|p-preferred-identity|remote-party-id)[ \t]{0,8}:/i;

/** Whether the digits stand in a user part of the message; separators of the peer (`+1 (415) …`) do not hide them. */
function namesNumber(text: string, number: string): boolean {
  const wanted = digitsOf(number);
  const end = text.indexOf('\r\n\r\n');
  const lines = (end < 0 ? text : text.slice(0, end)).split('\r\n');
  const spoken = lines.filter(
    (line, index) => (index === 0 && !line.startsWith('SIP/2.0 ')) || IDENTITY_FIELDS.test(line),
  );
  return spoken.some((line) => digitsOf(userOf(line)).includes(wanted));
}

function digitsOf(text: string): string {
  return text.replace(/[^0-9A-Za-z*#]/g, '');
}

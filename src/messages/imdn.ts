/** Instant message disposition notifications (RFC 5438): what became of a message, told to who sent it. */
import { isoTime } from '../base/iso-time.ts';
import { formatCpim, parseCpim } from './cpim.ts';
import type { Report, ReportWish } from './message.ts';

export const IMDN_TYPE = 'message/imdn+xml';
export const CPIM_TYPE = 'message/cpim';

export interface Disposition {
  /** Of the message that it is about. */
  readonly messageId: string;
  readonly outcome: 'delivered' | 'displayed' | 'failed';
}

const OUTCOMES = { delivered: 'delivered', displayed: 'displayed', failed: 'failed' } as const;

/** Reads a report; undefined when it is none, or of something that nobody waits for. */
export function parseImdn(xml: string): Disposition | undefined {
  const messageId = /<(?:[\w-]{1,32}:)?message-id\s*>\s*([^<]{1,256}?)\s*<\//.exec(xml)?.[1];
  const status = /<(?:[\w-]{1,32}:)?status\s*>\s*<(?:[\w-]{1,32}:)?([a-z]{1,20})\s*\/?>/.exec(xml)?.[1];
  const outcome = OUTCOMES[status as keyof typeof OUTCOMES];
  if (messageId === undefined || outcome === undefined) return undefined;
  return { messageId: unescapeXml(messageId), outcome };
}

/** What a message in CPIM asks to be told, and by which name; undefined: nothing. */
export function wishOf(headers: ReadonlyMap<string, string>): ReportWish | undefined {
  const messageId = fieldOf(headers, 'message-id');
  const asked = (fieldOf(headers, 'disposition-notification') ?? '').toLowerCase();
  if (messageId === undefined || asked === '') return undefined;
  const words = asked.split(',').map((word) => word.trim());
  return {
    messageId: messageId.slice(0, 256),
    cpim: true,
    // A failure is told to who asks for either.
    delivery: words.includes('positive-delivery') || words.includes('negative-delivery'),
    display: words.includes('display'),
  };
}

/** The prefix for `urn:ietf:params:imdn` is the sender's choice (RFC 5438 §6.1), `imdn` by habit. */
function fieldOf(headers: ReadonlyMap<string, string>, name: string): string | undefined {
  const prefix = /^(\S+)\s+<urn:ietf:params:imdn>/.exec(headers.get('ns') ?? '')?.[1] ?? 'imdn';
  return headers.get(`${prefix.toLowerCase()}.${name}`) ?? headers.get(`imdn.${name}`);
}

/** The content of a report, as its sender wants it: alone, or in CPIM (RFC 5438 §7.2.1.1). */
export function formatReport(report: Report, from: string, to: string): { contentType: string; body: string } {
  const { wish, outcome, createdMs, id } = report;
  const kind = outcome === 'displayed' ? 'display' : 'delivery';
  const time = isoTime(createdMs);
  const xml = `<?xml version="1.0" encoding="UTF-8"?>\r\n<imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>${escapeXml(wish.messageId)}</message-id><datetime>${time}</datetime><${kind}-notification><status><${outcome}/></status></${kind}-notification></imdn>`;
  if (!wish.cpim) return { contentType: IMDN_TYPE, body: xml };
  const headers = [
    ['From', `<${from}>`],
    ['To', `<${to}>`],
    ['NS', 'imdn <urn:ietf:params:imdn>'],
    ['imdn.Message-ID', id],
    ['DateTime', time],
  ] as const;
  return { contentType: CPIM_TYPE, body: formatCpim(headers, IMDN_TYPE, xml, 'notification') };
}

/** A report that came as a message: alone or in CPIM. */
export function reportIn(contentType: string, body: string): Disposition | undefined {
  if (contentType === IMDN_TYPE) return parseImdn(body);
  const cpim = contentType === CPIM_TYPE ? parseCpim(body) : undefined;
  return cpim?.contentType.toLowerCase().startsWith(IMDN_TYPE) === true ? parseImdn(cpim.content) : undefined;
}

function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function unescapeXml(text: string): string {
  return text
    .replace(/&#([0-9]{1,4});/g, (_, code: string) => String.fromCharCode(Number(code)))
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&amp;', '&');
}

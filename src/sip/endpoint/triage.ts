import { StatelessTags, TAG_LENGTH } from '../transaction/index.ts';
import { startsWith } from './octet-names.ts';

/**
 * What a message is, from a few of its octets: enough to decide what is served first and what is refused unread. A guess that only orders
 * and refuses; whatever is served is parsed and judged all the same.
 */
export const MessageKind = {
  /** A response, or a request within a dialog: it ends or carries on what was begun. */
  Ongoing: 1,
  /** CANCEL: it must not overtake its INVITE. */
  Cancel: 2,
  /** OPTIONS outside of a dialog: how peers see whether this engine lives. */
  Ping: 3,
  /** A call that is to begin. */
  Call: 4,
  /** Any other request that begins something: REGISTER, MESSAGE, SUBSCRIBE, … */
  Other: 5,
} as const;
export type MessageKind = (typeof MessageKind)[keyof typeof MessageKind];

export function kindOf(text: string): MessageKind {
  if (text.startsWith('SIP/')) return MessageKind.Ongoing;
  if (text.startsWith('ACK ')) return MessageKind.Ongoing;
  if (text.startsWith('CANCEL ')) return MessageKind.Cancel;
  if (toTagOf(text) !== undefined) return text.startsWith('REGISTER ') ? MessageKind.Other : MessageKind.Ongoing;
  if (text.startsWith('INVITE ')) return MessageKind.Call;
  return text.startsWith('OPTIONS ') ? MessageKind.Ping : MessageKind.Other;
}

/** Whether a message within a dialog is a BYE, or the answer to one. */
export function endsCall(text: string): boolean {
  return text.startsWith('BYE ') || (text.startsWith('SIP/') && CSEQ.exec(text)?.[1] === 'BYE');
}

/** The tag of the first To header field; undefined when there is none, or the field is written in a way that nobody writes it. */
export function toTagOf(text: string): string | undefined {
  return tagOf(text, LOWER_T, 'o');
}

/** The tag that the receiver has given the dialog: of To in a request, of From in a response (RFC 3261 §12.2.2, §18.1.2); see {@link toTagOf}. */
export function localTagOf(text: string): string | undefined {
  return text.startsWith('SIP/') ? tagOf(text, LOWER_F, 'rom') : toTagOf(text);
}

/** Of the first header field whose name is this letter, or begins with it and goes on so. */
function tagOf(text: string, letter: number, rest: string): string | undefined {
  for (let at = text.indexOf('\r\n'); at >= 0; at = text.indexOf('\r\n', at + 2)) {
    const first = text.charCodeAt(at + 2);
    if (first === CR) return undefined;
    if ((first | 0x20) !== letter) continue;
    let colon = at + 3;
    if (text.slice(colon, colon + rest.length).toLowerCase() === rest) colon += rest.length;
    while (isBlank(text.charCodeAt(colon))) colon++;
    if (text.charCodeAt(colon) !== COLON) continue;
    return tagIn(text, colon, text.indexOf('\r\n', colon));
  }
  return undefined;
}

/** Whether octets are an ACK to an answer that was not kept (RFC 3261 §8.2.7): its To ends with a tag of such answers. */
export function acknowledgesStateless(octets: Buffer): boolean {
  if (!startsWith(octets, 0, ACK)) return false;
  let at = octets.indexOf(LF) + 1;
  while (at > 0 && octets[at] !== CR) {
    const next = octets.indexOf(LF, at) + 1;
    if (((octets[at] as number) | 0x20) === LOWER_T) {
      const colon = ((octets[at + 1] as number) | 0x20) === LOWER_O ? at + 2 : at + 1;
      if (octets[colon] === COLON) {
        const tag = next - 2 - TAG_LENGTH;
        return (
          startsWith(octets, tag - TAG_AFTER_URI.length, TAG_AFTER_URI) && StatelessTags.isAt(octets, tag, next - 2)
        );
      }
    }
    at = next;
  }
  return false;
}

/** The end of the head, or the first CSeq and its method: what a response answers (RFC 3261 §8.1.3.3, §20.16). */
const CSEQ = /\r\n(?:\r\n|cseq[ \t]*:[ \t]*\d+[ \t]+([A-Z]+)[ \t]*\r\n)/i;
const ACK = Buffer.from('ACK ', 'latin1');
const TAG_AFTER_URI = Buffer.from('>;tag=', 'latin1');
const LF = 10;
const CR = 13;
const COLON = 0x3a;
const LOWER_F = 0x66;
const LOWER_T = 0x74;
const LOWER_O = 0x6f;
const TAG_END = /[;,\s>]/;

function isBlank(code: number): boolean {
  return code === 0x20 || code === 9;
}

function tagIn(text: string, start: number, end: number): string | undefined {
  const value = text.slice(start, end < 0 ? text.length : end);
  // A URI may have a parameter of this name; the field's own come after the angle bracket.
  const after = value.lastIndexOf('>') + 1;
  const found = /;[ \t]*tag[ \t]*=[ \t]*/i.exec(after > 0 ? value.slice(after) : value);
  if (found === null) return undefined;
  const tag = value.slice(after + found.index + found[0].length);
  const tagEnd = tag.search(TAG_END);
  return tagEnd < 0 ? tag : tag.slice(0, tagEnd);
}

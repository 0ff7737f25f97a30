/** The INVITE that a question to `explain` is about: given as text, or put together from what was said. */

import { PeerError } from '../../base/errors.ts';
import { randomToken } from '../../base/ids.ts';
import { type ExplainQuestion, QuestionError } from '../../outbound/index.ts';
import {
  escapeUser,
  FIRST_HOPS,
  formatHost,
  HeaderId,
  headerIdOf,
  octetsFromText,
  parseMessage,
  parseUri,
  quote,
  SipRequest,
  serialize,
  validateRequest,
  withCrlf,
} from '../../sip/message/index.ts';

/** Fields that every INVITE has once: an asked one takes the place of ours. */
const ONCE: ReadonlySet<HeaderId> = new Set([
  HeaderId.From,
  HeaderId.To,
  HeaderId.CallId,
  HeaderId.CSeq,
  HeaderId.Contact,
  HeaderId.MaxForwards,
  HeaderId.ContentType,
]);

/** What no field has in its value: it would be two, or none. */
const LINE_END = /[\0\r\n]/;

/**
 * The INVITE of a question that has one.
 * @throws QuestionError when it is no INVITE that the engine would look at.
 */
export function readInvite({ invite, inviteBase64 }: ExplainQuestion): SipRequest | undefined {
  if (inviteBase64 !== undefined) return readOctets(Buffer.from(inviteBase64, 'base64').toString('latin1'));
  return invite === undefined ? undefined : readOctets(octetsFromText(invite));
}

function readOctets(octets: string): SipRequest {
  const request = parsed(fromFile(octets), 'invite');
  if (request.method !== 'INVITE') throw new QuestionError('invalid', 'invite', `a ${request.method} is no INVITE`);
  return request;
}

/** @throws QuestionError when an asked header field makes it no message. */
export function imagineInvite(question: ExplainQuestion, domain: string): SipRequest {
  const { from = '', to = '', displayName, headers: asked = [] } = question;
  const host = formatHost(domain);
  const name = displayName === undefined ? '' : `${quote(octetsFromText(displayName))} `;
  const uri = dialledUri(to, host);
  const invite = new SipRequest('INVITE', uri);
  const { headers } = invite;
  headers.add(HeaderId.Via, 'SIP/2.0/UDP explain.invalid;branch=z9hG4bK-asked');
  headers.add(HeaderId.MaxForwards, String(FIRST_HOPS));
  headers.add(HeaderId.From, `${name}<sip:${escapeUser(octetsFromText(from))}@${host}>;tag=${randomToken()}`);
  headers.add(HeaderId.To, `<${uri}>`);
  headers.add(HeaderId.CallId, randomToken());
  headers.add(HeaderId.CSeq, '1 INVITE');
  headers.add(HeaderId.Contact, `<sip:${escapeUser(octetsFromText(from))}@explain.invalid>`);
  for (const { name: field, value } of asked) {
    if (LINE_END.test(value))
      throw new QuestionError('invalid', 'headers', `${field} has a line end or NUL in its value`);
    const id = headerIdOf(field);
    const text = octetsFromText(value);
    if (!ONCE.has(id)) headers.addNamed(field, text);
    else headers.set(id, id === HeaderId.From && !/;\s*tag=/i.test(text) ? `${text};tag=${randomToken()}` : text);
  }
  return parsed(octetsOf(invite), 'headers');
}

/** A URI is dialled as it is; anything else is the user part of one. */
function dialledUri(to: string, host: string): string {
  if (/^(sips?|tel):/i.test(to)) {
    try {
      parseUri(to);
      return to;
    } catch {
      throw new QuestionError('invalid', 'to', `${JSON.stringify(to)} is no URI`);
    }
  }
  return `sip:${escapeUser(octetsFromText(to))}@${host}`;
}

function octetsOf(request: SipRequest): string {
  try {
    return serialize(request);
  } catch (error) {
    throw new QuestionError('invalid', 'headers', (error as Error).message);
  }
}

function parsed(octets: string, path: 'invite' | 'headers'): SipRequest {
  try {
    const message = parseMessage(octets);
    if (message.kind !== 'request') throw new QuestionError('invalid', path, 'a response is no question');
    const refusal = validateRequest(message);
    // What can be read and is refused all the same is told as a refusal.
    if (refusal?.status === 400) {
      const { status, reason = '' } = refusal;
      throw new QuestionError('invalid', path, `the engine answers it ${status} ${reason}`.trim());
    }
    message.uri();
    return message;
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    throw new QuestionError('invalid', path, error.message);
  }
}

/** A file may have line feeds alone, no empty line at its end, and a length that is not the body's any more. */
function fromFile(octets: string): string {
  const trimmed = withCrlf(octets).replace(/^(\r\n)+/, '');
  const end = trimmed.indexOf('\r\n\r\n');
  const [head, body] =
    end < 0 ? [trimmed.replace(/(\r\n)*$/, ''), ''] : [trimmed.slice(0, end), trimmed.slice(end + 4)];
  const fixed = head.replace(/\r\n(content-length|l)[ \t]*:[^\r]*/i, `\r\nContent-Length: ${body.length}`);
  return `${fixed}\r\n\r\n${body}`;
}

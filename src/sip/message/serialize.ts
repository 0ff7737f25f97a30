import { octetsFromText } from './characters.ts';
import type { SipMessage } from './message.ts';

/** Something that must not leave was about to: a defect of ours, found by the last gate. */
export class UnsafeMessageError extends Error {
  readonly code = 'SIP_UNSAFE_MESSAGE';

  constructor(message: string) {
    super(message);
    this.name = 'UnsafeMessageError';
  }
}

/**
 * Message → text, one character per octet. A received message that nobody changed comes back as it was received; fields that nobody
 * changed always do. Content-Length is computed. This is the last gate: no CR, LF or NUL, and nothing that is no octet, leaves inside
 * a start line, field or body, whatever its source. A field, reason phrase or body is cleaned, since a field that nobody needs must not
 * cost the message; what says where a request goes is not. Throws UnsafeMessageError.
 */
export function serialize(message: SipMessage): string {
  if (message.defect !== undefined)
    throw new UnsafeMessageError(`a message with a defect (${message.defect.reason}) is not relayed`);
  const body = NO_OCTET.test(message.body) ? octetsOnly(message.body) : message.body;
  const fields = message.headers.render(body.length, cleaned);
  return `${startLine(message)}${fields}\r\n\r\n${body}`;
}

function startLine(message: SipMessage): string {
  checkText(message.version);
  if (message.kind === 'request') {
    checkText(message.method);
    checkText(message.requestUri);
    return `${message.method} ${message.requestUri} ${message.version}`;
  }
  return `${message.version} ${message.status} ${cleaned(message.reason)}`;
}

const UNSAFE = /[\0\r\n\u0100-\uffff]/;
const NO_OCTET = /[\u0100-\uffff]/;

function checkText(text: string): void {
  if (UNSAFE.test(text))
    throw new UnsafeMessageError(`control character or non-octet in ${JSON.stringify(text.slice(0, 120))}`);
}

/** The text with CR, LF and NUL as spaces, and what is no octet as UTF-8. */
function cleaned(text: string): string {
  return UNSAFE.test(text) ? octetsOnly(text.replaceAll(/[\0\r\n]+/g, ' ')) : text;
}

function octetsOnly(text: string): string {
  return text.replaceAll(/[\u0100-\uffff]+/g, octetsFromText);
}

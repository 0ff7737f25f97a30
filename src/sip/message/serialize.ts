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
 * a start line or field, whatever its source. Throws UnsafeMessageError.
 */
export function serialize(message: SipMessage): string {
  if (message.defect !== undefined)
    throw new UnsafeMessageError(`a message with a defect (${message.defect.reason}) is not relayed`);
  const fields = message.headers.render(message.body.length, checkText);
  if (NO_OCTET.test(message.body)) throw new UnsafeMessageError('a body holds a character that is no octet');
  return `${startLine(message)}${fields}\r\n\r\n${message.body}`;
}

function startLine(message: SipMessage): string {
  checkText(message.version);
  if (message.kind === 'request') {
    checkText(message.method);
    checkText(message.requestUri);
    return `${message.method} ${message.requestUri} ${message.version}`;
  }
  checkText(message.reason);
  return `${message.version} ${message.status} ${message.reason}`;
}

const UNSAFE = /[\0\r\n\u0100-\uffff]/;
const NO_OCTET = /[\u0100-\uffff]/;

function checkText(text: string): void {
  if (UNSAFE.test(text))
    throw new UnsafeMessageError(`control character or non-octet in ${JSON.stringify(text.slice(0, 120))}`);
}

import { ownCopy } from '../../base/text.ts';
import { octetsFromText } from './characters.ts';
import { EMPTY_LINE } from './headers.ts';
import { isSpared, type SipMessage, type SipResponse } from './message.ts';
import { OctetWriter } from './octet-writer.ts';
import { reasonPhrase } from './reason-phrase.ts';

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
  // A line that costs this message nothing was left out when it was read, and is not written.
  if (message.defect !== undefined && !isSpared(message))
    throw new UnsafeMessageError(`a message with a defect (${message.defect.reason}) is not relayed`);
  putStart(message);
  return written(message, message.body) ?? serializeCleaned(message);
}

/** Of whatever is put together here; nothing of it is needed once its text is made. */
const WRITER = new OctetWriter();

function putStart(message: SipMessage): void {
  const { version } = message;
  WRITER.begin();
  if (message.kind === 'response') {
    WRITER.put(version === VERSION ? statusLine(message) : `${version} ${message.status} ${message.reason}`);
    return;
  }
  WRITER.put(message.method);
  WRITER.putOctets(' ');
  WRITER.put(message.requestUri);
  WRITER.putOctets(' ');
  WRITER.put(version);
}
const VERSION = 'SIP/2.0';

function statusLine({ status, reason }: SipResponse): string {
  if (reason !== reasonPhrase(status)) return `SIP/2.0 ${status} ${reason}`;
  STATUS_LINES[status] ??= ownCopy(`SIP/2.0 ${status} ${reason}`);
  return STATUS_LINES[status];
}
/** By status, with the phrase of the registry. */
const STATUS_LINES: string[] = [];

/** What stands behind the start line, and then all of it; undefined when it holds what must not leave. */
function written(message: SipMessage, body: string, clean?: (value: string) => string): string | undefined {
  const lineEnds = message.headers.write(WRITER, body, clean);
  if (!WRITER.isOctets) return undefined;
  const text = WRITER.text();
  return isWhole(text, text.length - body.length - EMPTY_LINE.length, lineEnds) ? text : undefined;
}

/**
 * Whether the first `length` characters of a text have just so many line ends as header lines were written, and no NUL: whatever stands in a
 * field or start line, one look at the text shows whether it ends a line.
 */
function isWhole(text: string, length: number, lineEnds: number): boolean {
  const nul = text.indexOf('\0');
  if (nul >= 0 && nul < length) return false;
  let ends = 0;
  for (let at = text.indexOf('\n'); at < length; at = text.indexOf('\n', at + 1), ends++)
    if (text.charCodeAt(at - 1) !== 0x0d) return false;
  if (ends !== lineEnds) return false;
  for (let at = text.indexOf('\r'); at < length; at = text.indexOf('\r', at + 1)) ends--;
  return ends === 0;
}

/** The same of a message with something in it that must not leave. */
function serializeCleaned(message: SipMessage): string {
  const { body, version } = message;
  checkText(version);
  let line = `${version} `;
  if (message.kind === 'request') {
    checkText(message.method);
    checkText(message.requestUri);
    line = `${message.method} ${message.requestUri} ${version}`;
  } else line += `${message.status} ${cleaned(message.reason)}`;
  WRITER.begin();
  WRITER.put(line);
  const text = written(message, octetsOnly(body), cleaned);
  if (text === undefined) throw new UnsafeMessageError('a control character where none can be taken out');
  return text;
}

const UNSAFE = /[\0\r\n\u0100-\uffff]/;

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

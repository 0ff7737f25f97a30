/** A SIP message as octets, read and written without the engine's own code. */
export interface WireMessage {
  readonly text: string;
  readonly startLine: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

export function readMessage(text: string): WireMessage {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) throw new Error(`no end of the header: ${JSON.stringify(text.slice(0, 200))}`);
  const [startLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const fields = lines.map((line) => {
    const colon = line.indexOf(':');
    if (colon < 1) throw new Error(`not a header field: ${JSON.stringify(line)}`);
    return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()] as const;
  });
  return { text, startLine, fields, body: text.slice(end + 4) };
}

/** All values of a header field, by its long name. */
export function valuesOf(message: WireMessage, name: string): string[] {
  const wanted = name.toLowerCase();
  return message.fields.filter(([field]) => field.toLowerCase() === wanted).map(([, value]) => value);
}

export function fieldOf(message: WireMessage, name: string): string {
  return valuesOf(message, name)[0] ?? '';
}

export function methodOf(message: WireMessage): string {
  return message.startLine.startsWith('SIP/2.0 ') ? '' : (message.startLine.split(' ')[0] ?? '');
}

/** Without the copies that a transaction sends over UDP while nobody has answered, which a busy machine makes any peer get. */
export function once(messages: readonly WireMessage[]): WireMessage[] {
  return [...new Map(messages.map((message) => [message.text, message])).values()];
}

export function statusOf(message: WireMessage): number {
  return message.startLine.startsWith('SIP/2.0 ') ? Number(message.startLine.slice(8, 11)) : 0;
}

export function tagOf(value: string): string {
  return /;\s*tag=([^;]+)/.exec(value)?.[1] ?? '';
}

/** The URI of a Contact or From value. */
export function uriOf(value: string): string {
  return /<([^>]+)>/.exec(value)?.[1] ?? value.split(';')[0] ?? '';
}

export function writeMessage(startLine: string, fields: readonly string[], body = ''): string {
  return [startLine, ...fields, `Content-Length: ${body.length}`, '', body].join('\r\n');
}

/** The response to a request: the fields that every response repeats, then `more`. */
export function responseTo(
  request: WireMessage,
  status: string,
  toTag: string,
  more: readonly string[] = [],
  body = '',
): string {
  const to = fieldOf(request, 'To');
  const copied = [
    ...valuesOf(request, 'Via').map((via) => `Via: ${via}`),
    `From: ${fieldOf(request, 'From')}`,
    `To: ${to}${status.startsWith('100') || tagOf(to) !== '' ? '' : `;tag=${toTag}`}`,
    `Call-ID: ${fieldOf(request, 'Call-ID')}`,
    `CSeq: ${fieldOf(request, 'CSeq')}`,
  ];
  return writeMessage(`SIP/2.0 ${status}`, [...copied, ...more], body);
}

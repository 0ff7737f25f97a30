/** Common Presence and Instant Messaging (RFC 3862): a message with header fields of its own inside a MESSAGE, as reports need them. */

export interface Cpim {
  /** Header fields of the message by lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly contentType: string;
  readonly content: string;
}

const MAX_FIELDS = 50;

/** Reads octets; undefined when they are no CPIM. */
export function parseCpim(body: string): Cpim | undefined {
  const first = splitHead(body);
  const second = first === undefined ? undefined : splitHead(first.rest);
  if (first === undefined || second === undefined) return undefined;
  const contentType = second.fields.get('content-type');
  if (contentType === undefined) return undefined;
  return { headers: first.fields, contentType, content: second.rest };
}

export function formatCpim(
  headers: readonly (readonly [name: string, value: string])[],
  contentType: string,
  content: string,
  disposition?: string,
): string {
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  const parts = [
    `Content-Type: ${contentType}`,
    ...(disposition === undefined ? [] : [`Content-Disposition: ${disposition}`]),
    `Content-Length: ${content.length}`,
  ];
  return `${lines.join('\r\n')}\r\n\r\n${parts.join('\r\n')}\r\n\r\n${content}`;
}

function splitHead(text: string): { fields: Map<string, string>; rest: string } | undefined {
  const fields = new Map<string, string>();
  let at = 0;
  for (let count = 0; count < MAX_FIELDS; count++) {
    const end = text.indexOf('\n', at);
    if (end < 0) return undefined;
    const line = text.slice(at, end).replace(/\r$/, '');
    at = end + 1;
    // Some begin with an empty line.
    if (line === '') {
      if (fields.size > 0) return { fields, rest: text.slice(at) };
      continue;
    }
    const colon = line.indexOf(':');
    if (colon <= 0) return undefined;
    fields.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return undefined;
}

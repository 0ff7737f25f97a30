/**
 * The Identity header field (RFC 8224 §4): a PASSporT and where its certificate is. Liberal in what stands around the token, where
 * every other stack is: white space, the order of parameters, quotes, `info` without its angle brackets, several values in one field.
 * Strict in the token itself, in both forms: `header.claims.signature`, and `..signature` (RFC 8225 §7).
 */

/** One value of the field. Nothing of it is verified. */
export interface IdentityValue {
  /** Base64url of the protected header and of the claims; both empty in compact form. */
  readonly header: string;
  readonly claims: string;
  /** Base64url. */
  readonly signature: string;
  readonly isCompact: boolean;
  /** URI of the certificate. */
  readonly info: string;
  /** Parameters as written, without their quotes. */
  readonly alg: string | undefined;
  readonly ppt: string | undefined;
}

/** What is no Identity field, and why, in words for people. */
export interface UnreadableIdentity {
  readonly fault: string;
}

/** Longest value that is looked at, octets: rich call data fit many times over. */
const MAX_VALUE = 16_384;
const MAX_URI = 2_048;
const MAX_PARAMETERS = 16;
const PARAMETER_NAME = /^[A-Za-z0-9\-.!%*_+`'~]+$/;
const KNOWN = ['info', 'alg', 'ppt'] as const;

export function isReadable(value: IdentityValue | UnreadableIdentity): value is IdentityValue {
  return !('fault' in value);
}

/** Reads the values of one field; a comma between two of them is read as RFC 3261 §7.3.1 would have it. */
export function parseIdentity(field: string): readonly (IdentityValue | UnreadableIdentity)[] {
  if (field.length > MAX_VALUE) return [{ fault: `is longer than ${MAX_VALUE} octets` }];
  return splitOutside(field, ',')
    .map((value) => value.trim())
    .filter((value) => value !== '')
    .map(parseValue);
}

function parseValue(raw: string): IdentityValue | UnreadableIdentity {
  const [token = '', ...parameters] = splitOutside(raw, ';').map((part) => part.trim());
  const parts = token.split('.');
  const [header = '', claims = '', signature = ''] = parts;
  if (parts.length !== 3) return { fault: 'is no token: it has not three parts with dots between' };
  const isCompact = header === '' && claims === '';
  if (!isCompact && (header === '' || claims === '')) return { fault: 'has a token without header or claims' };
  if (![header, claims, signature].every(isBase64Url) || signature === '')
    return { fault: 'has a token that is not base64url' };
  const read = readParameters(parameters);
  if (typeof read === 'string') return { fault: read };
  const info = read.get('info');
  if (info === undefined || info === '') return { fault: 'has no info parameter' };
  if (info.length > MAX_URI) return { fault: `has an info parameter of more than ${MAX_URI} octets` };
  return { header, claims, signature, isCompact, info, alg: read.get('alg'), ppt: read.get('ppt') };
}

/** The parameters that count; a text says what is wrong. The same one twice could be read in two ways. */
function readParameters(parameters: readonly string[]): ReadonlyMap<string, string> | string {
  if (parameters.length > MAX_PARAMETERS) return `has more than ${MAX_PARAMETERS} parameters`;
  const read = new Map<string, string>();
  for (const parameter of parameters) {
    if (parameter === '') continue;
    const equals = parameter.indexOf('=');
    const name = (equals < 0 ? parameter : parameter.slice(0, equals)).trim().toLowerCase();
    if (!PARAMETER_NAME.test(name)) return 'has a parameter without a name';
    if (!(KNOWN as readonly string[]).includes(name)) continue;
    if (read.has(name)) return `has its ${name} parameter twice`;
    const written = equals < 0 ? '' : parameter.slice(equals + 1).trim();
    const value = bare(written, name);
    if (value === undefined) return `has an ${name} parameter with an open quote or bracket`;
    read.set(name, value);
  }
  return read;
}

/** Without quotes, and for a URI without angle brackets. */
function bare(written: string, name: string): string | undefined {
  let text = written;
  if (text.startsWith('"')) {
    if (text.length < 2 || !text.endsWith('"')) return undefined;
    text = text.slice(1, -1).trim();
  }
  if (name !== 'info' || !text.startsWith('<')) return text;
  return text.endsWith('>') ? text.slice(1, -1).trim() : undefined;
}

/** Splits where `separator` stands outside of quotes and angle brackets. */
function splitOutside(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let closing = '';
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (closing !== '') {
      if (char === closing) closing = '';
    } else if (char === '"') closing = '"';
    else if (char === '<') closing = '>';
    else if (char === separator) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

function isBase64Url(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const isLetter = (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
    if (!isLetter && !(code >= 0x30 && code <= 0x39) && code !== 0x2d && code !== 0x5f) return false;
  }
  return true;
}

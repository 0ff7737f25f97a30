/**
 * Keeps secrets out of everything people and programs read: log lines, traces, API answers.
 *
 * Two nets, since one always has a hole: field names that hold secrets (`password`, `ha1`, `authorization`…) lose their value whatever
 * it is, and texts lose what looks like a secret (digest responses, bearer tokens, URI passwords, SRTP keys). Every pattern has a
 * bounded repetition, so that the time is linear in the text.
 */
const MASK = '***';
const MAX_DEPTH = 6;
const MAX_ITEMS = 100;
const MAX_TEXT_LENGTH = 4096;

const SECRET_NAMES = new Set([
  'authorization',
  'proxyauthorization',
  'proxy-authorization',
  'ha1',
  'rspauth',
  'cookie',
  'set-cookie',
  'privatekey',
  'signingkey',
]);
const SECRET_SUFFIXES = ['password', 'secret', 'token', 'apikey', 'passphrase'];

/** Names looked at before; the engine's own are few, and what the API is sent must not fill the memory. */
const knownNames = new Map<string, boolean>();
const MAX_KNOWN_NAMES = 1000;

/** The names of settings whose value is a secret; also what the API never returns. */
export function isSecretName(name: string): boolean {
  const known = knownNames.get(name);
  if (known !== undefined) return known;
  const verdict = judgeName(name);
  if (knownNames.size < MAX_KNOWN_NAMES) knownNames.set(name, verdict);
  return verdict;
}

function judgeName(name: string): boolean {
  const lower = name.toLowerCase();
  return SECRET_NAMES.has(lower) || SECRET_SUFFIXES.some((suffix) => lower.endsWith(suffix));
}

/** A private key in PEM is a secret wherever it stands. */
export function isPrivateKey(value: unknown): boolean {
  return typeof value === 'string' && value.includes('PRIVATE KEY-----');
}

/** What every secret has near it, but for a URI's password, which stands between `:` and `@`. */
const SUSPICIOUS = /=|earer[ \t]|asic[ \t]|tdm_|inline:|PRIVATE KEY/i;

/** Masks secrets inside a text: a SIP message, an error message, a URL. */
export function redactText(text: string): string {
  // Most texts (numbers, names, Call-IDs) have nothing of the kind, and one look tells.
  if (!SUSPICIOUS.test(text) && !(text.includes('@') && text.includes(':'))) return text;
  return text
    .replace(
      /\b(response|rspauth|password|ha1)(\s{0,8}=\s{0,8})(?:"[^"\r\n]{0,4096}"?|[^\s,;"&]{1,4096})/gi,
      `$1$2${MASK}`,
    )
    .replace(/\b(Bearer|Basic)[ \t]{1,8}[A-Za-z0-9+/=._~-]{1,4096}/gi, `$1 ${MASK}`)
    .replace(/\b(tdm_[0-9a-f]{1,64})_[A-Za-z0-9_-]{1,256}/g, `$1_${MASK}`)
    .replace(/\b(sips?|https?|rediss?):(\/\/)?([^\s:@;<>"/]{0,256}):[^\s@;<>"/]{1,256}@/gi, `$1:$2$3:${MASK}@`)
    .replace(/-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[^-]{0,65536}(?:-----END [A-Z ]{0,32}PRIVATE KEY-----)?/g, MASK)
    .replace(/\binline:[A-Za-z0-9+/=]{1,512}/g, `inline:${MASK}`);
}

/**
 * Messages are read as latin1, one character per octet; people want to see UTF-8. A text whose characters are all octets and that is
 * valid UTF-8 is decoded; anything else is returned as it is.
 */
export function readableText(text: string): string {
  let hasHighOctet = false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code > 0xff) return text;
    if (code > 0x7f) hasHighOctet = true;
  }
  if (!hasHighOctet) return text;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'latin1'));
  } catch {
    return text;
  }
}

/** A text for people: octets read as UTF-8, secrets masked, clipped. */
export function redactedText(text: string): string {
  return isPlain(text) ? text : clip(redactText(readableText(text)));
}

/** Nothing of a text is to be read or masked: one look tells of nearly all numbers, names and ids. */
function isPlain(text: string): boolean {
  // Texts come in so many forms that each look at the length would be a call.
  const { length } = text;
  if (length > MAX_TEXT_LENGTH) return false;
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index);
    // What is suspicious has one of these in it: a blank, `:`, `=` or `_`.
    if (code > 0x7f || code <= 0x20 || code === 0x3a || code === 0x3d || code === 0x5f) return false;
  }
  return true;
}

/** A copy of `value` without secrets, bounded in depth, breadth and text length; safe to serialize whatever it was. */
export function redactValue(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactedText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Error) return redactError(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (depth >= MAX_DEPTH) return '[deeper]';
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => redactValue(item, depth + 1));
  return redactFields(value as Record<string, unknown>, depth);
}

function redactFields(fields: Record<string, unknown>, depth: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  let items = 0;
  for (const name of Object.keys(fields)) {
    if (++items > MAX_ITEMS) break;
    const value = fields[name];
    const masked = isSecretName(name) && value !== undefined && value !== null && typeof value !== 'boolean';
    const shown = masked ? MASK : redactValue(value, depth + 1);
    // `__proto__` as a key would set the copy's prototype; it is data here.
    if (name === '__proto__') Object.defineProperty(copy, name, { value: shown, enumerable: true });
    else copy[name] = shown;
  }
  return copy;
}

function redactError(error: Error, depth: number): Record<string, unknown> {
  const code = (error as { code?: unknown }).code;
  return {
    name: error.name,
    message: redactedText(error.message),
    ...(typeof code === 'string' ? { code } : {}),
    ...(error.stack === undefined ? {} : { stack: clip(redactText(error.stack)) }),
    ...(error.cause === undefined || depth >= MAX_DEPTH ? {} : { cause: redactValue(error.cause, depth + 1) }),
  };
}

function clip(text: string): string {
  return text.length <= MAX_TEXT_LENGTH ? text : `${text.slice(0, MAX_TEXT_LENGTH)}…[${text.length} characters]`;
}

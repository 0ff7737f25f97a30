/**
 * Where a certificate may be fetched from (RFC 8226 §7, and the rules that SHAKEN's certificate management has for `x5u`): https on
 * port 443 or 8443, nothing in the URL but host and path. An address that is nobody's public one is refused when it is connected to.
 */
const PORTS: ReadonlySet<string> = new Set(['', '443', '8443']);
const MAX_URL = 2_048;
/** What a URL parser would quietly take out or turn round (WHATWG URL): two readers could see two hosts. */
const UNCLEAN = /[\s\\^`{}|"<>\u0000-\u001f\u007f-\uffff]/;

/** The URL, or in words why it is none that is fetched from. */
export function certificateUrl(text: string): URL | string {
  if (text.length > MAX_URL) return `has more than ${MAX_URL} octets`;
  if (UNCLEAN.test(text)) return 'has characters that a URL has not';
  if (!URL.canParse(text)) return 'is no URL';
  const url = new URL(text);
  if (url.protocol !== 'https:') return `begins with ${url.protocol}, not with https:`;
  if (url.username !== '' || url.password !== '' || /^[^/]*\/\/[^/]*@/.test(text)) return 'has userinfo';
  if (text.includes('?')) return 'has a query';
  if (text.includes('#')) return 'has a fragment';
  if (!PORTS.has(url.port)) return `has port ${url.port}: 443 and 8443 are the ones that are allowed`;
  if (url.hostname === '') return 'has no host';
  return url;
}

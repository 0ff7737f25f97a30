import { type NameAddr, readableNameAddr } from './name-addr.ts';
import { isSipUri } from './uri.ts';

/**
 * A number that follows the angle bracket or the scheme, or begins the address, and is all there is before the host or the parameters. With
 * visual separators (RFC 3966 §5.1.1) but the dot, which is one of host names.
 */
const TYPED_NUMBER = /^([^<]*<)?\s*(?:sips?:)?([+*#]?[\d*#(][\d*#()-]*)(?:@(?=[;>?\s]|$))?(?=[@;>?\s]|$)/i;

/**
 * An address as people type it, where a phone sends its peer to (Contact of a redirection, Refer-To) or says who calls whom (From, To);
 * undefined when it cannot be read. DEVIATION: phones and gateways send a number as it was typed: without a scheme (`102@host`), without a
 * host (`<sip:102>`, `<sip:102@>`), or alone. A scheme begins with a letter and no host is a number, so that each reads one way; what names no host is a telephone number.
 * One with parameters or header fields that only a SIP URI has (a method, Replaces) stays what it is.
 */
export function readTypedAddress(text: string): NameAddr | undefined {
  const address = readableNameAddr(text);
  if (address !== undefined && !(isSipUri(address.uri) && address.uri.user === undefined)) return address;
  const [typed = '', name = '', number] = TYPED_NUMBER.exec(text) ?? [];
  if (number === undefined || (address !== undefined && asksMore(address))) return address;
  const rest = text.slice(typed.length);
  return readableNameAddr(`${name}${rest.startsWith('@') ? 'sip' : 'tel'}:${number}${rest}`);
}

function asksMore({ uri }: NameAddr): boolean {
  return isSipUri(uri) && (uri.headers !== '' || uri.params.has('method'));
}
